"""Scores of sequences of five tones: what the fifth one, or its absence, says of what was expected.

The error at a tone is 1 minus the prediction of it at its onset; an omission is answered by what was
predicted there. Introductory sequences, before the first rare one of a block, do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.analysis.views import Scores
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording

XX, XY = 0, 1
"""Kinds of blocks: what is frequent."""


class Sequences(NamedTuple):
    """The sequences of a run, without the introductory ones."""

    kind: np.ndarray  # (s,) XX or XY
    y: np.ndarray  # (s,) 1 ends with Y, 0 with x, -1 with nothing
    error: np.ndarray  # (s, 5) at each tone; where there was none, what was predicted


def read_sequences(recording: Recording, label: str) -> Sequences:
    """Collect what a readout predicted at every tone.

    Raises
    ------
    InputError
        If the run is of another task, or kept no training trials.
    """
    path = schema.readout(label, "trials", "prediction")
    if schema.block("frequent_y") not in recording:
        raise InputError(
            schema.block("frequent_y"), "missing", 'the kinds of blocks of scores "local_global"'
        )
    if path not in recording:
        raise InputError("record.trials", False, 'true, for scores "local_global"')
    block, item = (np.asarray(recording[schema.trial(name)]) for name in ("block", "event"))
    time = np.asarray(recording[schema.readout(label, "time_ms")], float)
    onset = float(np.nanmin(recording[schema.trial("event_time_ms")]))
    at = int(np.searchsorted(time, onset + 1e-6, side="right")) - 1  # the last that ends before the tone
    z = np.asarray(recording[path], float)[:, max(at, 0)]
    came = item >= 0
    error = np.where(came, 1 - z[np.arange(item.size), np.maximum(item, 0)], z.sum(1)).reshape(-1, 5)
    block, item = block.reshape(-1, 5)[:, 0], item.reshape(-1, 5)
    frequent = np.asarray(recording[schema.block("frequent_y")])[block]
    y = np.where(item[:, -1] < 0, -1, item[:, -1] != item[:, 0]).astype(np.int64)
    rare = y != frequent
    since = np.concatenate([np.cumsum(rare[block == b]) for b in np.unique(block)]) > 0
    return Sequences(frequent[since], y[since], error[since])


def cells(s: Sequences) -> dict[tuple[int, int], float]:
    """Return the mean error at the fifth tone by kind of block and end of the sequence."""
    return {
        (kind, y): float(s.error[(s.kind == kind) & (s.y == y), -1].mean())
        if ((s.kind == kind) & (s.y == y)).any()
        else float("nan")
        for kind in (XX, XY)
        for y in (-1, 0, 1)
    }


def score_local_global(recording: Recording, **_: Any) -> dict[str, Scores]:
    """Return the scores of every readout of a run."""
    out: dict[str, Scores] = {}
    for label in recording.labels:
        e = cells(read_sequences(recording, label))
        found = {
            "local_effect": (e[XX, 1] - e[XX, 0] + e[XY, 1] - e[XY, 0]) / 2,
            "global_effect": (e[XX, 1] - e[XX, 0] + e[XY, 0] - e[XY, 1]) / 2,
            "rare_y": e[XX, 1] - e[XY, 1],
            "rare_x": e[XY, 0] - e[XX, 0],
            "omission_effect": e[XY, -1] - e[XX, -1],
        }
        out[label] = Scores({name: np.array([value]) for name, value in found.items()})
    return out
