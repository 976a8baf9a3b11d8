"""Ideal observers: what a learner that only counts could know after n trials.

An observer of MEET holds that the probabilities of events, for all cues at once, and
each latency, of one event after one cue, change apart from each other. For each of
these factors it keeps a posterior over the moment since which it has held (Adams &
MacKay 2007, arXiv:0710.3742). They are independent in the prior, and the likelihood
of a trial is a product over them, so they stay independent: the prediction is the
expected probability of an event times the expected bump at its latency.

What held since a moment is known from the trials since then and one pseudo-trial,
spread evenly over the K events, at any latency, and the omission. The counting
observer believes that nothing ever changes; the change-point observer expects each
factor to change at its hazard. Neither is told about blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from spikewhen.analysis.targets import bump

PRIOR_TRIALS = 1.0
RESOLUTION_MS = 10.0
"""SD of an observer's clock: a latency seen once predicts the same latency with this spread."""

MOMENTS, TRIALS = 256, 4096
"""Moments and trials that are looked at together, so that memory stays small."""


class Hazard(NamedTuple):
    """Probability per trial that a factor changes; 0 = never."""

    probability: float = 0.01  # of all events after all cues
    latency: float = 0.01  # of one event after one cue, for each of them


HAZARD = Hazard()
"""Of the change-point observer."""
NEVER = Hazard(0.0, 0.0)
"""Of the counting observer."""


class Seen(NamedTuple):
    """What came on each trial of a run, each ``(n,)``."""

    cue: np.ndarray
    event: np.ndarray  # -1 = omission
    time_ms: np.ndarray  # after cue onset; NaN on an omission


def even_prior(n_events: int) -> np.ndarray:
    """Return the pseudo-trial that is spread evenly over the K events and the omission, (K+1,)."""
    return np.full(n_events + 1, PRIOR_TRIALS / (n_events + 1))


def probability_starts(seen: Seen, prior: np.ndarray, hazard: float) -> Iterator[np.ndarray]:
    """Yield the posterior over the trial since which the probabilities have held, after each trial.

    Each one follows from the one before it, so that memory grows with the number of trials, not
    with its square.

    Parameters
    ----------
    seen : Seen
    prior : (K+1,) array
        Pseudo-trials of each event and, last, of the omission: those of a Dirichlet distribution, from
        which the probabilities after every cue are drawn anew at a change. 0 = known never to come.
    hazard : float
        Probability of a change before each trial.

    Yields
    ------
    (m+1,) float64
        For m = 0 to n: P(probabilities hold since trial r | the first m trials), r <= m.
    """
    starts: np.ndarray = np.ones(1)
    yield starts
    for m in range(len(seen.event)):
        same_cue = seen.cue[:m] == seen.cue[m]
        hits = _since(same_cue & (seen.event[:m] == seen.event[m]))
        # An omission is event -1, and the last of the prior.
        likelihood = (prior[seen.event[m]] + hits) / (prior.sum() + _since(same_cue))
        starts = _after_change(_normalised(starts * likelihood), hazard)
        yield starts


def expected_probability(starts: np.ndarray, seen: Seen, cue: int, prior: np.ndarray) -> np.ndarray:
    """Return the probability (K,) of every event on the next trial, if it shows this cue.

    Parameters
    ----------
    starts : (m+1,) float64
        Posterior over the trial since which the probabilities have held.
    seen : Seen
        Its first m trials are used.
    cue : int
    prior : (K+1,) array
        As for `probability_starts`.
    """
    m = starts.size - 1
    relevant = seen.cue[:m] == cue
    share = starts / (prior.sum() + _since(relevant))
    weights = np.cumsum(share[:-1]) * relevant  # of each past trial
    counted = np.array([weights[seen.event[:m] == k].sum() for k in range(prior.size - 1)])
    return counted + share.sum() * prior[:-1]


