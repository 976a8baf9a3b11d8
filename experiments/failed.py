"""Runs that failed, each noted beside the results, so that tables and later commands know of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.experiments.digest import read_table, with_digest
from spikewhen.experiments.jobs import Job
from spikewhen.reservoir.files.integrity import write_whole

SUFFIX = ".failed.json"


class Failed(NamedTuple):
    """A run, some or all rules of which have no result."""

    run_id: str
    seed: int | None
    config: dict[str, Any]
    rules: Mapping[str, str]  # why, by label


def note(job: Job, rules: Mapping[str, str]) -> None:
    """Write ``<run_id>.failed.json``, or take it away where nothing failed."""
    path = job.path.with_name(job.path.stem + SUFFIX)
    if not rules:
        path.unlink(missing_ok=True)
        return
    facts = {"run_id": job.run_id, "seed": job.seed, "config": job.setup.config, "rules": dict(rules)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(with_digest(facts), indent=1) + "\n")


def read_all(folder: Path) -> list[Failed]:
    """Read what failed in a folder and those within it; what has a result by now is passed over."""
    found = []
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            facts = read_table(path)
            if not path.with_name(f"{facts['run_id']}.h5").exists():
                found.append(Failed(facts["run_id"], facts["seed"], facts["config"], facts["rules"]))
    return found
