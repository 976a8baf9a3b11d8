"""What single cells take part in: readout weights, and activity.

Every count stands beside chance from permutations, and "both" beside what two
independent halves of the population would share.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LEVEL = 0.05
HELD_BACK = 20
"""Permutations that play the part of data, for what chance looks like."""


class Shared(NamedTuple):
    """Whether two readouts lean on the same cells."""

    correlation: float  # rank correlation of |V_i| and |W_i| over cells
    correlation_chance_95: float  # 95 % quantile of its size when cells are permuted
    top: float  # of the cells in the upper tenth of one, the fraction in that of the other
    top_chance: float
    top_p: float  # of at least so many shared, cells permuted


class Selective(NamedTuple):
    """Which cells' activity depends on a label."""

    effect: np.ndarray  # (N,) largest fraction of variance over the time bins
    cells: np.ndarray  # (N,) bool: above the 95 % quantile of permuted labels
    chance: float  # fraction of cells above it when labels are permuted anew, about 5 %


def strength(weights: np.ndarray) -> np.ndarray:
    """Return |w_i| over the channels, (K, N+1) to (N,), the bias left out."""
    return np.sqrt((np.asarray(weights, float)[:, :-1] ** 2).sum(0))


def effective_cells(weights: np.ndarray) -> float:
    """Return the participation ratio (sum w_i^2)^2 / sum w_i^4: N if all weigh the same, 1 if one does."""
    square = strength(weights) ** 2
    return float(square.sum() ** 2 / (square**2).sum()) if square.any() else np.nan


def shared_cells(
    a: np.ndarray, b: np.ndarray, draws: int, rng: np.random.Generator, fraction: float = 0.1
) -> Shared:
    """Compare how strongly two readouts weigh each cell.

    Parameters
    ----------
    a, b : (N,) array
        Strengths.
    draws : int
        Permutations over the cells.
    rng : numpy Generator
    fraction : float
        Of the cells that count as the top.
    """
    ranks_a, ranks_b = (np.argsort(np.argsort(v)).astype(float) for v in (a, b))
    centre = (len(a) - 1) / 2
    size = ((ranks_a - centre) ** 2).sum()
    least = len(a) - round(fraction * len(a))
    top_a, top_b = ranks_a >= least, ranks_b >= least

    def compare(order):
        r = ((ranks_a - centre) * (ranks_b[order] - centre)).sum() / size
        return r, (top_a & top_b[order]).sum() / top_a.sum()

    correlation, top = compare(slice(None))
    chance = np.array([compare(rng.permutation(len(a))) for _ in range(draws)])
    return Shared(
        float(correlation),
        float(np.quantile(np.abs(chance[:, 0]), 1 - LEVEL)),
        float(top),
        float(chance[:, 1].mean()),
        float((1 + (chance[:, 1] >= top).sum()) / (1 + draws)),
    )


def binned(features: np.ndarray, bins: int) -> np.ndarray:
    """Average (n, T, N) features into (n, bins, N)."""
    return np.stack([part.mean(1) for part in np.array_split(features, bins, axis=1)], axis=1)


def _group_effect(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the fraction (F,) of the variance of each column of (n, F) that lies between groups."""
    groups = labels[:, None] == np.unique(labels)
    sums = groups.T.astype(float) @ x
    total = (x**2).sum(0)
    between = (sums**2 / groups.sum(0)[:, None]).sum(0)
    return np.divide(between, total, out=np.zeros_like(total), where=total > 0)


def _judge(effect, null) -> Selective:
    """Return the cells above their own null, and the fraction of the draws held back that is above it."""
    bound = np.quantile(null[HELD_BACK:], 1 - LEVEL, axis=0)
    return Selective(effect, effect > bound, float((null[:HELD_BACK] > bound).mean()))


def label_selectivity(x: np.ndarray, labels: np.ndarray, draws: int, rng: np.random.Generator) -> Selective:
    """Find cells whose activity differs between groups of trials, at any time of the trial.

    Parameters
    ----------
    x : (n, bins, N) array
        From `binned`.
    labels : (n,) array
        Cue, block, ... of each trial; permuted over the trials for chance.
    draws : int
    rng : numpy Generator

    Returns
    -------
    Selective
        The largest effect over the bins is compared with the largest under
        permuted labels, so that many bins are not many chances.
    """
    n, bins, cells = x.shape
    flat = (x - x.mean(0)).reshape(n, -1)

    def effect(order):
        return _group_effect(flat, order).reshape(bins, cells).max(0)

    null = np.array([effect(rng.permutation(labels)) for _ in range(draws + HELD_BACK)])
    return _judge(effect(labels), null)


def time_selectivity(x: np.ndarray, draws: int, rng: np.random.Generator) -> Selective:
    """Find cells whose activity depends on the time after the cue.

    Chance turns each trial's time bins round by a random number of bins, cells together.
    """
    n, bins, cells = x.shape
    centred = x - x.mean((0, 1))
    total = (centred**2).sum((0, 1))
    at = np.arange(bins)

    def effect(shift):
        turned = centred[np.arange(n)[:, None], (at - shift[:, None]) % bins]
        between = n * (turned.mean(0) ** 2).sum(0)
        return np.divide(between, total, out=np.zeros(cells), where=total > 0)

    null = np.array([effect(rng.integers(0, bins, n)) for _ in range(draws + HELD_BACK)])
    return _judge(effect(np.zeros(n, int)), null)


def mixed(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Return the fractions of cells selective to a, to b, to both, and both if independent."""
    return {
        "first": float(a.mean()),
        "second": float(b.mean()),
        "both": float((a & b).mean()),
        "both_independent": float(a.mean() * b.mean()),
    }
