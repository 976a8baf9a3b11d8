"""Activity and lessons of the trials of one recording, and the weights that were learned from them.

Features come from a function that recomputes the traces from the spikes,
`spikewhen.reservoir.replay.features`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spikewhen.analysis.geometry.subspaces import basis
from spikewhen.analysis.targets import bump
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.analysis.views import Features, Readout, Task
    from spikewhen.reservoir.files.recording import Recording

MOST_TRIALS = 200
"""Most trials taken of a block, so that memory does not grow with its length."""


class Activity(NamedTuple):
    """Activity of some trials or probes, with what readouts of it are taught or held against."""

    time_ms: np.ndarray  # (T',) after cue onset
    features: np.ndarray  # (n, T', N+1) float64, the bias last
    bumps: np.ndarray  # (n, T', K) s_k(t) of every event
    outcome: np.ndarray  # (n, K) one-hot, zero where nothing came
    probability: np.ndarray  # (n, K) true p

    def window_means(self, window_ms: tuple[float, float]) -> np.ndarray:
        """Return the features' means (n, N+1) over a window (start, end], ms after cue onset."""
        start, end = window_ms
        return self.features[:, (self.time_ms > start) & (self.time_ms <= end)].mean(1)


def feature_times(kept_ms: np.ndarray, n: int, every_ms: float) -> np.ndarray:
    """Return the times (n,) of features `every_ms` apart, ms after cue onset.

    Features and kept readouts both stand at the ends of strides that are counted from
    the beginning of the trial, whatever the two strides are.

    Parameters
    ----------
    kept_ms : (T,) array
        Times at which readouts were kept, evenly spaced.
    n : int
        Number of features.
    every_ms : float
    """
    begin = kept_ms[0] - (kept_ms[1] - kept_ms[0])
    return begin + every_ms * np.arange(1, n + 1)


def block_activity(
    recording: Recording, readout: Readout, task: Task, features: Features, every_ms: float, block: int
) -> Activity:
    """Collect a block's activity at times `every_ms` apart, of at most `MOST_TRIALS` evenly spaced trials."""
    rows = np.flatnonzero(task.trial_block == block)
    if rows.size > MOST_TRIALS:
        rows = rows[np.linspace(0, rows.size - 1, MOST_TRIALS).round().astype(int)]
    x = np.asarray(features(recording, "trials", rows, every_ms), float)
    t = feature_times(readout.time_ms, x.shape[1], every_ms)
    bumps = trial_bumps(task, t, readout.sigma_ms, rows)
    outcome = (task.seen.event[rows][:, None] == np.arange(bumps.shape[2])).astype(float)
    return Activity(t, x, bumps, outcome, task.of_trials(task.probability)[rows])


def probe_activity(
    recording: Recording,
    readout: Readout,
    task: Task,
    features: Features,
    every_ms: float,
    probes: np.ndarray,
) -> Activity:
    """Collect the activity on some probes; bumps stand at the mean latencies, and nothing comes."""
    x = np.asarray(features(recording, "probes", probes, every_ms), float)
    t = feature_times(readout.time_ms, x.shape[1], every_ms)
    latency, late, share = (
        task.of_probes(a)[probes] for a in (task.latency_ms, task.late_ms, task.late_share)
    )
    bumps = _mean_bumps(t, readout.sigma_ms, latency, late, share)
    return Activity(t, x, bumps, np.zeros_like(latency), task.of_probes(task.probability)[probes])


def trial_bumps(task: Task, time_ms: np.ndarray, sigma_ms: float, rows: np.ndarray) -> np.ndarray:
    """Return s_k(t) (n, T, K) of every event: at its delivered time, else its mean latency.

    The bump of an event with two times that did not come is the average over both.
    """
    latency, late, share = (
        task.of_trials(a)[rows].copy() for a in (task.latency_ms, task.late_ms, task.late_share)
    )
    came = task.seen.event[rows] >= 0
    delivered = came, task.seen.event[rows][came]
    latency[delivered], share[delivered] = task.seen.time_ms[rows][came], 0
    return _mean_bumps(time_ms, sigma_ms, latency, late, share)


def _mean_bumps(time_ms, sigma_ms: float, latency, late, share) -> np.ndarray:
    """Return bumps (n, T, K), averaged over the two times where an event has two; 0 without any time."""
    bumps = bump(time_ms[:, None], latency[:, None, :], sigma_ms)
    if share.any():
        other = bump(time_ms[:, None], late[:, None, :], sigma_ms)
        bumps = bumps + share[:, None, :] * (other - bumps)
    return np.nan_to_num(bumps)


def final_weights(
    recording: Recording, label: str, block: int, task: Task
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the weights of "what" and "when", (K, N+1) each, at a block's last probes.

    None without probes in the block, or where the label has no weights.
    """
    after = task.probe_seen[task.probe_block == block]
    if after.size == 0 or schema.weights(label, "trial") not in recording:
        return None
    row = int(np.flatnonzero(recording[schema.weights(label, "trial")] == after.max())[0])
    what, when = (recording[schema.weights(label, k)][row].astype(float) for k in ("v", "w"))
    return what, when


def learned_weights(
    recording: Recording, label: str, block: int, task: Task
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return `final_weights` if both readouts have directions, None where one is all zero."""
    weights = final_weights(recording, label, block, task)
    return weights if weights is not None and all(basis(w, bias=True).shape[1] for w in weights) else None
