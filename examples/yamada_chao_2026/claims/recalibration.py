"""C4: after a switch the network recalibrates, quickly and without overshoot."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.adaptation import savings, trials_to_criterion
from spikewhen.analysis.bands import band, jsonable
from spikewhen.analysis.targets import marginal_target
from spikewhen.analysis.views import read_readout, read_task
from spikewhen.examples.yamada_chao_2026.claims.learning import PUBLISHED
from spikewhen.examples.yamada_chao_2026.claims.shared import ACAUSAL, NAIVE, SWITCH, SWITCHES
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import curve, curves, scores_of, value_at
from spikewhen.reservoir.files.recording import Recording

TIMING, PROBABILITY, BOTH, RETURN = 1, 2, 3, 4
LIMIT = {TIMING: 20, PROBABILITY: 40, BOTH: 20}
"""Trials within which a switch must be followed; the article says "rapid", the numbers are ours."""

CURVES = (
    "error",
    "error_relative",
    "residual",
    "amplitude",
    "p_hat",
    "amplitude_y",
    "error_change_point",
)
SHARE_AT = 20
"""Trial of each block at which the squared error is split between channels."""


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take curves of every block, shares of error, and how far amplitudes went beyond their last value."""
    scores = scores_of(recording, "local")
    known = np.flatnonzero(np.isin(np.arange(scores["overshoot"].shape[0]), scores["block"]))
    others = [label for label in ("surprise",) if label in recording.labels]
    return {
        "curves": curves(recording, "local", CURVES),
        "overshoot": jsonable(scores["overshoot"][known]),
        "ridge": [jsonable(curve(scores, "error_ridge", b)[-1]) for b in known if "error_ridge" in scores],
        "shares": jsonable(error_shares(recording, "local", SHARE_AT)),
        **{label: {"curves": curves(recording, label, ("error",))} for label in others},
    }


def error_shares(recording: Recording, label: str, trial: int) -> np.ndarray:
    """Return the share of each channel (B, K) in the squared error of the probes after a trial."""
    task, readout = read_task(recording), read_readout(recording, label)
    target = task.expected(marginal_target, readout.time_ms, readout.sigma_ms)
    after = readout.time_ms >= 0
    squared = ((np.asarray(readout.prediction, float) - target)[:, after] ** 2).sum(1)
    found = np.full((len(task.probability), squared.shape[1]), np.nan)
    for b in range(len(found)):
        here = squared[(task.probe_block == b) & (task.probe_trial == trial)].sum(0)
        if here.sum() > 0:
            found[b] = here / here.sum()
    return found


def trials_needed(run: dict[str, Any], block: int, reference: float) -> float:
    """Return the first probed trial of a block with E within 10 % of a reference; inf = never."""
    curve = run["curves"]
    return trials_to_criterion(curve["trial"][block], np.array(curve["error"][block], float), reference)


def judge(measured: Measured) -> Judged:
    """E(n) / E(1), trials to what naive networks reach on the same block, residue, overshoot, savings."""
    runs = measured[SWITCHES.name]
    seeds = list(runs)
    naive = {b: measured[p.name] for b, p in zip((TIMING, PROBABILITY, BOTH), NAIVE, strict=True)}
    findings, needed = [], {}
    ends = {b: np.array([value_at(naive[b][s]["curves"], "error", 0, 100) for s in seeds]) for b in LIMIT}
    reached = {b: float(e.mean()) for b, e in ends.items()}
    relative = column(runs, "curves", "error_relative")
    trials = runs[seeds[0]]["curves"]["trial"][0]
    for b, limit in LIMIT.items():
        needed[b] = np.array([trials_needed(runs[s], b, reached[b]) for s in seeds])
        fresh = np.array([trials_needed(naive[b][s], 0, reached[b]) for s in seeds])
        after = f"after the switch of {SWITCH[b]}"
        findings += [
            *(
                finding(f"E({n}) / E(1) of the block {after}", relative[:, b, trials.index(n)], at_most=ratio)
                for n, ratio in PUBLISHED.items()
            ),
            finding(
                f"trials to within 10 % of the mean E of naive networks ({reached[b]:.3f}), {after}",
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
            finding(
                f"seeds that get there within {limit} trials, {after}", needed[b] <= limit, fraction=True
            ),
            paired(
                f"E at trial 100 minus a naive network's, {after}",
                [value_at(runs[s]["curves"], "error", b, 100) for s in seeds],
                ends[b],
            ),
        ]
        findings += [
            finding(
                f"share of event {event} in the squared error, trial {SHARE_AT} {after}",
                column(runs, "shares")[:, b, k],
            )
            for k, event in enumerate("AB")
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
        quick = [trials_needed(runs[s]["surprise"], b, reached[b]) for s in seeds]
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
    series = {
        "trial": trials,
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


CLAIM = Claim(
    "C4",
    "Recalibrates without overshoot",
    "rapid; test error relative to trial 1 while first learning: .71, .48, .44 at trials 10, 50, 100",
    (SWITCHES, *NAIVE),
    measure,
    judge,
    (
        "The reference is the mean E at trial 100 of the group of naive networks that meet this block first, "
        "not of one network from four probes. Their p-hat begins at a rate of 1/n; that of a switched "
        "network begins so anew after a lasting surprise, so that both anneal alike.",
        "The article measures E(n) / E(1). It gives the ratios of first learning; after a switch they are "
        "asked for here.",
        ACAUSAL,
    ),
)
