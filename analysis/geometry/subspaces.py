"""How separate the directions are that read "what" and "when" from the activity.

The rows of an array of weights (K, N) are directions among N neurons. Weights as result
files hold them, (K, N+1), end in the weight of the bias, which is no direction: say
``bias=True``, and the last column is left out. A ``metric`` is a symmetric positive
semidefinite (N, N) matrix in which lengths and angles are measured. None is the Euclidean
one. In the second moment or the covariance of the activity, the cosine of two readouts is
the correlation of their outputs.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh, subspace_angles

RANK_TOLERANCE = 1e-5
"""Singular values below this fraction of the largest are rounding of float32 weights."""


def root(metric: np.ndarray) -> np.ndarray:
    """Return a (N, N) matrix L with L L^T = metric; negative rounding is cut off."""
    values, vectors = eigh(metric)
    return vectors * np.sqrt(np.maximum(values, 0))


def _directions(weights: np.ndarray, bias: bool) -> np.ndarray:
    rows = np.asarray(weights, float)
    return rows[..., :-1] if bias else rows


def basis(weights: np.ndarray, metric_root: np.ndarray | None = None, *, bias: bool = False) -> np.ndarray:
    """Return an orthonormal basis of the row space.

    Parameters
    ----------
    weights : (K, N) array
        Or (K, N+1) with `bias`.
    metric_root : (N, N) array, optional
        From `root`: the basis is in the metric's coordinates.
    bias : bool
        Whether the last column is the weight of the bias.

    Returns
    -------
    (N, rank) float64
    """
    rows = _directions(weights, bias)
    if metric_root is not None:
        rows = rows @ metric_root
    _, s, vt = np.linalg.svd(rows, full_matrices=False)
    return vt[s > RANK_TOLERANCE * s.max(initial=0)].T


def leading(weights: np.ndarray, *, bias: bool = False) -> np.ndarray:
    """Return the direction (..., 1, N) in which the rows of readouts (..., K, N) are largest.

    With one cue V is rank one along the mean activity but for noise, and the
    angle of that noise with W counts as much among principal angles as its own.
    """
    return np.linalg.svd(_directions(weights, bias), full_matrices=False)[2][..., :1, :]


def principal_angles(
    a: np.ndarray, b: np.ndarray, metric_root: np.ndarray | None = None, *, bias: bool = False
) -> np.ndarray:
    """Return the principal angles between the row spaces of two readouts.

    Parameters
    ----------
    a, b : (K, N) array
        Weights; (K, N+1) with `bias`.
    metric_root : (N, N) array, optional
        From `root`; without it angles are Euclidean.
    bias : bool
        Whether the last column of both is the weight of the bias, which is left out.

    Returns
    -------
    (min rank,) float64, degrees, ascending
        Empty if either readout is zero. Source: Bjorck & Golub 1973, as in
        ``scipy.linalg.subspace_angles``.
    """
    u, v = basis(a, metric_root, bias=bias), basis(b, metric_root, bias=bias)
    if u.shape[1] == 0 or v.shape[1] == 0:
        return np.empty(0)
    return np.rad2deg(subspace_angles(u, v))[::-1]


def overlap(angles_deg: np.ndarray) -> float:
    """Return the mean squared cosine of principal angles.

    The fraction of the smaller subspace's variance that lies in the larger one
    if it is spread evenly over the smaller: 0 = orthogonal, 1 = contained.
    (Elsayed et al. 2016 define an alignment of *activity* subspaces; this is one
    of weights, our definition.) NaN without angles.
    """
    angles_deg = np.asarray(angles_deg, float)
    return float(np.mean(np.cos(np.deg2rad(angles_deg)) ** 2)) if angles_deg.size else np.nan


def overlaps(
    a: np.ndarray, b: np.ndarray, metric_root: np.ndarray | None = None, *, bias: bool = False
) -> np.ndarray:
    """Return `overlap` of the principal angles of many pairs of readouts, all at once.

    The squared cosines are those of orthonormal bases U and V, whose sum is ``|U^T V|^2``
    (Bjorck & Golub 1973), so no angle has to be found.

    Parameters
    ----------
    a : (D, K, N) array
    b : (D, L, N) array
    metric_root : (N, N) array, optional
        From `root`; without it the Euclidean metric.
    bias : bool
        Whether the last column of both is the weight of the bias, which is left out.

    Returns
    -------
    (D,) float64
        NaN where either readout is zero.
    """
    bases, ranks = [], []
    for weights in (a, b):
        rows = _directions(weights, bias)
        if metric_root is not None:
            rows = (rows.reshape(-1, rows.shape[-1]) @ metric_root).reshape(rows.shape)
        _, s, vt = np.linalg.svd(rows, full_matrices=False)
        kept = s > RANK_TOLERANCE * s.max(1, keepdims=True, initial=0)
        bases.append(vt * kept[..., None])
        ranks.append(kept.sum(1))
    shared = np.square(bases[0] @ bases[1].transpose(0, 2, 1)).sum((1, 2))
    smaller = np.minimum(*ranks)
    return np.where(smaller > 0, shared / np.maximum(smaller, 1), np.nan)


def project_out(
    weights: np.ndarray, other: np.ndarray, metric: np.ndarray | None = None, *, bias: bool = False
) -> np.ndarray:
    """Return `weights` without what they share with the row space of `other`.

    Euclidean, it is as if the activity along the other readout's directions were
    silenced. In a metric, the outputs no longer correlate with the other's.

    Parameters
    ----------
    weights, other : (K, N) array
        Or (K, N+1) with `bias`.
    metric : (N, N) array, optional
    bias : bool
        Whether the last column of both is the weight of the bias; that of `weights` is kept.

    Returns
    -------
    float64 array, as `weights`
    """
    u = basis(other, bias=bias)  # (N, r)
    left = np.array(weights, float)
    rows = _directions(left, bias)
    mu = u if metric is None else metric @ u
    rows -= rows @ mu @ np.linalg.pinv(u.T @ mu, hermitian=True) @ u.T
    return left


def random_directions(
    n: int, rank: int, draws: int, rng: np.random.Generator, covariance_root: np.ndarray | None = None
) -> np.ndarray:
    """Return random weights (draws, rank, n), all directions alike or as the activity varies.

    Parameters
    ----------
    n : int
        Number of neurons.
    rank, draws : int
    rng : numpy Generator
    covariance_root : (n, n) array, optional
        From `root`: weights from N(0, covariance) prefer directions in which
        the activity varies, as learned ones do, and know nothing else.
    """
    rows = rng.standard_normal((draws, rank, n))
    return rows if covariance_root is None else rows @ covariance_root.T


def random_angles(
    n: int,
    rank_a: int,
    rank_b: int,
    draws: int,
    rng: np.random.Generator,
    covariance_root: np.ndarray | None = None,
) -> np.ndarray:
    """Return Euclidean principal angles of two readouts of `random_directions`.

    Returns
    -------
    (draws, min rank) float64, degrees
    """
    rows = random_directions(n, rank_a + rank_b, draws, rng, covariance_root)
    return np.array([principal_angles(w[:rank_a], w[rank_a:]) for w in rows])


def duty_cycle_angle(bumps: np.ndarray) -> float:
    """Return the angle that a "what" along the mean activity makes with a perfect "when".

    With one cue V is rank one along the mean window activity m. As far as m.x(t)
    is constant in time, the cosine of V and W in the *uncentred* second moment
    of the activity is that of a constant and the span of the targets s_k(t):
    for one bump mean(s)/rms(s), the root of a duty cycle, whatever was learned.

    Parameters
    ----------
    bumps : (T, K) array
        s_k(t) over the times of that second moment.

    Returns
    -------
    float, degrees
    """
    return float(np.rad2deg(subspace_angles(np.ones((len(bumps), 1)), np.asarray(bumps, float)))[0])
