"""Ideal observers: what a learner that only counts could know after n trials.

Both observers average the bumps of the events they have seen since the last
change, plus one pseudo-trial spread evenly over the K events (at any latency)
and the omission. The counting observer believes that nothing ever changes; the
change-point observer keeps a posterior over the trial since which statistics
have held (Adams & MacKay 2007, arXiv:0710.3742), for all cues at once. Neither
is told about blocks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spikewhen.analysis.targets import bump

HAZARD = 0.01
"""Probability per trial that everything changes, of the change-point observer."""

PRIOR_TRIALS = 1.0


class Seen(NamedTuple):
    """What came on each trial of a run, each ``(n,)``."""

    cue: np.ndarray
    event: np.ndarray  # -1 = omission
    time_ms: np.ndarray  # after cue onset; NaN on an omission


def run_starts(
    seen: Seen, n_events: int, horizon_ms: float, hazard: float, resolution_ms: float = 10.0
) -> np.ndarray:
    """Return the posterior over the first trial of the current regime.

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

    Returns
    -------
    (n+1, n+1) float64
        Row m: P(regime started at trial r | the first m trials), r <= m.
    """
    n = len(seen.event)
    same_cue = seen.cue[:, None] == seen.cue
    lag = np.where(seen.event < 0, 0.0, seen.time_ms)
    density = np.exp(-0.5 * ((lag[:, None] - lag) / resolution_ms) ** 2)
    density = np.where(seen.event < 0, 1.0, density / (resolution_ms * np.sqrt(2 * np.pi)))
    likelihood = np.where(same_cue & (seen.event[:, None] == seen.event), density, 0.0)
    unseen = PRIOR_TRIALS / (n_events + 1) * np.where(seen.event < 0, 1.0, 1 / horizon_ms)

    starts = np.zeros((n + 1, n + 1))
    starts[0, 0] = 1.0
    for m in range(n):
        hits = np.append(_suffix_sum(likelihood[:m, m]), 0.0)
        trials = np.append(_suffix_sum(same_cue[:m, m]), 0.0)
        posterior = starts[m, : m + 1] * (unseen[m] + hits) / (PRIOR_TRIALS + trials)
        starts[m + 1, : m + 1] = (1 - hazard) * posterior / posterior.sum()
        starts[m + 1, m + 1] = hazard
    return starts


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
    starts = run_starts(seen, n_events, float(time_ms[-1]), hazard)
    events = (seen.event[:, None] == np.arange(n_events)).astype(float)
    bumps = np.nan_to_num(bump(time_ms, seen.time_ms[:, None], sigma_ms))
    # A latency that could be anywhere: the bump's area spread over the trial.
    anywhere = sigma_ms * np.sqrt(2 * np.pi) / time_ms[-1] / (n_events + 1)
    z = np.empty((len(after_trial), time_ms.size, n_events))
    for i, (m, c) in enumerate(zip(after_trial, cue, strict=True)):
        weights, unseen = trial_weights(starts[m, : m + 1], seen.cue[:m], c)
        z[i] = bumps[:m].T @ (weights[:, None] * events[:m]) + unseen * anywhere
    return z


def _suffix_sum(values: np.ndarray) -> np.ndarray:
    return np.cumsum(values[::-1], dtype=float)[::-1]
