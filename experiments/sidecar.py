"""What a table needs of a run, kept in the JSON beside it, so that tables of thousands of runs open no HDF5.

The sidecar names the checksum of the result file that it is of. Where the file has another one (it
was scored again), or the sidecar is missing or damaged, the file itself is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spikewhen.experiments.digest import read_table
from spikewhen.experiments.finished import PARTS, read_finished
from spikewhen.experiments.jobs import Job
from spikewhen.experiments.results import RunSummary
from spikewhen.experiments.run import Outcome
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.integrity import checksum_of
from spikewhen.reservoir.files.recording import read_run

KEY = "result"


class Light(NamedTuple):
    """A finished run as a table needs it."""

    run: RunSummary
    commit: str
    from_sidecar: bool


def result_part(job: Job, outcome: Outcome, commit: str) -> dict[str, Any]:
    """Return the part of a sidecar that says what its result holds, as JSON types."""
    from spikewhen.analysis.bands import jsonable

    session = job.setup.session
    return {
        "checksum": checksum_of(job.path),
        "config": job.setup.config,
        "commit": commit,
        "main": outcome.main,
        "events": list(session.events),
        "conditions": list(session.conditions),
        "health": jsonable(outcome.health),
        "health_lines": outcome.lines,
        "scoring_failed": outcome.scoring_failed,
        "scores": {
            label: {name: jsonable(np.asarray(a)) for name, a in outcome.scores.get(label, {}).items()}
            for label in job.experiment.rules
        },
    }


def read_light(path: Path) -> Light:
    """Read what tables need of a finished run, from its sidecar where that is of this very file.

    Raises
    ------
    InputError
        If the sidecar does not say it, and the file is damaged or none of ours.
    """
    try:
        table = read_table(path.with_suffix(".json"))
        part = table[KEY]
        if table["run_id"] == path.stem and part["checksum"] == checksum_of(path):
            return Light(_summary(path, table["run_id"], part), part["commit"], True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # the file says the same, and is checked whole
    recording = read_run(path, (*PARTS, schema.SOFTWARE))
    return Light(read_finished(recording, path), recording.software.get("commit", "unknown"), False)


def _summary(path: Path, run_id: str, part: dict[str, Any]) -> RunSummary:
    scores = {
        label: {name: np.array(values, object).astype(float) for name, values in found.items()}
        for label, found in part["scores"].items()
    }
    health = {k: np.nan if v is None else float(v) for k, v in part["health"].items()}
    line, *warnings = part["health_lines"]
    return RunSummary(
        path.parent.name,
        run_id,
        part["config"]["seed"],
        path,
        part["config"],
        list(scores),
        scores,
        health,
        line,
        warnings,
        skipped=True,
        main=part["main"],
        scoring_failed=part["scoring_failed"],
        events=tuple(part["events"]),
        conditions=tuple(part["conditions"]),
    )
