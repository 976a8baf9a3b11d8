"""One large network on several threads: wall seconds per biological second, in turns, on so many cores.

The MEET network in the open loop with 100 targets per cell, float32, noise on, and one local rule, which
learns on one core alone. The ratio is the median of those of neighbouring runs.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from benchmarks.clock import say
from benchmarks.meet import experiment
from benchmarks.table import markdown
from spikewhen.experiments.jobs import cores
from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.network import build_network
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.training import Trainer

CELLS, ROUNDS = (1000, 5000, 20_000), 7


class Session:
    """Two trials of MEET on a network of a size; a call runs them on so many threads."""

    def __init__(self, n: int):
        self.experiment = e = experiment(2, f"network.n_neurons={n}", "simulation.precision=float32")
        self.grid = make_grid(e.simulation, e.trace, 0)
        self.session = e.paradigm.plan(0, self.grid.readout_step_ms)
        self.network = build_network(e.network, 0, 1, 2, self.grid.dt_ms)
        self.engines: dict[int, CpuEngine] = {}

    def __call__(self, threads: int) -> float:
        """Return wall seconds per biological second."""
        if threads not in self.engines:
            self.engines[threads] = CpuEngine(self.network, self.grid, threads=threads)
        e, sink = self.experiment, MemorySink()
        trainer = Trainer(
            self.engines[threads],
            self.network,
            self.grid,
            self.session,
            e.rules,
            sink,
            e.record,
            e.simulation.settle_ms,
        )
        start = time.perf_counter()
        trainer.run()
        return 1000 * (time.perf_counter() - start) / trainer.duration_ms


def measure() -> dict[str, Any]:
    """Run each size with 1, 2, 4, ... threads, one after the other, again and again."""
    counts = [c for c in (1, 2, 4, 8, 16, 32, 64) if c <= cores()]
    rows = []
    for n in CELLS:
        say(f"one network on several threads: {n} cells")
        session = Session(n)
        times = np.array([[session(c) for c in counts] for _ in range(ROUNDS + 1)])[1:]
        for i, count in enumerate(counts):
            ratios = times[:, 0] / times[:, i]
            rows.append(
                {
                    "cells": n,
                    "threads": count,
                    "wall_s": statistics.median(times[:, i]),
                    "ratio": statistics.median(ratios),
                    "low": float(ratios.min()),
                    "high": float(ratios.max()),
                }
            )
    return {"rows": rows}


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    rows = [
        (
            str(r["cells"]),
            str(r["threads"]),
            f"{r['wall_s']:.3g}",
            f"{r['ratio']:.2f}",
            f"({r['low']:.2f}-{r['high']:.2f})",
        )
        for r in found["rows"]
    ]
    return markdown(("cells", "threads", "wall s per s", "faster than one", "(range)"), rows)
