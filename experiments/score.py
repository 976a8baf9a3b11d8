"""Scores of a run that has none yet, or that are to be computed again."""

from __future__ import annotations

from pathlib import Path

from spikewhen.experiments.result import open_run
from spikewhen.experiments.run import find_scores
from spikewhen.experiments.views import Scores
from spikewhen.reservoir.files.recording import Recording


def score(run: str | Path | Recording) -> dict[str, Scores]:
    """Compute the scores of a run, as `spikewhen.run` stores them.

    Parameters
    ----------
    run : path or Recording
        A result file, or what `run`, `train` or `open_run` returned.

    Returns
    -------
    dict of label to Scores
        By the names of docs/scores.md, or those of the task's own function.

    Raises
    ------
    InputError
        If the task declares no scores, or the run has no probes.
    """
    recording = run if isinstance(run, Recording) else open_run(run)
    scored = find_scores(recording)
    return {label: Scores(label, found, scored.units) for label, found in scored.found.items()}
