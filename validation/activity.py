"""Rate, irregularity and correlation of spikes, and whether two sets of runs agree in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spikewhen.validation.equivalence import Equivalence, equivalence, ks_p
from spikewhen.validation.findings import CheckResult

BIN_MS = 50.0
LEAST_SPIKES = 6

MARGINS = {"rate_hz": 0.02, "cv": 0.02, "correlation": 0.01}
"""Of the rate as a share of it, of CV and correlation as they are; fixed before anything was measured.

Effects that this project reports move rates and errors by a tenth and more; a fifth of that is
the largest difference between simulators that could hide in, or pass for, a result.
"""
NAMES = {"rate_hz": "rate, Hz", "cv": "CV of intervals", "correlation": "count correlation"}


class Statistics(NamedTuple):
    """Activity of one network over one segment."""

    rate_hz: float  # mean over cells
    cv: float  # of interspike intervals, mean over cells with enough spikes
    correlation: float  # of spike counts in 50 ms, mean over pairs of the same cells


def statistics(
    time_ms: np.ndarray, neuron: np.ndarray, n_neurons: int, begin_ms: float, end_ms: float
) -> Statistics:
    """Summarise the spikes between two times.

    Parameters
    ----------
    time_ms, neuron : (S,) ndarray
        Ordered by time.
    n_neurons : int
    begin_ms, end_ms : float
    """
    inside = (time_ms > begin_ms) & (time_ms <= end_ms)
    time_ms, neuron = time_ms[inside], neuron[inside]
    rate = time_ms.size / n_neurons / (end_ms - begin_ms) * 1000
    busy = np.flatnonzero(np.bincount(neuron, minlength=n_neurons) >= LEAST_SPIKES)
    if busy.size < 2:
        return Statistics(rate, np.nan, np.nan)
    order = np.argsort(neuron, kind="stable")
    edges = np.searchsorted(neuron[order], np.arange(n_neurons + 1))
    intervals = [np.diff(time_ms[order[edges[i] : edges[i + 1]]]) for i in busy]
    cv = float(np.mean([x.std() / x.mean() for x in intervals]))
    n_bins = int((end_ms - begin_ms) // BIN_MS)
    counts = np.zeros((n_neurons, n_bins))
    at = np.minimum(((time_ms - begin_ms) // BIN_MS).astype(int), n_bins - 1)
    np.add.at(counts, (neuron, at), 1)
    varied = counts[busy][np.ptp(counts[busy], axis=1) > 0]
    r = np.corrcoef(varied)
    return Statistics(rate, cv, float((r.sum() - len(r)) / (len(r) * (len(r) - 1))))


def compare(
    check: str, what: str, a: Sequence[Statistics], b: Sequence[Statistics], judged: bool = True
) -> list[CheckResult]:
    """Compare paired runs in every statistic; a is ours, b what it is held against."""
    found = []
    for name, values in zip(Statistics._fields, zip(np.array(a).T, np.array(b).T, strict=True), strict=True):
        ours, theirs = values
        margin = MARGINS[name] * (float(np.mean(theirs)) if name == "rate_hz" else 1.0)
        found.append(judge(check, f"{what}: {NAMES[name]}", ours, theirs, margin, judged))
    return found


def judge(check: str, what: str, ours, theirs, margin: float, judged: bool = True) -> CheckResult:
    """One paired comparison as a line of the table."""
    e = equivalence(ours, theirs, margin)
    p, bound = ks_p(ours, theirs), f"90 % interval within ± {margin:.2g}"
    return CheckResult(
        check,
        f"{what}, {e.n} seeds",
        f"{np.mean(ours):.4g} against {np.mean(theirs):.4g}: {describe(e)}; KS p = {p:.2g}",
        bound if judged else f"({bound})",
        e.equivalent if judged else None,
        {"ours": list(map(float, ours)), "theirs": list(map(float, theirs)), "ks_p": p, **e._asdict()},
    )


def describe(e: Equivalence) -> str:
    """Difference and interval."""
    return f"{e.difference:+.2g} [{e.low:+.2g}, {e.high:+.2g}]"
