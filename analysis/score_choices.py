"""Scores of trials in which an action is right in every step, as those of neurogym's environments.

What a readout says in a step is the action with the largest output; a choice is that of the mean output
over the steps in which one is due. On trials of a test set, which a task stores as ``/blocks/test_target``
(1, trials, S, K), with ``/blocks/test_due`` (1, trials, S) and ``/blocks/step_ms``; a probe's repeat is its
trial in the set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.analysis.score_names import KEYS
from spikewhen.analysis.views import Scores, probed_points, read_readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording

NEEDED = ("test_target", "test_due", "step_ms")
"""Tables of blocks that are read."""


def score_choices(recording: Recording, **_: Any) -> dict[str, Scores]:
    """Return the scores of every readout of a run: E, right choices, right steps.

    Raises
    ------
    InputError
        If the task stored no test set.
    """
    for name in NEEDED:
        if schema.block(name) not in recording:
            raise InputError(schema.block(name), "missing", 'the test set of scores "choices"')
    target, due = (np.asarray(recording[schema.block(name)], float)[0] for name in NEEDED[:2])
    step_ms = float(recording[schema.block("step_ms")][0])
    which = recording[schema.probe("repeat")]
    points, out = probed_points(recording), {}
    for label in recording.labels:
        readout = read_readout(recording, label)
        at = np.ceil(readout.time_ms / step_ms - 1e-9).astype(int) - 1  # the step that a time lies in
        rows = [_of_probe(y, target[i][at], due[i][at] > 0) for y, i in zip(readout.y, which, strict=True)]
        error, right, steps = np.array(rows, float).reshape(-1, 3).T
        found = Scores(zip(KEYS, points.table.T.copy(), strict=True))
        found["accuracy"], found["accuracy_steps"] = points.mean(right), points.mean(steps)
        found["error"] = points.mean(error)
        out[label] = found
    return out


def _of_probe(y: np.ndarray, target: np.ndarray, due: np.ndarray) -> tuple[float, float, float]:
    """Return E, whether the choice is right, and the share of right steps, of one probe (T, K)."""
    known = np.isfinite(target).all(-1) & np.isfinite(y).all(-1)
    if not known.any():
        return np.nan, np.nan, np.nan
    size = np.sqrt(np.mean(target[known] ** 2))
    error = np.sqrt(np.mean((y[known] - target[known]) ** 2)) / size if size > 0 else np.nan
    single = (np.sum(target[known] == 1, axis=1) == 1) & (
        np.sum(target[known] == 0, axis=1) == y.shape[1] - 1
    )
    if y.shape[1] < 2 or not single.all():  # a position to be held: there is no choice
        return error, np.nan, np.nan
    steps = np.mean(y[known].argmax(axis=1) == target[known].argmax(axis=1))
    counts = known & due
    if not counts.any():
        return error, np.nan, steps
    return error, float(y[counts].mean(axis=0).argmax() == target[counts].mean(axis=0).argmax()), steps
