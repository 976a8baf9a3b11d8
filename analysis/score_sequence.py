"""Scores of sequences of two items: the ideal observer that p-hat behaves like, and how human it is.

Before every update p-hat holds what the readout expects of the next item. It is compared with leaky
observers of items, alternation and transitions (`spikewhen.analysis.transition_observers`) over a grid of
memories, and its surprise with the P300 (`spikewhen.analysis.sequence_fits`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.analysis.sequence_fits import Series, mean_surprise, measured, regress
from spikewhen.analysis.transition_observers import STATISTICS, leaky, surprise
from spikewhen.analysis.views import Scores
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording

MEMORIES = (*range(1, 26), 27, 29, 32, 35, 38, 41, 44, 48, 55, 62, 71, 82, 98, 116, 145, 170, 200)
"""Grid of omega of Meyniel, Maheu & Dehaene (2016)."""

LEAST = 0.01
"""Probabilities are at least this and at most 1 minus this before their surprise is taken."""

BEST = {"squires": 16.0, "kolossa": 19.0}
"""Memories of transitions that fit the P300 best, published."""


def read_series(recording: Recording) -> np.ndarray:
    """Return the items of every block, ``(B, n + 1)``, true where A.

    Raises
    ------
    InputError
        If blocks differ in length, or an item has no successor.
    """
    block, item, after = (np.asarray(recording[schema.trial(k)]) for k in ("block", "condition", "event"))
    sizes = np.bincount(block)
    if (
        len(set(sizes.tolist())) != 1
        or (after < 0).any()
        or len(recording.attrs[schema.block()]["events"]) != 2
    ):
        raise InputError(schema.trial("event"), sizes.tolist(), "series of one length, of two items")
    item, after = (x.reshape(sizes.size, sizes[0]) for x in (item, after))
    return np.hstack([item[:, :1], after]) == 0


def expected_a(recording: Recording, label: str) -> np.ndarray:
    """Return what a readout says of P(next is A) in every trial, ``(B, n)``.

    Raises
    ------
    InputError
        If the run kept no training trials, or the readout has no p-hat.
    """
    path = schema.readout(label, "trials", "p_hat")
    if path not in recording:
        raise InputError("record.trials", False, 'true, for scores "sequence"')
    p = np.clip(np.asarray(recording[path], float), LEAST, 1 - LEAST)
    return (p[:, 0] / p.sum(1)).reshape(int(np.max(recording[schema.trial("block")])) + 1, -1)


def observed_a(x: np.ndarray, statistic: str, omega: np.ndarray) -> np.ndarray:
    """Return what leaky observers say of P(next is A) after each item but the last of a series.

    They go on from series to series, as the readout does.

    Parameters
    ----------
    x : (B, n + 1) bool array
    statistic : {"items", "alternation", "transitions"}
    omega : (M,) array
        A memory for each observer.

    Returns
    -------
    (M, B, n) float64
    """
    m = len(omega)

    def long(a: np.ndarray) -> np.ndarray:
        return np.broadcast_to(a.ravel(), (m, a.size))

    if statistic == "items":
        return leaky(long(x), omega).reshape(m, *x.shape)[:, :, 1:]
    now, after = x[:, :-1], x[:, 1:]
    if statistic == "transitions":
        return leaky(long(after), omega, long(now)).reshape(m, *now.shape)
    changes = leaky(long(after != now), omega).reshape(m, *now.shape)
    return np.where(now, 1 - changes, changes)


def memory_curve(x: np.ndarray, p: np.ndarray, statistic: str) -> np.ndarray:
    """Return r^2 of an expectation with the observer of a statistic for each of `MEMORIES`."""
    said = observed_a(x, statistic, np.array(MEMORIES, float))
    return np.array([np.corrcoef(one.ravel(), p.ravel())[0, 1] ** 2 for one in said])


def series_by_frequency(recording: Recording, x: np.ndarray, bits: np.ndarray) -> Series:
    """Sort series (B, n) and their surprise by the frequency of A that they were drawn with."""
    frequency = np.asarray(recording[schema.block("p_a")], float)
    return {float(p): (x[frequency == p], bits[frequency == p]) for p in np.unique(frequency)}


def said_surprise(x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the surprise of every item by P(next is A), 1 bit for the first, ``(B, n + 1)``."""
    p = np.clip(p, LEAST, 1 - LEAST)
    return np.hstack([np.ones((len(x), 1)), -np.log2(np.where(x[:, 1:], p, 1 - p))])


def score_sequence(recording: Recording, **_: Any) -> dict[str, Scores]:
    """Return the scores of every readout of a run."""
    x = read_series(recording)
    of_observer = {
        name: series_by_frequency(recording, x, surprise(x, "transitions", omega=omega))
        for name, omega in BEST.items()
    }
    out: dict[str, Scores] = {}
    for label in recording.labels:
        p, found = expected_a(recording, label), Scores()
        varies = p.std() > 0
        for statistic in STATISTICS:
            curve = memory_curve(x, p, statistic) if varies else np.full(len(MEMORIES), np.nan)
            best = int(np.argmax(curve))
            found[f"r2_{statistic}"] = curve[best : best + 1]
            found[f"omega_{statistic}"] = np.array([float(MEMORIES[best])])
        mine = series_by_frequency(recording, x, said_surprise(x, p))
        for name in BEST:
            found[f"p300_{name}"] = np.array([_fit(name, mine) if varies else np.nan])
            found[f"p300_{name}_observer"] = np.array([_fit(name, of_observer[name])])
        out[label] = found
    return out


def _fit(name: str, series: Series) -> float:
    """Return R2 of the P300 of a study on the surprise of some series, NaN where a pattern is missing."""
    study = next(s for s in ("squires1976", "kolossa2013") if s.startswith(name))
    if not set(np.unique(measured(study).p_a)) <= set(series):
        return float("nan")
    on = mean_surprise(study, "", series)
    return regress(measured(study).value, on).r2 if np.isfinite(on).all() else float("nan")
