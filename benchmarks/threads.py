"""One run on several threads: wall seconds per biological second, in turns, on so many cores.

The network of MEET in the open loop, in float32, with one local rule; meet.toml as it is shipped, whose
five readouts learn beside the network; FORCE on the sine, whose threads share P (float32). The ratio is
the median of those of neighbouring runs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import sine
from benchmarks.clock import say
from benchmarks.meet import experiment
from benchmarks.table import markdown
from spikewhen.experiments.config import Experiment, load_config
from spikewhen.experiments.jobs import cores
from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.network import build_network
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.training import Trainer

ROUNDS = 7


class Session:
    """A session of an experiment without probes; a call trains it on so many threads."""

    def __init__(self, experiment: Experiment, shared: bool):
        self.experiment = e = experiment
        self.grid = make_grid(e.simulation, e.trace, 0)
        self.session = e.paradigm.plan(0, self.grid.readout_step_ms)
        self.network = build_network(e.network, 0, 1, 2, self.grid.dt_ms)
        self.shared = shared  # whether threads share the network; else readouts learn beside it
        self.engines: dict[int, CpuEngine] = {}

    def __call__(self, threads: int) -> float:
        """Return wall seconds per biological second."""
        if threads not in self.engines:
            more = {"threads": threads} if self.shared else {"learners": threads - 1}
            self.engines[threads] = CpuEngine(self.network, self.grid, **more)
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


class Force:
    """FORCE on the sine in the closed loop; a call runs it on so many threads."""

    def __init__(self, n: int, seconds: float):
        network = sine.network(n)
        self.seconds, self.run = seconds, sine.Ours(network, seconds, True, "float64", "float32")
        self.network, self.engines = network, {1: self.run.engine}

    def __call__(self, threads: int) -> float:
        """Return wall seconds per biological second."""
        if threads not in self.engines:
            self.engines[threads] = CpuEngine(self.network, self.run.grid, learners=threads - 1)
        self.run.engine = self.engines[threads]
        start = time.perf_counter()
        self.run.simulate()
        return (time.perf_counter() - start) / self.seconds


def _meet(n: int) -> Session:
    return Session(experiment(2, f"network.n_neurons={n}", "simulation.precision=float32"), shared=True)


def _shipped() -> Session:
    return Session(
        load_config("meet.toml", ("paradigm.probe_repeats=0", "paradigm.trials_per_block=5")), False
    )


WORK: tuple[tuple[str, int, Callable[[], Callable[[int], float]]], ...] = (
    *(("network, one local rule", n, partial(_meet, n)) for n in (1000, 5000, 20_000)),
    ("meet.toml, five rules", 1000, _shipped),
    ("FORCE, sine", 2000, partial(Force, 2000, 0.5)),
    ("FORCE, sine", 5000, partial(Force, 5000, 0.2)),
)


def measure() -> dict[str, Any]:
    """Do each work with 1, 2, 4, ... threads, one after the other, again and again."""
    counts = [c for c in (1, 2, 4, 8, 16, 32, 64) if c <= cores()]
    rows = []
    for work, n, make in WORK:
        say(f"one run on several threads: {work}, {n} cells")
        run = make()
        times = np.array([[run(c) for c in counts] for _ in range(ROUNDS + 1)])[1:]
        for i, count in enumerate(counts):
            ratios = times[:, 0] / times[:, i]
            rows.append(
                {
                    "work": work,
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
            r["work"],
            str(r["cells"]),
            str(r["threads"]),
            f"{r['wall_s']:.3g}",
            f"{r['ratio']:.2f}",
            f"({r['low']:.2f}-{r['high']:.2f})",
        )
        for r in found["rows"]
    ]
    return markdown(("work", "cells", "threads", "wall s per s", "faster than one", "(range)"), rows)
