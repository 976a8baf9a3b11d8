"""From claims to verdicts: the runs they need, their measures, their judgement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.batch import carry_out
from experiments.claims.claim import Claim, Judged
from experiments.claims.protocol import Protocol
from experiments.plan import Job, make_jobs
from reservoir.storage import read_run


def protocols(claims: Sequence[Claim]) -> dict[str, Protocol]:
    """Return every protocol once, by name."""
    return {protocol.name: protocol for claim in claims for protocol in claim.protocols}


def jobs(protocol: Protocol, seeds: Sequence[int], out: Path) -> list[Job]:
    """Return the runs of a protocol, one per seed."""
    chosen = range(seeds[0], seeds[0] + protocol.seeds * len(seeds)) if protocol.seeds > 1 else seeds
    return make_jobs(protocol.name, protocol.experiment(), chosen, out / "runs")


def judge(claims: Sequence[Claim], seeds: Sequence[int], out: Path, threads: int) -> dict[str, Judged]:
    """Run, measure, judge."""
    todo = {name: jobs(protocol, seeds, out) for name, protocol in protocols(claims).items()}
    carry_out([job for part in todo.values() for job in part], threads=threads)
    found = {}
    for claim in claims:
        measured: dict[str, dict[int, dict[str, Any]]] = {}
        for protocol in claim.protocols:
            measured[protocol.name] = {
                job.seed: claim.measure(protocol.name, read_run(job.path)) for job in todo[protocol.name]
            }
        found[claim.id] = claim.judge(measured)
    return found
