"""What claims take from the scores of a run: curves over the trials of each block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spikewhen.analysis.bands import jsonable
from spikewhen.analysis.score_names import stored
from spikewhen.analysis.summary import at_trial
from spikewhen.reservoir.files.recording import Recording

CURVES = ("error", "error_equal_p", "error_winner", "error_true_p", "error_counting", "error_change_point")


def scores_of(recording: Recording, label: str) -> dict[str, np.ndarray]:
    """Return every score of a readout, by name."""
    return stored(recording, label)


def probed(scores: dict[str, np.ndarray], block: int) -> np.ndarray:
    """Return the probed trials of a block, ascending."""
    return np.unique(scores["trial"][scores["block"] == block])


def curve(scores: dict[str, np.ndarray], name: str, block: int) -> np.ndarray:
    """Return a point score over the probed trials of a block, mean over cues: ``(P,)`` or ``(P, K)``."""
    return np.array([at_trial(scores, name, block, int(n)) for n in probed(scores, block)])


def curves(recording: Recording, label: str, names: Sequence[str] = CURVES) -> dict[str, Any]:
    """Return curves, JSON-able: ``{"trial": [[...], ...], name: [[...], ...]}``, a list per block."""
    scores = scores_of(recording, label)
    blocks = np.unique(scores["block"])
    out = {"trial": [probed(scores, b).tolist() for b in blocks]}
    return out | {
        name: [jsonable(curve(scores, name, b)) for b in blocks] for name in names if name in scores
    }


def value_at(measured_curves: dict[str, Any], name: str, block: int, trial: int) -> Any:
    """Look up one value of `curves`; NaN where that trial was not probed."""
    trials = measured_curves["trial"][block]
    if trial not in trials:
        return float("nan")
    value = measured_curves[name][block][trials.index(trial)]
    return float("nan") if value is None else value
