"""How fast and how cleanly a network follows a switch of statistics."""

from __future__ import annotations

import numpy as np

from spikewhen.analysis.scores import amplitude


def trials_to_criterion(trial, error, reference: float, tolerance: float = 0.1) -> float:
    """Return the first probed trial at which E <= (1 + tolerance) reference.

    Parameters
    ----------
    trial : (P,) int, ascending
        Trials of the block completed before each probe.
    error : (P,) float
    reference : float
        E that a naive network reaches on this block.

    Returns
    -------
    float
        inf if it is never reached, NaN without a reference.
    """
    if not np.isfinite(reference):
        return np.nan
    reached = np.flatnonzero(np.asarray(error) <= (1 + tolerance) * reference)
    return float(np.asarray(trial)[reached[0]]) if reached.size else np.inf


def residual(z, time_ms, old_latency_ms, new_latency_ms, old_amplitude, sigma_ms: float) -> np.ndarray:
    """Return what is left at the old latency, as a fraction of the old amplitude.

    Parameters
    ----------
    z : (..., T, K) array
        Prediction after the switch.
    old_latency_ms, new_latency_ms : (K,) array
    old_amplitude : (K,) array
        Amplitude at the old latency before the switch.

    Returns
    -------
    (..., K) float64
        NaN where old and new bump overlap (closer than 3 sigma) or the old
        amplitude was not positive.
    """
    gap = np.abs(np.asarray(new_latency_ms, float) - old_latency_ms)
    old = np.asarray(old_amplitude, float)
    defined = (gap >= 3 * sigma_ms) & (old > 0)
    return np.where(defined, amplitude(z, time_ms, old_latency_ms) / np.where(defined, old, 1), np.nan)


def overshoot(values, start, asymptote, least_step: float = 0.05) -> np.ndarray:
    """Return the extremum beyond the new asymptote, as a fraction of the step to it.

    Parameters
    ----------
    values : (P, ...) array
        What adapts (an amplitude, a p-hat), over the block's probes.
    start, asymptote : (...) array
        Before the switch and at the end of the block.
    least_step : float
        Below this change there is nothing to overshoot: NaN.

    Returns
    -------
    (...) float64
        0 = approached from one side. An extremum of noisy values lies beyond
        their mean: compare with a block without a switch.
    """
    step = np.asarray(asymptote, float) - start
    defined = np.abs(step) >= least_step
    beyond = (np.asarray(values, float) - asymptote) / np.where(defined, step, 1)
    return np.where(defined, np.maximum(beyond.max(0), 0), np.nan)


def savings(first_trials: float, again_trials: float) -> float:
    """Return Ebbinghaus' savings 1 - again/first; NaN if the first was never learned."""
    if not np.isfinite(first_trials) or first_trials == 0:
        return np.nan
    return 1 - again_trials / first_trials
