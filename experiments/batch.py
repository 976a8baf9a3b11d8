"""Carrying out many runs: threads, progress, and leaving in good order."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments.failures import Interrupted, RunError
from experiments.plan import Job
from experiments.runs import run_to_file
from experiments.sidecar import write_sidecar
from experiments.trained import train_to_file
from reservoir.backends import get_backend
from reservoir.errors import ActivityError, InputError
from reservoir.storage import Recording, read_run
from reservoir.types import Backend

GRACE_S = 2.0
"""How long Ctrl-C waits for runs to stop by themselves."""


@dataclass(frozen=True)
class Result:
    """What a command keeps of a finished run."""

    name: str
    run_id: str
    seed: int
    path: Path
    config: dict
    labels: list[str]
    scores: dict[str, dict[str, np.ndarray]]
    health: dict[str, float]
    health_line: str
    warnings: list[str]
    skipped: bool = False


def summarise_run(recording: Recording, job: Job, skipped: bool = False) -> Result:
    """Take from a recording what tables and summaries need, labels in the config's order."""
    scores: dict[str, dict[str, np.ndarray]] = {label: {} for label in job.experiment.rules}
    for place, array in recording.arrays.items():
        if place.startswith("/scores/"):
            _, _, label, score = place.split("/")
            scores[label][score] = array
    health = {k: v for k, v in recording.attrs["/spikes"].items() if isinstance(v, float)}
    first, *rest = bytes(recording["/warnings"]).decode().splitlines()
    return Result(
        job.name, job.run_id, job.seed, job.path, recording.config, list(scores), scores, health, first,
        [line.removeprefix("warning: ") for line in rest], skipped,
    )  # fmt: skip


class _Stopped(BaseException):
    """Ends a run from inside, so that it clears up after itself."""


def carry_out(jobs: list[Job], backend: str = "cpu", threads: int = 1) -> list[Result]:
    """Carry out runs, several at once; finished ones are read, not run again.

    Progress, a health line per run and warnings go to stderr.

    Parameters
    ----------
    jobs : list of Job
    backend : str
    threads : int
        Runs at once.

    Returns
    -------
    list of Result
        In the order of `jobs`.

    Raises
    ------
    Interrupted
        On Ctrl-C.
    RunError
        When a run fails; those under way are stopped, finished ones stay.
    OSError
        When a file cannot be written.
    """
    results: dict[Path, Result] = {}
    for job in jobs:
        if job.finished:
            results[job.path] = result = summarise_run(_read(job), job, skipped=True)
            _say(f"{job}: finished before, skipped ({job.path})")
            _warn(job, result)
    todo = list({job.path: job for job in jobs if job.path not in results}.values())
    stop = threading.Event()
    total = sum(job.steps for job in todo)
    with tqdm(
        total=total, unit="trial", disable=None if todo else True, smoothing=0.1, dynamic_ncols=True
    ) as bar:

        def tick(n: int) -> None:
            if stop.is_set():
                raise _Stopped
            bar.update(n)

        executor = ThreadPoolExecutor(threads)
        futures: dict[Future[Result], Job] = {}
        try:
            for wave in _waves(todo, backend, threads):
                place = _place(backend, len(wave))
                futures |= {
                    executor.submit(_carry_out, job, place, backend, threads, tick): job for job in wave
                }
                for future in as_completed([f for f in futures if futures[f] in wave]):
                    job = futures[future]
                    try:
                        results[job.path] = result = future.result()
                    except (InputError, ActivityError) as error:
                        raise RunError(f"{job}: {error}") from error
                    _say(f"{job}: {result.health_line}")
                    _warn(job, result)
        except KeyboardInterrupt:
            stop.set()
            raise _leave(executor, futures, len(jobs) - len(todo), len(jobs)) from None
        except BaseException:
            stop.set()
            executor.shutdown(wait=True, cancel_futures=True)
            raise
        executor.shutdown()
    return [results[job.path] for job in jobs]


def _waves(todo: list[Job], backend: str, threads: int) -> list[list[Job]]:
    """Runs on a GPU go in step, so all of a wave must go on at once."""
    size = threads if backend == "gpu" else max(1, len(todo))
    return [todo[i : i + size] for i in range(0, len(todo), size)]


def _place(name: str, runs: int) -> Backend:
    """Return the backend that some runs share; training on recorded spikes asks nothing of it."""
    backend = get_backend("cpu" if name == "recorded" else name)
    if name != "gpu":
        return backend
    from gpu.lockstep import Lockstep

    return Lockstep(backend, runs)  # type: ignore[arg-type]


def _carry_out(job: Job, place: Backend, backend: str, threads: int, tick) -> Result:
    started, clock = time.time(), time.perf_counter()
    try:
        if job.recording is None:
            run_to_file(job.experiment, job.seed, job.path.parent, backend=place, progress=tick)
        else:
            train_to_file(job.recording, job.experiment, job.path.parent, progress=tick)
    finally:
        if backend == "gpu":
            place.leave()  # type: ignore[attr-defined]
    write_sidecar(job, started, time.perf_counter() - clock, backend, threads)
    return summarise_run(_read(job), job)


def _read(job: Job) -> Recording:
    """Read what tables and summaries need of a finished run."""
    try:
        return read_run(job.path, ("/config", "/warnings", "/scores/"))
    except InputError as error:
        raise InputError(error.where, error.value, f"{error.allowed}; delete it to run again") from error


def _leave(executor: ThreadPoolExecutor, futures: dict[Future, Job], before: int, total: int) -> Interrupted:
    """Stop what is under way; what does not stop in time loses its temporary files."""
    executor.shutdown(wait=False, cancel_futures=True)
    with suppress(KeyboardInterrupt):  # pressed again: do not wait
        wait(futures, GRACE_S)
    left = [job for future, job in futures.items() if not future.done()]
    for job in left:
        for suffix in (".partial", ".lock"):
            job.path.with_suffix(suffix).unlink(missing_ok=True)
    return Interrupted(before + sum(job.finished for job in futures.values()), total, bool(left))


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


def _warn(job: Job, result: Result) -> None:
    for warning in result.warnings:
        _say(f"warning: {job}: {warning}")
