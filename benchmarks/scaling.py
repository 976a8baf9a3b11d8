"""Cost as work grows: cells, time, rules, seeds; one factor at a time, log-log slopes.

The MEET network in the open loop, out-degree 100 at every size, so that
synapses grow with cells; the local rule; float64, noise on. A slope of 1 is
cost in proportion.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.clock import cores, say
from benchmarks.meet import experiment
from benchmarks.table import markdown
from experiments.config import Experiment
from reservoir.cpu import CpuBackend
from reservoir.grid import make_grid
from reservoir.network import build_network
from reservoir.rules import RULES
from reservoir.storage import MemorySink
from reservoir.training import Trainer

CELLS = (250, 500, 1000, 2000, 5000, 10_000, 20_000)
TRIALS = (2, 4, 8, 16, 32, 64)
READOUTS = (1, 2, 4, 8, 16)
SEEDS = (1, 2, 4, 8)
REPEATS = 3


class Session:
    """One or several seeds of MEET, built once; a call trains them and returns CPU seconds."""

    def __init__(self, n: int, trials: int, readouts: int = 1, seeds: int = 1):
        self.e = experiment(trials, f"network.n_neurons={n}")
        self.rules = {f"rule{i}": RULES["three_factor"]() for i in range(readouts)}
        self.parts = [_load(self.e, seed) for seed in range(seeds)]

    def __call__(self) -> float:
        """Train every seed once."""
        e, spent = self.e, 0.0
        for network, grid, session, engine in self.parts:
            trainer = Trainer(
                engine, network, grid, session, self.rules, MemorySink(), e.record, e.simulation.settle_ms
            )
            start = time.process_time()
            trainer.run()
            spent += time.process_time() - start
        return spent


def _load(e: Experiment, seed: int) -> tuple:
    grid = make_grid(e.simulation, e.trace, seed)
    session = e.paradigm.plan(seed, grid.readout_step_ms)
    network = build_network(e.network, seed, 1, 2, grid.dt_ms)
    return network, grid, session, CpuBackend().load(network, grid)


def measure() -> dict[str, Any]:
    """Vary one factor at a time."""
    series: dict[str, tuple[tuple[int, ...], Callable[[int], Session]]] = {
        "cells": (CELLS, lambda n: Session(n, 2)),
        "trials": (TRIALS, lambda trials: Session(1000, trials)),
        "readouts": (READOUTS, lambda readouts: Session(1000, 4, readouts)),
        "seeds": (SEEDS, lambda seeds: Session(1000, 4, 1, seeds)),
    }
    found = {}
    with cores(1):
        for name, (values, make) in series.items():
            say(f"scaling with {name}")
            sessions = [make(value) for value in values]
            times = [[session() for session in sessions] for _ in range(REPEATS + 1)][1:]
            cost = [statistics.median(column) for column in zip(*times, strict=True)]
            found[name] = {"values": values, "cpu_s": cost, "slopes": slopes(values, cost)}
    return found


def slopes(values: tuple[int, ...], cost: list[float]) -> dict[str, float]:
    """Slope over all points, and between the last two."""
    x, y = np.log(values), np.log(cost)
    return {"all": float(np.polyfit(x, y, 1)[0]), "last": float((y[-1] - y[-2]) / (x[-1] - x[-2]))}


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    parts = []
    for name, one in found.items():
        first = one["cpu_s"][0] / one["values"][0]
        rows = [
            (f"{v}", f"{c:.3g}", f"{c / v / first:.2f}")
            for v, c in zip(one["values"], one["cpu_s"], strict=True)
        ]
        parts.append(
            f"{name}: slope {one['slopes']['all']:.2f}, {one['slopes']['last']:.2f} at the end\n\n"
            + markdown((name, "CPU s", f"per {name.removesuffix('s')}, relative"), rows)
        )
    assert all(math.isfinite(one["slopes"]["all"]) for one in found.values())
    return "\n\n".join(parts)
