"""Scores of any task that says what a perfect readout would produce: a target per block and condition.

A task stores ``/blocks/target`` (B, G, T, K), G conditions on every readout step of the
longest trial, and may store ``/blocks/window`` (B, G, T), 1 where the prediction counts.
Times past a trial's end, where the target or the recording is NaN, do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.analysis import scores
from spikewhen.analysis.adaptation import trials_to_criterion
from spikewhen.analysis.ridge import Ridge, fit_ridge
from spikewhen.analysis.score_names import KEYS
from spikewhen.analysis.summary import at_trial
from spikewhen.analysis.views import (
    Clock,
    Features,
    Points,
    Readout,
    Scores,
    probed_points,
    read_clock,
    read_readout,
)
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording

MOST_TRIALS = 200
"""Most trials taken of a block for the ridge ceiling, so that memory does not grow with its length."""


def targets(recording: Recording, time_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the target (B, G, T, K), zeros where it is undefined, and where it counts (B, G, T).

    Parameters
    ----------
    recording : Recording
    time_ms : (T,) array
        Ends of readout steps, after cue onset.

    Raises
    ------
    InputError
        If the task stored no target, or one of another shape.
    """
    path = schema.block("target")
    if path not in recording:
        raise InputError(path, "missing", 'the target (blocks, conditions, time, events) of scores "target"')
    target = np.asarray(recording[path], float)
    kept = read_clock(recording, time_ms).step_of(time_ms)
    if target.ndim != 4 or kept[-1] >= target.shape[2]:
        raise InputError(path, target.shape, f"(blocks, conditions, {kept[-1] + 1} or more times, events)")
    counts = np.isfinite(target).all(-1)
    if schema.block("window") in recording:
        counts &= np.asarray(recording[schema.block("window")]) > 0
    return np.nan_to_num(target)[:, :, kept], counts[:, :, kept]


def score_targets(
    recording: Recording,
    features: Features | None = None,
    every_ms: float = 10.0,
    ceiling: np.ndarray | None = None,
    **_: Any,
) -> dict[str, Scores]:
    """Return the scores of every readout of a run; arguments as `spikewhen.analysis.score_run.score_run`."""
    points = probed_points(recording)
    out: dict[str, Scores] = {}
    for label in recording.labels:
        readout = read_readout(recording, label)
        found = Scores(_point_scores(recording, readout, points))
        if features is not None:
            if ceiling is None:
                ceiling = points.mean(ridge_errors(recording, readout, points, features, every_ms))
            found["error_ridge"] = ceiling
        n = int(np.max(recording[schema.trial("block")])) + 1
        found["trials_to_settle"] = np.array([settled(found, b) for b in range(n)])
        out[label] = found
    return out


def _point_scores(recording: Recording, readout: Readout, points: Points) -> dict[str, np.ndarray]:
    target, counts = targets(recording, readout.time_ms)
    row = recording[schema.probe("block")], recording[schema.probe("condition")]
    wanted, where = target[row], counts[row] & np.isfinite(readout.prediction).all(-1)
    z, t = np.nan_to_num(readout.prediction), np.zeros(readout.time_ms.size)  # the window alone decides
    inside = np.broadcast_to(where[..., None], z.shape)
    by_probe = {
        "error": scores.error(z, wanted, t, inside),
        "error_channel": scores.error_per_channel(z, wanted, t, inside),
        "p_hat": readout.p_hat if readout.factored else np.full(readout.p_hat.shape, np.nan),
    }
    found = dict(zip(KEYS, points.table.T.copy(), strict=True))
    found |= {name: points.mean(values) for name, values in by_probe.items()}
    first = np.unique(points.of_probe, return_index=True)[1]
    parts = []
    for i, q in enumerate(first):
        mine = np.where(inside[q], z[points.of_probe == i], 0)
        parts.append(scores.error_parts(mine, np.where(inside[q], wanted[q], 0), t))
    found["error_bias"], found["error_spread"] = np.array(parts).reshape(-1, 2).T.copy()
    return found


def settled(found: Scores, block: int) -> float:
    """Return the trials until E stays within 10 % of a block's last one, NaN without probes."""
    trials = np.unique(found["trial"][found["block"] == block])
    if not trials.size:
        return np.nan
    curve = np.array([at_trial(found, "error", block, int(n)) for n in trials])
    return trials_to_criterion(trials, curve, curve[-1])


def ridge_errors(
    recording: Recording, readout: Readout, points: Points, features: Features, every_ms: float
) -> np.ndarray:
    """Return E of the best linear readout of a block's activity, on its last probes, NaN on others, (q,).

    Fitted to the target of each training trial's condition, where it counts.
    """
    q_block, q_condition = (recording[schema.probe(name)] for name in ("block", "condition"))
    trial = points.table[points.of_probe, 1]
    out = np.full(q_block.size, np.nan)
    clock = read_clock(recording, readout.time_ms)
    every_ms = clock.every(every_ms)
    for b in np.unique(q_block):
        here = q_block == b
        probes = np.flatnonzero(here & (trial == trial[here].max()))
        of_probes = np.asarray(features(recording, "probes", probes, every_ms), float)
        if not of_probes.shape[1]:  # a trial is shorter than the time between two features
            continue
        target, counts = targets(recording, clock.times(of_probes.shape[1], every_ms))
        fit = fit_block(recording, clock, features, every_ms, int(b))
        wanted, where = target[b][q_condition[probes]], counts[b][q_condition[probes]]
        where = where & np.isfinite(of_probes).all(-1)
        z = np.nan_to_num(of_probes) @ fit.weights.T
        inside = np.broadcast_to(where[..., None], z.shape)
        out[probes] = scores.error(z, wanted, np.zeros(z.shape[1]), inside)
    return out


def fit_block(recording: Recording, clock: Clock, features: Features, every_ms: float, block: int) -> Ridge:
    """Fit the best linear readout of a block's trials to the target of each trial's condition."""
    of_block, condition = (recording[schema.trial(name)] for name in ("block", "condition"))
    rows = np.flatnonzero(of_block == block)
    rows = rows[np.linspace(0, rows.size - 1, min(rows.size, MOST_TRIALS)).round().astype(int)]
    x = np.asarray(features(recording, "trials", rows, every_ms), float)
    target, counts = targets(recording, clock.times(x.shape[1], every_ms))
    used = counts[block][condition[rows]] & np.isfinite(x).all(-1)
    taught = np.where(used[..., None], target[block][condition[rows]], 0)
    return fit_ridge(np.where(used[..., None], x, 0), taught)