def latency_starts(time_ms, changed, horizon_ms: float, prior: float) -> Iterator[np.ndarray]:
    """Yield the posterior over the delivery since which a latency has held, after each delivery.

    Parameters
    ----------
    time_ms : (d,) array
        When the event came after the cue, on the trials that delivered it.
    changed : (d,) array
        Probability of a change between the delivery before and this one.
    horizon_ms : float
        The event is expected up to here before it is seen.
    prior : float
        Weight of that expectation, in deliveries.

    Yields
    ------
    (j+1,) float64
        For j = 0 to d: P(latency holds since delivery i | the first j deliveries), i <= j;
        no change is expected yet after delivery j.
    """
    time_ms = np.asarray(time_ms, float)
    starts: np.ndarray = np.ones(1)
    yield starts
    for j, time in enumerate(time_ms):
        if j:
            starts = _after_change(starts[:-1], changed[j])
        density = np.exp(-0.5 * ((time_ms[:j] - time) / RESOLUTION_MS) ** 2)
        hits = _since(density / (RESOLUTION_MS * np.sqrt(2 * np.pi)))
        likelihood = (prior / horizon_ms + hits) / (prior + np.arange(j, -1, -1))
        starts = np.append(_normalised(starts * likelihood), 0.0)
        yield starts


def observe(
    seen: Seen, after_trial, cue, time_ms, sigma_ms: float, n_events: int, hazard: Hazard = HAZARD
) -> np.ndarray:
    """Return the ideal observer's prediction after so many trials.

    Parameters
    ----------
    seen : Seen
    after_trial, cue : (q,) int
        How many trials have been seen, and the cue shown then.
    time_ms : (T,) array
    sigma_ms : float
        SD of a bump.
    n_events : int
    hazard : Hazard
        `NEVER` makes the counting observer.

    Returns
    -------
    (q, T, K) float64
    """
    after_trial, cue, time_ms = np.asarray(after_trial), np.asarray(cue), np.asarray(time_ms, float)
    z, prior = np.zeros((len(after_trial), time_ms.size, n_events)), even_prior(n_events)
    for c in np.unique(cue):
        for k in range(n_events):
            asked = np.flatnonzero(cue == c)
            trials = np.flatnonzero((seen.cue == c) & (seen.event == k))
            _expect_latency(
                z[:, :, k],
                trials,
                seen.time_ms[trials],
                asked,
                after_trial,
                time_ms,
                sigma_ms,
                float(prior[k]),
                hazard.latency,
            )
    for m, starts in enumerate(probability_starts(seen, prior, hazard.probability)):
        for i in np.flatnonzero(after_trial == m):
            z[i] *= expected_probability(starts, seen, cue[i], prior)
    return z


def _expect_latency(z, trials, times, asked, after_trial, time_ms, sigma_ms, prior, hazard) -> None:
    """Write the expected bump of one event after one cue into z (q, T), for the moments asked for."""
    horizon = float(time_ms[-1])
    changed = _change_within(np.diff(trials, prepend=0), hazard)
    delivered = np.searchsorted(trials, after_trial[asked])  # deliveries before each moment
    waiting: dict[int, np.ndarray] = {}  # weights of the deliveries before some of the moments
    for j, starts in enumerate(latency_starts(times, changed, horizon, prior)):
        for i in asked[delivered == j]:
            now = starts
            if j:
                now = _after_change(starts[:-1], _change_within(after_trial[i] - trials[j - 1], hazard))
            share = now / (prior + np.arange(j, -1, -1))
            waiting[int(i)] = np.cumsum(share[:-1])
            # A latency that could be anywhere: the bump's area spread over the trial.
            z[i] = prior * share.sum() * sigma_ms * np.sqrt(2 * np.pi) / horizon
        if len(waiting) >= MOMENTS or j == len(trials):
            _add_bumps(z, waiting, times, time_ms, sigma_ms)
            waiting.clear()


def _add_bumps(z: np.ndarray, weights: dict[int, np.ndarray], times, time_ms, sigma_ms: float) -> None:
    """Add the weighted bumps of the deliveries seen so far to z (q, T), some deliveries at a time."""
    last = max((w.size for w in weights.values()), default=0)
    for begin in range(0, last, TRIALS):
        part = slice(begin, min(begin + TRIALS, last))
        bumps = bump(time_ms, times[part, None], sigma_ms)
        for i, w in weights.items():
            z[i] += w[part] @ bumps[: w[part].size]


def _change_within(trials, hazard: float):
    """Return the probability of a change within so many trials."""
    return 1 - (1 - hazard) ** np.asarray(trials, float)


def _after_change(starts: np.ndarray, changed) -> np.ndarray:
    """Return the posterior after a moment at which everything may have begun anew."""
    return np.append((1 - changed) * starts, changed)


def _normalised(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum()


def _since(values: np.ndarray) -> np.ndarray:
    """Return the sums of what came since each moment, the last of which is now: one more than values."""
    return np.append(np.cumsum(values[::-1], dtype=float)[::-1], 0.0)
