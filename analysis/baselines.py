"""The ladder beside every error: what simpler or better-informed predictors reach.

A small E alone does not prove that probability was learned: with perfect timing
an equal p scores .51 and winner-take-all .34 at p = (.8, .2).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spikewhen.analysis.geometry.activity import Activity
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


class Ceiling(NamedTuple):
    """The best linear readout of a block's activity."""

    error: np.ndarray  # (q,) E on the probes
    penalty: float  # of the ridge fit, chosen on held-out trials


def ridge_ceiling(trials: Activity, probes: Activity, target: np.ndarray) -> Ceiling:
    """Return E of the best linear readout of a block's activity, given the true p.

    Parameters
    ----------
    trials : Activity
        Of the block's training trials; the fit uses the times from cue onset on.
    probes : Activity
        On the block's last probes, which the fit never sees.
    target : (q, T, K) array
        z* on these probes, at the times of the activity.
    """
    fit = fit_ridge(*trials.after_cue)
    z = combine(probes.probability, probes.features @ fit.weights.T)
    return Ceiling(error(z, target, probes.time_ms), fit.penalty)
