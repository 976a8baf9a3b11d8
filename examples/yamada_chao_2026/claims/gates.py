"""C9: phase-specific neuromodulation: how slow, how early and how late the gate may be."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band
from spikewhen.examples.yamada_chao_2026.claims.rules import changed, local
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import curves, value_at
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.files.recording import Recording

TIME_CONSTANTS_MS = (0.0, 25.0, 50.0, 100.0, 200.0)
SHIFTS_MS = (-200.0, -100.0, -50.0, 0.0, 50.0, 100.0, 200.0)
BASELINE = 0.0
"""A literal window: with a baseline the gate is never shut, and its phase matters less."""


def _label(i: int, j: int) -> str:
    return f"gate_{i}_{j}"


def _map(name: str, baseline: float) -> Protocol:
    rules = {
        _label(i, j): changed(
            local(), gate={"time_constant_ms": tau, "shift_ms": shift, "baseline": baseline}
        )
        for i, tau in enumerate(TIME_CONSTANTS_MS)
        for j, shift in enumerate(SHIFTS_MS)
    }
    return Protocol(name, (blocks(BLOCKS[0]), *probes((100,), 8), *SHORT), rules)


MAPS = {
    "shipped baseline": _map("gate_map", local().gate.baseline),
    "no baseline": _map("gate_map_literal", BASELINE),
}


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take E after 100 trials of one block, under every gate."""
    return {
        label: {"error": value_at(curves(recording, label, ("error",)), "error", 0, 100)}
        for label in recording.labels
    }


def judge(measured: Measured) -> Judged:
    """E over the time constant and the phase of the gate, minus E of the gate as it is."""
    findings: list[Finding] = []
    series: dict[str, Any] = {"time_constant_ms": TIME_CONSTANTS_MS, "shift_ms": SHIFTS_MS}
    centre = SHIFTS_MS.index(0.0)
    for name, protocol in MAPS.items():
        runs = measured[protocol.name]
        errors = np.array(
            [
                [column(runs, _label(i, j), "error") for j in range(len(SHIFTS_MS))]
                for i in range(len(TIME_CONSTANTS_MS))
            ]
        )  # (time constants, shifts, seeds)
        series[name] = band(errors.transpose(2, 0, 1))
        findings.append(finding(f"E, gate on time and immediate, {name}", errors[0, centre]))
        for j, shift in enumerate(SHIFTS_MS):
            if j != centre:
                findings.append(
                    paired(
                        f"E, gate shifted by {shift:g} ms minus on time, {name}",
                        errors[0, j],
                        errors[0, centre],
                        at_least=0.0,
                        published="phase-specific",
                    )
                )
        for i, tau in enumerate(TIME_CONSTANTS_MS[1:], 1):
            findings.append(
                paired(
                    f"E, gate of {tau:g} ms minus immediate, {name}",
                    errors[i, centre],
                    errors[0, centre],
                    at_least=0.0,
                )
            )
            best = int(np.argmin(errors[i].mean(1)))
            findings.append(
                finding(f"phase that is best for a gate of {tau:g} ms, {name}", [SHIFTS_MS[best]], unit="ms")
            )
    return Judged(findings, series)


CLAIM = Claim("C9", "Phase-specific neuromodulation", "stated", tuple(MAPS.values()), measure, judge)
