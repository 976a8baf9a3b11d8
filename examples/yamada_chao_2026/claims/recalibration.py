"""C4: after a switch the network recalibrates, quickly and without overshoot."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.adaptation import savings, trials_to_criterion
from spikewhen.analysis.bands import band, jsonable
from spikewhen.examples.yamada_chao_2026.claims.shared import NAIVE, SWITCH, SWITCHES
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import curve, curves, scores_of, value_at
from spikewhen.reservoir.files.recording import Recording

TIMING, PROBABILITY, BOTH, RETURN = 1, 2, 3, 4
LIMIT = {TIMING: 20, PROBABILITY: 40, BOTH: 20}
"""Trials within which a switch must be followed; the article says "rapid", the numbers are ours."""

CURVES = ("error", "residual", "amplitude", "p_hat", "amplitude_y", "error_change_point")


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take the curves of every block, and how far amplitudes went beyond their last value."""
    scores = scores_of(recording, "local")
    known = np.flatnonzero(np.isin(np.arange(scores["overshoot"].shape[0]), scores["block"]))
    return {
        "curves": curves(recording, "local", CURVES),
        "overshoot": jsonable(scores["overshoot"][known]),
        "ridge": [jsonable(curve(scores, "error_ridge", b)[-1]) for b in known if "error_ridge" in scores],
        "surprise": {"curves": curves(recording, "surprise", ("error",))}
        if "surprise" in recording.labels
        else None,
    }


def trials_needed(run: dict[str, Any], block: int, reference: float) -> float:
    """Return the first probed trial of a block with E within 10 % of a reference; inf = never."""
    curve = run["curves"]
    return trials_to_criterion(curve["trial"][block], np.array(curve["error"][block], float), reference)


def judge(measured: Measured) -> Judged:
    """Trials to what a naive network reaches on the same block, residue, overshoot, savings."""
    runs = measured[SWITCHES.name]
    seeds = list(runs)
    naive = {b: measured[p.name] for b, p in zip((TIMING, PROBABILITY, BOTH), NAIVE, strict=True)}
    findings, needed = [], {}
    reached = {b: [value_at(naive[b][s]["curves"], "error", 0, 100) for s in seeds] for b in LIMIT}
    for b, limit in LIMIT.items():
        reach = reached[b]
        needed[b] = np.array([trials_needed(runs[s], b, r) for s, r in zip(seeds, reach, strict=True)])
        fresh = np.array([trials_needed(naive[b][s], 0, r) for s, r in zip(seeds, reach, strict=True)])
        after = f"after the switch of {SWITCH[b]}"
        findings += [
            finding(
                f"trials to within 10 % of a naive network's E, {after}",
                needed[b],
                at_most=limit,
                published="rapid",
                unit="trials",
                median=True,
            ),
            finding(
                f"the same minus the naive network's own trials, {after}",
                _difference(needed[b], fresh),
                at_most=0,
                unit="trials",
                median=True,
            ),
            finding(f"seeds that get there within {limit} trials, {after}", needed[b] <= limit),
            paired(
                f"E at trial 100 minus a naive network's, {after}",
                [value_at(runs[s]["curves"], "error", b, 100) for s in seeds],
                reach,
            ),
        ]
    for b in (TIMING, BOTH):
        left = [_mean(value_at(runs[s]["curves"], "residual", b, LIMIT[b])) for s in seeds]
        findings.append(
            finding(
                f"left of the old amplitude at its latency, trial {LIMIT[b]} of block {b + 1}",
                left,
                below=0.1,
            )
        )
    beyond = column(runs, "overshoot")
    for b in LIMIT:
        findings.append(
            finding(
                f"overshoot of the amplitude after the switch of {SWITCH[b]}",
                _means(beyond[:, b]),
                at_most=0.1,
            )
        )
    for b, limit in LIMIT.items():
        quick = [trials_needed(runs[s]["surprise"], b, r) for s, r in zip(seeds, reached[b], strict=True)]
        findings.append(
            finding(
                f"trials after the switch of {SWITCH[b]}, rate of p-hat scaled by surprise",
                quick,
                at_most=limit,
                unit="trials",
                median=True,
            )
        )
    settled = [_means(column(naive[b], "overshoot")[:, 0]) for b in LIMIT]
    findings.append(finding("the same extremum where nothing switches (naive networks)", np.mean(settled, 0)))
    for b, still in zip(LIMIT, settled, strict=True):
        findings.append(
            paired(
                f"overshoot after the switch of {SWITCH[b]} minus that extremum",
                _means(beyond[:, b]),
                still,
                at_most=0.1,
            )
        )
    first = [trials_needed(runs[s], 0, value_at(runs[s]["curves"], "error", 0, 100)) for s in seeds]
    again = [trials_needed(runs[s], RETURN, value_at(runs[s]["curves"], "error", 0, 100)) for s in seeds]
    saved = [savings(a, b) for a, b in zip(first, again, strict=True)]
    findings.append(finding("savings on return: 1 - trials / trials the first time", saved, median=True))
    trial = runs[seeds[0]]["curves"]["trial"][0]
    series = {
        "trial": trial,
        "switch": SWITCH,
        "curves": {n: band(column(runs, "curves", n)) for n in CURVES},
        "naive": {SWITCH[b]: band(column(naive[b], "curves", "error")[:, 0]) for b in LIMIT},
        "ridge": band(column(runs, "ridge")),
        "savings": jsonable(np.array(saved)),
        "trials_needed": {SWITCH[b]: jsonable(v) for b, v in needed.items()},
    }
    return Judged(findings, series)


def _difference(a, b) -> np.ndarray:
    """Return a - b, 0 where both are infinite: neither network gets there."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(a) & np.isinf(b), 0.0, a - b)


def _mean(values: Any) -> float:
    """Mean over events where defined."""
    known = [v for v in np.atleast_1d(np.array(values, float)) if np.isfinite(v)]
    return float(np.mean(known)) if known else float("nan")


def _means(values: np.ndarray) -> np.ndarray:
    return np.array([_mean(row) for row in values])


CLAIM = Claim("C4", "Recalibrates without overshoot", "rapid", (SWITCHES, *NAIVE), measure, judge)
