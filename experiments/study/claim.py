"""A claim: what was published, what must come out, and a verdict on the bound of an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from spikewhen.analysis.statistics import (
    Interval,
    all_equal,
    differences,
    effect_size,
    equivalence,
    fewest_pairs,
    fraction_interval,
    holm,
    mean_interval,
    median_interval,
    sign_flip,
)
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import Recording

HOLDS, OPEN, FAILS, REPORTED = "holds", "not shown", "fails", "reported"
"""The bound of the interval meets the requirement; the interval lies astride it, or there are too few
seeds; it lies beyond; none was set."""

FEWEST = fewest_pairs()
"""Seeds below which nothing is judged (6): no sign-flip test can reach 5 %, no median has an interval."""

LEVEL = 0.95

Measured = Mapping[str, Mapping[int, dict[str, Any]]]
"""``measured[protocol][seed]`` is what `Claim.measure` returned for that run."""


class Finding(NamedTuple):
    """One number of a claim: a mean over seeds with its 95 % interval, and a verdict.

    `of` says what the number and the interval are of: the mean, the median, a fraction. `level` is
    the level of the interval, and `family` says with which others it was judged.
    """

    what: str
    published: str
    required: str
    unit: str
    mean: float
    low: float
    high: float
    n: int
    verdict: str
    p: float = float("nan")  # of a paired test, not corrected
    of: str = "mean"
    level: float = LEVEL
    family: str = ""
    p_holm: float = float("nan")  # corrected over the family
    d_z: float = float("nan")  # of pairs: mean of the differences over their standard deviation


class Judged(NamedTuple):
    """What a claim found."""

    findings: list[Finding]
    series: Mapping[str, Any] = MappingProxyType({})  # JSON types and arrays that figures draw
    rests_on: Finding | None = None  # the paired test the claim rests on, if it rests on one

    @property
    def p(self) -> float:
        """The p-value of that test, corrected over its family where it has one; NaN without a test."""
        if self.rests_on is None:
            return float("nan")
        return self.rests_on.p_holm if self.rests_on.family else self.rests_on.p


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
    fraction: bool = False,
    among: int = 1,
) -> Finding:
    """Judge one value per seed against bounds.

    Values that are equal at all of 6 seeds or more bound no mean, but their median: then the
    finding is of the median, and its interval is that one value.

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
    fraction : bool
        Of values that are 1 where something is so and 0 where not: the share of seeds and its
        exact interval.
    among : int
        How many findings are picked from, or are stated together: with ``among=m`` the interval
        has the level ``1 - 0.05 / m``, so that all m hold together in 95 % (Bonferroni).

    Raises
    ------
    ValueError
        If a fraction is asked of other values than 0 and 1.
    """
    level = LEVEL if among == 1 else 1 - (1 - LEVEL) / among
    of = "median" if median else "fraction" if fraction else "mean"
    if of == "mean" and all_equal(values):
        of = "median"
    method = {"mean": mean_interval, "median": median_interval, "fraction": fraction_interval}[of]
    found = _judged(what, method(values, level), at_least, at_most, below, published, unit)
    family = f"{among} findings, Bonferroni" if among > 1 else ""
    return found._replace(of=of, level=level, family=family)


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
    among: int = 1,
) -> Finding:
    """Judge the difference ours - theirs, seed by seed, with a sign-flip test. Parameters as in `finding`."""
    d = differences(ours, theirs)
    found = finding(
        what,
        d,
        at_least=at_least,
        at_most=at_most,
        below=below,
        published=published,
        unit=unit,
        among=among,
    )
    p = sign_flip(d)
    corrected = min(1.0, among * p) if among > 1 else float("nan")
    return found._replace(p=p, p_holm=corrected, d_z=effect_size(d).d_z)


def equivalent(what: str, ours, theirs, *, within: float, published: str = "", unit: str = "1") -> Finding:
    """Judge that ours and theirs do not differ by more than a margin, seed by seed.

    This is what "no difference" takes: that a test of a difference finds none shows nothing. It
    holds where the 90 % interval of the difference lies between ``-within`` and ``within`` (two
    one-sided tests at 5 %), fails where it lies outside, and is not shown otherwise.

    Parameters
    ----------
    what : str
    ours, theirs : (n,) array
        One per seed, in the same order.
    within : float
        The largest difference that does not matter; chosen before the seeds were run.
    published, unit : str

    Returns
    -------
    Finding
        With `level` 0.9; `p` is that of the two one-sided tests.
    """
    d = differences(ours, theirs)
    interval, p = equivalence(d, within)
    of = "mean"
    if all_equal(d):
        interval, of = median_interval(d, 0.9), "median"
    found = _judged(what, interval, -within, within, None, published, unit)
    return found._replace(p=p, of=of, level=0.9)


def holm_over(family: str, findings: Sequence[Finding]) -> list[Finding]:
    """Correct the paired tests of some findings together, by Holm's method.

    The findings of `paired` that belong together: the rows of one table, or the settings among
    which one is looked for. With the correction, the chance that any of them is taken for a
    difference where there is none is at most 5 %.

    Parameters
    ----------
    family : str
        What they are, such as ``"the four rules"``; the report states it with their number.
    findings : sequence of Finding

    Returns
    -------
    list of Finding
        With `p_holm` and `family`. A verdict "holds" or "fails" becomes "not shown" where the
        corrected p is above 5 %, since the sign of the difference is not shown then.

    Raises
    ------
    InputError
        If one of them has no paired test.
    """
    for one in findings:
        if np.isnan(one.p) and one.n > 0:
            raise InputError(f"family {family}", one.what, "findings of paired tests")
    corrected = holm([one.p for one in findings])
    name = f"{family} ({len(findings)} tests, Holm)"
    return [
        one._replace(
            family=name,
            p_holm=float(p),
            verdict=OPEN if one.verdict in (HOLDS, FAILS) and not p <= 1 - LEVEL else one.verdict,
        )
        for one, p in zip(findings, corrected, strict=True)
    ]


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
        if n < FEWEST:
            verdict = OPEN
    return Finding(what, published, " and ".join(required), unit, mean, low, high, n, verdict)


def column(measured: Mapping[int, dict[str, Any]], *keys: str | int) -> np.ndarray:
    """Collect one entry of every seed's measures, ``(seeds, ...)`` float64; None becomes NaN."""

    def dig(entry: Any) -> Any:
        for key in keys:
            entry = entry[key]
        return entry

    return np.array([dig(entry) for entry in measured.values()], float)
