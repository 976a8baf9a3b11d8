"""How a command ends that did a part of its runs (`--shard`), or none (`--dry-run`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spikewhen.experiments.cli.output import echo

if TYPE_CHECKING:
    from spikewhen.experiments.engines import Engine
    from spikewhen.experiments.jobs import Job
    from spikewhen.experiments.results import RunSummary
    from spikewhen.experiments.shards import Shard

LAST = "the part that ends last does that, or the same command without --shard"


def tell_plan(
    engine: Engine,
    threads: int,
    todo: int,
    folder: Path,
    describe: Callable[[int], str],
    facts: Callable[[int], dict],
    as_json: bool,
) -> None:
    """Say what would be done, and by whom.

    Parameters
    ----------
    engine : Engine
    threads : int
        How many runs this machine takes at once.
    todo : int
        How many runs are to do.
    folder : Path
    describe, facts : callable
        Of how many runs go on at once: the plan for a person, and for a program.
    as_json : bool
    """
    at_once, more = engine.at_once(threads, todo), engine.describe(todo, folder)
    if as_json:
        return echo(json.dumps(facts(at_once) | ({"engine": more} if more else {})))
    echo(describe(at_once) + (f"\n{more}" if more else ""))


def note_failures(jobs: Sequence[Job], results: Sequence[RunSummary]) -> None:
    """Note which runs of a part failed, for `spikewhen status`, tables and the commands of other parts."""
    from spikewhen.experiments import failed

    for job, result in zip(jobs, results, strict=True):
        failed.note(job, result.failed)


def tell_missing(
    shard: Shard,
    mine: Sequence[str],
    missing: Sequence[str],
    total: int,
    folder: Path,
    left: str,
    as_json: bool,
) -> None:
    """Say what is not there yet, and therefore not written.

    Parameters
    ----------
    shard : Shard
    mine : sequence of str
        What this part did, by run id.
    missing : sequence of str
        What of all parts is not there.
    total : int
        How many there are in all parts.
    folder : Path
    left : str
        What is not written.
    as_json : bool
    """
    if as_json:
        facts = {"shard": str(shard), "runs": list(mine), "total": total, "missing": list(missing)}
        return echo(json.dumps(facts))
    there = f"{total - len(missing)} of {total} runs of all parts are there"
    echo(f"part {shard} has ended, in {folder}; {there}\n{left} not written: {LAST}")


def tell_lacking(shard: Shard, lacking: Mapping[str, int], folder: Path, as_json: bool) -> None:
    """Say which claims lack measures of other parts, so that no report is written.

    Parameters
    ----------
    shard : Shard
    lacking : mapping of str to int
        How many measures, by claim.
    folder : Path
    as_json : bool
    """
    if as_json:
        return echo(json.dumps({"shard": str(shard), "lacking": dict(lacking)}))
    found = ", ".join(f"{claim} ({n})" for claim, n in lacking.items())
    echo(f"part {shard} has ended, in {folder}; claims that lack measures, and how many: {found}")
    echo(f"the report is not written: {LAST}")
