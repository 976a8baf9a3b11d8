"""Scores of events that have a probability and a latency: of MEET, and of tasks that store its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spikewhen.analysis import scores
from spikewhen.analysis.adaptation import overshoot, residual, savings, trials_to_criterion
from spikewhen.analysis.baselines import replaced_errors, ridge_ceiling
from spikewhen.analysis.calibration import brier, fit_line
from spikewhen.analysis.geometry.activity import Activity, block_activity, probe_activity
from spikewhen.analysis.geometry.overlap import (
    BlockReferences,
    score_geometry,
    weight_geometry,
    what_window,
)
from spikewhen.analysis.observers import HAZARD, NEVER, observe
from spikewhen.analysis.score_names import KEYS
from spikewhen.analysis.summary import at_trial
from spikewhen.analysis.targets import hazard_target, marginal_target
from spikewhen.analysis.views import (
    Features,
    Points,
    Readout,
    Scores,
    Task,
    group_probes,
    read_readout,
    read_task,
)
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording


def score_events(
    recording: Recording,
    features: Features | None = None,
    naive: dict[str, np.ndarray] | None = None,
    every_ms: float = 10.0,
    ceiling: np.ndarray | None = None,
    geometry: bool = True,
) -> dict[str, Scores]:
    """Score every readout of a run of MEET; arguments as `spikewhen.analysis.score_run.score_run`.

    Returns
    -------
    dict of label to dict of name to array
        The names of `spikewhen.analysis.score_names.SCORES`.
    """
    task = read_task(recording)
    points = group_probes(task.probe_block, task.probe_trial, task.probe_cue)
    activity = None
    if features is not None:
        activity = _activity_scores(recording, task, points, features, every_ms, ceiling, geometry)
    out: dict[str, Scores] = {}
    for label in recording.labels:
        readout = read_readout(recording, label)
        found = out[label] = Scores(point_scores(task, readout, points))
        found.add(block_scores(found, task, (naive or {}).get(label)))
        found["residual"], found["overshoot"] = switch_scores(task, readout, points)
        found.add(calibration_scores(found, task))
        found.add(_brier_scores(recording, label, readout, task))
        found.add(weight_geometry(recording, label, task))
        if activity is not None:
            found.add(activity.ridge)
            if activity.known is not None and activity.probes is not None:
                found.add(
                    score_geometry(recording, label, task, activity.block, activity.known, activity.probes)
                )
    return out


class _ActivityScores(NamedTuple):
    """What depends on the activity and serves every readout of a run."""

    ridge: Scores  # error_ridge (P,)
    block: int  # whose geometry is scored, the last one with probes
    known: BlockReferences | None
    probes: Activity | None  # the last ones of that block


def _activity_scores(
    recording: Recording,
    task: Task,
    points: Points,
    features: Features,
    every_ms: float,
    ceiling: np.ndarray | None,
    geometry: bool,
) -> _ActivityScores:
    """Fit the ridge ceiling on the last probes of each block, and collect what the geometry needs."""
    readout = read_readout(recording, recording.labels[0])
    errors = np.full(len(task.probe_block), np.nan)
    last = len(task.probability) - 1
    known, probes, short = None, None, ""
    of_cue = all(window[0] >= 0 for window in _what_windows(recording))
    for b in np.unique(task.probe_block):
        if ceiling is not None and not (geometry and b == last):
            continue
        here = task.probe_block == b
        rows = np.flatnonzero(here & (task.probe_trial == task.probe_trial[here].max()))
        trials = block_activity(recording, readout, task, features, every_ms, int(b), of_cue)
        probes = probe_activity(recording, readout, task, features, every_ms, rows)
        penalty = None
        if not (trials.time_ms >= 0).any():
            short = f"no feature stands after the cue: they are {every_ms:g} ms apart"
        elif ceiling is None:
            target = task.expected(marginal_target, probes.time_ms, readout.sigma_ms, rows)
            errors[rows], penalty = ridge_ceiling(trials, probes, target)
        if geometry and b == last:
            known = BlockReferences(trials, penalty=penalty)
        del trials  # before those of the next block are collected
    ridge = Scores(error_ridge=points.mean(errors) if ceiling is None else ceiling)
    if short:
        ridge.undefined["error_ridge"] = short
    return _ActivityScores(ridge, last, known, probes)


def _what_windows(recording: Recording) -> list[tuple[float, float]]:
    """Return the windows over which the readouts of a run average features."""
    attributes = (recording.attrs[schema.readout(label)] for label in recording.labels)
    rules = (json.loads(a["parameters"]).get("what") for a in attributes if "parameters" in a)
    return [what_window(rule) for rule in rules if rule]


def point_scores(task: Task, readout: Readout, points: Points) -> dict[str, np.ndarray]:
    """Return the scores of every probed moment, each (P,) or (P, K)."""
    t, z = readout.time_ms, readout.prediction
    p, latency, only = map(task.of_probes, (task.probability, task.latency_ms, task.only_ms))
    target = task.expected(marginal_target, t, readout.sigma_ms)
    hazard = task.expected(hazard_target, t, readout.sigma_ms)
    before = t[:, None] < latency[:, None, :]
    timing = scores.timing(z, target, t, latency, task.of_probes(task.late_ms))
    undefined = np.full(len(z), np.nan)
    ladder = dict.fromkeys(("equal_p", "winner", "true_p"), undefined)
    if readout.factored:
        ladder = replaced_errors(readout.y, p, target, t)
    first = np.unique(points.of_probe, return_index=True)[1]  # one probe of each point
    observed = {
        name: scores.error(
            observe(
                task.seen,
                task.probe_seen[first],
                task.probe_cue[first],
                t,
                readout.sigma_ms,
                z.shape[2],
                rate,
            ),
            target[first],
            t,
        )
        for name, rate in (("counting", NEVER), ("change_point", HAZARD))
    }
    parts = [scores.error_parts(z[points.of_probe == i], target[q], t) for i, q in enumerate(first)]
    by_probe = {
        "error": scores.error(z, target, t),
        "error_channel": scores.error_per_channel(z, target, t),
        "error_hazard": scores.error(z, hazard, t),
        "error_before": scores.error(z, target, t, before),
        "error_after": scores.error(z, target, t, ~before),
        **{f"error_{name}": e for name, e in ladder.items()},
        "timing_error_ms": timing.error_ms,
        "detection": timing.detected,
        "half_width_ms": timing.half_width_ms,
        "amplitude": scores.amplitude(z, t, only),
        "amplitude_y": scores.amplitude(readout.y, t, only),
        "p_hat": readout.p_hat if readout.factored else np.full(p.shape, np.nan),
        "probability": p,
    }
    found = dict(zip(KEYS, points.table.T.copy(), strict=True))
    found |= {name: points.mean(values) for name, values in by_probe.items()}
    found["error_bias"], found["error_spread"] = np.array(parts).reshape(-1, 2).T.copy()
    found |= {f"error_{name}": e for name, e in observed.items()}
    found["error_relative"] = _relative_to_first(found)
    return found


def _relative_to_first(found: Mapping[str, np.ndarray]) -> np.ndarray:
    first = {(b, c): e for b, n, c, e in zip(*(found[k] for k in (*KEYS, "error")), strict=True) if n == 1}
    keys = zip(found["block"], found["condition"], strict=True)
    base = np.array([first.get(key, np.nan) for key in keys], float)
    return found["error"] / np.where(base > 0, base, np.nan)


def error_curve(found: Mapping[str, np.ndarray], block: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probed trials and E, mean over the cues, of one block."""
    here = found["block"] == block
    trials = np.unique(found["trial"][here])
    return trials, np.array([at_trial(found, "error", block, int(n)) for n in trials])


