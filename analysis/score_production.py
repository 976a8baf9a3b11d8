"""Scores of intervals that a readout produces by itself after two flashes, and how far they regress.

On a probe with ready and set alone, go is produced when the prediction rises above half of what it reaches
on the mean; no crossing is a miss. How far productions regress to the middle of their prior is held against
Bayes least squares (`spikewhen.analysis.interval_estimators`) with as much noise as the productions have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.analysis.calibration import fit_line
from spikewhen.analysis.interval_estimators import regression
from spikewhen.analysis.score_names import KEYS
from spikewhen.analysis.score_targets import score_targets
from spikewhen.analysis.views import Points, Scores, probed_points, read_readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording

OF_BLOCKS = (
    "production_slope",
    "production_slope_peak",
    "production_slope_bls",
    "indifference_ms",
    "production_cv",
    "production_missed",
)


def read_priors(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of each condition in ms, and its share, (B, G) each.

    Raises
    ------
    InputError
        If the run is of a task that stores none.
    """
    for name in ("interval_ms", "p_interval"):
        if schema.block(name) not in recording:
            raise InputError(schema.block(name), "missing", 'the intervals of scores "production"')
    interval, share = (
        np.asarray(recording[schema.block(name)], float) for name in ("interval_ms", "p_interval")
    )
    return interval, share


def produced(
    z: np.ndarray, time_ms: np.ndarray, set_ms: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return when each prediction rises above half of the mean peak of its group, and when it peaks.

    Parameters
    ----------
    z : (q, T) array
        Prediction of go on each probe; NaN past its end.
    time_ms : (T,) array
    set_ms : (q,) array
        Onset of set.
    group : (q,) int
        Probes that share a threshold.

    Returns
    -------
    crossing, peak : (q,) each
        In ms after set; NaN where the threshold is not crossed.
    """
    after, z = time_ms > set_ms[:, None], np.nan_to_num(z)
    height = np.where(after, z, 0.0).max(axis=1)
    level = np.array([height[group == g].mean() for g in group])[:, None] / 2
    up = (z >= level) & (np.roll(z, 1, axis=1) < level) & after & (level > 0)
    rows, at = np.arange(len(z)), up.argmax(axis=1)
    before = np.maximum(at - 1, 0)
    rise = z[rows, at] - z[rows, before]
    part = (z[rows, at] - level[:, 0]) / np.where(rise > 0, rise, 1)
    crossing = time_ms[at] - part * (time_ms[1] - time_ms[0]) - set_ms
    missed = ~up.any(axis=1)
    peak = time_ms[np.where(after, z, 0.0).argmax(axis=1)] - set_ms
    return np.where(missed, np.nan, crossing), np.where(missed, np.nan, peak)


def score_production(recording: Recording, **options: Any) -> dict[str, Scores]:
    """Return the scores of every readout of a run, those of a target among them."""
    points = probed_points(recording)
    out = score_targets(recording, **options)
    for label in recording.labels:
        readout = read_readout(recording, label)
        interval, share = read_priors(recording)
        block, condition = (recording[schema.probe(name)] for name in KEYS[::2])
        trained = share[block, condition] > 0
        # A threshold for each moment, from intervals of the block's own prior.
        moment = points.table[points.of_probe, 1] + 1_000_000 * block
        z, own = readout.prediction[..., 0], np.where(trained, moment, -1 - moment)
        crossing, peak = produced(z, readout.time_ms, interval[block, condition], own)
        found = out[label]
        found["production_ms"], found["production_peak_ms"] = points.mean(crossing), points.mean(peak)
        found |= _of_blocks(points, crossing, peak, interval, share)
    return out


def _of_blocks(
    points: Points, crossing: np.ndarray, peak: np.ndarray, interval: np.ndarray, share: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the scores of each block's last probes of its own prior, ``(B,)`` each."""
    found = {name: np.full(len(share), np.nan) for name in OF_BLOCKS}
    block, trial, condition = points.table[points.of_probe].T
    for b in range(len(share)):
        last = trial[block == b].max(initial=-1)
        q = np.flatnonzero((block == b) & (trial == last) & (share[b, condition] > 0))
        if not q.size:
            continue
        found["production_missed"][b] = np.isnan(crossing[q]).mean()
        t = interval[b, condition[q]]
        for name, said in (("production_slope", crossing[q]), ("production_slope_peak", peak[q])):
            found[name][b] = fit_line(t, said).slope
        line = fit_line(t, peak[q])
        if abs(1 - line.slope) > 0.02:
            found["indifference_ms"][b] = line.intercept / (1 - line.slope)
        shown = np.unique(t)
        spread = [
            np.nanstd(crossing[q][t == one], ddof=1) for one in shown if _known(crossing[q][t == one]) > 1
        ]
        mean = [np.nanmean(crossing[q][t == one]) for one in shown if _known(crossing[q][t == one]) > 1]
        if not spread:
            continue
        weber = float(np.mean(np.array(spread) / np.array(mean)))
        found["production_cv"][b] = weber
        if weber > 0 and shown.size > 1:
            found["production_slope_bls"][b] = regression(shown[0], shown[-1], weber, "bls", shown).slope
    return found


def _known(values: np.ndarray) -> int:
    return int(np.isfinite(values).sum())
