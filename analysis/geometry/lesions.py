"""A readout that loses cells: silencing a class, keeping a few.

Features of silenced cells are set to zero, which for normalised features is their
running mean. The network itself goes on as before: this asks what the readout takes
from these cells, not what the network does without them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spikewhen.analysis import scores
from spikewhen.analysis.baselines import combine
from spikewhen.analysis.ridge import solve_ridge


class Probes(NamedTuple):
    """What a readout is tested on."""

    features: np.ndarray  # (q, T, M)
    means: np.ndarray  # (q, M) in the "what" window
    target: np.ndarray  # (q, T, K)
    probability: np.ndarray  # (q, K)
    latency_ms: np.ndarray  # (q, K)
    time_ms: np.ndarray  # (T,)


class Spared(NamedTuple):
    """How a readout does, means over probes and channels."""

    error: float  # E
    timing_ms: float  # of detected peaks; NaN if none
    detection: float
    p_error: float  # mean |p_hat - p|


def without(weights: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return (K, N+1) weights with those of some cells at zero; `cells` is a (N,) mask."""
    out = np.array(weights, float)
    out[:, :-1][:, cells] = 0
    return out


def probe_readout(what: np.ndarray, when: np.ndarray, probes: Probes) -> Spared:
    """Score a factored readout, the prediction object clip(p_hat) max(y, 0), on probes."""
    p_hat = probes.means @ what.T
    z = combine(np.clip(p_hat, 0, 1), probes.features @ when.T)
    timing = scores.timing(z, probes.target, probes.time_ms, probes.latency_ms)
    found = timing.error_ms[np.isfinite(timing.error_ms)]
    return Spared(
        float(scores.error(z, probes.target, probes.time_ms).mean()),
        float(found.mean()) if found.size else np.nan,
        float(np.nanmean(timing.detected)),
        float(np.abs(np.clip(p_hat, 0, 1) - probes.probability).mean()),
    )


def refit_without(gram: np.ndarray, cross: np.ndarray, penalty: float, cells: np.ndarray) -> np.ndarray:
    """Fit "when" by ridge on the cells that remain, (K, M) with zeros for the silenced.

    Parameters
    ----------
    gram, cross : (M, M), (M, K) array
        X^T X and X^T S of all features, the bias last.
    penalty : float
    cells : (N,) bool array
        The silenced ones.
    """
    kept = np.flatnonzero(np.r_[~cells, True])
    out = np.zeros((cross.shape[1], len(gram)))
    out[:, kept] = solve_ridge(gram[np.ix_(kept, kept)], cross[kept], penalty)
    return out


def same_number(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random mask of as many cells."""
    return rng.permutation(cells)


def same_rate(cells: np.ndarray, rate_hz: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random mask of cells that together fire about as much: drawn until the sum is reached."""
    order = rng.permutation(len(cells))
    total = np.cumsum(rate_hz[order])
    out = np.zeros(len(cells), bool)
    out[order[: 1 + int(np.argmin(np.abs(total - rate_hz[cells].sum())))]] = True
    return out


def keep_random(n: int, keep: int, rng: np.random.Generator) -> np.ndarray:
    """Return a mask that silences all but `keep` random cells of n."""
    out = np.ones(n, bool)
    out[rng.choice(n, keep, replace=False)] = False
    return out


def split_in_thirds(values: np.ndarray) -> list[np.ndarray]:
    """Split the finite values into three masks of equal size: low, middle, high; NaN are in none."""
    known = np.flatnonzero(np.isfinite(values))
    masks = []
    for part in np.array_split(known[np.argsort(values[known], kind="stable")], 3):
        mask = np.zeros(len(values), bool)
        mask[part] = True
        masks.append(mask)
    return masks
