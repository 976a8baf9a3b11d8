"""Carrying out many runs: several at once, with progress, leaving in good order."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from spikewhen.analysis.algebra import one_thread
from spikewhen.analysis.score_names import stored
from spikewhen.experiments import sidecar
from spikewhen.experiments.cli.errors import Interrupted, RunError, explain
from spikewhen.experiments.engines import LOCAL, Engine
from spikewhen.experiments.jobs import Job
from spikewhen.experiments.progress import bar, say
from spikewhen.experiments.provenance import software, write_sidecar
from spikewhen.experiments.results import RunSummary, refuse_failures, summarise_run
from spikewhen.experiments.reuse import read_finished_run
from spikewhen.experiments.run import Outcome, simulated, write_file
from spikewhen.experiments.train import train_job
from spikewhen.experiments.workers import Died, Threads, Tick
from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.engine import Backend
from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.checkpoint import forget
from spikewhen.reservoir.files.locks import abandoned, sweep, sweep_small

R = TypeVar("R")
AnyJob = TypeVar("AnyJob", bound=Job)

GRACE_S = 2.0
"""How long Ctrl-C waits for runs to stop by themselves."""


class Diverged(NamedTuple):
    """A run ended because one of its rules did not stay finite."""

    label: str
    reason: str


def carry_out(
    jobs: list[Job],
    backend: str = "cpu",
    threads: int = 1,
    *,
    fail_fast: bool = False,
    engine: Engine = LOCAL,
    each: int = 1,
) -> list[RunSummary]:
    """Carry out runs, several at once; finished ones are read, not run again.

    Progress, a health line per run and warnings go to stderr. Where a rule diverges, the
    run is repeated without it. That is a run of its own, with a name of its own, so what
    the other rules learned is what it would have been had the rule never been asked for.

    A run that fails otherwise (its process is killed, its disk is full, its file is damaged)
    stops no other; `refuse_failures` names all that failed.

    Parameters
    ----------
    jobs : list of Job
    backend : str
    threads : int
        Runs at once, each in a process of its own; on a GPU, in a thread.
    fail_fast : bool
        Stop at the first run that fails.
    engine : Engine
        Who carries them out; this machine by default.
    each : int
        Threads that a run with a large network may use, see `spikewhen.reservoir.cpu.engine.CpuBackend`.

    Returns
    -------
    list of RunSummary
        In the order of `jobs`; `failed` names the rules that were left out, and `error` says
        why a run is not there.

    Raises
    ------
    Interrupted
        On Ctrl-C.
    RunError
        With `fail_fast`, when a run failed and those under way have been stopped; and when no
        process can be started.
    """
    standing = {job.path: job for job in jobs}  # each job, or what is left of it
    failed: dict[Path, dict[str, str]] = {path: {} for path in standing}
    results: dict[Path, RunSummary] = {}

    def todo() -> list[Job]:
        return list({job.path: job for path, job in standing.items() if path not in results}.values())

    def keep(job: Job, result: RunSummary) -> None:
        for path, left in standing.items():
            if left.path == job.path:
                results[path] = replace(result, failed=failed[path])
        for warning in result.warnings:
            say(f"warning: {job}: {warning}")

    def report(job: Job, outcome: RunSummary | Diverged) -> None:
        if isinstance(outcome, RunSummary):
            say(f"{job}: {outcome.health_line}")
            return keep(job, outcome)
        say(f"warning: {job}: {outcome.label} is left out: {outcome.reason}")
        for path, left in standing.items():
            if left.path == job.path:
                failed[path][outcome.label] = outcome.reason
                rest = left.without(outcome.label)
                if rest is None:
                    results[path] = _nothing(left, failed[path])
                else:
                    standing[path] = rest

    def fail(job: Job, error: Exception) -> None:
        why = _why(job, error, fail_fast)
        if len(jobs) > 1:
            say(f"warning: {job} failed: {why}")
        for path, left in standing.items():
            if left.path == job.path:
                results[path] = _nothing(left, failed[path], error)

    tell_abandoned(jobs)
    try:
        while pending := todo():
            for job in pending:
                if job.finished:
                    try:
                        found = summarise_run(job, _read(job), skipped=True)
                    except InputError as error:
                        fail(job, error)
                        continue
                    say(f"{job}: finished before, skipped ({job.path})")
                    keep(job, found)
            side_by_side(todo(), _carry_out, backend, threads, report, fail, engine=engine, each=each)
    except KeyboardInterrupt as error:
        finished = sum(
            job.finished if path not in results else not results[path].error for path, job in standing.items()
        )
        raise Interrupted(finished, len(jobs), isinstance(error, Left)) from None
    return [results[job.path] for job in jobs]


def tell_abandoned(jobs: Iterable[Job]) -> None:
    """Name what killed processes left in the folders of runs, apart from these runs' own; small files go."""
    jobs = list(jobs)
    _sweep(job for job in jobs if job.finished)  # killed between the result's name and the end of its lock
    ours = {job.path.with_suffix(".partial") for job in jobs}
    for folder in dict.fromkeys(path.parent for path in ours):
        with suppress(OSError):
            sweep_small(folder)
        if left := [path.name for path in abandoned(folder) if path not in ours]:
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            say(f"warning: {folder}: nobody is writing {', '.join(left[:3])}{more}; delete what was left so")


