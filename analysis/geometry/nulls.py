"""Readouts refitted to the same activity, to broken targets for chance and to halves for the ceiling.

The primary null keeps the activity and breaks what is learned from it: outcomes
are permuted over trials, targets shifted in time. What remains of the angle is
due to the activity alone. "What" is refitted by the very rule that learned it, with
its rate and its annealing; "when" by ridge regression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from spikewhen.analysis.geometry.subspaces import overlaps
from spikewhen.analysis.ridge import solve_ridge


@dataclass(frozen=True)
class WhatRate:
    """How fast a "what" readout learns, as `spikewhen.reservoir.rules.what.WhatReadout` defines it."""

    eta_w: float
    epsilon: float  # added to |m|^2
    anneal: bool = False  # rate at least 1/n with n the trials seen
    surprise: float = 0.0
    surprise_scale: float = 0.5
    surprise_rate: float = 0.1

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> WhatRate:
        """Read the rate from a rule's parameters of "what", as a result file holds them."""
        return cls(**{f.name: parameters[f.name] for f in fields(cls)})


def fit_what(means: np.ndarray, outcome: np.ndarray, rate: WhatRate) -> np.ndarray:
    """Fit "what" by the delta rule of the network, one pass over the trials from zero.

    ``dV = rate (o - V m) m^T / (epsilon + |m|^2)``, in float64.

    Parameters
    ----------
    means : (n, M) array
        Mean features in the window after the cue, trial by trial.
    outcome : (..., n, K) array
        One-hot, zero on an omission. Leading axes are fitted one by one.
    rate : WhatRate
        The learning rate, from the rule that learned.

    Returns
    -------
    (..., K, M) float64
    """
    n, m = means.shape
    k = outcome.shape[-1]
    weights = np.zeros((*outcome.shape[:-2], k, m))
    running = np.zeros((*outcome.shape[:-2], k))  # mean of the signed error
    norms = rate.epsilon + np.einsum("nm,nm->n", means, means)
    for i in range(n):
        wrong = outcome[..., i, :] - weights @ means[i]
        running += rate.surprise_rate * (wrong - running)
        share = np.minimum(1.0, (running**2).max(-1, initial=0) / rate.surprise_scale**2)
        eta = np.maximum(rate.eta_w + rate.surprise * share, 1.0 / (i + 1) if rate.anneal else 0.0)
        weights += (eta[..., None] * wrong / norms[i])[..., None] * means[i]
    return weights


