"""What a command would do: its runs, checked, with estimates of time, memory and disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spikewhen.experiments.config import Experiment
from spikewhen.experiments.setup import Setup, prepare
from spikewhen.experiments.tables import duration, size
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.network import NetworkSpec

NS_PER_NEURON_STEP = 1.2
NS_PER_SYNAPTIC_EVENT = 1.0
NS_PER_TRACE = 2.0
"""One cell at one readout step, where spikes come from a recording."""
NS_PER_WEIGHT = 1.9
"""One readout weight, read and updated at one readout step."""
NS_PER_ENTRY_OF_P = 0.12
"""One entry of the N x N matrix of least squares in one update."""
NS_OF_SCORES, NS_OF_CEILING = 14e3, 2.4e3
"""Per N^2, where all spikes are kept: replay and geometry, and the ridge ceiling of one block."""
ASSUMED_RATE_HZ = 4.0
FIXED_S, FIXED_BYTES = 1.0, 300e6
"""Of a warm start (the very first run compiles for some 15 s more), and of the libraries.

These constants were measured on one core of a 2-core x86-64 machine at N = 1000,
dt = 0.1 ms, double precision, noise on. Expect a factor of two either way.
"""


class Estimate(NamedTuple):
    """What one run costs on one core."""

    seconds: float
    memory_bytes: float
    disk_bytes: float


@dataclass(frozen=True)
class Job:
    """One run that is to be there in the end."""

    name: str
    setup: Setup
    path: Path
    steps: int  # trials and probes
    estimate: Estimate
    recording: Path | None = None  # train on its spikes instead of simulating

    @property
    def experiment(self) -> Experiment:
        """What the run is of."""
        return self.setup.experiment

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.setup.seed

    @property
    def run_id(self) -> str:
        """Hash of the config, also the file's name."""
        return self.setup.run_id

    @property
    def finished(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def without(self, label: str) -> Job | None:
        """Return the job without one of its rules; None if no rule is left."""
        labels = [name for name in self.experiment.rules if name != label]
        if not labels:
            return None
        setup = self.setup
        rest = prepare(
            self.experiment.with_rules(labels),
            self.seed,
            network=setup.network,
            current=setup.current,
            arrays=setup.config.get("arrays"),
        )
        return make_job(self.name, rest, self.path.parent, self.recording)

    def __str__(self) -> str:
        return f"{self.name} seed {self.seed} ({', '.join(self.experiment.rules)})"


def make_jobs(name: str, experiment: Experiment, seeds: Iterable[int], out: Path) -> list[Job]:
    """List and check the runs of an experiment: seeds x simulations.

    Parameters
    ----------
    name : str
        Name of the config, for people.
    experiment : Experiment
        With feedback every rule is a run of its own.
    seeds : iterable of int
    out : Path
        Folder of the result files.

    Raises
    ------
    InputError
        As `prepare`.
    """
    return [make_job(name, prepare(part, seed), out) for seed in seeds for part in experiment.split()]


def make_job(name: str, setup: Setup, out: Path, recording: Path | None = None) -> Job:
    """Return one run as a job; with a recording it trains on its spikes instead of simulating."""
    estimate = _estimate(setup, recording is None)
    return Job(name, setup, out / f"{setup.run_id}.h5", setup.steps, estimate, recording)


def _estimate(setup: Setup, simulate: bool) -> Estimate:
    experiment, grid, session = setup.experiment, setup.grid, setup.session
    spec: NetworkSpec = experiment.network
    n, k, t = spec.n_neurons, session.n_channels, session.time_ms.size
    trials, probes = session.trials.block.size, session.probes.block.size
    trial_ms = t * grid.readout_step_ms
    intervals = session.trials.interval_ms.sum() + session.probes.interval_ms.sum()
    total_ms = experiment.simulation.settle_ms + intervals + (trials + probes) * trial_ms
    degree = {"out_degree": spec.out_degree, "probability": spec.probability * n}.get(spec.connectivity, 1.0)
    spikes = n * ASSUMED_RATE_HZ * total_ms / 1000
    work = NS_PER_TRACE * n * total_ms / grid.readout_step_ms
    if simulate:
        work = NS_PER_NEURON_STEP * n * total_ms / grid.dt_ms + NS_PER_SYNAPTIC_EVENT * spikes * degree
    work += NS_PER_WEIGHT * len(experiment.rules) * k * n * total_ms / grid.readout_step_ms
    if experiment.record.spikes == "all" and session.n_cues:
        of_weights = NS_OF_SCORES if experiment.record.geometry else 0
        work += (of_weights + NS_OF_CEILING * (int(session.trials.block.max()) + 1)) * n**2
    size = grid.dtype.itemsize
    slots = 1 + spec.delay_max_ms / grid.dt_ms if spec.delay_max_ms > 0 else 0.0
    memory, p_bytes = FIXED_BYTES + n * (degree * 32 + 2 * slots * size), 0.0  # of slots a probe has its own
    for rule in experiment.rules.values():
        if rule.name == "rls":
            every_channel = not rule.shares_p and rule.gate.undelivered != "ignore"
            updates = trials * trial_ms / rule.interval_ms * (k if every_channel else 1)
            work += NS_PER_ENTRY_OF_P * updates * n**2
            p_bytes += (1 if rule.shares_p else k) * n**2 / 2 * np.dtype(rule.precision).itemsize
    record = experiment.record
    kept = (trials if record.trials else 0) + probes
    samples = trial_ms / record.readouts_every_ms
    readouts = len(experiment.rules) * kept * samples * k * 2 * size
    kept_spikes = spikes * record.cells(n).size / n
    weights = len(experiment.rules) * (len(set(session.probes.after_trial.tolist())) + 1) * k * 2 * n * size
    disk = 0.8 * (readouts + weights + p_bytes) + 6 * kept_spikes + 0.8 * n * degree * 16
    return Estimate(FIXED_S + work * 1e-9, memory + readouts + 2 * p_bytes + 20 * kept_spikes, disk)


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


GPU_RUNS = 256
"""Runs that share a GPU at once: each has a thread and its arrays on the host."""


def pick_threads(threads: int | None, jobs: list[Job], backend: str = "cpu") -> int:
    """How many runs go on at once: as asked, else one per core or `GPU_RUNS`, at most one per run to do."""
    return at_once(threads, sum(not job.finished for job in jobs), backend)


def at_once(threads: int | None, todo: int, backend: str = "cpu") -> int:
    """Return how many of a number of tasks go on at once."""
    if threads is not None and threads < 1:
        raise InputError("--threads", threads, "a number >= 1")
    return max(1, min(threads or (GPU_RUNS if backend == "gpu" else cores()), todo))


def describe(jobs: list[Job], threads: int) -> str:
    """Say what would be done, for a person."""
    lines = [
        f"{job.run_id}  {'finished' if job.finished else 'to do   '}  "
        f"{duration(job.estimate.seconds):>9}  {job}"
        for job in jobs
    ]
    todo = [job for job in jobs if not job.finished]
    lines.append(f"{len(todo)} of {len(jobs)} runs to do, {threads} at once, into {jobs[0].path.parent}")
    if todo:
        each = [job.estimate for job in todo]
        seconds = max(sum(e.seconds for e in each) / threads, max(e.seconds for e in each))
        memory = FIXED_BYTES + sum(
            sorted((e.memory_bytes - FIXED_BYTES for e in each), reverse=True)[:threads]
        )
        disk = sum(e.disk_bytes for e in each)
        lines.append(
            f"estimated, within a factor of 2: {duration(seconds)}, "
            f"{size(memory)} of memory, {size(disk)} of disk"
        )
    return "\n".join(lines)


def estimates(jobs: list[Job], threads: int) -> dict:
    """Return the plan as JSON types, for a program."""
    return {
        "threads": threads,
        "runs": [
            {
                "run_id": j.run_id,
                "config": j.name,
                "seed": j.seed,
                "rules": list(j.experiment.rules),
                "finished": j.finished,
                "estimate": {k: round(v, 1) for k, v in j.estimate._asdict().items()},
            }
            for j in jobs
        ],
    }