def _why(task: Job, error: Exception, fail_fast: bool) -> str:
    """Say why a task failed; raises instead where the others are to stop."""
    if fail_fast:
        raise RunError(f"{task}: {explain(error)[0]}") from error
    return explain(error)[0]


def require_results(results: Sequence[RunSummary]) -> None:
    """Refuse to go on where no run has a result: each failed, or every rule of it diverged.

    Raises
    ------
    RunError
        Naming the runs that failed, or else the first that diverged.
    """
    if any(result.labels for result in results):
        return
    if any(result.error for result in results):
        refuse_failures(results)
    first = next(result for result in results if result.failed)
    label, reason = next(iter(first.failed.items()))
    raise RunError(f"{first.name} seed {first.seed} ({label}): {reason}; no other rule is left")


def _nothing(job: Job, failed: dict[str, str], error: Exception | None = None) -> RunSummary:
    """Return the outcome of a run that failed, or all of whose rules diverged."""
    config, why = job.setup.config, "" if error is None else explain(error)[0]
    if error is not None:
        failed = failed | dict.fromkeys(job.experiment.rules, why)
    run = RunSummary(job.name, job.run_id, job.seed, job.path, config, [], {}, {}, "", [], failed=failed)
    return replace(run, error=why, cause=error)


class Left(KeyboardInterrupt):
    """Ctrl-C, and threads of this process do not end in time."""


def side_by_side(
    tasks: Sequence[AnyJob],
    work: Callable[..., R],
    backend: str,
    threads: int,
    report: Callable[[AnyJob, R], object],
    fail: Callable[[AnyJob, Exception], object],
    unit: str | None = "trial",
    size: Callable[[AnyJob], int] = operator.attrgetter("steps"),
    engine: Engine = LOCAL,
    each: int = 1,
) -> None:
    """Carry out tasks around runs, several at once, under one bar; files of unfinished runs are removed.

    Parameters
    ----------
    tasks : sequence of Job
        Picklable.
    work : callable
        ``work(backend, place, threads, task, tick)``, picklable; `place` is the
        `Backend` to run on.
    backend : str
    threads : int
        At once.
    report : callable
        Told each task and its result, in the order in which they end.
    fail : callable
        Told each task that failed and why, in its place; the others go on, unless it raises.
    unit : str
        Of a task's size; None where sizes are only shares of the whole.
    size : callable
        How many ticks a task comes to.
    engine : Engine
        Who carries them out.
    each : int
        Threads of a run, see `carry_out`.

    Raises
    ------
    KeyboardInterrupt
        When the others have been stopped.
    RunError
        If no process can be started.
    """
    if not tasks:
        return
    unstarted = 0
    total = sum(map(size, tasks))
    crew = engine.crew(threads, shared=backend == "gpu", folder=tasks[0].path.parent)
    software()  # here, so that a commit that cannot be known is said once
    form: dict[str, Any] = {} if unit else {"bar_format": "{l_bar}{bar}| {elapsed} gone, {remaining} left"}
    with bar(total, unit or "", **form) as open_bar:
        try:
            for wave in _waves(tasks, backend, threads):
                doing = partial(_on_one_thread, work, backend, _place(backend, len(wave), each), threads)
                for task, future in crew.each(doing, wave, open_bar.update):
                    try:
                        result = future.result()
                    except Exception as error:
                        unstarted = unstarted + 1 if isinstance(error, Died) and not error.started else 0
                        if unstarted > 1:  # it is not about this run
                            raise RunError(f"{task}: {error}") from error
                        _sweep([task])
                        fail(task, error)
                    else:
                        unstarted = 0
                        report(task, result)
        except KeyboardInterrupt:
            left = crew.stop(GRACE_S)
            _sweep(left, ours=isinstance(crew, Threads))
            raise Left if left else KeyboardInterrupt from None
        except BaseException:
            _sweep(crew.stop())
            raise
        crew.stop()


