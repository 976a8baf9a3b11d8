"""How good a prediction is: error, timing, amplitude.

A prediction ``z`` and a target are ``(..., T, K)``, ``time_ms`` is ``(T,)`` after
cue onset on an even grid. Only times from cue onset on count. A score that has
no meaning (nothing was to be expected, nothing was detected) is NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DETECTION = 0.25
"""A peak counts as a prediction from this fraction of the target's peak on."""

AMPLITUDE_HALF_WINDOW_MS = 20.0


class Timing(NamedTuple):
    """When the prediction peaks, per channel, each ``(..., K)`` float64."""

    error_ms: np.ndarray  # |argmax z_k - t_k|, NaN if not detected
    detected: np.ndarray  # 1, 0, or NaN where nothing was to be expected
    half_width_ms: np.ndarray  # full width at half of the peak's height, NaN if not detected


def _squares(z, target, time_ms, where):
    counted = (np.asarray(time_ms) >= 0)[:, None]
    if where is not None:
        counted = counted & where
    target = np.asarray(target, float)
    wrong = np.where(counted, np.asarray(z, float) - target, 0.0)
    return (wrong**2).sum(-2), (np.where(counted, target, 0.0) ** 2).sum(-2)


def root_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return sqrt(numerator / denominator), NaN where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    defined = denominator > 0
    return np.sqrt(np.where(defined, numerator / np.where(defined, denominator, 1.0), np.nan))


def error(z, target, time_ms, where=None) -> np.ndarray:
    """Return E = RMSE(z, target) / RMSE(0, target) over channels and times.

    Parameters
    ----------
    z, target : (..., T, K) array
    time_ms : (T,) array
    where : (..., T, K) bool array, optional
        Counts only these times and channels.

    Returns
    -------
    (...) float64
        0 is perfect, 1 is silence, NaN an all-zero target.
    """
    wrong, silent = _squares(z, target, time_ms, where)
    return root_ratio(wrong.sum(-1), silent.sum(-1))


def error_per_channel(z, target, time_ms, where=None) -> np.ndarray:
    """Return E of each channel on its own, ``(..., K)``."""
    return root_ratio(*_squares(z, target, time_ms, where))


def error_parts(z, target, time_ms) -> tuple[np.ndarray, np.ndarray]:
    """Split E over repeated probes into what they share and what they do not.

    Parameters
    ----------
    z : (n, T, K) array
        Repeats of one condition.
    target : (T, K) array

    Returns
    -------
    bias, spread : float64
        E of the mean probe, and RMSE of the probes around it over RMSE of
        silence: ``bias**2 + spread**2`` is the mean of ``E**2`` over the probes.
        The bias contains 1/n of the spread.
    """
    z = np.asarray(z, float)
    mean = z.mean(0)
    scatter, _ = _squares(z - mean, np.zeros_like(mean), time_ms, None)
    _, silent = _squares(mean, target, time_ms, None)
    return error(mean, target, time_ms), root_ratio(scatter.sum(-1).mean(0), silent.sum(-1))


def timing(z, target, time_ms, latency_ms, late_ms=None) -> Timing:
    """Return when each channel peaks and how wide, per probe.

    Parameters
    ----------
    z, target : (..., T, K) array
    time_ms : (T,) array
    latency_ms : (..., K) array
        Mean latency t_k.
    late_ms : (..., K) array, optional
        A second time; the error is against the nearer one.
    """
    time_ms = np.asarray(time_ms, float)
    z = np.asarray(z, float)[..., time_ms >= 0, :]
    wanted = np.asarray(target, float)[..., time_ms >= 0, :].max(-2, initial=0)
    t = time_ms[time_ms >= 0]
    step = t[1] - t[0] if t.size > 1 else np.nan
    if not t.size:  # no readout was kept after the cue
        nothing = np.full(wanted.shape, np.nan)
        return Timing(nothing, nothing, nothing)
    top = z.argmax(-2)
    peak = z.max(-2)
    detected = (peak >= DETECTION * wanted) & (wanted > 0)
    index = np.arange(t.size)[:, None]
    low = z < peak[..., None, :] / 2
    left = np.where(low & (index < top[..., None, :]), index, -1).max(-2)
    right = np.where(low & (index > top[..., None, :]), index, t.size).min(-2)
    off = np.abs(t[top] - latency_ms)
    if late_ms is not None:
        off = np.minimum(off, np.abs(t[top] - late_ms))
    return Timing(
        np.where(detected, off, np.nan),
        np.where(wanted > 0, detected, np.nan),
        np.where(detected, (right - left - 1) * step, np.nan),
    )


def amplitude(z, time_ms, latency_ms) -> np.ndarray:
    """Return the mean of z_k within 20 ms of t_k, ``(..., K)``; a perfect z gives .93 p_k."""
    z = np.asarray(z, float)
    latency_ms = np.asarray(latency_ms, float)
    near = np.abs(np.asarray(time_ms)[:, None] - latency_ms[..., None, :]) <= AMPLITUDE_HALF_WINDOW_MS
    n = near.sum(-2)
    total = np.where(near, z, 0.0).sum(-2)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
