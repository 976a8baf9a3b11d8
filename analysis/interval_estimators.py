"""Estimates of an interval from a noisy sample: Bayes least squares, and the two likeliest ones.

An interval t has a uniform prior from lo to hi; its sample is normal with mean t and SD w t, so that
``L(t) = exp(-(t_m - t)^2 / 2 w^2 t^2) / (w t)`` (Jazayeri & Shadlen 2010, doi 10.1038/nn.2590). Bayes least
squares is the posterior mean; maximum likelihood is ``t_m (sqrt(1 + 4 w^2) - 1) / (2 w^2)``, which maximum a
posteriori clips to the prior.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spikewhen.reservoir.errors import InputError

KINDS = ("bls", "map", "ml")


def estimate(sample_ms: np.ndarray, low_ms: float, high_ms: float, weber: float, kind: str) -> np.ndarray:
    """Return the estimate of an interval for each sample, in ms.

    Parameters
    ----------
    sample_ms : array
    low_ms, high_ms : float, ms
        Ends of the prior.
    weber : float
        SD of a sample over its interval.
    kind : {"bls", "map", "ml"}

    Raises
    ------
    InputError
    """
    if kind not in KINDS:
        raise InputError("kind", kind, "one of " + ", ".join(KINDS))
    if not 0 < low_ms < high_ms:
        raise InputError("low_ms, high_ms", (low_ms, high_ms), "0 < low_ms < high_ms")
    if not weber > 0:
        raise InputError("weber", weber, "above 0")
    sample = np.asarray(sample_ms, float)
    if kind == "bls":
        place, width = np.polynomial.legendre.leggauss(200)
        t = (high_ms + low_ms) / 2 + (high_ms - low_ms) / 2 * place
        exponent = -((sample[..., None] - t) ** 2) / (2 * (weber * t) ** 2)
        likelihood = width * np.exp(exponent - exponent.max(-1, keepdims=True)) / t
        return (likelihood * t).sum(-1) / likelihood.sum(-1)
    likeliest = sample * (np.sqrt(1 + 4 * weber**2) - 1) / (2 * weber**2)
    return np.clip(likeliest, low_ms, high_ms) if kind == "map" else likeliest


class Regression(NamedTuple):
    """How far estimates regress to the middle of the prior."""

    slope: float  # of the mean estimate on the interval
    indifference_ms: float  # interval whose mean estimate is itself


def mean_estimate(
    low_ms: float, high_ms: float, weber: float, kind: str, intervals_ms: np.ndarray
) -> np.ndarray:
    """Return the mean estimate over the samples of each interval, ``(n,)`` in ms.

    Parameters
    ----------
    low_ms, high_ms, weber, kind
        As `estimate` takes them.
    intervals_ms : (n,) array
        Intervals that are shown.
    """
    z, weight = np.polynomial.hermite_e.hermegauss(60)
    sample = np.asarray(intervals_ms, float)[:, None] * (1 + weber * z)
    return estimate(sample, low_ms, high_ms, weber, kind) @ (weight / weight.sum())


def regression(
    low_ms: float, high_ms: float, weber: float, kind: str, intervals_ms: np.ndarray
) -> Regression:
    """Return slope and indifference point of `mean_estimate`, whose arguments it takes."""
    mean = mean_estimate(low_ms, high_ms, weber, kind, intervals_ms)
    slope, intercept = np.polyfit(np.asarray(intervals_ms, float), mean, 1)
    return Regression(float(slope), float(intercept / (1 - slope)))
