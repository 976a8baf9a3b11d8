"""Networks that fire, long trials and a teacher on every channel, for checks and benchmarks."""

from __future__ import annotations

import numpy as np

from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.network import NetworkSpec, build_network
from spikewhen.reservoir.time_grid import SimulationSpec, TraceSpec, make_grid
from spikewhen.reservoir.types import Network, Teaching, TimeGrid, Trials

TRIAL = 100
"""Readout steps of a trial."""
CHANNELS, CUES = 2, 1


def network_of(n: int, seed: int = 0, **changes) -> Network:
    """Draw a network of n cells, lively enough to fire when it is small, for a step of 0.1 ms."""
    degree = min(100, n // 4)
    spec = {"n_neurons": n, "out_degree": degree, "weight": 2.5 * 100 / degree, **changes}
    return build_network(NetworkSpec(**spec), seed, CUES, CHANNELS, 0.1)


def large_network(n: int, degree: int) -> Network:
    """Draw a sparse network too large to draw row by row: one target in each of `degree` ranges of cells."""
    network = network_of(n, out_degree=1)
    rng = np.random.default_rng(0)
    width = n // degree
    target = rng.integers(0, width, (n, degree), np.int32) + width * np.arange(degree, dtype=np.int32)
    sign = np.where(np.arange(n) < 0.8 * n, 1.0, -4.0)
    synapses = network.synapses._replace(
        indptr=np.arange(n + 1, dtype=np.int64) * degree,
        target=target.ravel(),
        weight=np.repeat(sign * 2.5 * 100 / degree, degree),
        delay_steps=np.zeros(n * degree, np.int32),
    )
    return network._replace(synapses=synapses)


def grid_of(precision: str, noise_seed: int = 0, trace: dict | None = None, **changes) -> TimeGrid:
    """Return the default grid in a precision."""
    return make_grid(SimulationSpec(precision=precision, **changes), TraceSpec(**(trace or {})), noise_seed)


def trials_of(grid: TimeGrid, n: int, steps: int, seed: int = 0) -> Trials:
    """Return trials of `TRIAL` readout steps in a row: a cue at the start, an outcome at the end."""
    rng = np.random.default_rng(seed)
    count = -(-steps // TRIAL)
    at = np.arange(steps) % TRIAL
    inputs = np.zeros((steps, CUES + CHANNELS), grid.dtype)
    inputs[(at >= 5) & (at < 25), 0] = 1
    end = np.where(at == TRIAL - 1, np.arange(steps) // TRIAL, -1)
    outcome = np.eye(CHANNELS, dtype=grid.dtype)[rng.integers(0, CHANNELS, count)]
    return Trials(0, 0, inputs, np.zeros((0, n), grid.dtype), end.astype(np.int64), outcome, True)


def lessons_of(trials: Trials, grid: TimeGrid, shared: bool, seed: int = 1, late: bool = False) -> Teaching:
    """Return random targets and gates: one gate where a rule shares P, `late` targets where it waits."""
    rng = np.random.default_rng(seed)
    shape = (len(trials.inputs), CHANNELS)
    gate = rng.random((shape[0], 1 if shared else CHANNELS))
    gate = np.broadcast_to(gate * (rng.random(gate.shape) < 0.7), shape)
    window = (np.arange(shape[0]) % TRIAL < 40).astype(np.int8)
    target = rng.random(shape)
    if late:
        target[np.arange(shape[0]) % TRIAL < 0.6 * TRIAL] = 0
    return Teaching(target.astype(grid.dtype), np.array(gate, grid.dtype, order="C"), window)


def taught(rules: list, n: int, grid: TimeGrid, trials: Trials) -> tuple[list[Readout], list[Teaching]]:
    """Return new readouts and what a teacher says to them."""
    readouts = [Readout(rule, CHANNELS, n + 1, grid) for rule in rules]
    lessons = [
        lessons_of(trials, grid, getattr(rule, "shares_p", False), late=rule.gate.kind == "expectation")
        for rule in rules
    ]
    return readouts, lessons
