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
        Empty scores where the task has none, or the run no probes.

    Raises
    ------
    InputError
    """
    from spikewhen.analysis.score_names import SCORES

    recording = run if isinstance(run, Recording) else open_run(run)
    return {
        label: Scores(label, found, {name: SCORES[name].unit for name in found})
        for label, found in find_scores(recording).items()
    }
