"""The main job, MEET (meet.toml), against real time; and many seeds at once against one.

One CPU second per biological second is real time. The session is trained as
`spikewhen run` does it, with noise, the local rule and all spikes kept, in
memory; drawing the network and scoring are not part of it. Eight seeds go
through `spikewhen.experiments.batch.carry_out`, what `spikewhen run --seeds 0-7` calls,
files, scores and all.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.clock import Run, cores
from spikewhen.analysis.algebra import ENVIRONMENT
from spikewhen.experiments.batch import carry_out
from spikewhen.experiments.config import Experiment, load_config
from spikewhen.experiments.jobs import make_jobs
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.network import build_network
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.training import Trainer

FEEDBACK_PA = 20.0  # of the closed loop, as in the demo


def experiment(trials: int, *changes: str) -> Experiment:
    """Return MEET's first block with the local rule and without probes."""
    table = ("paradigm.probe_repeats=0", f"paradigm.trials_per_block={trials}", *changes)
    e = load_config("meet.toml", table).with_rules(["local"])
    block = type(e.paradigm)(**{**vars(e.paradigm), "blocks": e.paradigm.blocks[:1]})
    return Experiment(**{**vars(e), "paradigm": block})


class Meet:
    """A session of MEET on our engine."""

    def __init__(self, n: int, trials: int, precision: str, closed: bool, *changes: str):
        feedback = FEEDBACK_PA if closed else 0.0
        self.experiment = experiment(
            trials,
            f"network.n_neurons={n}",
            f"simulation.precision={precision}",
            f"network.feedback_pa={feedback}",
            *changes,
        )
        e = self.experiment
        self.grid = make_grid(e.simulation, e.trace, 0)
        self.session = e.paradigm.plan(0, self.grid.readout_step_ms)
        self.network = build_network(e.network, 0, 1, 2, self.grid.dt_ms)
        self.engine = CpuBackend().load(self.network, self.grid)

    def __call__(self) -> Run:
        """Train once."""
        e = self.experiment
        trainer = Trainer(
            self.engine,
            self.network,
            self.grid,
            self.session,
            e.rules,
            MemorySink(),
            e.record,
            e.simulation.settle_ms,
        )
        start = time.process_time()
        report = trainer.run()
        cpu = time.process_time() - start
        return Run(1000 * cpu / trainer.duration_ms, report["rate_hz"], math.nan)


def wall_per_run(seeds: int, on_cores: int) -> float:
    """Carry out runs in a process that has so many cores, as many at once; wall seconds per run."""
    with cores(on_cores), tempfile.TemporaryDirectory() as folder:  # threads of libraries stay on them too
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.meet", str(seeds), str(on_cores), folder],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | ENVIRONMENT,
        )
    return float(done.stdout) / seeds


def carry_out_seeds(seeds: int, threads: int, folder: Path) -> float:
    """Return the wall seconds of 50 trials and 12 probes of MEET per seed, scored and written."""
    probes = ("paradigm.probe_repeats=4", "paradigm.probes_after=[1, 20, 50]")
    for trials in (2, 50):  # the first time loads kernels and libraries
        jobs = make_jobs("meet", experiment(trials, *probes), range(seeds), folder)
        start = time.perf_counter()
        carry_out(jobs, threads=threads)
    return time.perf_counter() - start


if __name__ == "__main__":
    print(carry_out_seeds(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
