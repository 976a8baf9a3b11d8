"""U: unlearning by missed expectation makes recalibration rapid, and what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.examples.yamada_chao_2026.claims.losses import FORMS, judge_losses, measure_losses
from spikewhen.examples.yamada_chao_2026.claims.shared import ACAUSAL, NAIVE
from spikewhen.examples.yamada_chao_2026.claims.worlds import (
    AT_ENDS,
    BRIEF,
    CLOSED,
    FOLLOW,
    FOLLOWED,
    INJECTED,
    JITTERED,
    KINDS,
    NAIVE_ONE,
    NAMES,
    OMISSIONS,
    OVER_TRAINED,
    SHIFTED,
    SHIFTS_MS,
    SWITCHED,
    TWO_CUES,
)
from spikewhen.experiments.study.claim import (
    Claim,
    Finding,
    Judged,
    Measured,
    column,
    equivalent,
    paired,
)
from spikewhen.experiments.study.curves import curves, scores_of, value_at
from spikewhen.reservoir.files.recording import Recording

VARIANTS = ("unlearn", "online", "local")
SHOWN = ("plain", *VARIANTS, "rls_told")
WATCHED = (*OVER_TRAINED.values(), SHIFTED, JITTERED)
"""Protocols that keep the outputs of training trials."""
NAIVE_OF = dict(zip(KINDS, (*NAIVE, NAIVE_ONE), strict=True))
RATES = ("calibration_r_amplitude", "calibration_slope_amplitude")
MARGIN = 0.02
"""Of E and of slopes, within which nothing is lost; the number is ours."""
AT = 20


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take curves of E and amplitudes, and when weights were lost."""
    out: dict[str, Any] = {
        label: curves(recording, label, ("error", "p_hat", "probability"))
        for label in recording.labels
        if label in SHOWN
    }
    if protocol == SWITCHED.name:
        for label in ("plain", *VARIANTS):
            found = scores_of(recording, label)
            out[label] |= {name: float(found[name][0]) for name in RATES}
    if protocol in [p.name for p in WATCHED]:
        out["lost"] = measure_losses(recording)
    return jsonable(out)


def judge(measured: Measured) -> Judged:
    """Compare E after every kind of switch with RLS that is told, and count what unlearning costs."""
    runs = measured[SWITCHED.name]
    error = {label: column(runs, label, "error") for label in SHOWN}
    trial = next(iter(runs.values()))["plain"]["trial"][0]
    at = trial.index(AT)
    naive = {kind: column(measured[p.name], "local", "error")[:, 0] for kind, p in NAIVE_OF.items()}
    naive_at = {
        kind: next(iter(measured[p.name].values()))["local"]["trial"][0] for kind, p in NAIVE_OF.items()
    }
    findings, rests_on = [], None
    for b, kind in enumerate(KINDS, 1):
        after = f"{AT} trials after the switch of {kind}"
        for label in VARIANTS:
            findings.append(
                paired(
                    f"E, {NAMES[label]} minus RLS told, {after}",
                    error[label][:, b, at],
                    error["rls_told"][:, b, at],
                    at_most=MARGIN if label == "unlearn" else None,
                )
            )
            found = paired(
                f"E, {NAMES[label]} minus without, {after}",
                error[label][:, b, at],
                error["plain"][:, b, at],
                below=0.0 if (label, kind) == ("unlearn", "timing") else None,
                published="rapid",
            )
            findings.append(found)
            rests_on = found if (label, kind) == ("unlearn", "timing") else rests_on
        ours = error["unlearn"][:, b, at]
        first = naive[kind][:, naive_at[kind].index(AT)]
        findings.append(paired(f"E, {NAMES['unlearn']} minus a naive network, {after}", ours, first))
    findings += _unchanged(runs, error)
    lost, of_lost = judge_losses(measured)
    shifts, of_shifts = _shifts(measured[SHIFTED.name])
    trained, of_trained = _trained(measured, error, at)
    worlds, of_worlds = _worlds(measured)
    series = {
        "trial": trial,
        "kinds": KINDS,
        "error": {label: band(error[label]) for label in SHOWN},
        "naive": {kind: {"trial": naive_at[kind], "error": band(naive[kind])} for kind in KINDS},
        "lost": of_lost,
        "shifts": of_shifts,
        "trained": of_trained,
        "worlds": of_worlds,
    }
    return Judged([*findings, *lost, *shifts, *trained, *worlds], series, rests_on=rests_on)


