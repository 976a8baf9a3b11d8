"""Activity and lessons of the trials of one recording, and the weights that were learned from them.

Features come from a function that recomputes the traces from the spikes,
`spikewhen.reservoir.replay.features`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spikewhen.analysis.geometry.subspaces import basis
from spikewhen.analysis.targets import bump
from spikewhen.analysis.views import read_clock
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.analysis.views import Features, Readout, Task
    from spikewhen.reservoir.files.recording import Recording

MOST_TRIALS = 200
"""Most trials taken of a block, so that memory does not grow with its length."""

AT_ONCE = 10
"""Trials whose features are asked for at a time, where only a part of them is kept."""

WindowMeans = Callable[[tuple[float, float]], np.ndarray]
"""Means (n, N+1) over a window (start, end], ms after cue onset."""


class Activity(NamedTuple):
    """Activity of some trials or probes, with what readouts of it are taught or held against."""

    time_ms: np.ndarray  # (T',) after cue onset
    features: np.ndarray  # (n, T', N+1) float64, the bias last
    bumps: np.ndarray  # (n, T', K) s_k(t) of every event
    outcome: np.ndarray  # (n, K) one-hot, zero where nothing came
    probability: np.ndarray  # (n, K) true p
    fine: WindowMeans | None = None  # means over every readout step of a window

    @property
    def after_cue(self) -> tuple[np.ndarray, np.ndarray]:
        """Features and bumps from cue onset on."""
        after = self.time_ms >= 0
        if after.all():  # a copy would double what is held
            return self.features, self.bumps
        return self.features[:, after], self.bumps[:, after]

    def window_means(self, window_ms: tuple[float, float]) -> np.ndarray:
        """Return the features' means (n, N+1) over a window (start, end], ms after cue onset.

        A window between two times of the activity is averaged over its readout steps.
        """
        inside = _inside(self.time_ms, window_ms)
        if not inside.any() and self.fine is not None:
            return self.fine(window_ms)
        return self.features[:, inside].mean(1)


def block_activity(
    recording: Recording,
    readout: Readout,
    task: Task,
    features: Features,
    every_ms: float,
    block: int,
    after_cue: bool = False,
) -> Activity:
    """Collect a block's activity at times `every_ms` apart, of at most `MOST_TRIALS` evenly spaced trials.

    Parameters
    ----------
    recording, readout, task, features, block
        Of which run, and how its features are found again.
    every_ms : float
        Rounded to a multiple of the readout step.
    after_cue : bool
        Leave out the times before the cue, which most fits do not use.
    """
    rows = np.flatnonzero(task.trial_block == block)
    if rows.size > MOST_TRIALS:
        rows = rows[np.linspace(0, rows.size - 1, MOST_TRIALS).round().astype(int)]
    t, x, fine = _collect(recording, readout, features, every_ms, "trials", rows, after_cue)
    bumps = trial_bumps(task, t, readout.sigma_ms, rows)
    outcome = (task.seen.event[rows][:, None] == np.arange(bumps.shape[2])).astype(float)
    return Activity(t, x, bumps, outcome, task.of_trials(task.probability)[rows], fine)


def probe_activity(
    recording: Recording,
    readout: Readout,
    task: Task,
    features: Features,
    every_ms: float,
    probes: np.ndarray,
) -> Activity:
    """Collect the activity on some probes; bumps stand at the mean latencies, and nothing comes."""
    t, x, fine = _collect(recording, readout, features, every_ms, "probes", probes)
    latency, late, share = (
        task.of_probes(a)[probes] for a in (task.latency_ms, task.late_ms, task.late_share)
    )
    bumps = _mean_bumps(t, readout.sigma_ms, latency, late, share)
    return Activity(t, x, bumps, np.zeros_like(latency), task.of_probes(task.probability)[probes], fine)


def _collect(
    recording: Recording,
    readout: Readout,
    features: Features,
    every_ms: float,
    which: str,
    rows: np.ndarray,
    after_cue: bool = False,
) -> tuple[np.ndarray, np.ndarray, WindowMeans]:
    """Return times (T',), features (n, T', N+1), and what averages features over a window, step by step."""
    clock = read_clock(recording, readout.time_ms)
    every = clock.every(every_ms)

    def at(some: np.ndarray, apart_ms: float) -> np.ndarray:
        return np.asarray(features(recording, which, some, apart_ms), float)

    def fine(window_ms: tuple[float, float]) -> np.ndarray:
        out = []
        for row in rows:  # one at a time: at every step they take as much room as all rows of the others
            x = at(np.array([row]), clock.step_ms)[0]
            x = x[_inside(clock.times(len(x), clock.step_ms), window_ms)]
            out.append(x.mean(0) if len(x) else np.full(x.shape[1], np.nan))
        return np.array(out)

    if not after_cue:
        x = at(rows, every)
        return clock.times(x.shape[1], every), x, fine
    first = at(rows[:1], every)
    t = clock.times(first.shape[1], every)
    x = np.empty((rows.size, np.count_nonzero(t >= 0), first.shape[2]))
    for begin in range(0, rows.size, AT_ONCE):  # the whole never stands beside its part
        x[begin : begin + AT_ONCE] = at(rows[begin : begin + AT_ONCE], every)[:, t >= 0]
    return t[t >= 0], x, fine


def _inside(time_ms: np.ndarray, window_ms: tuple[float, float]) -> np.ndarray:
    return (time_ms > window_ms[0]) & (time_ms <= window_ms[1])


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
