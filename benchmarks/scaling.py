"""Cost as work grows: cells, time, rules, seeds; one at a time, log-log slopes.

The MEET network in the open loop with 100 targets per cell at every size, so
that synapses grow with cells; float64, noise on. A slope of 1 is cost in
proportion.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.clock import cores, say
from benchmarks.meet import experiment
from benchmarks.table import markdown
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.network import build_network
from spikewhen.reservoir.rules import RULES
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.training import Trainer

REPEATS = 3
LOCAL, SQUARES = RULES["three_factor"](), RULES["rls"](interval_ms=8.0)


class Training:
    """One or several seeds of MEET, loaded once; a call trains them and returns CPU seconds."""

    def __init__(self, n: int, trials: int, rules: Sequence[Any], seeds: int = 1):
        self.experiment = e = experiment(trials, f"network.n_neurons={n}")
        self.rules = {f"rule{i}": rule for i, rule in enumerate(rules)}
        self.loaded = []
        self.seconds = 0.0  # biological time
        for seed in range(seeds):
            grid = make_grid(e.simulation, e.trace, seed)
            session = e.paradigm.plan(seed, grid.readout_step_ms)
            network = build_network(e.network, seed, 1, 2, grid.dt_ms)
            self.loaded.append((CpuBackend().load(network, grid), network, grid, session))

    def __call__(self) -> float:
        """Train every seed once."""
        e, spent, self.seconds = self.experiment, 0.0, 0.0
        for parts in self.loaded:
            trainer = Trainer(*parts, self.rules, MemorySink(), e.record, e.simulation.settle_ms)
            start = time.process_time()
            trainer.run()
            spent += time.process_time() - start
            self.seconds += trainer.duration_ms / 1000
        return spent


SERIES: dict[str, tuple[str, Sequence[int], Callable[[int], Training]]] = {
    "cells": ("cells", (250, 500, 1000, 2000, 5000, 10_000, 20_000), lambda n: Training(n, 2, [LOCAL])),
    "cells, least squares": ("cells", (250, 500, 1000, 2000, 4000), lambda n: Training(n, 2, [SQUARES])),
    "time": ("biological s", (2, 4, 8, 16, 32, 64), lambda trials: Training(1000, trials, [LOCAL])),
    "local rules": ("rules", (0, 1, 2, 4, 8, 16), lambda count: Training(1000, 4, [LOCAL] * count)),
    "least squares": ("rules", (0, 1, 2, 4, 8), lambda count: Training(1000, 4, [SQUARES] * count)),
    "seeds": ("seeds", (1, 2, 4, 8), lambda seeds: Training(1000, 4, [LOCAL], seeds)),
}
"""What grows, in which unit, through which values, and what is trained."""


def measure() -> dict[str, Any]:
    """Vary one thing at a time; rules are what they add to the reservoir without any."""
    found: dict[str, Any] = {}
    with cores(1):
        for name, (unit, values, make) in SERIES.items():
            say(f"cost as work grows: {name}")
            trainings = [make(value) for value in values]
            times = [[training() for training in trainings] for _ in range(REPEATS + 1)][1:]
            cost = np.array([statistics.median(column) for column in zip(*times, strict=True)])
            x = np.array([t.seconds for t in trainings] if name == "time" else values, float)
            base = 0.0
            if x[0] == 0:
                base, x, cost = float(cost[0]), x[1:], cost[1:] - cost[0]
            found[name] = {
                "unit": unit,
                "values": x.tolist(),
                "cpu_s": cost.tolist(),
                "base_s": base,
                "slope": slope(x, cost),
                "slope_at_end": slope(x[-2:], cost[-2:]),
            }
    return {"series": found}


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Slope of a line through points on log-log axes."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    parts = []
    for name, one in found["series"].items():
        each = np.array(one["cpu_s"]) / np.array(one["values"])
        rows = [
            (f"{v:.4g}", f"{c:.3g}", f"{e:.2f}")
            for v, c, e in zip(one["values"], one["cpu_s"], each / each[0], strict=True)
        ]
        more = f", beyond {one['base_s']:.3g} s of the reservoir" if one["base_s"] else ""
        parts.append(
            f"{name}: slope {one['slope']:.2f}, at the end {one['slope_at_end']:.2f}{more}\n\n"
            + markdown((one["unit"], "CPU s", "each, relative"), rows)
        )
    return "\n\n".join(parts)
