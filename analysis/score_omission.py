"""Scores of a stream of two tones with omissions: cells that are graded, and what readouts expect.

Cells are selected as Yaron et al. (2025) select them (`spikewhen.analysis.omission_cells`); the run has to
keep the spikes of all cells, and its training trials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.analysis.calibration import fit_line
from spikewhen.analysis.omission_cells import (
    HIGH,
    Selection,
    chance,
    responses,
    select,
    signed_rank,
    spearman,
)
from spikewhen.analysis.views import Scores
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording


class Stream(NamedTuple):
    """The items of a run and what cells did, by block."""

    share: np.ndarray  # (B,) of tone B
    item: np.ndarray  # (n,) -1 omission, 0 tone A, 1 tone B
    block: np.ndarray  # (n,)
    response: np.ndarray  # (N, n) Hz

    def even(self, item: int) -> np.ndarray:
        """Return the mean response to the even ones of an item in each block, (N, B); NaN without any."""
        out = np.full((len(self.response), self.share.size), np.nan)
        for b in range(self.share.size):
            at = np.flatnonzero((self.item == item) & (self.block == b))[1::2]
            if at.size:
                out[:, b] = self.response[:, at].mean(1)
        return out

    def odd_omissions(self) -> np.ndarray:
        """Return the response to the odd omissions of each block, (N, B, m)."""
        at = [np.flatnonzero((self.item < 0) & (self.block == b))[::2] for b in range(self.share.size)]
        m = min(map(len, at))
        return np.stack([self.response[:, rows[:m]] for rows in at], axis=1)


def read_stream(recording: Recording) -> Stream:
    """Collect items and responses of a run.

    Raises
    ------
    InputError
        If the run is of another task, or did not keep the spikes of all cells.
    """
    if schema.block("share_b") not in recording:
        raise InputError(schema.block("share_b"), "missing", 'the shares of scores "omission"')
    kept, n = schema.spikes("reservoir"), recording[schema.CELL_TYPE].size
    if not recording.holds_all_spikes:
        raise InputError("record.spikes", recording.attrs[kept].get("subset"), 'all, for scores "omission"')
    onset = recording[schema.trial("onset_ms")] + np.nanmin(recording[schema.trial("event_time_ms")])
    onset = onset[:-1]  # the window of the last item ends after the run
    time = np.asarray(recording[schema.spikes("reservoir", "timestamps")], float)
    response = responses(time, recording[schema.spikes("reservoir", "node_ids")], n, onset)
    item, block = (np.asarray(recording[schema.trial(name)])[:-1] for name in ("event", "block"))
    return Stream(np.asarray(recording[schema.block("share_b")], float), item, block, response)


def by_preference(values: np.ndarray, share: np.ndarray, preferred: np.ndarray) -> np.ndarray:
    """Sort (N, B) by the share of each cell's preferred tone, ascending."""
    order = np.argsort(share, kind="stable")
    return np.where(preferred[:, None] > 0, values[:, order], values[:, order[::-1]])


def graded(stream: Stream, chosen: Selection) -> dict[str, float]:
    """Return what even trials say of the selected cells; NaN without any."""
    cells, side = chosen.selected, chosen.preferred[chosen.selected]
    found = dict.fromkeys(("omission_rho", "tone_rho", "omission_selective"), float("nan"))
    if not cells.any():
        return found
    share = np.sort(stream.share)
    tones = [stream.even(i)[cells] for i in (0, 1)]
    means = {
        "omission_rho": stream.even(-1)[cells],
        "tone_rho": np.where(side[:, None] > 0, tones[1], tones[0]),
    }
    for name, values in means.items():
        sorted_ = by_preference(values, stream.share, side)
        known = np.isfinite(sorted_)
        x = np.broadcast_to(share, sorted_.shape)[known]
        found[name] = float(spearman(sorted_[known], x)[0]) if x.size > 2 else float("nan")
    order = np.argsort(stream.share, kind="stable")
    sides = []
    for rows in (order[-HIGH:], order[:HIGH]):  # tone B, tone A frequent
        at = np.concatenate([np.flatnonzero((stream.item < 0) & (stream.block == b))[1::2] for b in rows])
        x = stream.response[np.ix_(cells, at)]
        sides.append((signed_rank(x) > 1.6449) & (x.mean(1) > 0))
    mine, other = np.where(side > 0, sides[0], sides[1]), np.where(side > 0, sides[1], sides[0])
    if (mine | other).any():
        found["omission_selective"] = float((mine & ~other).sum() / (mine | other).sum())
    return found


def score_omission(recording: Recording, **_: Any) -> dict[str, Scores]:
    """Return the scores of every readout of a run; those of cells are the same for all of an open loop."""
    stream = read_stream(recording)
    x = stream.odd_omissions()
    chosen = select(x, stream.share)
    by_chance = chance(x, stream.share, np.random.default_rng(0))
    cells = {
        "omission_share": float(chosen.selected.mean()),
        "omission_share_chance": float(by_chance.mean()),
        "omission_share_p": float((by_chance >= chosen.selected.mean()).mean()),
        **graded(stream, chosen),
    }
    out: dict[str, Scores] = {}
    for label in recording.labels:
        found = Scores({name: np.array([value]) for name, value in cells.items()})
        p_hat = expected(recording, label, stream)
        true = np.stack([1 - stream.share - _omitted(stream), stream.share], axis=1)
        line = fit_line(true.ravel(), p_hat.ravel())
        found["calibration_r_p_hat"] = np.array([float(line.r)])
        found["calibration_slope_p_hat"] = np.array([float(line.slope)])
        out[label] = found
    return out


def _omitted(stream: Stream) -> np.ndarray:
    return np.array([(stream.item[stream.block == b] < 0).mean() for b in range(stream.share.size)])


def expected(recording: Recording, label: str, stream: Stream) -> np.ndarray:
    """Return the mean p-hat in the second half of each block, (B, K); NaN where it was not kept."""
    path = schema.readout(label, "trials", "p_hat")
    out = np.full((stream.share.size, 2), np.nan)
    if path in recording and recording.attrs[schema.readout(label)]["factored"]:
        p_hat = np.asarray(recording[path], float)
        for b in range(stream.share.size):
            at = np.flatnonzero(stream.block == b)
            out[b] = p_hat[at[at.size // 2 :]].mean(0)
    return out
