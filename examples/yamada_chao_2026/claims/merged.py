"""C7: one merged readout interferes: what is to stay is unlearned with what is to change."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band
from spikewhen.examples.yamada_chao_2026.claims.rules import changed
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS, SWITCH
from spikewhen.examples.yamada_chao_2026.claims.tuned import CELLS
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import curves, value_at
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.files.recording import Recording

FACTORED, MERGED = "factored", "merged"
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Factors on the tuned learning rate of each readout."""

BASE = {FACTORED: CELLS["local_factored_none"], MERGED: CELLS["local_merged_none"]}
"""Both without a window, with which the merged rule is worse."""
RATES = Protocol(
    "learning_rates",
    (blocks(*BLOCKS[:3]), *probes((1, 5, 10, 20, 50, 100), 3), *SHORT),
    {
        f"{kind}_{i}": changed(rule, eta=rule.eta * f)
        for kind, rule in BASE.items()
        for i, f in enumerate(FACTORS)
    },
)
TUNED = FACTORS.index(1.0)
AFTER = (5, 10, 20, 50, 100)
RESTS_ON = (2, 20)
"""Block and trial of the test that the claim rests on: 20 trials after the switch of probability."""


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take the curves of E of every readout."""
    return {label: curves(recording, label, ("error",)) for label in recording.labels}


def judge(measured: Measured) -> Judged:
    """Paired differences, each at its tuned rate, and each at the rate that is best for that moment."""
    runs = measured[RATES.name]

    def errors(kind: str, i: int, block: int, trial: int) -> np.ndarray:
        return np.array([value_at(run[f"{kind}_{i}"], "error", block, trial) for run in runs.values()])

    findings, at_tuned_rates = [], {}
    for b in range(3):
        for n in AFTER:
            moment = f"{n} trials into block {b + 1} ({SWITCH[b]})"
            at_tuned_rates[b, n] = paired(
                f"E, factored minus merged, {moment}",
                errors(FACTORED, TUNED, b, n),
                errors(MERGED, TUNED, b, n),
                below=0.0,
                published="merged interferes",
            )
            findings.append(at_tuned_rates[b, n])
            curves_of = {
                kind: [float(errors(kind, i, b, n).mean()) for i in range(len(FACTORS))] for kind in BASE
            }
            best = {kind: int(np.argmin(means)) for kind, means in curves_of.items()}
            findings.append(
                paired(
                    f"the same, each at the rate best for it then (x {FACTORS[best[FACTORED]]:g}, "
                    f"x {FACTORS[best[MERGED]]:g})",
                    errors(FACTORED, best[FACTORED], b, n),
                    errors(MERGED, best[MERGED], b, n),
                    below=0.0,
                )
            )
    for kind in BASE:
        jump = errors(kind, TUNED, 2, 1) - errors(kind, TUNED, 1, 100)
        findings.append(finding(f"E one trial after the switch of probability minus before it, {kind}", jump))
    series = {
        "trial": next(iter(runs.values()))[f"{FACTORED}_0"]["trial"][0],
        "rate": {kind: [rule.eta * f for f in FACTORS] for kind, rule in BASE.items()},
        "error": {
            kind: [band(column(runs, f"{kind}_{i}", "error")) for i in range(len(FACTORS))] for kind in BASE
        },
        "switch": SWITCH[:3],
    }
    return Judged(findings, series, rests_on=at_tuned_rates[RESTS_ON])


CLAIM = Claim("C7", "One merged readout interferes", "yes", (RATES,), measure, judge)
