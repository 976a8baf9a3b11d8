"""Composition: a "what" learned under one contingency with a "when" learned under another.

Conditions are pairs (probability, latency) on a full grid, each learned by itself
from the same start on the same activity. A pair (p, t) is composed from V of a
condition with that p and another latency, and W of one with that latency and
another p: neither has seen the pair. A merged readout has no parts; it is reused
as learned under (other p, t), or with one gain per channel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spikewhen.analysis.baselines import combine
from spikewhen.analysis.scores import error


class Transfer(NamedTuple):
    """E by condition, (C,) each, mean over probes and, where there are several, over donors."""

    direct: np.ndarray  # factored, trained on the pair itself
    composed: np.ndarray  # V and W of other pairs
    wrong_what: np.ndarray  # W of this latency with the V it was learned with: another p
    wrong_when: np.ndarray  # V of this p with the W it was learned with: another latency
    merged_direct: np.ndarray  # merged, trained on the pair itself
    merged_as_is: np.ndarray  # merged, trained on this latency with another p
    merged_known: np.ndarray  # its channels times (new p / old p), which it has to be told
    merged_best: np.ndarray  # its channels times the gains that fit the target best (oracle)


def donors(level: np.ndarray, other: np.ndarray, c: int) -> np.ndarray:
    """Return the conditions that share the `level` of condition c and differ in the `other` factor."""
    return np.flatnonzero((level == level[c]) & (other != other[c]))


def best_gain(z: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the least-squares gain of each channel, at least 0: (q, T, K) to (K,)."""
    size = (z**2).sum((0, 1))
    fit = (z * target).sum((0, 1))
    return np.maximum(np.divide(fit, size, out=np.zeros_like(size), where=size > 0), 0)


def transfer(y, p_hat, merged, probability, latency_ms, target, time_ms) -> Transfer:
    """Score every condition of a grid learned directly, and composed from others.

    Parameters
    ----------
    y : (C, q, T, K) array
        "When" output of each condition's W on the same probes.
    p_hat : (C, q, K) array
        "What" output of each condition's V.
    merged : (C, q, T, K) array
        Output of each condition's merged readout.
    probability, latency_ms : (C, K) array
    target : (C, T, K) array
    time_ms : (T,) array
    """
    p_level = np.unique(probability, axis=0, return_inverse=True)[1].ravel()
    t_level = np.unique(latency_ms, axis=0, return_inverse=True)[1].ravel()
    out = np.full((len(Transfer._fields), len(y)), np.nan)

    def mean_error(predictions, c):
        found = [error(z, target[c], time_ms).mean() for z in predictions]
        return np.mean(found) if found else np.nan

    for c in range(len(y)):
        for_what, for_when = donors(p_level, t_level, c), donors(t_level, p_level, c)
        raw = [np.maximum(merged[w], 0) for w in for_when]
        wanted = np.broadcast_to(target[c], y[c].shape)
        # A channel that never was delivered has nothing to be scaled.
        ratio = [
            np.divide(
                probability[c], probability[w], out=np.ones_like(probability[c]), where=probability[w] > 0
            )
            for w in for_when
        ]
        out[:, c] = (
            mean_error([combine(p_hat[c], y[c])], c),
            mean_error([combine(p_hat[v], y[w]) for v in for_what for w in for_when], c),
            mean_error([combine(p_hat[w], y[w]) for w in for_when], c),
            mean_error([combine(p_hat[v], y[v]) for v in for_what], c),
            mean_error([np.maximum(merged[c], 0)], c),
            mean_error(raw, c),
            mean_error([g * z for g, z in zip(ratio, raw, strict=True)], c),
            mean_error([best_gain(z, wanted) * z for z in raw], c),
        )
    return Transfer(*out)


def relative_change(before: np.ndarray, after: np.ndarray, along: tuple[int, ...]) -> np.ndarray:
    """Return RMS(after - before) / RMS(before) over the axes `along`; NaN where nothing was before."""
    size = (np.asarray(before, float) ** 2).sum(along)
    change = ((np.asarray(after, float) - before) ** 2).sum(along)
    return np.sqrt(np.divide(change, size, out=np.full_like(size, np.nan), where=size > 0))
