"""Beyond: what and when that depend on each other, and the expectation once nothing has come yet."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.analysis.baselines import combine
from spikewhen.analysis.scores import error
from spikewhen.analysis.targets import marginal_target
from spikewhen.analysis.views import read_readout, read_task
from spikewhen.examples.yamada_chao_2026.claims.rules import changed, local
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS
from spikewhen.examples.yamada_chao_2026.claims.tuned import CELLS
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import curve, scores_of
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.files.recording import Recording

EARLY, LATE, TRIALS = 300.0, 600.0, 150

PRODUCT, OPEN_GATE = "factored, window gate", "factored, gate open from the cue"
JOINT, JOINT_OPEN = "joint (merged)", "joint (merged), gate always open"
READOUTS = {
    PRODUCT: local(),
    OPEN_GATE: changed(local(), gate={"kind": "epoch"}),
    JOINT: CELLS["local_merged_gate"],
    JOINT_OPEN: CELLS["local_merged_none"],
    "joint (merged), learns until the event": changed(
        CELLS["local_merged_none"], gate={"stop_at_event": True}
    ),
}
LABELS = {f"readout_{i}": name for i, name in enumerate(READOUTS)}
RULES = dict(zip(LABELS, READOUTS.values(), strict=True))


def _two_times(name: str, share: tuple[float, float]) -> Protocol:
    row = (
        f"paradigm.blocks=[{{probability = [[0.5, 0.5]], latency_ms = [[{EARLY}, {EARLY}]], "
        f"late_ms = [[{LATE}, {LATE}]], late_share = [{list(share)}], trials = {TRIALS}}}]"
    )
    return Protocol(name, (row, *probes((TRIALS,), 10), *SHORT), RULES)


CORRELATED = _two_times("joint_correlated", (0.2, 0.8))
"""A comes early on 80 % of its trials, B late on 80 % of its own."""
INDEPENDENT = _two_times("joint_independent", (0.5, 0.5))
FIXED = Protocol("joint_fixed", (blocks(BLOCKS[0], trials=TRIALS), *probes((TRIALS,), 10), *SHORT), RULES)
"""One time for each event: what is expected of B once A's time has passed empty?"""

TASKS = {
    "what and when correlated": CORRELATED,
    "what and when independent": INDEPENDENT,
    "one time each": FIXED,
}
SHARED = "factored, one timing for all events"


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take E against the expectation at cue time and given that nothing has come, and mean predictions."""
    out: dict[str, Any] = {}
    task = read_task(recording)
    for label, name in LABELS.items():
        scores = scores_of(recording, label)
        readout = read_readout(recording, label)
        out[name] = {
            "error": curve(scores, "error", 0)[-1],
            "error_hazard": curve(scores, "error_hazard", 0)[-1],
            "mean": readout.prediction.mean(0)[9::10],
        }
    first = read_readout(recording, next(iter(LABELS)))
    # One timing for all: what a "when" that does not know the event could say at best.
    p = np.clip(first.p_hat, 0, 1)
    y = np.maximum(first.y, 0)
    common = (p[:, None, :] * y).sum(2, keepdims=True) / np.maximum(p.sum(1), 1e-9)[:, None, None]
    target = task.expected(marginal_target, first.time_ms, first.sigma_ms)
    shared = error(combine(p, np.broadcast_to(common, y.shape)), target, first.time_ms)
    out[SHARED] = {"error": np.mean(shared), "error_hazard": np.nan, "mean": None}
    return jsonable(out)


def judge(measured: Measured) -> Judged:
    """E of factored and joint readouts; against the hazard-conditional expectation as well."""
    findings, series = [], {}
    for task, protocol in TASKS.items():
        runs = measured[protocol.name]
        series[task] = {
            name: {k: band(column(runs, name, k)) for k in ("error", "error_hazard", "mean")}
            for name in READOUTS
        }
        series[task][SHARED] = {"error": band(column(runs, SHARED, "error"))}
        for name in (*READOUTS, SHARED):
            findings.append(finding(f"E, {name}, {task}", column(runs, name, "error")))
        for name in READOUTS:
            findings.append(
                finding(f"E against the hazard, {name}, {task}", column(runs, name, "error_hazard"))
            )
    runs = measured[CORRELATED.name]
    product, wide, joint, joint_open = (
        column(runs, name, "error") for name in (PRODUCT, OPEN_GATE, JOINT, JOINT_OPEN)
    )
    findings += [
        paired(
            "E, one timing for all events minus a timing for each, correlated",
            column(runs, SHARED, "error"),
            product,
            at_least=0.0,
        ),
        paired(
            "E, window-gated product minus product with an open gate, correlated", product, wide, at_least=0.0
        ),
        paired("E, product with an open gate minus joint, correlated", wide, np.minimum(joint, joint_open)),
    ]
    return Judged(findings, series)


CLAIM = Claim(
    "J",
    "What and when that depend on each other; the hazard",
    "not published",
    tuple(TASKS.values()),
    measure,
    judge,
)
