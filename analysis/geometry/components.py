"""Principal components of learned readouts over a grid of conditions.

Each condition (probability x latency) is one vector: its "what" and its "when"
weights, each kind scaled to the same total variance over the conditions, because
in their own units the larger would be the first component whatever was learned.
That scaling alone gives "what" half of the variance; how many components share
each half is what is learned from the data, and the permutation of condition
labels says what a component would correlate with by chance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Components(NamedTuple):
    """Principal components of some conditions."""

    scores: np.ndarray  # (C, n) position of each condition
    explained: np.ndarray  # (n,) fraction of the variance
    axes: np.ndarray  # (n, F)


class Alignment(NamedTuple):
    """How one component goes with one factor."""

    rho: float  # |rank correlation|
    chance: float  # mean of it over permuted condition labels
    chance_95: float  # its 95 % quantile
    p: float
    share: float  # of the component's variance between levels of the factor


def condition_vectors(*kinds: np.ndarray, scaled: bool = True) -> np.ndarray:
    """Concatenate kinds of weights into one vector per condition.

    Parameters
    ----------
    *kinds : (C, ...) arrays
        E.g. "what" (C, K, N+1) and "when" (C, K, N+1).
    scaled : bool
        Centre each kind and divide it by the root of its total variance.

    Returns
    -------
    (C, F) float64
    """
    out = []
    for kind in kinds:
        flat = np.asarray(kind, float).reshape(len(kind), -1)
        flat = flat - flat.mean(0)
        size = np.sqrt((flat**2).sum() / len(flat))
        out.append(flat / size if scaled and size > 0 else flat)
    return np.concatenate(out, axis=1)


def principal_components(vectors: np.ndarray, n: int) -> Components:
    """Return the first n components of (C, F) vectors; a component's sign is arbitrary."""
    centred = vectors - vectors.mean(0)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    total = (s**2).sum()
    return Components(
        (u * s)[:, :n], (s**2)[:n] / total if total > 0 else np.full(min(n, s.size), np.nan), vt[:n]
    )


def rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Spearman's rho of `a` (..., C) and `b` (..., C) over the last axis, ties averaged."""
    from scipy.stats import rankdata  # slow to import, and figures need it seldom

    x, y = (rankdata(v, axis=-1) for v in (a, b))
    x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    size = np.sqrt((x**2).sum(-1) * (y**2).sum(-1))
    return np.where(size > 0, (x * y).sum(-1) / np.where(size > 0, size, 1), np.nan)


def factor_share(values: np.ndarray, factor: np.ndarray) -> float:
    """Return the fraction of the variance of (C, ...) values that lies between levels of a factor.

    Values that ignore it have (levels - 1) / (C - 1) on average.
    """
    centred = np.asarray(values, float).reshape(len(values), -1)
    centred = centred - centred.mean(0)
    total = (centred**2).sum()
    levels = [centred[factor == level] for level in np.unique(factor)]
    between = sum(len(v) * (v.mean(0) ** 2).sum() for v in levels)
    return float(between / total) if total > 0 else np.nan


def align(scores: np.ndarray, factor: np.ndarray, draws: int, rng: np.random.Generator) -> Alignment:
    """Compare one component with one factor, and with permuted labels of the conditions.

    Parameters
    ----------
    scores : (C,) array
    factor : (C,) array
        Probability or latency of each condition.
    draws : int
    rng : numpy Generator
    """
    rho = abs(float(rank_correlation(scores, factor)))
    permuted = rng.permuted(np.tile(factor, (draws, 1)), axis=1)
    chance = np.abs(rank_correlation(np.broadcast_to(scores, permuted.shape), permuted))
    return Alignment(
        rho,
        float(chance.mean()),
        float(np.quantile(chance, 0.95)),
        float((1 + (chance >= rho - 1e-12).sum()) / (1 + draws)),
        factor_share(scores, factor),
    )


def position_along(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return how far each point (m, F) has gone from `start` to `end`: 0 there, 1 here."""
    axis = np.asarray(end, float) - start
    length = (axis**2).sum()
    return (points - start) @ axis / length if length > 0 else np.full(len(points), np.nan)
