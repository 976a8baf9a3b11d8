"""Ideal observers: what a learner that only counts could know after n trials.

Both observers average the bumps of the events they have seen since the last
change, plus one pseudo-trial spread evenly over the K events (at any latency)
and the omission. The counting observer believes that nothing ever changes; the
change-point observer keeps a posterior over the trial since which statistics
have held (Adams & MacKay 2007, arXiv:0710.3742), for all cues at once. Neither
is told about blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from spikewhen.analysis.targets import bump

HAZARD = 0.01
"""Probability per trial that everything changes, of the change-point observer."""

PRIOR_TRIALS = 1.0

MOMENTS, TRIALS = 256, 4096
"""Moments and trials that are looked at together, so that memory stays small."""


class Seen(NamedTuple):
    """What came on each trial of a run, each ``(n,)``."""

    cue: np.ndarray
    event: np.ndarray  # -1 = omission
    time_ms: np.ndarray  # after cue onset; NaN on an omission


def run_starts(
    seen: Seen, n_events: int, horizon_ms: float, hazard: float, resolution_ms: float = 10.0
) -> Iterator[np.ndarray]:
    """Yield the posterior over the first trial of the current regime, after each trial.

    Each one follows from the one before it, so that memory grows with the number of trials, not
    with its square.

    Parameters
    ----------
    seen : Seen
    n_events : int
        K, the number of events that can come besides the omission.
    horizon_ms : float
        Events are expected up to here before any is seen.
    hazard : float
        Probability of a change before each trial; 0 = never.
    resolution_ms : float
        SD of the observer's clock: a latency seen once predicts the same
        latency with this spread.

    Yields
    ------
    (m+1,) float64
        For m = 0 to n: P(regime started at trial r | the first m trials), r <= m.
    """
    omitted = seen.event < 0
    lag = np.where(omitted, 0.0, seen.time_ms)
    unseen = PRIOR_TRIALS / (n_events + 1) * np.where(omitted, 1.0, 1 / horizon_ms)
    starts: np.ndarray = np.ones(1)
    yield starts
    for m in range(len(seen.event)):
        same_cue = seen.cue[:m] == seen.cue[m]
        density = np.exp(-0.5 * ((lag[:m] - lag[m]) / resolution_ms) ** 2)
        density = np.where(omitted[:m], 1.0, density / (resolution_ms * np.sqrt(2 * np.pi)))
        likelihood = np.where(same_cue & (seen.event[:m] == seen.event[m]), density, 0.0)
        hits = np.append(_suffix_sum(likelihood), 0.0)
        trials = np.append(_suffix_sum(same_cue), 0.0)
        posterior = starts * (unseen[m] + hits) / (PRIOR_TRIALS + trials)
        starts = np.append((1 - hazard) * posterior / posterior.sum(), hazard)
        yield starts


def trial_weights(starts: np.ndarray, cues: np.ndarray, cue: int) -> tuple[np.ndarray, float]:
    """Return how much each past trial counts towards the next one.

    Parameters
    ----------
    starts : (m+1,) float64
        Posterior over the first trial of the current regime.
    cues : (m,) int
        Cue of each past trial.
    cue : int
        Cue of the next trial.

    Returns
    -------
    weights : (m,) float64
    unseen : float
        Weight of the pseudo-trial; ``weights.sum() + unseen`` is 1.
    """
    relevant = np.asarray(cues) == cue
    share = starts / (PRIOR_TRIALS + np.append(_suffix_sum(relevant), 0.0))
    return np.cumsum(share[:-1]) * relevant, float(PRIOR_TRIALS * share.sum())


def observe(
    seen: Seen, after_trial, cue, time_ms, sigma_ms: float, n_events: int, hazard: float = HAZARD
) -> np.ndarray:
    """Return the ideal observer's prediction after so many trials.

    Parameters
    ----------
    seen : Seen
    after_trial, cue : (q,) int
        How many trials have been seen, and the cue shown then.
    time_ms : (T,) array
    hazard : float
        0 makes the counting observer.

    Returns
    -------
    (q, T, K) float64
    """
    time_ms = np.asarray(time_ms, float)
    # A latency that could be anywhere: the bump's area spread over the trial.
    anywhere = sigma_ms * np.sqrt(2 * np.pi) / time_ms[-1] / (n_events + 1)
    asked: dict[int, list[int]] = {}
    for i, m in enumerate(after_trial):
        asked.setdefault(int(m), []).append(i)
    z = np.zeros((len(after_trial), time_ms.size, n_events))
    waiting: dict[int, np.ndarray] = {}  # weights of the trials before some of the moments
    for m, starts in enumerate(run_starts(seen, n_events, float(time_ms[-1]), hazard)):
        for i in asked.get(m, ()):
            waiting[i], unseen = trial_weights(starts, seen.cue[:m], cue[i])
            z[i] = unseen * anywhere
        if len(waiting) >= MOMENTS or m == len(seen.event):
            _add_bumps(z, waiting, seen, time_ms, sigma_ms)
            waiting.clear()
    return z


def _add_bumps(z: np.ndarray, weights: dict[int, np.ndarray], seen: Seen, time_ms, sigma_ms: float) -> None:
    """Add the weighted bumps of the trials seen so far to z (q, T, K), some trials at a time."""
    last = max((w.size for w in weights.values()), default=0)
    for begin in range(0, last, TRIALS):
        part = slice(begin, min(begin + TRIALS, last))
        events = (seen.event[part, None] == np.arange(z.shape[2])).astype(float)
        bumps = np.nan_to_num(bump(time_ms, seen.time_ms[part, None], sigma_ms))
        for i, w in weights.items():
            mine = w[part]
            z[i] += bumps[: mine.size].T @ (mine[:, None] * events[: mine.size])


def _suffix_sum(values: np.ndarray) -> np.ndarray:
    return np.cumsum(values[::-1], dtype=float)[::-1]
