"""The runs that claims need, each measured where it was made, right after it.

What was measured is kept in ``measures/``, so that an interrupted command, or one
after an edit of a claim, repeats no finished run.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.experiments.batch import Left, carry_out_one, side_by_side, tell_abandoned
from spikewhen.experiments.cli.errors import Interrupted, RunError, explain
from spikewhen.experiments.engines import LOCAL, Engine
from spikewhen.experiments.jobs import Job, at_once, make_jobs
from spikewhen.experiments.limits import Limits
from spikewhen.experiments.progress import say
from spikewhen.experiments.result import Result
from spikewhen.experiments.reuse import read_finished_run
from spikewhen.experiments.shards import Shard
from spikewhen.experiments.study.cache import Measure, has, load, save, warnings_of
from spikewhen.experiments.study.claim import Claim
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.experiments.study.source import Sources
from spikewhen.experiments.study.study import Study
from spikewhen.experiments.tables import duration
from spikewhen.experiments.workers import Tick
from spikewhen.reservoir.engine import Backend
from spikewhen.reservoir.errors import ActivityError, InputError

MEASURING_S = 1.0
"""Of reading a run and measuring it once, about."""


@dataclass(frozen=True)
class MeasureJob(Job):
    """A run, which may be there already, and what is still to be measured of it."""

    work_ms: int = 0  # estimated, of the run and its measures
    measures: tuple[Measure, ...] = ()


class Plan(NamedTuple):
    """All runs and measures of some claims of a study."""

    study: Study
    claims: list[Claim]
    seeds: tuple[int, ...]
    out: Path
    protocols: dict[str, Protocol]
    jobs: dict[str, list[Job]]  # by protocol, one per seed
    measures: dict[str, dict[str, list[Measure]]]  # by claim and protocol, one per seed
    todo: list[MeasureJob]  # each run once

    def measures_of(self, claim: str) -> Iterator[Measure]:
        """Yield every measure of a claim."""
        for of_protocol in self.measures[claim].values():
            yield from of_protocol

    def part(self, shard: Shard) -> Plan:
        """Return the plan with only those runs and their measures to do that are in one part."""
        mine = {job.path for job in shard.of([job for jobs in self.jobs.values() for job in jobs])}
        return self._replace(todo=[task for task in self.todo if task.path in mine])

    def lacking(self) -> dict[str, int]:
        """Return how many measures each claim lacks that is not measured in full."""
        found = {c.id: sum(not has(m) for m in self.measures_of(c.id)) for c in self.claims}
        return {claim: n for claim, n in found.items() if n}

    def is_measured(self, claim: str) -> bool:
        """Whether everything is there that a claim is judged by."""
        return all(map(has, self.measures_of(claim)))

    def measured(self, claim: str) -> dict[str, dict[int, dict[str, Any]]]:
        """Read what was measured for a claim: by protocol and seed, in the order of the seeds."""
        return {
            name: {m.seed: load(m)["values"] for m in every} for name, every in self.measures[claim].items()
        }


def make_plan(
    study: Study, claims: Sequence[Claim], seeds: Sequence[int], out: Path, limits: Limits | None = None
) -> Plan:
    """List the runs that claims need, each once, and what is still to be measured of each.

    Parameters
    ----------
    study : Study
    claims : sequence of Claim
        Some of its claims.
    seeds : sequence of int
        A protocol that asks for more continues after the last of them.
    out : Path
        Results go into ``runs/`` and ``measures/`` in it.
    limits : Limits, optional
        What one run may take.

    Raises
    ------
    InputError
        If two different protocols share a name, or one cannot be run as it is.
    """
    protocols: dict[str, Protocol] = {}
    for claim in claims:
        for protocol in claim.protocols:
            if protocols.setdefault(protocol.name, protocol) != protocol:
                raise InputError(f"claim {claim.id}: protocol", protocol.name, "one protocol of each name")
    jobs = {name: _jobs(study, protocol, seeds, out, limits) for name, protocol in protocols.items()}
    measures: dict[str, dict[str, list[Measure]]] = {}
    todo: dict[Path, tuple[Job, list[Measure]]] = {}
    sources = Sources()
    for claim in claims:
        try:
            source = sources.hash(claim.measure)
        except InputError as error:
            raise error.within(f"claim {claim.id}") from error
        measures[claim.id] = {}
        for protocol in claim.protocols:
            name = protocol.name
            folder = out / "measures" / claim.id
            measures[claim.id][name] = [
                Measure(
                    claim.id,
                    name,
                    job.run_id,
                    job.seed,
                    claim.measure,
                    source,
                    folder / f"{name}.{job.run_id}.json",
                )
                for job in jobs[name]
            ]
            for job, measure in zip(jobs[name], measures[claim.id][name], strict=True):
                if not has(measure):
                    todo.setdefault(job.path, (job, []))[1].append(measure)
    tasks = [_measure_job(*entry) for entry in todo.values()]
    return Plan(study, list(claims), tuple(seeds), out, protocols, jobs, measures, tasks)


def _jobs(
    study: Study, protocol: Protocol, seeds: Sequence[int], out: Path, limits: Limits | None
) -> list[Job]:
    more = range(max(seeds) + 1, max(seeds) + 1 + (protocol.seeds - 1) * len(seeds))
    try:
        found = make_jobs(protocol.name, study.experiment(protocol), [*seeds, *more], out / "runs", limits)
    except InputError as error:
        raise InputError(f"protocol {protocol.name}: {error.where}", error.value, error.allowed) from error
    if len(found) > len(seeds) + len(more):
        raise InputError(f"protocol {protocol.name}: rules", len(found), "one rule where the loop is closed")
    return found


def _measure_job(job: Job, measures: list[Measure]) -> MeasureJob:
    seconds = (0.0 if job.finished else float(job.estimate.seconds)) + MEASURING_S * len(measures)
    return MeasureJob(**vars(job), work_ms=round(1000 * seconds), measures=tuple(measures))


def carry_out(
    plan: Plan,
    backend: str = "cpu",
    threads: int | None = None,
    *,
    fail_fast: bool = False,
    engine: Engine = LOCAL,
) -> list[str]:
    """Run and measure what is not there yet, several at once; what fails stops nothing else.

    Returns
    -------
    list of str
        What could not be run or measured, one line each.

    Raises
    ------
    InputError, Interrupted, RunError
        As `spikewhen.experiments.batch.carry_out`.
    """
    failed: list[str] = []
    total, gone = sum(task.work_ms for task in plan.todo), 0
    begun, count = time.perf_counter(), 0

    def report(task: MeasureJob, outcome: TaskOutcome) -> None:
        nonlocal gone, count
        gone, count = gone + task.work_ms, count + 1
        left = (time.perf_counter() - begun) * (total - gone) / gone
        claims = ", ".join(dict.fromkeys(m.claim for m in task.measures))
        say(f"{count} of {len(plan.todo)}, {duration(left)} left: {task} for {claims}")
        for line in (*outcome.warnings, *outcome.failed):
            say(f"warning: {task}: {line}")
        failed.extend(f"{task}: {line}" for line in outcome.failed)
        if fail_fast and failed:
            raise RunError(failed[0])

    def fail(task: MeasureJob, error: Exception) -> None:
        report(task, TaskOutcome([explain(error)[0]], []))

    tell_abandoned(plan.todo)
    threads = at_once(threads, len(plan.todo), backend)
    try:
        side_by_side(
            plan.todo, work_on, backend, threads, report, fail, None, operator.attrgetter("work_ms"), engine
        )
    except KeyboardInterrupt as error:
        raise Interrupted(count, len(plan.todo), isinstance(error, Left)) from None
    return failed


class TaskOutcome(NamedTuple):
    """What came of a run and its measures."""

    failed: list[str]
    warnings: list[str]


def work_on(backend: str, place: Backend, threads: int, task: MeasureJob, tick: Tick) -> TaskOutcome:
    """Run, unless it is there, and measure; what fails is reported, and spoils no other task."""
    told = done = 0

    def advance(trials: int) -> None:
        nonlocal told, done
        done += trials
        now = min(task.work_ms, round(share * done / task.steps))
        tick(now - told)
        told = now

    share = task.work_ms - round(1000 * MEASURING_S * len(task.measures))
    if not task.finished:
        try:
            carry_out_one(backend, place, threads, task, advance)
        except ActivityError as error:
            tick(task.work_ms - told)
            return TaskOutcome([str(error)], [])
    elif backend == "gpu":
        place.leave()  # type: ignore[attr-defined]
    recording = read_finished_run(task.path, task.run_id)
    result = Result(recording.arrays, recording.attrs, task.path)
    failed = []
    for measure in task.measures:
        try:
            save(measure, result)
        except Exception as error:
            failed.append(f"claim {measure.claim} cannot measure it: {type(error).__name__}: {error}")
    tick(task.work_ms - told)
    return TaskOutcome(failed, warnings_of(result))
