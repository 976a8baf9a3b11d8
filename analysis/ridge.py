"""Ridge regression from Gram matrices: the batch oracle behind ceiling and refits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack, solve

PENALTIES = tuple(10.0**e for e in range(-7, 2))
"""Candidates, relative to the mean diagonal of the Gram matrix."""


class Ridge(NamedTuple):
    """A fitted readout."""

    weights: np.ndarray  # (K, M)
    penalty: float  # relative to the mean diagonal of the Gram matrix


def solve_ridge(gram: np.ndarray, cross: np.ndarray, penalty: float) -> np.ndarray:
    """Return the (K, M) weights that minimise |Y - X W^T|^2 + penalty * mean(diag G) |W|^2.

    Parameters
    ----------
    gram : (M, M) array
        X^T X.
    cross : (M, K) array
        X^T Y.
    penalty : float
    """
    scale = np.trace(gram) / len(gram)
    if scale == 0:
        return np.zeros(cross.shape[::-1])
    return solve(gram + penalty * scale * np.eye(len(gram)), cross, assume_a="pos").T


def fit_ridge(features: np.ndarray, target: np.ndarray, folds: int = 5, penalties=PENALTIES) -> Ridge:
    """Fit a readout, its penalty chosen on held-out trials.

    Parameters
    ----------
    features : (n, T, M) array
    target : (n, T, K) array
    folds : int
        Trial i is held out in fold i mod `folds`.

    Returns
    -------
    Ridge
        Fitted to all trials with the penalty whose held-out squared error is least.
    """
    n, _, m = features.shape
    folds = min(folds, n)
    grams, crosses = np.empty((folds, m, m)), np.empty((folds, m, target.shape[-1]))
    for f in range(folds):
        x = np.asarray(features[f::folds], float).reshape(-1, m)
        grams[f] = x.T @ x
        crosses[f] = x.T @ target[f::folds].reshape(len(x), -1)
    gram, cross = grams.sum(0), crosses.sum(0)
    if folds < 2 or len(penalties) == 1:
        return Ridge(solve_ridge(gram, cross, penalties[0]), penalties[0])
    loss = np.zeros(len(penalties))
    for held_gram, held_cross in zip(grams, crosses, strict=True):
        rest = gram - held_gram
        for i, w in enumerate(_solve_all(rest, cross - held_cross, penalties)):
            # |Y - X W^T|^2 without the constant |Y|^2.
            loss[i] += np.sum((w @ held_gram) * w) - 2 * np.sum(w * held_cross.T)
    best = penalties[int(np.argmin(loss))]
    return Ridge(solve_ridge(gram, cross, best), best)


def _solve_all(gram: np.ndarray, cross: np.ndarray, penalties: Sequence[float]) -> np.ndarray:
    """Do `solve_ridge` for several penalties, which one tridiagonal form Q^T G Q = T serves: (P, K, M).

    T + s I is solved in M steps for every s. The form costs 4/3 M^3 operations, a third of what
    eigenvectors take (Golub and Van Loan, Matrix Computations, 8.3.1).
    """
    m, k = cross.shape
    scale = np.trace(gram) / m
    if m == 1 or scale == 0:
        return np.stack([solve_ridge(gram, cross, penalty) for penalty in penalties])
    room, _ = lapack.dsytrd_lwork(m, lower=1)
    form, diagonal, beside, reflectors, _ = lapack.dsytrd(
        np.asarray_chkfinite(gram), lower=1, lwork=int(room)
    )

    def turn(columns: np.ndarray, direction: str) -> np.ndarray:  # by Q ("N") or its transpose ("T")
        room = 64 * columns.shape[1]  # Q leaves the first row as it is
        columns[1:] = lapack.dormqr("L", direction, form[1:, :-1], reflectors, columns[1:], room)[0]
        return columns

    turned = turn(np.array(cross, float, order="F"), "T")
    solved = [lapack.dptsv(diagonal + p * scale, beside, turned)[2] for p in penalties]
    weights = turn(np.asfortranarray(np.hstack(solved)), "N")
    return weights.T.reshape(len(penalties), k, m)
