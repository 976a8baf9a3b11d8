"""Cells whose answer to an omission is graded by what was likely: the selection of Yaron et al. (2025).

Responses are mean rates in a window after the expected onset less those in one before it. Odd omissions
select, even ones test. A cell is selected where (1) its single responses go with the rank of the block's
share (Spearman, two-sided p < .05), whose sign names its preferred tone, and (2) its responses in the four
blocks with most of that tone differ from 0 (signed-rank test, two-sided p < .05).
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, stdtr

AFTER_MS, BEFORE_MS = (6.0, 120.0), (-24.0, 5.0)
"""Windows around the expected onset."""

LEVEL, HIGH = 0.05, 4
"""Level of both tests, and how many blocks with most of the preferred tone count as high."""


def _ranks(x: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return ranks from 1, ties averaged."""
    from scipy.stats import rankdata  # slow to import, and figures need it seldom

    return rankdata(x, axis=axis)


def responses(time_ms: np.ndarray, cell: np.ndarray, n_cells: int, onset_ms: np.ndarray) -> np.ndarray:
    """Return the response of every cell to every item, in Hz, ``(n_cells, n)``.

    Parameters
    ----------
    time_ms, cell : (s,) array
        Spikes, in the order of their times.
    n_cells : int
    onset_ms : (n,) array
        Expected onsets, on the same clock.
    """
    out = np.zeros((n_cells, onset_ms.size))
    for (begin, end), sign in ((AFTER_MS, 1.0), (BEFORE_MS, -1.0)):
        first = np.searchsorted(time_ms, onset_ms + begin)
        last = np.searchsorted(time_ms, onset_ms + end)
        for i, (a, b) in enumerate(zip(first, last, strict=True)):
            out[:, i] += sign * np.bincount(cell[a:b], minlength=n_cells) * 1000 / (end - begin)
    return out


def spearman(x: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rank correlations of rows (..., n) with (..., n), and their two-sided p by Student's t."""
    a, b = _ranks(x, axis=-1), _ranks(rank, axis=-1)
    a, b = a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True)
    size = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    r = np.where(size > 0, (a * b).sum(-1) / np.where(size > 0, size, 1), 0.0)
    free = x.shape[-1] - 2
    return r, 2 * stdtr(free, -np.abs(r) * np.sqrt(free / np.maximum(1 - r * r, 1e-300)))


def signed_rank(x: np.ndarray) -> np.ndarray:
    """Return z of Wilcoxon's signed-rank test against 0 over the last axis; zeros are left out.

    The variance is that given the ranks, so ties need no correction. Rows of zeros have z = 0.
    """
    rank = _ranks(np.abs(x), axis=-1) - (x == 0).sum(-1, keepdims=True)
    rank = np.where(x == 0, 0.0, rank)
    spread = np.sqrt((rank * rank).sum(-1))
    return np.where(spread > 0, (np.sign(x) * rank).sum(-1) / np.where(spread > 0, spread, 1), 0.0)


class Selection(NamedTuple):
    """What odd omissions say of each cell."""

    selected: np.ndarray  # (N,) bool
    preferred: np.ndarray  # (N,) 1 where tone B, -1 where tone A


def select(x: np.ndarray, share: np.ndarray) -> Selection:
    """Select cells by their responses to omissions, (N, B, m), and the blocks' share of tone B, (B,)."""
    n, b, m = x.shape
    rank = np.broadcast_to(_ranks(share)[:, None], (b, m)).ravel()
    r, p = spearman(x.reshape(n, b * m), rank)
    order = np.argsort(share, kind="stable")
    high = {1: order[-HIGH:], -1: order[:HIGH]}
    z = {side: signed_rank(x[:, rows].reshape(n, -1)) for side, rows in high.items()}
    side = np.where(r < 0, -1, 1)
    found = np.where(side > 0, z[1], z[-1])
    return Selection((p < LEVEL) & (2 * ndtr(-np.abs(found)) < LEVEL), side)


def chance(x: np.ndarray, share: np.ndarray, rng: np.random.Generator, draws: int = 200) -> np.ndarray:
    """Return the share of selected cells after the blocks exchanged their labels, ``(draws,)``.

    Whole blocks keep their responses, so that what drifts from block to block stays in.
    """
    n, b, m = x.shape
    centred = _ranks(x.reshape(n, b * m), axis=-1).reshape(n, b, m)
    centred = centred - centred.mean((1, 2), keepdims=True)
    size = np.sqrt((centred * centred).sum((1, 2)))
    of_block = centred.sum(2)  # the rank of a block multiplies its sum
    z = {rows: signed_rank(x[:, rows].reshape(n, -1)) for rows in combinations(range(b), min(HIGH, b))}
    rank = _ranks(share) - (b + 1) / 2
    scale = np.where(size > 0, size * np.sqrt(m * (rank * rank).sum()), np.inf)
    free = b * m - 2
    out = np.empty(draws)
    for i in range(draws):
        mine = rng.permutation(rank)
        r = of_block @ mine / scale
        p = 2 * stdtr(free, -np.abs(r) * np.sqrt(free / np.maximum(1 - r * r, 1e-300)))
        order = np.argsort(mine, kind="stable")
        up, down = z[tuple(sorted(order[-HIGH:].tolist()))], z[tuple(sorted(order[:HIGH].tolist()))]
        found = np.where(r < 0, down, up)
        out[i] = ((p < LEVEL) & (2 * ndtr(-np.abs(found)) < LEVEL)).mean()
    return out
