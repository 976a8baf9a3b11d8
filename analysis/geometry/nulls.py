"""Chance and ceiling of the geometry: readouts refitted to the same activity.

The primary null keeps the activity and breaks what is learned from it: outcomes
are permuted over trials, targets shifted in time. What remains of the angle is
due to the activity alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from spikewhen.analysis.geometry.subspaces import overlap, principal_angles, project_out
from spikewhen.analysis.ridge import solve_ridge
from spikewhen.analysis.scores import root_ratio


class Loss(NamedTuple):
    """Error of a readout, RMSE over that of silence, before and after a projection."""

    intact: np.ndarray
    projected: np.ndarray


def fit_when(features: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    """Fit "when" by ridge: (n, T, M) features, (n, T, K) targets, to (K, M) weights."""
    x = features.reshape(-1, features.shape[-1])
    return solve_ridge(x.T @ x, x.T @ target.reshape(len(x), -1), penalty)


def fit_what(means: np.ndarray, outcome: np.ndarray, eta: float = 0.05, epsilon: float = 1e-4) -> np.ndarray:
    """Fit "what" by the delta rule of the network, one pass over the trials from zero.

    Parameters
    ----------
    means : (n, M) array
        Mean features in the window after the cue, trial by trial.
    outcome : (n, K) array
        One-hot, zero on omission.
    eta, epsilon : float
        Rate, and what is added to |m|^2.

    Returns
    -------
    (K, M) float64
    """
    weights = np.zeros((outcome.shape[1], means.shape[1]))
    rates = eta / (epsilon + np.einsum("nm,nm->n", means, means))
    for rate, m, o in zip(rates, means, outcome, strict=True):
        weights += rate * np.outer(o - weights @ m, m)
    return weights


def projection_loss(weights, other, features, target, metric=None) -> Loss:
    """Return what a readout loses when the other readout's directions are taken from it.

    Parameters
    ----------
    weights, other : (K, M) array
    features : (..., M) array
        Traces over time for "when", window means for "what".
    target : (..., K) array
        s_k(t) for "when", p for "what".
    metric : (N, N) array, optional
        As in `project_out`.
    """
    axes = tuple(range(np.ndim(target)))
    silent = np.sum(np.square(target), axis=axes)

    def error(w):
        return root_ratio(np.sum((features @ np.asarray(w, float).T - target) ** 2, axis=axes), silent)

    return Loss(error(weights), error(project_out(weights, other, metric)))


class Refits(NamedTuple):
    """Readouts fitted to broken targets, draw by draw."""

    what: np.ndarray  # (draws, K, M)
    when: np.ndarray  # (draws, K, M)

    def overlaps(self, metric_root: np.ndarray | None = None) -> np.ndarray:
        """Return the overlap of what and when of each draw, (draws,)."""
        return np.array(
            [overlap(principal_angles(a, b, metric_root)) for a, b in zip(self.what, self.when, strict=True)]
        )


def broken_refits(
    features, target, means, outcome, penalty: float, draws: int, rng: np.random.Generator
) -> Refits:
    """Refit both readouts to broken targets on the same activity, the primary null.

    Each draw permutes the outcomes over the trials (with one cue this changes
    nothing on average: identity is then not encoded) and shifts all targets
    circularly by one random time.

    Parameters
    ----------
    features : (n, T, M) array
    target : (n, T, K) array
    means : (n, M) array
    outcome : (n, K) array
    penalty : float
        Of the ridge fit.
    draws : int
    rng : numpy Generator
    """
    x = features.reshape(-1, features.shape[-1])
    gram = x.T @ x
    factor = cho_factor(gram + penalty * np.trace(gram) / len(gram) * np.eye(len(gram)))
    shape = draws, target.shape[2], x.shape[1]
    out = Refits(np.empty(shape), np.empty(shape))
    for i in range(draws):
        shifted = np.roll(target, rng.integers(1, target.shape[1]), axis=1)
        out.when[i] = cho_solve(factor, x.T @ shifted.reshape(len(x), -1)).T
        out.what[i] = fit_what(means, rng.permutation(outcome))
    return out


def split_half(
    fit: Callable[[np.ndarray], np.ndarray], n: int, draws: int, rng: np.random.Generator, metric_root=None
) -> np.ndarray:
    """Return the overlap of one readout with itself, fitted to two halves: the ceiling.

    Parameters
    ----------
    fit : callable
        Trial indices to (K, M) weights.
    n : int
        Number of trials.

    Returns
    -------
    (draws,) float64
    """
    out = np.empty(draws)
    for i in range(draws):
        order = rng.permutation(n)
        halves = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
        out[i] = overlap(principal_angles(fit(halves[0]), fit(halves[1]), metric_root))
    return out
