"""How separate the directions are that read "what" and "when" from the activity.

Weights are ``(K, N+1)``; the bias column (the last) is dropped, so a row is a
direction among N neurons. ``metric`` is a symmetric positive semidefinite
``(N, N)`` matrix in which lengths and angles are measured: None for the
Euclidean one; with the second moment or covariance of the activity, the cosine
of two readouts is the correlation of their outputs.
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


def basis(weights: np.ndarray, metric_root: np.ndarray | None = None) -> np.ndarray:
    """Return an orthonormal basis (N, rank) of the row space, in the metric's coordinates."""
    rows = np.asarray(weights, float)[:, :-1]
    if metric_root is not None:
        rows = rows @ metric_root
    _, s, vt = np.linalg.svd(rows, full_matrices=False)
    return vt[s > RANK_TOLERANCE * s.max(initial=0)].T


def leading(weights: np.ndarray) -> np.ndarray:
    """Return the (1, N+1) direction in which a readout's rows are largest, bias 0.

    With one cue V is rank one along the mean activity but for noise, and the
    angle of that noise with W counts as much among principal angles as its own.
    """
    rows = np.asarray(weights, float)[:, :-1]
    return np.append(np.linalg.svd(rows, full_matrices=False)[2][0], 0.0)[None]


def principal_angles(a: np.ndarray, b: np.ndarray, metric_root: np.ndarray | None = None) -> np.ndarray:
    """Return the principal angles between the row spaces of two readouts.

    Parameters
    ----------
    a, b : (K, N+1) array
        Weights; the last column is ignored.
    metric_root : (N, N) array, optional
        From `root`; without it angles are Euclidean.

    Returns
    -------
    (min rank,) float64, degrees, ascending
        Empty if either readout is zero. Source: Bjorck & Golub 1973, as in
        ``scipy.linalg.subspace_angles``.
    """
    u, v = basis(a, metric_root), basis(b, metric_root)
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


def project_out(weights: np.ndarray, other: np.ndarray, metric: np.ndarray | None = None) -> np.ndarray:
    """Return `weights` without what they share with the row space of `other`.

    Euclidean: as if the activity along the other readout's directions were
    silenced. In a metric: the outputs no longer correlate with the other's.
    The bias weight is kept.

    Parameters
    ----------
    weights, other : (K, N+1) array
    metric : (N, N) array, optional

    Returns
    -------
    (K, N+1) float64
    """
    u = basis(other)  # (N, r)
    rows = np.asarray(weights, float).copy()
    mu = u if metric is None else metric @ u
    rows[:, :-1] -= rows[:, :-1] @ mu @ np.linalg.pinv(u.T @ mu, hermitian=True) @ u.T
    return rows


def random_null(
    n: int,
    rank_a: int,
    rank_b: int,
    draws: int,
    rng: np.random.Generator,
    covariance_root: np.ndarray | None = None,
) -> np.ndarray:
    """Return Euclidean principal angles of random weights, all directions alike or as the activity.

    Parameters
    ----------
    n : int
        Number of neurons.
    rank_a, rank_b, draws : int
    rng : numpy Generator
    covariance_root : (N, N) array, optional
        From `root`: weights from N(0, covariance) prefer directions in which
        the activity varies, as learned ones do, and know nothing else.

    Returns
    -------
    (draws, min rank) float64, degrees
    """
    rows = rng.standard_normal((draws, rank_a + rank_b, n))
    if covariance_root is not None:
        rows = rows @ covariance_root.T
    rows = np.concatenate([rows, np.zeros((draws, rank_a + rank_b, 1))], axis=2)  # bias
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
