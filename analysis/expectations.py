"""What a learner can come to expect of an event with a distribution of times: density, hazard, and between.

Tables are of K events with m times each: the probability p (..., K) that the event comes, times tau
(..., K, m) in ms, and weights w (..., K, m) that add up to 1. With s(t - tau) a bump of width sigma:

- the marginal expectation, or density, ``p sum_m w_m s(t - tau_m)``;
- the hazard, the expectation given that nothing has come yet, ``p sum_m w_m s(t - tau_m) [tau_m >= t]``
  over ``1 - sum_j p_j sum_m w_jm [tau_jm < t]``;
- the delivered hazard, p times the hazard among trials that bring the event, the same sum over
  ``sum_m w_m [tau_m >= t]``: what a readout learns that is taught until the event, on its deliveries.
"""

from __future__ import annotations

import numpy as np

from spikewhen.analysis.targets import bump

SURE = 1e-9


def _still(time_ms: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Which times are not over yet, (..., T, K, m)."""
    return times[..., None, :, :] >= np.asarray(time_ms, float)[:, None, None] - 1e-6


def _bumps(time_ms: np.ndarray, times: np.ndarray, sigma_ms: float) -> np.ndarray:
    t = np.asarray(time_ms, float)[:, None, None]
    return bump(t, times[..., None, :, :], sigma_ms)


def density_target(time_ms, p_event, times_ms, weights, sigma_ms: float) -> np.ndarray:
    """Return the marginal expectation at cue time, (..., T, K); arguments as the module says."""
    times, w, p = (np.asarray(a, float) for a in (times_ms, weights, p_event))
    return p[..., None, :] * (w[..., None, :, :] * _bumps(time_ms, times, sigma_ms)).sum(-1)


def hazard_of_times(time_ms, p_event, times_ms, weights, sigma_ms: float) -> np.ndarray:
    """Return the expectation given that nothing has come before t, 0 where something must have."""
    times, w, p = (np.asarray(a, float) for a in (times_ms, weights, p_event))
    still = _still(time_ms, times)
    joint = p[..., None, :] * (w[..., None, :, :] * still * _bumps(time_ms, times, sigma_ms)).sum(-1)
    came = (p[..., None, :] * (w[..., None, :, :] * ~still).sum(-1)).sum(-1, keepdims=True)
    return np.where(1 - came > SURE, joint / np.maximum(1 - came, SURE), 0.0)


def delivered_hazard(time_ms, p_event, times_ms, weights, sigma_ms: float) -> np.ndarray:
    """Return p times the hazard among the trials that bring the event, 0 after its last time."""
    times, w, p = (np.asarray(a, float) for a in (times_ms, weights, p_event))
    still = _still(time_ms, times)
    joint = (w[..., None, :, :] * still * _bumps(time_ms, times, sigma_ms)).sum(-1)
    left = (w[..., None, :, :] * still).sum(-1)
    return p[..., None, :] * np.where(left > SURE, joint / np.maximum(left, SURE), 0.0)


TARGETS = {"density": density_target, "hazard": hazard_of_times, "delivered": delivered_hazard}


def hazards(weights: np.ndarray, p_event: float = 1.0) -> np.ndarray:
    """Return the probability that the event comes at each time, given that it has not come before.

    Parameters
    ----------
    weights : (..., m) ndarray
        Share of the deliveries at each of m times, in order.
    p_event : float
        Probability that it comes at all.
    """
    f = p_event * np.asarray(weights, float)
    return f / (1 - np.cumsum(f, axis=-1) + f)


def weber_blurred(time_ms, density, at_ms, phi: float) -> np.ndarray:
    """Blur a density by a clock whose SD grows with the time that has passed.

    ``f_b(t) = int f(tau) exp(-(tau - t)^2 / 2 phi^2 t^2) d tau / (phi t sqrt(2 pi))``
    (Janssen & Shadlen 2005, doi 10.1038/nn1386).

    Parameters
    ----------
    time_ms : (T,) array
        An even grid on which the density is known.
    density : (T,) array
    at_ms : (S,) array
        Where the blurred density is wanted, above 0.
    phi : float
        SD of the clock over the time passed.

    Returns
    -------
    (S,) float64
        Not normalised.
    """
    tau, t = np.asarray(time_ms, float), np.asarray(at_ms, float)[:, None]
    kernel = np.exp(-((tau - t) ** 2) / (2 * (phi * t) ** 2)) / (phi * t * np.sqrt(2 * np.pi))
    return kernel @ np.asarray(density, float) * (tau[1] - tau[0])


def probability_blurred(times_ms, weights, phi: float = 0.21, step_ms: float = 10.0) -> np.ndarray:
    """Blur a density by a clock that is sharper where the event is more likely, at its times, ``(m,)``.

    The kernel's SD is ``phi mean(t) mean(f) / f(t)``, within .5 to 3 of its median. Grabenhorst et al.
    (2019, doi 10.1038/s41467-019-13849-0) say that it falls with f; the constants, not found, are ours.

    Parameters
    ----------
    times_ms, weights : (m,) array
    phi : float
    step_ms : float, ms
        Grid of the integral; the density is linear between the times.
    """
    times, w = np.asarray(times_ms, float), np.asarray(weights, float)
    grid = np.arange(times[0], times[-1] + 0.5 * step_ms, step_ms)
    f = np.interp(grid, times, w)
    sd = phi * times.mean() * w.mean() / np.maximum(w, SURE)
    sd = np.clip(sd, 0.5 * np.median(sd), 3 * np.median(sd))[:, None]
    kernel = np.exp(-((grid - times[:, None]) ** 2) / (2 * sd**2))
    return (kernel * f).sum(1) / kernel.sum(1)


def blurred_hazard(times_ms, weights, p_event: float, phi: float, step_ms: float = 10.0, end_ms=4000.0):
    """Return the subjective hazard of an event after the blur of `weber_blurred`.

    The density is linear between the times. The blurred one is normalised to `p_event` up to `end_ms`.

    Parameters
    ----------
    times_ms, weights : (m,) array
    p_event : float
    phi : float
    step_ms, end_ms : float, ms
        Grid of the integral.

    Returns
    -------
    time_ms : (S,) float64
    hazard : (S,) float64
        Per s.
    """
    grid = step_ms * np.arange(1, round(end_ms / step_ms) + 1)
    f = np.interp(grid, np.asarray(times_ms, float), np.asarray(weights, float), left=0.0, right=0.0)
    f_b = weber_blurred(grid, f, grid, phi)
    f_b *= p_event / (f_b.sum() * step_ms / 1000)
    return grid, f_b / np.maximum(1 - np.cumsum(f_b) * step_ms / 1000, SURE)
