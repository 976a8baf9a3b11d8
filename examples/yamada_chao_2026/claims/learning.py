"""C1: the expectation is learned within one block of 100 trials."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.examples.yamada_chao_2026.claims.shared import ACAUSAL, SWITCHES
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import CURVES, curve, curves, scores_of
from spikewhen.reservoir.files.recording import Recording

PUBLISHED = {10: 0.71, 50: 0.48, 100: 0.44}
"""E(n) / E(1): test error .192 at trial 1, .136, .092, .085 at trials 10, 50, 100, 5 seeds."""


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take block 1 of one run: curves of E and its ladder, and the end of it; of all blocks the ceiling."""
    scores = scores_of(recording, "local")
    names = (*CURVES, "error_relative", "error_bias", "error_spread", "error_hazard", "error_ridge")
    end = {n: curve(scores, n, 0)[-1] for n in (*names, "error_channel", "p_hat", "probability")}
    return {
        "curves": {k: v[0] for k, v in curves(recording, "local", (*CURVES, "error_relative")).items()},
        "end": jsonable(end),
        "blocks": {
            n: jsonable([curve(scores, n, int(b))[-1] for b in np.unique(scores["block"])])
            for n in ("error", "error_ridge")
        },
    }


def judge(measured: Measured) -> Judged:
    """Compare E(n)/E(1) with the published ratios, and E with the ladder."""
    runs = measured[SWITCHES.name]
    trial = next(iter(runs.values()))["curves"]["trial"]
    relative = column(runs, "curves", "error_relative")
    error, ridge = (column(runs, "blocks", name) for name in ("error", "error_ridge"))
    end = {name: column(runs, "end", name) for name in next(iter(runs.values()))["end"]}
    findings = [
        finding(f"E({n}) / E(1)", relative[:, trial.index(n)], at_most=ratio, published=f"{ratio:g}")
        for n, ratio in PUBLISHED.items()
    ]
    findings += [
        finding(f"E of event {name} at trial 100", end["error_channel"][:, k], below=1.0)
        for k, name in enumerate("AB")
    ]
    equal = paired(
        "E, learned p-hat minus equal p on the same y", end["error"], end["error_equal_p"], below=0
    )
    findings += [
        equal,
        paired(
            "E, learned p-hat minus winner-take-all on the same y", end["error"], end["error_winner"], below=0
        ),
        *(
            finding(f"E / E of the ridge ceiling, end of block {b + 1}", ratio, at_most=1.25)
            for b, ratio in enumerate((error / ridge).T)
        ),
        finding("E at trial 100", end["error"]),
        finding("E of the mean probe (bias)", end["error_bias"]),
        finding("scatter of the probes", end["error_spread"]),
        finding("E against the hazard-conditional expectation", end["error_hazard"]),
        *(
            finding(f"E of {name}", end[key])
            for name, key in (
                ("equal p on the same y", "error_equal_p"),
                ("winner-take-all on the same y", "error_winner"),
                ("the true p on the same y", "error_true_p"),
                ("the counting observer", "error_counting"),
                ("the change-point observer", "error_change_point"),
                ("the ridge ceiling", "error_ridge"),
            )
        ),
    ]
    series = {
        "trial": trial,
        "published": PUBLISHED,
        "curves": {n: band(column(runs, "curves", n)) for n in (*CURVES, "error_relative")},
        "ridge": band(end["error_ridge"]),
        "p_hat": band(end["p_hat"]),
    }
    return Judged(findings, series, rests_on=equal)


CLAIM = Claim(
    "C1",
    "Learned within one block",
    "test error .192, .136, .092, .085 at trials 1, 10, 50, 100 (5 seeds): E(n)/E(1) = .71, .48, .44",
    (SWITCHES,),
    measure,
    judge,
    (
        "The ridge ceiling is fitted to all trials at once, and is told where undelivered events would have "
        "come.",
        ACAUSAL,
    ),
)
