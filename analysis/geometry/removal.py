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

from spikewhen.analysis.geometry.activity import Activity
from spikewhen.analysis.geometry.nulls import Refits
from spikewhen.analysis.geometry.subspaces import basis, project_out, random_directions
from spikewhen.analysis.scores import root_ratio


class Removal(NamedTuple):
    """What one readout loses, as a fraction of silence's error; 0 is nothing."""

    intact: float  # error with nothing removed, RMSE over that of silence
    own: float  # its own directions removed: the ceiling
    other: float  # those of the other readout
    uniform: float  # random directions of the other's rank, mean over draws
    matched: float  # random directions in which the activity varies
    refit: float  # those of the other readout refitted to broken targets


class Dissociation(NamedTuple):
    """What both readouts lose."""

    when: Removal
    what: Removal


def removal_errors(weights, removed, features, target) -> np.ndarray:
    """Return the error of a readout after each of several projections.

    Parameters
    ----------
    weights : (K, N+1) array
        The last column is the weight of the bias, which is kept.
    removed : sequence of (R, N+1) arrays
        The row space of each is projected out of `weights`: Euclidean, as if the
        activity along these directions were silenced. Their last column is ignored.
    features : (..., N+1) array
    target : (..., K) array

    Returns
    -------
    (len(removed),) float64
        RMSE over channels and samples, over that of silence.
    """
    target = np.asarray(target, float)
    left = np.array([project_out(weights, other, bias=True) for other in removed])  # (D, K, N+1)
    flat = features.reshape(-1, features.shape[-1])
    said = (flat @ left.reshape(-1, left.shape[-1]).T).reshape(len(flat), *left.shape[:2])
    wrong = ((said - target.reshape(len(flat), 1, -1)) ** 2).sum((0, 2))
    return root_ratio(wrong, np.full(len(left), (target**2).sum()))


def dissociate(
    what: np.ndarray,
    when: np.ndarray,
    probes: Activity,
    window_ms: tuple[float, float],
    broken: Refits,
    covariance_root: np.ndarray,
    draws: int,
    rng: np.random.Generator,
) -> Dissociation:
    """Remove each readout's directions from the other and from itself.

    Parameters
    ----------
    what, when : (K, N+1) array
        Learned weights, the bias last.
    probes : Activity
        On which errors are measured: nothing was learned from it.
    window_ms : (start, end)
        Of the "what" readout.
    broken : Refits
        Of the activity that was learned from.
    covariance_root : (N, N) array
        Of that activity, from `spikewhen.analysis.geometry.subspaces.root`.
    draws : int
        Random directions, and refits used (at most those given). With 0, chance is NaN.
    rng : numpy Generator
    """
    after = probes.time_ms >= 0
    n = what.shape[1] - 1
    nothing = np.zeros((1, n + 1))

    def directions(rank, root=None):
        rows = random_directions(n, rank, draws, rng, root)
        return np.concatenate([rows, np.zeros((draws, rank, 1))], axis=2)

    def removal(weights, other, refitted, x, wanted) -> Removal:
        rank = basis(other, bias=True).shape[1]
        chance = directions(rank), directions(rank, covariance_root), refitted[:draws]
        groups = [[nothing, weights, other], *chance]
        found = removal_errors(weights, [w for g in groups for w in g], x, wanted)
        intact, own, crossed = found[:3]
        ends = np.cumsum([len(g) for g in groups])
        lost = [found[a:b].mean() - intact if b > a else np.nan for a, b in pairwise(ends)]
        return Removal(*map(float, (intact, own - intact, crossed - intact, *lost)))

    return Dissociation(
        removal(when, what, broken.what, probes.features[:, after], probes.bumps[:, after]),
        removal(what, when, broken.when, probes.window_means(window_ms), probes.probability),
    )
