"""The runs that claims need, each measured where it was made, right after it.

What was measured is kept in ``measures/``, so that an interrupted command, or one
after an edit of a claim, repeats no finished run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.experiments.batch import Left, carry_out_one, say, side_by_side
from spikewhen.experiments.cli.errors import Interrupted
from spikewhen.experiments.jobs import Job, make_jobs
from spikewhen.experiments.study.cache import (
    Wanted,
    is_kept,
    keep,
    kept,
    source_hash,
    warnings_of,
)
from spikewhen.experiments.study.claim import Claim
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.experiments.tables import duration
from spikewhen.experiments.workers import Tick
from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.files.recording import read_run
from spikewhen.reservoir.types import Backend

MEASURING_S = 1.0
"""Of reading a run and measuring it once, about."""


@dataclass(frozen=True)
class Task(Job):
    """A run and what is to be measured of it; its `steps` are milliseconds of estimated work."""

    trials: int = 1
    wanted: tuple[Wanted, ...] = ()


class Plan(NamedTuple):
    """All runs of some claims."""

    protocols: dict[str, Protocol]
    jobs: dict[str, list[Job]]  # by protocol, one per seed
    wanted: dict[str, dict[str, list[Wanted]]]  # by claim and protocol, one per seed
    tasks: list[Task]  # what is still to do, each run once


def make_plan(claims: Sequence[Claim], seeds: Sequence[int], out: Path) -> Plan:
    """List the runs that claims need, each once, and what is still to be measured of each.

    Parameters
    ----------
    claims : sequence of Claim
    seeds : sequence of int
        A protocol that asks for more continues after the last of them.
    out : Path
        Results go into ``runs/`` and ``measures/`` in it.
    """
    protocols: dict[str, Protocol] = {}
    for claim in claims:
        for protocol in claim.protocols:
            if protocols.setdefault(protocol.name, protocol) != protocol:
                raise ValueError(f"two protocols are called {protocol.name}")
    jobs = {name: _jobs(protocol, seeds, out) for name, protocol in protocols.items()}
    wanted: dict[str, dict[str, list[Wanted]]] = {}
    todo: dict[Path, tuple[Job, list[Wanted]]] = {}
    for claim in claims:
        source = source_hash(claim.measure)
        wanted[claim.id] = {}
        for protocol in claim.protocols:
            all_of = wanted[claim.id][protocol.name] = []
            for job in jobs[protocol.name]:
                place = out / "measures" / claim.id / f"{protocol.name}.{job.run_id}.json"
                all_of.append(
                    Wanted(claim.id, protocol.name, job.run_id, job.seed, claim.measure, source, place)
                )
                if not is_kept(all_of[-1]):
                    todo.setdefault(job.path, (job, []))[1].append(all_of[-1])
    return Plan(protocols, jobs, wanted, [_task(*entry) for entry in todo.values()])


def _jobs(protocol: Protocol, seeds: Sequence[int], out: Path) -> list[Job]:
    more = range(max(seeds) + 1, max(seeds) + 1 + (protocol.seeds - 1) * len(seeds))
    found = make_jobs(protocol.name, protocol.experiment(), [*seeds, *more], out / "runs")
    if len(found) > len(seeds) + len(more):
        raise InputError(f"protocol {protocol.name}: rules", len(found), "one rule where the loop is closed")
    return found


def _task(job: Job, wanted: list[Wanted]) -> Task:
    work = (0.0 if job.finished else float(job.estimate.seconds)) + MEASURING_S * len(wanted)
    parts = {f.name: getattr(job, f.name) for f in fields(Job)} | {"steps": round(1000 * work)}
    return Task(**parts, trials=job.steps, wanted=tuple(wanted))


def carry_out(plan: Plan, backend: str, threads: int) -> list[str]:
    """Run and measure what is not there yet, several at once.

    Returns
    -------
    list of str
        What could not be run or measured, one line each.

    Raises
    ------
    Interrupted, RunError, OSError
        As `spikewhen.experiments.batch.carry_out`.
    """
    failed: list[str] = []
    total, gone = sum(task.steps for task in plan.tasks), 0
    begun, count = time.perf_counter(), 0

    def report(task: Task, said: Said) -> None:
        nonlocal gone, count
        gone, count = gone + task.steps, count + 1
        left = (time.perf_counter() - begun) * (total - gone) / gone
        claims = ", ".join(dict.fromkeys(w.claim for w in task.wanted))
        say(f"{count} of {len(plan.tasks)}, {duration(left)} left: {task} for {claims}")
        for line in (*said.warnings, *said.failed):
            say(f"warning: {task}: {line}")
        failed.extend(f"{task}: {line}" for line in said.failed)

    try:
        side_by_side(plan.tasks, work_on, backend, threads, report, unit=None)
    except KeyboardInterrupt as error:
        raise Interrupted(count, len(plan.tasks), isinstance(error, Left)) from None
    return failed


class Said(NamedTuple):
    """What a task has to say."""

    failed: list[str]
    warnings: list[str]


def work_on(backend: str, place: Backend, threads: int, task: Task, tick: Tick) -> Said:
    """Run, unless it is there, and measure; what fails is said, and spoils no other task."""
    told = done = 0

    def advance(trials: int) -> None:
        nonlocal told, done
        done += trials
        now = min(task.steps, round(share * done / task.trials))
        tick(now - told)
        told = now

    share = task.steps - round(1000 * MEASURING_S * len(task.wanted))
    if not task.finished:
        try:
            carry_out_one(backend, place, threads, task, advance)
        except ActivityError as error:
            tick(task.steps - told)
            return Said([str(error)], [])
    elif backend == "gpu":
        place.leave()  # type: ignore[attr-defined]
    recording = read_run(task.path)
    failed = []
    for wanted in task.wanted:
        try:
            keep(wanted, recording)
        except Exception as error:
            failed.append(f"claim {wanted.claim} cannot measure it: {type(error).__name__}: {error}")
    tick(task.steps - told)
    return Said(failed, warnings_of(recording))


def measured(plan: Plan, claim: Claim) -> dict[str, dict[int, dict[str, Any]]]:
    """Collect what was measured for a claim: by protocol and seed, in the order of the seeds."""
    return {name: {w.seed: kept(w)["values"] for w in every} for name, every in plan.wanted[claim.id].items()}


def is_measured(plan: Plan, claim: Claim) -> bool:
    """Whether everything is there that the claim is judged by."""
    return all(is_kept(w) for every in plan.wanted[claim.id].values() for w in every)
