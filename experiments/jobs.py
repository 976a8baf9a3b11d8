"""What a command would do: its runs, checked, with estimates of time, memory and disk."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spikewhen.experiments.config import Experiment
from spikewhen.experiments.estimate import FIXED_BYTES, Estimate, parts_of, size_of, total
from spikewhen.experiments.limits import BOUNDLESS, Limits, of_machine, refuse
from spikewhen.experiments.reuse import is_there
from spikewhen.experiments.setup import Setup, prepare
from spikewhen.experiments.tables import duration, estimated
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.checkpoint import Checkpoint


@dataclass(frozen=True)
class Job:
    """One run that is to be there in the end."""

    name: str
    setup: Setup
    path: Path
    steps: int  # trials and probes
    estimate: Estimate
    recording: Path | None = None  # train on its spikes instead of simulating
    scratch: Path | None = None  # folder of the machine it runs on, for the file while it is written
    checkpoint_s: float | None = None  # time from one kept moment of the run to the next
    drop: tuple[str, ...] = ()  # what goes once it is scored, as `prune` has it

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
        """Whether something stands under the file's name; what it is shows when it is read."""
        return is_there(self.path)

    def checkpoint(self) -> Checkpoint | None:
        """Return where the run keeps its moments, if it was asked to."""
        if self.checkpoint_s is None:
            return None
        from spikewhen.experiments.remote import LOADED

        return Checkpoint(self.path, LOADED[:16], self.checkpoint_s)

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
            limits=BOUNDLESS,
        )
        job = make_job(self.name, rest, self.path.parent, self.recording)
        return replace(job.dropping(self.drop), scratch=self.scratch, checkpoint_s=self.checkpoint_s)

    def dropping(self, parts: Collection[str]) -> Job:
        """Return the run with parts to drop once it is scored, and with the disk that it then takes."""
        parts = tuple(part for part in parts if part in self.experiment.record.parts)
        if not parts:
            return self
        record = self.experiment.record.without(parts)
        lean = replace(self.experiment, record=record)
        left = parts_of(lean, self.setup.grid, size_of(self.setup.session), self.recording is None)
        if "probes" in parts and not record.trials:
            left = [part for part in left if not part.keys.startswith("record.readouts_every_ms")]
        estimate = self.estimate._replace(disk_bytes=total(left).disk_bytes)
        return replace(self, drop=parts, estimate=estimate)

    def __str__(self) -> str:
        return f"{self.name} seed {self.seed} ({', '.join(self.experiment.rules)})"


def make_jobs(
    name: str, experiment: Experiment, seeds: Iterable[int], out: Path, limits: Limits | None = None
) -> list[Job]:
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
    limits : Limits, optional
        What one run may take; see `prepare`.

    Raises
    ------
    InputError
        As `prepare`.
    """
    return [
        make_job(name, prepare(part, seed, limits=limits), out)
        for seed in seeds
        for part in experiment.split()
    ]


def make_job(name: str, setup: Setup, out: Path, recording: Path | None = None) -> Job:
    """Return one run as a job; with a recording it trains on its spikes instead of simulating."""
    parts = parts_of(setup.experiment, setup.grid, size_of(setup.session), recording is None)
    return Job(name, setup, out / f"{setup.run_id}.h5", setup.steps, total(parts), recording)


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


GPU_RUNS = 256
"""Runs that share a GPU at once: each has a thread and its arrays on the host."""


def pick_threads(
    threads: int | None,
    jobs: Sequence[Job],
    backend: str = "cpu",
    limits: Limits | None = None,
    also_finished: bool = False,
) -> int:
    """How many runs go on at once: as asked, else one per core or `GPU_RUNS`, as far as memory allows.

    Parameters
    ----------
    threads : int, optional
        What was asked for.
    jobs : sequence of Job
    backend : str
    limits : Limits, optional
        What they may take together; by default what there is.
    also_finished : bool
        Whether there is something to do with finished runs as well.

    Raises
    ------
    InputError
        If what is planned needs more memory or disk than it may.
    """
    limits = limits or of_machine(jobs[0].path.parent if jobs else None)
    todo = [job for job in jobs if not job.finished]
    disk = sum(job.estimate.disk_bytes for job in todo)
    if disk > limits.disk_bytes:
        kept = "record.spikes, record.trials and record.readouts_every_ms"
        refuse("disk", disk, limits.disk_bytes, f"for {len(todo)} runs; {kept} decide how much each keeps")
    busy = jobs if also_finished else todo
    n = at_once(threads, len(busy), backend)
    if threads is None:
        while n > 1 and memory_of(busy, n) > limits.memory_bytes:
            n -= 1
    if n > 1 and (memory := memory_of(busy, n)) > limits.memory_bytes:
        refuse("memory", memory, limits.memory_bytes, f"for {n} runs at once; lower --threads")
    return n


def memory_of(jobs: Sequence[Job], threads: int) -> float:
    """Return the bytes that the largest of some runs need, as many as go on at once."""
    each = sorted((job.estimate.memory_bytes - FIXED_BYTES for job in jobs), reverse=True)
    return FIXED_BYTES + sum(each[:threads])


def at_once(threads: int | None, todo: int, backend: str = "cpu") -> int:
    """Return how many of a number of tasks go on at once."""
    if threads is not None and threads < 1:
        raise InputError("--threads", threads, "a number >= 1")
    return max(1, min(threads or (GPU_RUNS if backend == "gpu" else cores()), todo))


def threads_each(threads: int | None, runs: int) -> int:
    """Return how many of the threads asked for, or of all cores, each of the runs at once may use."""
    if threads is not None and threads < 1:
        raise InputError("threads", threads, "a number >= 1")
    return max(1, (threads or cores()) // max(1, runs))


def describe(jobs: list[Job], threads: int) -> str:
    """Say what would be done, for a person."""
    lines = [
        f"{job.run_id}  {'finished' if job.finished else 'to do   '}  "
        f"{duration(job.estimate.seconds):>9}  {job}"
        for job in jobs
    ]
    return "\n".join([*lines, *totals(jobs, threads)])


def totals(jobs: Sequence[Job], threads: int) -> list[str]:
    """Say how many runs are to do, and what they cost together."""
    lines: list[str] = []
    if not jobs:
        return ["no run to do: there are more parts than runs"]
    todo = [job for job in jobs if not job.finished]
    lines.append(f"{len(todo)} of {len(jobs)} runs to do, {threads} at once, into {jobs[0].path.parent}")
    if todo:
        each = [job.estimate for job in todo]
        seconds = max(sum(e.seconds for e in each) / threads, max(e.seconds for e in each))
        memory = memory_of(todo, threads)
        disk = sum(e.disk_bytes for e in each)
        lines.append(estimated(seconds, disk, memory))
    return lines


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