def fit_when(features: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    """Fit "when" by ridge: (n, T, M) features, (n, T, K) targets, to (K, M) weights."""
    x = features.reshape(-1, features.shape[-1])
    return solve_ridge(x.T @ x, x.T @ target.reshape(len(x), -1), penalty)


class Refits(NamedTuple):
    """Readouts fitted to broken targets, draw by draw; the last column is the bias."""

    what: np.ndarray  # (draws, K, M)
    when: np.ndarray  # (draws, K, M)

    def overlaps(self, metric_root: np.ndarray | None = None) -> np.ndarray:
        """Return the overlap of what and when of each draw, (draws,)."""
        return overlaps(self.what, self.when, metric_root, bias=True)


def shifted_when(
    features: np.ndarray, target: np.ndarray, penalty: float, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Refit "when" to targets that are shifted circularly, all by one random time per draw.

    Parameters
    ----------
    features : (n, T, M) array
    target : (n, T, K) array
    penalty : float
        Of the ridge fit.
    draws : int
    rng : numpy Generator

    Returns
    -------
    (draws, K, M) float64
        Zeros where the trials have one time only, or no feature differs from 0.
    """
    x = features.reshape(-1, features.shape[-1])
    gram, k = x.T @ x, target.shape[2]
    if target.shape[1] < 2 or not gram.any():  # nothing to shift, or no activity
        return np.zeros((draws, k, len(gram)))
    factor = cho_factor(gram + penalty * np.trace(gram) / len(gram) * np.eye(len(gram)))
    # Few times differ: each shift is fitted once, all of them together.
    shifts, fit_of = np.unique(rng.integers(1, target.shape[1], draws), return_inverse=True)
    shifted = np.concatenate([np.roll(target, s, axis=1).reshape(len(x), k) for s in shifts], axis=1)
    return cho_solve(factor, x.T @ shifted).T.reshape(shifts.size, k, -1)[fit_of]


def permuted_what(
    means: np.ndarray, outcome: np.ndarray, rate: WhatRate, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Refit "what" to outcomes (n, K) permuted over the trials of the means (n, M): (draws, K, M).

    With one cue this changes nothing on average: identity is then not encoded.
    """
    return fit_what(means, np.array([rng.permutation(outcome) for _ in range(draws)]), rate)


GROUPS = 6
"""Groups that trials are dealt into at random for the ceilings; six can be halved in ten ways."""


def halvings(n: int, rng: np.random.Generator) -> tuple[list[np.ndarray], list[list[list[int]]]]:
    """Deal n trials into groups at random, and list the ways to halve the groups.

    Returns
    -------
    groups : list of (m,) int arrays
        Six of them; four of fewer than six trials, two of fewer than four.
    ways : list of [groups of one half, groups of the other]
        Ten of six groups, three of four, one of two. Every two groups are apart equally often.
    """
    size = GROUPS if n >= GROUPS else 4 if n >= 4 else 2
    groups = [np.sort(part) for part in np.array_split(rng.permutation(n), size)]
    firsts = [c for c in combinations(range(size), size // 2) if 0 in c]
    return groups, [[list(c), [g for g in range(size) if g not in c]] for c in firsts]


def ceiling_of_when(
    features: np.ndarray, target: np.ndarray, penalty: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the overlap of "when" with itself, fitted to two halves of the trials, (halvings,).

    Parameters are those of `shifted_when`. The Gram matrix of a half is the sum over its
    groups, so that ten halvings read the activity once. NaN of a single trial.
    """
    if len(features) < 2:
        return np.full(1, np.nan)
    groups, ways = halvings(len(features), rng)
    m = features.shape[-1]
    grams, crosses = np.empty((len(groups), m, m)), np.empty((len(groups), m, target.shape[-1]))
    for i, group in enumerate(groups):
        x = features[group].reshape(-1, m)
        grams[i], crosses[i] = x.T @ x, x.T @ target[group].reshape(len(x), -1)
    fits = ([solve_ridge(grams[h].sum(0), crosses[h].sum(0), penalty) for h in way] for way in ways)
    return overlaps(*map(np.stack, zip(*fits, strict=True)), bias=True)


def ceiling_of_what(
    means: np.ndarray, outcome: np.ndarray, rate: WhatRate, rng: np.random.Generator
) -> np.ndarray:
    """Return the overlap of "what" with itself, learned from two halves of the trials, (halvings,).

    NaN of a single trial.
    """
    if len(means) < 2:
        return np.full(1, np.nan)
    groups, ways = halvings(len(means), rng)
    halves = ([np.sort(np.concatenate([groups[g] for g in h])) for h in way] for way in ways)
    fits = ([fit_what(means[rows], outcome[rows], rate) for rows in pair] for pair in halves)
    return overlaps(*map(np.stack, zip(*fits, strict=True)), bias=True)


def hebbian_what(means: np.ndarray, outcome: np.ndarray, epsilon: float) -> np.ndarray:
    """Associate outcomes with the activity after the cue, without an error.

    ``dV = o m^T / (epsilon + |m|^2)``, the delta rule of the network with its
    prediction left out.

    Parameters
    ----------
    means : (n, M) array
        Mean features in the window after the cue, trial by trial.
    outcome : (n, K) array
        One-hot, zero on an omission.
    epsilon : float
        Added to |m|^2.

    Returns
    -------
    (n, K, M) float64
        V after every trial, at a rate of 1.
    """
    norms = epsilon + np.einsum("nm,nm->n", means, means)
    return np.cumsum(outcome[:, :, None] * (means / norms[:, None])[:, None, :], axis=0)


def hebbian_when(features: np.ndarray, target: np.ndarray, gate: np.ndarray, epsilon: float) -> np.ndarray:
    """Associate targets with the activity under a gate, without an error.

    ``dW = G s x^T / (epsilon + |x|^2)``, the three-factor rule with ``teacher = "target"``,
    which is the rule that learned, with its output left out of the error.

    Parameters
    ----------
    features : (n, T, M) array
    target : (n, T, K) array
        s_k(t) as it was taught.
    gate : (n, T, K) array
        G_k(t); 0 on channels that were not delivered.
    epsilon : float
        Added to |x|^2.

    Returns
    -------
    (n, K, M) float64
        W after every trial, at a rate of 1.
    """
    norms = epsilon + np.einsum("ntm,ntm->nt", features, features)
    lessons = gate * target / norms[..., None]
    return np.cumsum(np.matmul(lessons.transpose(0, 2, 1), features), axis=0)
