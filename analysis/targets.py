"""What a perfect network would say: the probability-weighted expectation of each event.

All functions broadcast over leading axes; ``T`` times after cue onset, ``K`` events.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

TRUNCATION = 2.0
"""Jittered latencies are normal, truncated at this many SD on either side."""


def bump(time_ms: np.ndarray, latency_ms: np.ndarray, sigma_ms: float) -> np.ndarray:
    """Return s(t) = exp(-(t - latency)^2 / 2 sigma^2), broadcast."""
    return np.exp(-0.5 * ((np.asarray(time_ms, float) - latency_ms) / sigma_ms) ** 2)


def expected_bump(time_ms, latency_ms, latency_sd_ms, sigma_ms, not_before_ms=-np.inf) -> np.ndarray:
    """Return <s(t) 1(latency >= not_before)> over the latency distribution.

    The product of the latency density and the bump is a normal density in the
    latency, so the truncated average is a difference of two normal integrals.

    Parameters
    ----------
    time_ms, latency_ms, latency_sd_ms, not_before_ms : array_like, ms
        Broadcast against each other. SD 0 is a fixed latency.
    sigma_ms : float, ms
        Width of the bump.

    Returns
    -------
    ndarray
        Between 0 and 1.
    """
    t, mean, sd, start = np.broadcast_arrays(
        *np.atleast_1d(time_ms, latency_ms, latency_sd_ms, np.asarray(not_before_ms, float))
    )
    fixed = bump(t, mean, sigma_ms) * (mean >= start)
    if not np.any(sd > 0):
        return fixed
    wide = np.where(sd > 0, sd, 1.0)
    variance = wide**2 + sigma_ms**2
    centre = (t * wide**2 + mean * sigma_ms**2) / variance
    spread = wide * sigma_ms / np.sqrt(variance)
    low = (np.maximum(mean - TRUNCATION * wide, start) - centre) / spread
    high = (mean + TRUNCATION * wide - centre) / spread
    mass = np.maximum(ndtr(high) - ndtr(low), 0) / (ndtr(TRUNCATION) - ndtr(-TRUNCATION))
    jittered = np.exp(-0.5 * (t - mean) ** 2 / variance) * sigma_ms / np.sqrt(variance) * mass
    return np.where(sd > 0, jittered, fixed)


def marginal_target(
    time_ms, probability, latency_ms, latency_sd_ms, sigma_ms, late_ms=None, late_share=None
) -> np.ndarray:
    """Return z*_k(t) = p_k <s_k(t)>, the expectation at cue time.

    Parameters
    ----------
    time_ms : (T,) array, ms after cue onset
    probability, latency_ms, latency_sd_ms : (..., K) array
        Of each event; the latency of an event that never comes may be NaN.
    sigma_ms : float
    late_ms, late_share : (..., K) array, optional
        A second time, with the same SD, and the share of deliveries that come then.

    Returns
    -------
    (..., T, K) float64
    """
    t, p, latency, sd, late, share = _aligned(
        time_ms, probability, latency_ms, latency_sd_ms, late_ms, late_share
    )
    expected = _over_times(lambda mean: expected_bump(t, mean, sd, sigma_ms), latency, late, share)
    return np.where(p > 0, p * expected, 0.0)


def hazard_target(
    time_ms, probability, latency_ms, latency_sd_ms, sigma_ms, late_ms=None, late_share=None
) -> np.ndarray:
    """Return the expectation at time t given that nothing has come before t.

    ``p_k <s_k(t) 1(latency_k >= t)> / (1 - sum_j p_j P(latency_j < t))``: once the
    time of A has passed empty, A is no longer expected and B is expected more.
    With a fixed latency the bump therefore ends at its peak. Zero where
    something must have come already. Arguments and shape as `marginal_target`.
    """
    t, p, latency, sd, late, share = _aligned(
        time_ms, probability, latency_ms, latency_sd_ms, late_ms, late_share
    )
    wide = np.where(sd > 0, sd, 1.0)
    edge = ndtr(-TRUNCATION)

    def came_by_now(mean):
        jittered = np.clip((ndtr((t - mean) / wide) - edge) / (1 - 2 * edge), 0, 1)
        return np.where(sd > 0, jittered, t > mean)

    def still_to_come(mean):
        return expected_bump(t, mean, sd, sigma_ms, not_before_ms=t)

    came = _over_times(came_by_now, latency, late, share)
    nothing = 1 - np.where(p > 0, p * came, 0.0).sum(-1, keepdims=True)
    joint = np.where(p > 0, p * _over_times(still_to_come, latency, late, share), 0.0)
    possible = nothing > 1e-9
    return np.where(possible, joint / np.where(possible, nothing, 1.0), 0.0)


def _over_times(of, latency, late, share):
    """Average over the two times of an event, weighed by how often it comes at each."""
    if not np.any(share > 0):
        return of(latency)
    return (1 - share) * of(latency) + share * of(np.where(share > 0, late, latency))


def _aligned(time_ms, probability, latency_ms, latency_sd_ms, late_ms, late_share):
    t = np.asarray(time_ms, float)[:, None]
    tables = [probability, latency_ms, latency_sd_ms]
    tables += [latency_ms, np.zeros(1)] if late_share is None else [late_ms, late_share]
    return t, *(np.asarray(a, float)[..., None, :] for a in tables)
