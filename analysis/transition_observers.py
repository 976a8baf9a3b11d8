"""Ideal observers of sequences of two items: how surprising each item is, given those before it.

Three statistics can be followed: how often each *item* comes, how often items *alternate*, or the
probabilities of *transitions* from each item to the next. Two memories estimate them: a leaky count,
in which an observation of n items ago weighs exp(-(n + 1)/omega), and Bayesian inference in a world
that changes with a probability per item. Equations of Meyniel, Maheu & Dehaene (2016, doi
10.1371/journal.pcbi.1005260), whose fits `spikewhen.analysis.sequence_fits` repeats.

Sequences are (S, n) arrays of truth values, true where the item is A. Surprise is -log2 P(item), in
bits; the first item has 1 bit, or NaN where the statistic is about pairs of items alone.
"""

from __future__ import annotations

import numpy as np

from spikewhen.reservoir.errors import InputError

STATISTICS = ("items", "alternation", "transitions")
GRID = np.linspace(0.0, 1.0, 20)
"""Values that a probability can have in the change-point observer."""


def surprise(
    sequences: np.ndarray, statistic: str, omega: float | None = None, p_change: float | None = None
) -> np.ndarray:
    """Return the surprise of every item, ``(S, n)`` in bits.

    Parameters
    ----------
    sequences : (S, n) bool array
        True where the item is A.
    statistic : {"items", "alternation", "transitions"}
    omega : float, optional
        Leaky memory in items; infinity never forgets.
    p_change : float, optional
        Probability per item that everything changes; one of the two memories is to be given.

    Raises
    ------
    InputError
    """
    x = np.asarray(sequences, bool)
    if x.ndim != 2:
        raise InputError("sequences", x.shape, "shape (sequences, items)")
    if statistic not in STATISTICS:
        raise InputError("statistic", statistic, "one of " + ", ".join(STATISTICS))
    if (omega is None) == (p_change is None):
        raise InputError("omega, p_change", (omega, p_change), "one of the two")
    if omega is not None and not omega > 0:
        raise InputError("omega", omega, "above 0")
    if p_change is not None and not 0 <= p_change < 1:
        raise InputError("p_change", p_change, "from 0 to below 1")

    def bits(series: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        if omega is not None:
            p = leaky(series, omega, before)
        else:
            assert p_change is not None
            p = change_point(series, p_change, before)
        return -np.log2(np.where(series, p, 1 - p))

    if statistic == "items":
        return bits(x)
    first = np.full((len(x), 1), np.nan if statistic == "alternation" else 1.0)
    if statistic == "alternation":
        return np.hstack([first, bits(x[:, 1:] != x[:, :-1])])
    return np.hstack([first, bits(x[:, 1:], x[:, :-1])])


def leaky(series: np.ndarray, omega: float | np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """Return P(true) of every observation from leaky counts of those before it, ``(S, n)``.

    Parameters
    ----------
    series : (S, n) bool array
    omega : float or (S,) array
        After each observation every count is multiplied by exp(-1/omega), the new one included.
    before : (S, n) bool array, optional
        The context of each observation, which has counts of its own.
    """
    keep = np.exp(-1.0 / np.asarray(omega, float)).reshape(-1, 1, 1)
    rows = np.arange(len(series))
    context = np.zeros(series.shape, int) if before is None else before.astype(int)
    counts = np.zeros((len(series), 2, 2))  # sequence, context, outcome
    out = np.empty(series.shape)
    for t in range(series.shape[1]):
        here = counts[rows, context[:, t]]
        out[:, t] = (here[:, 1] + 1) / (here.sum(1) + 2)
        counts[rows, context[:, t], series[:, t].astype(int)] += 1
        counts *= keep
    return out


def change_point(series: np.ndarray, p_change: float, before: np.ndarray | None = None) -> np.ndarray:
    """Return P(true) of every observation in a world that may have changed, ``(S, n)``.

    The forward algorithm over the values of `GRID`: the belief ``alpha`` over S states predicts
    ``pi = (1 - p) alpha + p (1 - alpha)/(S - 1)``, and is multiplied with the likelihood of what came.
    With a context a state is a pair of values, one for each context.

    Parameters
    ----------
    series, before
        As `leaky` takes them.
    p_change : float
    """
    one, two = (a.ravel() for a in np.meshgrid(GRID, GRID, indexing="ij"))
    values = GRID[None] if before is None else np.stack([one, two])  # (contexts, states)
    states = values.shape[1]
    belief = np.full((len(series), states), 1.0 / states)
    out = np.empty(series.shape)
    for t in range(series.shape[1]):
        if t:
            belief = (1 - p_change) * belief + p_change * (1 - belief) / (states - 1)
        theta = values[0][None] if before is None else values[before[:, t].astype(int)]
        out[:, t] = (belief * theta).sum(1)
        belief = belief * np.where(series[:, t, None], theta, 1 - theta)
        belief = belief / belief.sum(1, keepdims=True)
    return out
