"""Whether taking one readout's directions from the activity hurts that readout alone.

A double dissociation: "when" loses what its own directions carry and no more than
chance with those of "what", and the other way round. Chance is random directions
of equal rank, uniform or as the activity varies, and readouts refitted to broken
targets (`spikewhen.analysis.geometry.nulls`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from spikewhen.analysis.geometry.nulls import Refits
from spikewhen.analysis.geometry.subspaces import basis, project_out
from spikewhen.analysis.scores import root_ratio


class Removal(NamedTuple):
    """What one readout loses, as a fraction of silence's error; 0 = nothing."""

    intact: float  # error with nothing removed, RMSE over that of silence
    own: float  # its own directions removed: the ceiling
    other: float  # those of the other readout
    uniform: float  # random directions of the other's rank, mean over draws
    matched: float  # random directions in which the activity varies
    refit: float  # those of the other readout refitted to broken targets


class Dissociation(NamedTuple):
    """Both readouts."""

    when: Removal
    what: Removal


def removal_errors(weights, removed, features, target) -> np.ndarray:
    """Return the error of a readout after each of several projections.

    Parameters
    ----------
    weights : (K, M) array
    removed : sequence of (R, M) arrays
        The row space of each is projected out of `weights` (Euclidean: as if the
        activity along these directions were silenced).
    features : (..., M) array
    target : (..., K) array

    Returns
    -------
    (len(removed),) float64
        RMSE over channels and samples, over that of silence.
    """
    target = np.asarray(target, float)
    left = np.array([project_out(weights, other) for other in removed])  # (D, K, M)
    flat = features.reshape(-1, features.shape[-1])
    said = (flat @ left.reshape(-1, left.shape[-1]).T).reshape(len(flat), *left.shape[:2])
    wrong = ((said - target.reshape(len(flat), 1, -1)) ** 2).sum((0, 2))
    return root_ratio(wrong, np.full(len(left), (target**2).sum()))


def random_directions(
    rank: int, n: int, draws: int, rng: np.random.Generator, covariance_root: np.ndarray | None = None
) -> np.ndarray:
    """Return (draws, rank, n + 1) weights in random directions, bias 0."""
    rows = rng.standard_normal((draws, rank, n))
    if covariance_root is not None:
        rows = rows @ covariance_root.T
    return np.concatenate([rows, np.zeros((draws, rank, 1))], axis=2)


def dissociate(
    what,
    when,
    features,
    target,
    means,
    probability,
    broken: Refits,
    covariance_root,
    draws: int,
    rng: np.random.Generator,
) -> Dissociation:
    """Remove each readout's directions from the other and from itself.

    Parameters
    ----------
    what, when : (K, M) array
        Learned weights, the bias last.
    features : (q, T, M) array
    target : (q, T, K) array
        s_k(t).
    means : (q, M) array
        Mean features in the "what" window.
    probability : (q, K) array
        True p.
    broken : Refits
        Of the same activity.
    covariance_root : (N, N) array
        From `spikewhen.analysis.geometry.subspaces.root`.
    draws : int
        Random directions, and refits used (at most those given).
    """
    n = what.shape[1] - 1

    def removal(weights, other, refitted, x, wanted) -> Removal:
        rank = basis(other).shape[1]
        uniform = random_directions(rank, n, draws, rng)
        matched = random_directions(rank, n, draws, rng, covariance_root)
        nothing = np.zeros((1, n + 1))
        groups = [[nothing, weights, other], uniform, matched, refitted[:draws]]
        found = removal_errors(weights, [w for g in groups for w in g], x, wanted)
        intact, own, crossed = found[:3]
        ends = np.cumsum([len(g) for g in groups])
        chance = [found[a:b].mean() - intact for a, b in pairwise(ends)]
        return Removal(*map(float, (intact, own - intact, crossed - intact, *chance)))

    return Dissociation(
        removal(when, what, broken.what, features, target),
        removal(what, when, broken.when, means, probability),
    )
