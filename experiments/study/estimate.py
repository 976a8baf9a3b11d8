"""What `spikewhen claims` would do, and what each claim costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spikewhen.experiments.jobs import Job
from spikewhen.experiments.study.claim import Claim
from spikewhen.experiments.study.run import MEASURING_S, Plan
from spikewhen.experiments.tables import align, duration, size


def table(claims: Sequence[Claim], plan: Plan, threads: int) -> dict[str, Any]:
    """List protocols and claims with runs, CPU seconds on one core, and bytes on disk."""
    protocols = {name: _cost(jobs) for name, jobs in plan.jobs.items()}
    by_claim = {
        claim.id: {"title": claim.title, "protocols": [p.name for p in claim.protocols]}
        | _cost(job for p in claim.protocols for job in plan.jobs[p.name])
        for claim in claims
    }
    seconds = sum(task.steps for task in plan.tasks) / 1000
    longest = max((task.steps / 1000 for task in plan.tasks), default=0.0)
    measures = sum(len(task.wanted) for task in plan.tasks)
    return {
        "threads": threads,
        "protocols": {k: v | {"rules": list(plan.jobs[k][0].experiment.rules)} for k, v in protocols.items()},
        "claims": by_claim,
        "all": _cost(job for jobs in plan.jobs.values() for job in jobs)
        | {"measures_to_do": measures, "wall_seconds_to_do": round(max(seconds / threads, longest), 1)},
    }


def _cost(jobs: Iterable[Job]) -> dict[str, Any]:
    once = list({job.path: job for job in jobs}.values())
    todo = [job for job in once if not job.finished]
    seconds, seconds_todo = (float(sum(j.estimate.seconds for j in part)) for part in (once, todo))
    return {
        "runs": len(once),
        "runs_to_do": len(todo),
        "cpu_seconds": round(seconds + MEASURING_S * len(once), 1),
        "cpu_seconds_to_do": round(seconds_todo, 1),
        "disk_bytes_to_do": round(float(sum(j.estimate.disk_bytes for j in todo))),
    }


def describe(found: dict[str, Any]) -> str:
    """Say it for a person."""
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
            f"estimated, within a factor of 2: {duration(everything['wall_seconds_to_do'])}, "
            f"{size(everything['disk_bytes_to_do'])} of disk",
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