def _unchanged(runs: Any, error: dict[str, np.ndarray]) -> list[Finding]:
    """What must not change: block 1, and how amplitudes and p-hat follow p at the ends of blocks."""
    out = []
    for label in VARIANTS:
        judged = label == "unlearn"
        out.append(
            paired(
                f"E at trial 100 of block 1, {NAMES[label]} minus without",
                error[label][:, 0, -1],
                error["plain"][:, 0, -1],
                at_most=MARGIN if judged else None,
            )
        )
        for name, text in zip(RATES, ("r", "slope"), strict=True):
            ours, plain = (column(runs, x, name) for x in (label, "plain"))
            what = f"{text} of amplitude with p, {NAMES[label]} minus without"
            equal = equivalent(what, ours, plain, within=MARGIN)
            out.append(equal if judged else paired(what, ours, plain))
        wrong = {}
        for x in (label, "plain"):
            off = (column(runs, x, "p_hat") - column(runs, x, "probability"))[:, :, -1]
            wrong[x] = np.sqrt(np.mean(off**2, axis=(1, 2)))
        out.append(
            paired(
                f"RMS error of p-hat at block ends, {NAMES[label]} minus without",
                wrong[label],
                wrong["plain"],
                at_most=MARGIN if judged else None,
            )
        )
    return out


def _shifts(runs: Any) -> tuple[list[Finding], dict[str, Any]]:
    out, errors = [], {label: column(runs, label, "error")[:, 1:, 0] for label in ("plain", *FORMS)}
    for i, shift in enumerate(SHIFTS_MS):
        for label in FORMS:
            out.append(
                paired(
                    f"E, {NAMES[label]} minus without, {FOLLOWED} trials after {shift} ms",
                    errors[label][:, i],
                    errors["plain"][:, i],
                    at_most=MARGIN if label == "unlearn" else None,
                )
            )
    return out, {"shift_ms": SHIFTS_MS, "error": {k: band(v) for k, v in errors.items()}}


def _trained(
    measured: Measured, error: dict[str, np.ndarray], at: int
) -> tuple[list[Finding], dict[str, Any]]:
    """E after a switch of timing that follows few and many trials without any."""
    labels = ("plain", *FORMS)
    found = {n: {k: _at(measured[p.name], k, 1, FOLLOWED) for k in labels} for n, p in OVER_TRAINED.items()}
    found[100] = {k: error[k][:, 1, at] for k in labels}
    order = sorted(found)
    out = [
        paired(
            f"E {FOLLOWED} trials after the switch, {NAMES[k]}, trained for {n} trials minus for {BRIEF}",
            found[n][k],
            found[BRIEF][k],
        )
        for k in labels
        for n in order[1:]
    ]
    return out, {
        "trials": order,
        "error": {k: band(np.stack([found[n][k] for n in order], 1)) for k in labels},
    }


def _at(runs: Any, label: str, block: int, trial: int) -> np.ndarray:
    """E at one trial of a block; blocks may have been probed at different trials."""
    return np.array([value_at(run[label], "error", block, trial) for run in runs.values()])


def _worlds(measured: Measured) -> tuple[list[Finding], dict[str, Any]]:
    """E where events are left out or injected, where the loop is closed, and of two cues."""
    moved = {
        "omissions": {k: measured[OMISSIONS.name] for k in ("plain", "unlearn")},
        "events injected": {k: measured[INJECTED.name] for k in ("plain", "unlearn")},
        "closed loop, 20 pA": {k: measured[CLOSED[k].name] for k in ("plain", "unlearn")},
    }
    found = {
        name: {
            "soon": (f"{AT} trials after timing", {k: _at(r, k, 1, AT) for k, r in runs.items()}),
            "late": (f"{FOLLOW} trials after timing", {k: _at(r, k, 1, FOLLOW) for k, r in runs.items()}),
        }
        for name, runs in moved.items()
    }
    cues = {k: column(measured[TWO_CUES.name], k, "error")[:, 0, -1] for k in ("plain", "unlearn")}
    found["two cues"] = {"soon": ("at the end", cues)}
    out, series = [], {}
    for name, moments in found.items():
        series[name] = {k: {label: band(v) for label, v in e.items()} for k, (_, e) in moments.items()}
        for when, e in moments.values():
            what = f"E, {name}, {NAMES['unlearn']} minus without, {when}"
            out.append(paired(what, e["unlearn"], e["plain"], at_most=MARGIN))
    return out, series


CLAIM = Claim(
    "U",
    "Unlearning by missed expectation: rapid, and what it costs",
    "rapid recalibration",
    (
        SWITCHED,
        *NAIVE_OF.values(),
        *OVER_TRAINED.values(),
        SHIFTED,
        JITTERED,
        OMISSIONS,
        INJECTED,
        TWO_CUES,
        CLOSED["plain"],
        CLOSED["unlearn"],
    ),
    measure,
    judge,
    (
        ACAUSAL,
        "Without: the shipped rule with no unlearning and no restart of p-hat.",
        "A channel whose delivered event did not come when its output said loses weights at the trial's "
        f"end, from a surprise u of {AT_ENDS.above:g} on and all of them at {AT_ENDS.all_at:g}; online it "
        "loses some in every step.",
        "What was lost is computed again from the outputs of training trials, every 5 ms; that networks "
        "without a loss have the weights of the rule without unlearning is compared bit by bit.",
        "RLS told of a switch sets its P back there; nothing tells the rules that unlearn. All rules but "
        "the shipped one have the same p-hat.",
        "Thresholds were set on search seeds; the margins of .02 are ours.",
    ),
)