def block_scores(
    found: Mapping[str, np.ndarray], task: Task, naive: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return how fast each block was learned, each (B,)."""
    n = len(task.probability)
    settle, to_naive, saved = np.full((3, n), np.nan)
    curves = [error_curve(found, b) for b in range(n)]
    for b, (trial, curve) in enumerate(curves):
        if trial.size == 0:
            continue
        settle[b] = trials_to_criterion(trial, curve, curve[-1])
        if naive is not None:
            to_naive[b] = trials_to_criterion(trial, curve, naive[b])
        same = [
            a
            for a in range(b)
            if all(np.array_equal(x[a], x[b]) for x in task.contingencies) and curves[a][0].size
        ]
        if same:
            again = trials_to_criterion(trial, curve, curves[same[0]][1][-1])
            saved[b] = savings(settle[same[0]], again)
    return {"trials_to_settle": settle, "trials_to_naive": to_naive, "savings": saved}


def switch_scores(task: Task, readout: Readout, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Return the residual (P, K) at each point and the overshoot (B, K) of each block."""
    t, latency = readout.time_ms, task.only_ms
    n_blocks, n_cues, k = latency.shape
    left, beyond = np.full((len(points.table), k), np.nan), np.full((n_blocks, n_cues, k), np.nan)
    for b in range(n_blocks):
        for c in range(n_cues):
            here = np.flatnonzero((points.table[:, 0] == b) & (points.table[:, 2] == c))
            if here.size == 0:
                continue
            z = np.stack([readout.prediction[points.of_probe == i].mean(0) for i in here])
            now = scores.amplitude(z, t, latency[b, c])
            start = np.zeros(k)
            old = np.flatnonzero((points.table[:, 0] == b - 1) & (points.table[:, 2] == c))
            if old.size:
                last = readout.prediction[points.of_probe == old[-1]].mean(0)
                start = scores.amplitude(last, t, latency[b, c])
                level = scores.amplitude(last, t, latency[b - 1, c])
                # What was never learned cannot be left over.
                learned = level >= scores.DETECTION * task.probability[b - 1, c]
                level = np.where(learned, level, 0)
                left[here] = residual(z, t, latency[b - 1, c], latency[b, c], level, readout.sigma_ms)
            beyond[b, c] = overshoot(now, start, now[-1])
    known = np.isfinite(beyond)
    n = known.sum(1)
    return left, np.where(n > 0, np.where(known, beyond, 0).sum(1) / np.maximum(n, 1), np.nan)


def calibration_scores(found: Mapping[str, np.ndarray], task: Task) -> dict[str, np.ndarray]:
    """Return r and slope over the last points of all blocks, cues and channels."""
    last = np.array(
        [
            found["trial"][i] == found["trial"][found["block"] == b].max()
            for i, b in enumerate(found["block"])
        ],
        bool,
    )
    p = found["probability"][last].ravel()
    out = {}
    for name, source in (("p_hat", "p_hat"), ("y", "amplitude_y"), ("amplitude", "amplitude")):
        line = fit_line(p, found[source][last].ravel())
        out[f"calibration_r_{name}"], out[f"calibration_slope_{name}"] = map(
            np.atleast_1d, (line.r, line.slope)
        )
    return out


def _brier_scores(recording: Recording, label: str, readout: Readout, task: Task) -> dict[str, np.ndarray]:
    n = len(task.probability)
    out = {"brier": np.full(n, np.nan), "brier_true": np.full(n, np.nan)}
    path = schema.readout(label, "trials", "p_hat")
    truth = task.of_trials(task.probability)
    for b in range(n):
        here = task.trial_block == b
        out["brier_true"][b] = brier(truth[here], task.seen.event[here])
        if readout.factored and path in recording:
            out["brier"][b] = brier(recording[path][here], task.seen.event[here])
    return out
