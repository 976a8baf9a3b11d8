"""Scores of events that come at several times: the expectation that a readout follows.

A run stores the tables of `spikewhen.paradigms.event_times`. Each readout is held against three
targets (`spikewhen.analysis.expectations`): the density, the hazard, and the delivered hazard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.analysis import scores
from spikewhen.analysis.calibration import fit_line
from spikewhen.analysis.expectations import TARGETS, blurred_hazard, probability_blurred
from spikewhen.analysis.score_names import KEYS
from spikewhen.analysis.score_targets import settled
from spikewhen.analysis.views import Features, Points, Readout, Scores, probed_points, read_readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording

WEBER, FLOOR = 0.21, 0.1
"""SD of a clock over the time it counts (Grabenhorst et al. 2019), and what keeps reaction times finite."""

TABLES = ("p_event", "times_ms", "weights")


def read_times(recording: Recording) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return p_event (B, G, K), times_ms and weights (B, G, K, m) of a run.

    Raises
    ------
    InputError
        If the run is of a task that stores none.
    """
    missing = [name for name in TABLES if schema.block(name) not in recording]
    if missing:
        raise InputError(schema.block(missing[0]), "missing", 'the tables of scores "times"')
    p, times, weights = (np.asarray(recording[schema.block(name)], float) for name in TABLES)
    return p, times, weights


def score_times(recording: Recording, features: Features | None = None, **_: Any) -> dict[str, Scores]:
    """Return the scores of every readout of a run; arguments as `spikewhen.analysis.score_run.score_run`."""
    points = probed_points(recording)
    n = int(np.max(recording[schema.trial("block")])) + 1
    out: dict[str, Scores] = {}
    for label in recording.labels:
        found = Scores(_point_scores(recording, read_readout(recording, label), points))
        found["trials_to_settle"] = np.array([settled(found, b) for b in range(n)])
        out[label] = found
    return out


def _point_scores(recording: Recording, readout: Readout, points: Points) -> dict[str, np.ndarray]:
    p, times, weights = (a[points.table[:, 0], points.table[:, 2]] for a in read_times(recording))
    t, i = readout.time_ms, points.of_probe
    targets = {name: of(t, p, times, weights, readout.sigma_ms) for name, of in TARGETS.items()}
    errors = {name: scores.error(readout.prediction, target[i], t) for name, target in targets.items()}
    by_probe = {
        "error": errors["density"],
        "error_channel": scores.error_per_channel(readout.prediction, targets["density"][i], t),
        "error_hazard": errors["hazard"],
        "error_delivered": errors["delivered"],
        "p_hat": readout.p_hat if readout.factored else np.full(readout.p_hat.shape, np.nan),
    }
    found = dict(zip(KEYS, points.table.T.copy(), strict=True))
    found |= {name: points.mean(values) for name, values in by_probe.items()}
    mean = points.mean(readout.prediction)
    said = at_times(mean, t, times)
    counted = np.where(weights > 0, said, np.nan)
    for name, target in targets.items():
        found[f"shape_{name}"] = fit_line(at_times(target, t, times), counted).r
    found["slope_surprise"] = fit_line(times / 1000, 1 - counted).slope
    found["rt_density"], found["rt_hazard"] = reaction_times(counted, p, times, weights)
    parts = [
        scores.error_parts(readout.prediction[i == at], targets["density"][at], t)
        for at in range(len(points.table))
    ]
    found["error_bias"], found["error_spread"] = np.array(parts).reshape(-1, 2).T.copy()
    return found


def reaction_times(
    said: np.ndarray, p: np.ndarray, times: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Regress modelled reaction times on what they are said to follow.

    A reaction time is ``1 / (prediction + FLOOR)`` but for a line. It is regressed on 1 / f, f the density
    blurred where it is low, and on minus the hazard behind a clock of Weber's law
    (`spikewhen.analysis.expectations`), both as Grabenhorst et al. (2019) compare them.

    Parameters
    ----------
    said : (P, K, m) ndarray
        Predictions at the event's times, NaN where it does not come.
    p, times, weights : (P, K), (P, K, m), (P, K, m) ndarray

    Returns
    -------
    (P, K), (P, K)
        Signed r^2: negative where reaction times fall with what should lengthen them.
    """
    out = np.full((2, *p.shape), np.nan)
    for i, k in np.ndindex(*p.shape):
        there = weights[i, k] > 0
        t, w = times[i, k][there], weights[i, k][there]
        if t.size < 4 or p[i, k] == 0:
            continue
        grid, hazard = blurred_hazard(t, w, float(p[i, k]), WEBER, end_ms=2.5 * t[-1])
        slow = 1 / probability_blurred(t, w, WEBER), -np.interp(t, grid, hazard)
        r = [float(fit_line(u, 1 / (said[i, k][there] + FLOOR)).r) for u in slow]
        out[:, i, k] = np.sign(r) * np.square(r)
    return out[0], out[1]


def at_times(z: np.ndarray, time_ms: np.ndarray, times_ms: np.ndarray) -> np.ndarray:
    """Return z (P, T, K) at the readout steps that end at, or just before, the times (P, K, m)."""
    step = np.searchsorted(time_ms, np.asarray(times_ms) + 1e-6, side="right") - 1
    return np.take_along_axis(np.swapaxes(z, 1, 2), np.maximum(step, 0), axis=2)
