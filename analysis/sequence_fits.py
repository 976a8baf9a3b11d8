"""Published regressions of P300 and reaction times on the surprise of ideal observers.

The data and the authors' sequences stand in ``data/meyniel2016`` with their source and licence. Every
regression is ``y = b0 + b1 surprise`` over patterns of items, least squares without weights, and
R2 = var(fit) / var(data) (Meyniel, Maheu & Dehaene 2016).
"""

from __future__ import annotations

import csv
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spikewhen.analysis.transition_observers import surprise
from spikewhen.reservoir.errors import InputError

DATA = Path(__file__).parent / "data" / "meyniel2016"
STUDIES = ("squires1976", "kolossa2013", "cho2002", "huettel2002")
LONGEST_STREAK = 8


class Fit(NamedTuple):
    """A regression of a measurement on surprise."""

    r2: float
    slope: float
    intercept: float
    bic: float  # n ln(mean squared error) + k ln(n), k as given


class Points(NamedTuple):
    """What was measured, a row per pattern of items."""

    p_a: np.ndarray  # (r,) frequency of A in the blocks
    pattern: list[str]  # letters of the last items, of transitions, or kind and length of a streak
    value: np.ndarray  # (r,)


@cache
def sequences(p_a: float) -> np.ndarray:
    """Return the authors' sequences for a frequency of A, ``(200, 200)``, true where the item is A."""
    rows = (line.split() for line in (DATA / "squires_sequences.txt").read_text().splitlines())
    found = [[letter == "A" for letter in items] for p, items in rows if float(p) == p_a]
    if not found:
        raise InputError("p_a", p_a, "one of 0.3, 0.5, 0.7")
    return np.array(found)


