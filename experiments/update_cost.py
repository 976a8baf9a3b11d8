"""What a rule costs while it learns: time of a readout step, and bytes of its state."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from spikewhen.experiments.setup import Setup
from spikewhen.experiments.tables import Table
from spikewhen.reservoir.cpu.readout import learn_from
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.types import aligned, padded

STEPS, REPEATS = 256, 5
"""Readout steps of a measurement, and measurements of which the shortest counts."""

COSTS = (
    "Update: CPU time of a readout step while it learns, output included, measured on this machine. "
    "State: all numbers that a rule keeps."
)


class UpdateCost(NamedTuple):
    """What a rule costs while it learns.

    Attributes
    ----------
    ns_per_step : float
        CPU time of one readout step while a trial is taught, output included, on this machine.
    seconds_per_second : float
        The same, per second of task time.
    state_bytes : int
        Of all arrays that the rule keeps.
    channels : int
        How many readouts are taught at a time.
    """

    ns_per_step: float
    seconds_per_second: float
    state_bytes: int
    channels: int


def update_cost(setup: Setup, label: str) -> UpdateCost:
    """Measure one rule of a run, on made-up features of the run's size.

    A rule that is gated by the delivered event learns on one channel at a time; others learn on all.

    Parameters
    ----------
    setup : Setup
    label : str
    """
    rule, session, grid = setup.experiment.rules[label], setup.session, setup.grid
    n, k, real = setup.experiment.network.n_neurons, session.n_channels, grid.dtype
    one = getattr(rule.gate, "undelivered", "") == "ignore" and getattr(rule.gate, "kind", "") != "reward"
    rng = np.random.default_rng(0)
    features = np.zeros((STEPS, padded(n + 1)), real)
    features[:, : n + 1] = rng.standard_normal((STEPS, n + 1))
    gate = np.zeros((STEPS, k), real)
    gate[:, : 1 if one else k] = 1
    target, nothing = np.zeros((STEPS, k), real), np.zeros((1, k), real)
    target[:, 0] = rng.random(STEPS)
    xs, no_end = aligned(features), np.full(STEPS, -1, np.int64)
    # int8 as in a run: another type would compile the rule's kernel once more.
    window, ys = np.zeros(STEPS, np.int8), np.zeros((STEPS, k), real)
    spent = []
    for _ in range(REPEATS + 1):  # the first one compiles
        readout = Readout(rule, k, n + 1, grid, label)
        begun = time.thread_time_ns()
        learn_from(readout, xs, ys, target, gate, window, no_end, nothing, nothing.copy(), 0, True)
        spent.append(time.thread_time_ns() - begun)
    ns = min(spent[1:]) / STEPS
    size = sum(np.asarray(array).nbytes for array in readout.state)
    return UpdateCost(ns, 1e-6 * ns / grid.readout_step_ms, size, 1 if one else k)


def update_costs(setup: Setup) -> dict[str, UpdateCost]:
    """Measure every rule of a run, by label."""
    return {label: update_cost(setup, label) for label in setup.experiment.rules}


def cost_table(costs: Mapping[str, UpdateCost]) -> Table:
    """Return a row per rule, times relative to the first rule beside them."""
    first = next(iter(costs.values())).ns_per_step
    rows = [
        [
            label,
            f"{c.ns_per_step / 1000:.3g}",
            f"{c.ns_per_step / first:.3g}",
            f"{c.seconds_per_second:.2g}",
            f"{c.state_bytes / 1000:.4g}",
            str(c.channels),
        ]
        for label, c in costs.items()
    ]
    head = ["rule", "update, us", "relative", "CPU s per s", "state, kB", "channels at a time"]
    return Table(head, rows)


def plain(costs: Mapping[str, UpdateCost]) -> dict[str, Any]:
    """Return costs in JSON types."""
    return {label: c._asdict() for label, c in costs.items()}
