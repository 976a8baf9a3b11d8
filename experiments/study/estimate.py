"""What a study would do, and what its claims cost: measured of finished runs, else estimated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spikewhen.analysis.statistics import fewest_pairs, smallest_p
from spikewhen.experiments.digest import read_table
from spikewhen.experiments.display import count
from spikewhen.experiments.jobs import Job
from spikewhen.experiments.study.claim import FEWEST, OPEN
from spikewhen.experiments.study.run import MEASURING_S, Plan
from spikewhen.experiments.tables import align, duration, estimated, size


def table(plan: Plan, threads: int) -> dict[str, Any]:
    """List protocols and claims with runs, CPU seconds on one core, and bytes on disk."""
    protocols = {name: _cost(jobs) for name, jobs in plan.jobs.items()}
    by_claim = {
        claim.id: {"title": claim.title, "protocols": [p.name for p in claim.protocols]}
        | _cost(job for p in claim.protocols for job in plan.jobs[p.name])
        for claim in plan.claims
    }
    seconds = sum(task.work_ms for task in plan.todo) / 1000
    longest = max((task.work_ms / 1000 for task in plan.todo), default=0.0)
    measures = sum(len(task.measures) for task in plan.todo)
    return {
        "threads": threads,
        "protocols": {k: v | {"rules": list(plan.jobs[k][0].experiment.rules)} for k, v in protocols.items()},
        "claims": by_claim,
        "all": _cost(job for jobs in plan.jobs.values() for job in jobs)
        | {"measures_to_do": measures, "wall_seconds_to_do": round(max(seconds / threads, longest), 1)},
        "allows": allows(plan),
    }


def allows(plan: Plan) -> str:
    """Say, before anything is run, which verdicts the number of seeds allows; nothing where it allows all."""
    n = {c.id: min(len(plan.seeds) * p.seeds for p in c.protocols) for c in plan.claims if c.protocols}
    if few := [claim for claim, seeds in n.items() if seeds < FEWEST]:
        seeds = min(n.values())
        which = "no claim" if len(few) == len(n) else f"none of {', '.join(few)}"
        return (
            f"{count(seeds, 'seed')}: {which} can be judged, what is required comes out as {OPEN!r}; "
            f"signs of differences can be flipped in {2**seeds} ways, so no p is below "
            f"{smallest_p(seeds):.2g}. Verdicts take {FEWEST} seeds"
        )
    tests, seeds = len(n), min(n.values(), default=FEWEST)
    if (floor := tests * smallest_p(seeds)) >= 0.05:
        return (
            f"{count(seeds, 'seed')}: every claim can be judged, but no p that Holm corrects over "
            f"{count(tests, 'claim')} can be below {min(1, floor):.2g}. For one below 0.05 it takes "
            f"{fewest_pairs(tests)} seeds"
        )
    return ""


def _cost(jobs: Iterable[Job]) -> dict[str, Any]:
    once = list({job.path: job for job in jobs}.values())
    todo = [job for job in once if not job.finished]
    return {
        "runs": len(once),
        "runs_to_do": len(todo),
        "cpu_seconds": round(sum(map(_cpu_seconds, once)) + MEASURING_S * len(once), 1),
        "cpu_seconds_to_do": round(float(sum(j.estimate.seconds for j in todo)), 1),
        "disk_bytes_to_do": round(float(sum(j.estimate.disk_bytes for j in todo))),
    }


def _cpu_seconds(job: Job) -> float:
    """Return what a finished run took, as the file of facts beside it says, or an estimate."""
    if job.finished:
        try:
            return float(read_table(job.path.with_suffix(".json"))["cpu_seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # the file of facts is no part of a run, and may be missing
    return float(job.estimate.seconds)


def describe(found: dict[str, Any]) -> str:
    """Write the table for a terminal."""
    rows = [("protocol", "runs", "to do", "CPU time", "disk", "rules")]
    rows += [(name, *_cells(one), _few(one["rules"])) for name, one in found["protocols"].items()]
    claims = [("claim", "runs", "to do", "CPU time", "disk", "by itself")]
    claims += [(name, *_cells(one), one["title"]) for name, one in found["claims"].items()]
    everything = found["all"]
    return "\n".join(
        [
            align(rows),
            "",
            align(claims),
            "",
            f"{everything['runs_to_do']} of {everything['runs']} runs to do, "
            f"{everything['measures_to_do']} measures; {found['threads']} runs at once",
            estimated(everything["wall_seconds_to_do"], everything["disk_bytes_to_do"]),
            *([found["allows"]] if found["allows"] else []),
        ]
    )


def _few(labels: Sequence[str]) -> str:
    return ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{one['runs']}",
        f"{one['runs_to_do']}",
        duration(one["cpu_seconds"]),
        size(one["disk_bytes_to_do"]),
    )