@cache
def measured(study: str) -> Points:
    """Return what a study measured, for patterns of the length that was fitted.

    Raises
    ------
    InputError
    """
    if study not in STUDIES:
        raise InputError("study", study, "one of " + ", ".join(STUDIES))
    kind = "p300" if study.startswith(("squires", "kolossa")) else "rt"
    with open(DATA / f"{study}_{kind}.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if study == "squires1976":
        found = [(float(r["p_A"]), r["pattern"], r["p300_uV"]) for r in rows if len(r["pattern"]) == 5]
    elif study == "kolossa2013":  # the last item is called A here, whichever letter it had
        found = [
            (float(r["p_last_item"]), _last_is_a(r["pattern"]), r["p300_uV"])
            for r in rows
            if len(r["pattern"]) == 4
        ]
    elif study == "cho2002":
        found = [(0.5, r["pattern"], r["rt_ms"]) for r in rows]
    else:
        found = [
            (0.5, f"{r['streak']} {r['last_item']} {r['length']}", r["rt_ms"])
            for r in rows
            if r["rt_ms"] != "nan"
        ]
    p, pattern, value = zip(*found, strict=True)
    return Points(np.array(p), list(pattern), np.array(value, float))


def _last_is_a(pattern: str) -> str:
    return pattern if pattern[-1] == "A" else pattern.translate(str.maketrans("AB", "BA"))


Series = dict[float, tuple[np.ndarray, np.ndarray]]
"""By the frequency of A: items (S, n), true where A, and the surprise of each, (S, n) in bits."""


def mean_surprise(study: str, statistic: str, series: Series | None = None, **memory: float) -> np.ndarray:
    """Return the mean surprise of the last item of each pattern that a study measured, ``(r,)``.

    Parameters
    ----------
    study : {"squires1976", "kolossa2013", "cho2002", "huettel2002"}
    statistic : str
        As `spikewhen.analysis.transition_observers.surprise` takes it; not used where `series` are given.
    series : dict, optional
        Items and their surprise, in place of an observer's on `sequences`.
    **memory
        ``omega`` or ``p_change``.
    """
    points = measured(study)
    out = np.empty(points.value.size)
    for p in np.unique(points.p_a):
        if series is None:
            x = sequences(float(p))
            found = surprise(x, statistic, **memory)
        else:
            x, found = series[float(p)]
        of = _by_pattern(study, x, found)
        for i in np.flatnonzero(points.p_a == p):
            out[i] = of[points.pattern[i]]
    return out


def _by_pattern(study: str, x: np.ndarray, bits: np.ndarray) -> dict[str, float]:
    if study in ("squires1976", "kolossa2013"):
        n = 5 if study == "squires1976" else 4
        wanted = {"".join(letters) + "A": None for letters in product("AB", repeat=n - 1)}
        return {w: _mean_after(x, [c == "A" for c in w], bits) for w in wanted}
    changed = np.hstack([np.zeros((len(x), 1), bool), x[:, 1:] != x[:, :-1]])
    if study == "cho2002":
        # The first item changes nothing, so patterns of transitions begin at the second.
        words = ("".join(letters) for letters in product("RA", repeat=4))
        return {w: _mean_after(changed[:, 1:], [c == "A" for c in w], bits[:, 1:]) for w in words}
    found = {}
    for kind, length in product(("repetition", "alternation"), range(1, LONGEST_STREAK + 1)):
        goes_on = kind == "alternation"
        # A streak of L items has L - 1 transitions of its kind, after one of the other kind.
        steps = [not goes_on] + [goes_on] * (length - 1)
        for last, step in (("continues", goes_on), ("violates", not goes_on)):
            found[f"{kind} {last} {length}"] = _mean_after(changed[:, 1:], [*steps, step], bits[:, 1:])
    return found


def _mean_after(x: np.ndarray, pattern: list[bool], bits: np.ndarray) -> float:
    n = len(pattern)
    windows = np.lib.stride_tricks.sliding_window_view(x, n, axis=1)
    return float(bits[:, n - 1 :][(windows == np.array(pattern)).all(-1)].mean())


def regress(value: np.ndarray, on: np.ndarray, parameters: int = 3) -> Fit:
    """Regress a measurement on surprise.

    Parameters
    ----------
    value, on : (r,) array
    parameters : int
        k of the BIC: 2, and one more for a memory that was fitted.
    """
    n = value.size
    slope, intercept = np.polyfit(on, value, 1)
    fitted = intercept + slope * on
    error = float(((value - fitted) ** 2).mean())
    bic = n * np.log(error) + parameters * np.log(n)
    return Fit(float(fitted.var() / value.var()), float(slope), float(intercept), float(bic))


def fit(study: str, statistic: str, **memory: float) -> Fit:
    """Fit an observer to a study; arguments as `mean_surprise`."""
    perfect = memory.get("omega") == np.inf
    return regress(
        measured(study).value, mean_surprise(study, statistic, None, **memory), 2 if perfect else 3
    )


def squires_expectancy(before: str, p_a: float) -> float:
    """Return the expectancy of an A by the descriptive model of Squires et al. (1976).

    ``.235 sum_i .6^i [A i items back] + .033 D + .505 p(A) - .027``, i = 1 to 4; D is 3 after three
    alternations, 2 after two, positive where A goes on with them and negative where it breaks them.

    Parameters
    ----------
    before : str
        The four letters before, oldest first.
    p_a : float
    """
    memory = sum(0.6**i * (letter == "A") for i, letter in enumerate(reversed(before), start=1))
    streak = {"ABAB": 3, "BABA": -3, "BBAB": 2, "AABA": -2}.get(before, 0)
    return 0.235 * memory + 0.033 * streak + 0.505 * p_a - 0.027


def squires_surprise(study: str) -> np.ndarray:
    """Return the surprise of that model for each pattern of a study, ``(r,)`` in bits.

    Where a pattern does not say what came four items back, its surprise is the mean over both letters.
    """
    points = measured(study)
    out = np.empty(points.value.size)
    for i, (p, pattern) in enumerate(zip(points.p_a, points.pattern, strict=True)):
        before = pattern[:-1]
        oldest = {"": 1.0} if len(before) == 4 else {"A": p, "B": 1 - p}
        out[i] = sum(w * -np.log2(squires_expectancy(a + before, p)) for a, w in oldest.items())
    return out