def _on_one_thread(work: Callable[..., R], *arguments: Any) -> R:
    with one_thread():
        return work(*arguments)


def _sweep(tasks: Iterable[Job], ours: bool = False) -> None:
    """Remove the temporary files of what did not end by itself."""
    for task in tasks:
        with suppress(OSError):
            sweep(task.path, ours=ours)


def _waves(tasks: Sequence[AnyJob], backend: str, threads: int) -> list[Sequence[AnyJob]]:
    """Runs on a GPU go in step, so all of a wave must go on at once."""
    size = threads if backend == "gpu" else max(1, len(tasks))
    return [tasks[i : i + size] for i in range(0, len(tasks), size)]


def _place(name: str, runs: int, each: int) -> Backend:
    """Return the backend that some runs share; training on recorded spikes asks nothing of it."""
    backend = get_backend("cpu" if name == "recorded" else name, each)
    if name != "gpu":
        return backend
    from spikewhen.gpu.lockstep import Lockstep

    return Lockstep(backend, runs)  # type: ignore[arg-type]


def _carry_out(backend: str, place: Backend, threads: int, job: Job, tick: Tick) -> RunSummary | Diverged:
    try:
        outcome = carry_out_one(backend, place, threads, job, tick)
    except ActivityError as error:
        closed = job.experiment.network.feedback_pa > 0  # then the one rule drives the network
        label = error.rule or (next(iter(job.experiment.rules)) if closed else "")
        if not label:
            raise
        return Diverged(label, str(error))
    return summarise_run(job, outcome)


def carry_out_one(backend: str, place: Backend, threads: int, job: Job, tick: Tick) -> Outcome:
    """Carry out a run, into its result file and the sidecar; one that has come meanwhile is read."""
    if job.finished:
        if backend == "gpu":
            place.leave()  # type: ignore[attr-defined]
        return _read(job)
    started, clock = time.time(), time.perf_counter()
    cpu = time.thread_time()
    try:
        if job.recording is None:
            source, kept = simulated(job.setup, place), job.checkpoint()
            outcome = write_file(job.path, job.setup, source, tick, job.scratch, kept, job.drop)
        else:
            outcome = train_job(job, job.recording, tick)
    finally:
        if backend == "gpu":
            place.leave()  # type: ignore[attr-defined]
    forget(job.path)
    spent = time.perf_counter() - clock, time.thread_time() - cpu
    more = {sidecar.KEY: sidecar.result_part(job, outcome, software()["commit"])}
    write_sidecar(job, started, spent, "recorded" if job.recording else backend, threads, more)
    return outcome


def _read(job: Job) -> Outcome:
    """Read what tables and summaries need of a run that was finished before."""
    only = (schema.CONFIG, schema.WARNINGS, f"{schema.scores()}/")
    recording = read_finished_run(job.path, job.run_id, only)
    scores = {label: stored(recording, label) for label in job.experiment.rules}
    line, warnings = schema.health_messages(recording)
    main = schema.main_score(recording)
    failed = schema.scoring_failure(recording)
    return Outcome(scores, schema.health(recording), [line, *warnings], main, failed)
