"""A claim: what was published, what must come out, and a verdict on the bound of an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from spikewhen.analysis.statistics import Interval, Paired, mean_interval, median_interval, paired_difference
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.reservoir.files.recording import Recording

HOLDS, OPEN, FAILS, REPORTED = "holds", "not shown", "fails", "reported"
"""The bound of the interval meets the requirement; the interval lies astride it, or there are too few
seeds; it lies beyond; none was set."""

FEWEST = 6
"""Seeds below which an interval bounds nothing: no sign-flip test could reach 5 %, no median has one."""

Measured = Mapping[str, Mapping[int, dict[str, Any]]]
"""``measured[protocol][seed]`` is what `Claim.measure` returned for that run."""


class Finding(NamedTuple):
    """One number of a claim: a mean (or median) over seeds with its 95 % interval, and a verdict."""

    what: str
    published: str
    required: str
    unit: str
    mean: float
    low: float
    high: float
    n: int
    verdict: str
    p: float = float("nan")  # of a paired test, before Holm's correction


class Judged(NamedTuple):
    """What a claim found."""

    findings: list[Finding]
    series: Mapping[str, Any] = MappingProxyType({})  # JSON types and arrays that figures draw
    rests_on: Finding | None = None  # the paired test the claim rests on, if it rests on one

    @property
    def p(self) -> float:
        """The p-value of that test, before Holm's correction; NaN without one."""
        return float("nan") if self.rests_on is None else self.rests_on.p


@dataclass(frozen=True)
class Claim:
    """One claim, in one file.

    Attributes
    ----------
    id, title : str
    published : str
        The published value or statement.
    protocols : tuple of Protocol
    measure : callable
        ``measure(protocol name, recording) -> dict``: JSON-able numbers of one run. A function
        at the top level of a module, which depends on nothing but the recording.
    judge : callable
        ``judge(measured) -> Judged``.
    notes : tuple of str
        Sentences for the reader of the report.
    """

    id: str
    title: str
    published: str
    protocols: tuple[Protocol, ...]
    measure: Callable[[str, Recording], dict[str, Any]]
    judge: Callable[[Measured], Judged]
    notes: tuple[str, ...] = field(default=())


def finding(
    what: str,
    values,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    published: str = "",
    unit: str = "1",
    median: bool = False,
) -> Finding:
    """Judge one value per seed against bounds.

    Parameters
    ----------
    what : str
    values : (n,) array
        One per seed; NaN = undefined for that seed.
    at_least, at_most, below : float, optional
        What the interval's nearer bound must keep; none = only reported.
    published, unit : str
    median : bool
        Of values that may be infinite ("never"): median and its distribution-free interval.
    """
    interval = (median_interval if median else mean_interval)(values)
    return _judged(what, interval, at_least, at_most, below, published, unit)


def paired(
    what: str,
    ours,
    theirs,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    published: str = "",
    unit: str = "1",
) -> Finding:
    """Judge the difference ours - theirs, seed by seed, with a sign-flip test."""
    d: Paired = paired_difference(ours, theirs)
    found = _judged(what, Interval(*d[:4]), at_least, at_most, below, published, unit)
    return found._replace(p=d.p)


def _judged(what, interval: Interval, at_least, at_most, below, published, unit) -> Finding:
    mean, low, high, n = interval
    required, keeps, misses = [], [], []
    if at_least is not None:
        required.append(f">= {at_least:g}")
        keeps.append(low >= at_least)
        misses.append(high < at_least)
    for bound, sign in ((at_most, "<="), (below, "<")):
        if bound is not None:
            required.append(f"{sign} {bound:g}")
            keeps.append(high < bound if sign == "<" else high <= bound)
            misses.append(low >= bound if sign == "<" else low > bound)
    verdict = REPORTED
    if required:
        verdict = HOLDS if all(keeps) else FAILS if any(misses) else OPEN
        if 1 < n < FEWEST:
            verdict = OPEN
    return Finding(what, published, " and ".join(required), unit, mean, low, high, n, verdict)


def column(measured: Mapping[int, dict[str, Any]], *keys: str | int) -> np.ndarray:
    """Collect one entry of every seed's measures, ``(seeds, ...)`` float64; None becomes NaN."""

    def dig(entry: Any) -> Any:
        for key in keys:
            entry = entry[key]
        return entry

    return np.array([dig(entry) for entry in measured.values()], float)
