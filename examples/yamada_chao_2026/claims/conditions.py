"""Beside C1-C4: the closed loop, events injected into the reservoir, a causal teacher."""

from __future__ import annotations

from typing import Any

from spikewhen.analysis.bands import band
from spikewhen.examples.yamada_chao_2026.claims.rules import changed, local
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS, SWITCH
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding
from spikewhen.experiments.study.curves import curves
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.files.recording import Recording

TASK = (blocks(*BLOCKS[:3]), *probes((1, 10, 20, 50, 100), 4), *SHORT)
INJECTED = "paradigm.stimulus_drives_reservoir=true"
STOPPED = changed(local(), gate={"stop_at_event": True, "undelivered": "silence"})
"""All plasticity ends at event onset; until then undelivered channels learn silence outside their windows."""
CAUSAL = {
    "causal": changed(local(), gate={"causal": True}),
    "causal_100": changed(local(), gate={"causal": True}, eligibility_ms=100.0),
}
"""What a causal teacher can bridge with the traces themselves, and with an eligibility on top."""

PROTOCOLS = {
    "open loop": Protocol("condition_open", TASK, {"authors": local(), **CAUSAL}),
    "closed loop, 20 pA": Protocol(
        "condition_closed_20", (*TASK, "network.feedback_pa=20.0"), {"authors": local()}
    ),
    "closed loop, 50 pA": Protocol(
        "condition_closed_50", (*TASK, "network.feedback_pa=50.0"), {"authors": local()}
    ),
    "events injected": Protocol(
        "condition_injected", (*TASK, INJECTED), {"authors": local(), "stopped": STOPPED, **CAUSAL}
    ),
}
NAMES = {
    "authors": "the shipped gate and teacher",
    "stopped": "plasticity ends at event onset",
    "causal": "causal teacher",
    "causal_100": "causal teacher, eligibility 100 ms",
}


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take the curves of E, before and after each event's time, on cue-only probes."""
    names = ("error", "error_before", "error_after", "p_hat", "timing_error_ms")
    return {label: curves(recording, label, names) for label in recording.labels}


def judge(measured: Measured) -> Judged:
    """E at the end of each block: anticipation before an event's time, and after it."""
    findings: list[Finding] = []
    series: dict[str, Any] = {"switch": SWITCH[:3]}
    for name, protocol in PROTOCOLS.items():
        runs = measured[protocol.name]
        for label in protocol.rules:
            errors = {k: column(runs, label, k) for k in ("error", "error_before", "error_after")}
            for b in range(3):
                what = f"{name}, {NAMES[label]}, block {b + 1} ({SWITCH[b]})"
                findings.append(finding(f"E at trial 100, {what}", errors["error"][:, b, -1], below=1.0))
            findings.append(
                finding(
                    f"E before the events' times, block 1, {name}, {NAMES[label]}",
                    errors["error_before"][:, 0, -1],
                    below=1.0,
                )
            )
            p_hat = column(runs, label, "p_hat")[:, 0, -1, 0]
            findings.append(finding(f"p-hat(A) where .8 is true, {name}, {NAMES[label]}", p_hat))
            series[f"{name}: {label}"] = {k: band(v) for k, v in errors.items()}
    return Judged(findings, series)


CLAIM = Claim(
    "D",
    "Closed loop, injected events, causal teacher",
    "events drive the reservoir; feedback",
    tuple(PROTOCOLS.values()),
    measure,
    judge,
)
