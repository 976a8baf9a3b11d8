"""Why a run has no scores, in one line: its task has none, or making them failed."""

from __future__ import annotations

import re

from spikewhen.experiments.setup import Setup
from spikewhen.reservoir.errors import InputError, printable
from spikewhen.reservoir.own_code import reason_of


def reason_of_failure(error: BaseException) -> str:
    """Say in one line what went wrong in scoring, the same wherever the code stands."""
    if isinstance(error, InputError):
        text = str(error) if error.__cause__ is None else f"{error.where}: {reason_of(error.__cause__)}"
    else:
        text = reason_of(error)
    return printable(re.sub(r"/(?:[^/\s]+/)+(?=[^/\s]+\.py\b)", "", " ".join(text.split())), 200)


def why_no_scores(task: str, declared: str, probes: int) -> str:
    """Say in one line why runs of a task are not scored; nothing where they are."""
    if declared == "none":
        return f"task {task} declares no scores (docs/own_tasks.md)"
    if ":" not in declared and not probes:
        return f"task {task} has no probes, and its scores are of probes"
    return ""


def unscored(setup: Setup) -> str:
    """Say in one line why a run will not be scored; nothing where it will."""
    task = setup.experiment.paradigm
    return why_no_scores(task.name, getattr(task, "scores", "none"), setup.session.probes.block.size)
