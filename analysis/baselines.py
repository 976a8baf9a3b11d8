"""The ladder beside every error: what simpler or better-informed predictors reach.

A small E alone does not prove that probability was learned: with perfect timing
an equal p scores .51 and winner-take-all .34 at p = (.8, .2).
"""

from __future__ import annotations

import numpy as np

from spikewhen.analysis.ridge import fit_ridge
from spikewhen.analysis.scores import error


def combine(probability: np.ndarray, when: np.ndarray) -> np.ndarray:
    """Return z_k = clip(p_k, 0, 1) max(y_k, 0): ``(..., K)`` and ``(..., T, K)`` to ``(..., T, K)``."""
    p = np.clip(np.asarray(probability, float), 0, 1)[..., None, :]
    return p * np.maximum(np.asarray(when, float), 0)


def equal_share(probability: np.ndarray) -> np.ndarray:
    """Return probabilities with the same sum over ``(..., K)``, shared equally."""
    p = np.asarray(probability, float)
    return np.broadcast_to(p.mean(-1, keepdims=True), p.shape)


def winner_take_all(probability: np.ndarray) -> np.ndarray:
    """Return 1 for the most probable event (the first of equals), 0 for the others."""
    p = np.asarray(probability, float)
    return (np.arange(p.shape[-1]) == p.argmax(-1)[..., None]).astype(float)


def replaced_errors(when, probability, target, time_ms) -> dict[str, np.ndarray]:
    """Return E of the network's own timing with another probability in the product.

    Parameters
    ----------
    when : (n, T, K) array
        y of a factored readout.
    probability : (n, K) array
        True p of each probe.
    target : (n, T, K) array
    time_ms : (T,) array

    Returns
    -------
    dict
        ``equal_p``, ``winner`` (of the true p) and ``true_p``, each (n,).
    """
    stand_ins = {
        "equal_p": equal_share(probability),
        "winner": winner_take_all(probability),
        "true_p": probability,
    }
    return {name: error(combine(p, when), target, time_ms) for name, p in stand_ins.items()}


def ridge_ceiling(features, bumps, probe_features, probability, target, time_ms) -> np.ndarray:
    """Return E of the best linear readout of a block's activity, given the true p.

    Parameters
    ----------
    features : (n, T, M) array
        Features of the block's training trials.
    bumps : (n, T, K) array
        s_k(t) of every event on every trial, delivered or not.
    probe_features : (q, T, M) array
        Features on the block's last probes, which the fit never sees.
    probability : (q, K) array
    target : (q, T, K) array
    time_ms : (T,) array
        Times of the features; the fit uses those from cue onset on.

    Returns
    -------
    (q,) float64
    """
    after = np.asarray(time_ms) >= 0
    fit = fit_ridge(features[:, after], bumps[:, after])
    return error(combine(probability, probe_features @ fit.weights.T), target, time_ms)
