"""R: a three-factor rule whose teacher does not know the future."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spikewhen.analysis.bands import band
from spikewhen.examples.yamada_chao_2026.claims.shared import SWITCH
from spikewhen.examples.yamada_chao_2026.claims.worlds import (
    BOTH,
    CLOSED,
    FOLLOW,
    INJECTED,
    LEARN,
    NAMES,
    OMISSIONS,
    RULES,
    SWITCHED,
    TWO_CUES,
    steps_of,
)
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import curves
from spikewhen.experiments.study.protocol import SHORT, Protocol, probes
from spikewhen.reservoir.files.recording import Recording

TEACHERS = ("unlearn", "causal", "retro", "retro_unlearn")
BLOCK_NAMES = (*SWITCH[:4], "one channel")
OURS = RULES["retro_unlearn"]
TRACES_MS, LATE_MS = (300.0, 1000.0, OURS.trace_ms), (1.0, 30.0, OURS.late_ms, 120.0)
"""Of the map; the least lateness is one readout step."""
BEHIND = 0.05
"""By which E of the causal rule may lie behind that of the acausal one; the number is ours."""
MAPPED = 50


def _label(i: int, j: int) -> str:
    return f"retro_{i}_{j}"


MAP = Protocol(
    "causal_map",
    (
        steps_of(((0.8, 0.2), (300, 600), MAPPED), ((0.8, 0.2), (450, 750), MAPPED)),
        *probes((MAPPED,), 6),
        *SHORT,
    ),
    {
        _label(i, j): replace(OURS, trace_ms=trace, late_ms=late)
        for i, trace in enumerate(TRACES_MS)
        for j, late in enumerate(LATE_MS)
    },
)
"""The rule with unlearning, over the memory of its trace and how late that trace is."""

WORLDS = {"omissions": OMISSIONS, "events injected": INJECTED, "two cues": TWO_CUES}


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take the curves of E, of all times and of those before each event."""
    wanted = recording.labels if protocol == MAP.name else [x for x in recording.labels if x in TEACHERS]
    return {label: curves(recording, label, ("error", "error_before", "error_after")) for label in wanted}


def judge(measured: Measured) -> Judged:
    """Compare E at the ends of blocks with the acausal rule's, everywhere."""
    runs = measured[SWITCHED.name]
    error, before = (
        {label: column(runs, label, name) for label in TEACHERS} for name in ("error", "error_before")
    )
    findings, rests_on = [], None
    for b, name in enumerate(BLOCK_NAMES):
        for label in TEACHERS[1:]:
            findings.append(
                paired(
                    f"E at trial 100 of block {b + 1} ({name}), {NAMES[label]} minus the acausal rule",
                    error[label][:, b, -1],
                    error["unlearn"][:, b, -1],
                    at_most=BEHIND if label == "retro_unlearn" else None,
                )
            )
        found = paired(
            f"E before the events' times, block {b + 1} ({name}), {NAMES['retro_unlearn']} minus causal gate",
            before["retro_unlearn"][:, b, -1],
            before["causal"][:, b, -1],
            below=0.0,
        )
        findings.append(found)
        rests_on = found if b == 1 else rests_on
    for label in TEACHERS:
        findings.append(
            finding(f"E before the events' times, block 1, {NAMES[label]}", before[label][:, 0, -1])
        )
    worlds, of_worlds = _worlds(measured)
    mapped, of_map = _map(measured[MAP.name])
    series = {
        "trial": next(iter(runs.values()))["unlearn"]["trial"][0],
        "blocks": BLOCK_NAMES,
        "error": {label: band(v) for label, v in error.items()},
        "before": {label: band(v) for label, v in before.items()},
        "worlds": of_worlds,
        "map": of_map,
    }
    return Judged([*findings, *worlds, *mapped], series, rests_on=rests_on)


def _worlds(measured: Measured) -> tuple[list[Finding], dict[str, Any]]:
    """E at block ends where the task or the loop is another."""
    places = {name: dict.fromkeys(BOTH, measured[p.name]) for name, p in WORLDS.items()}
    places["closed loop, 20 pA"] = {label: measured[p.name] for label, p in CLOSED.items()}
    out, series = [], {}
    for name, of in places.items():
        error = {label: _ends(of[label], label) for label in ("unlearn", "retro", "retro_unlearn")}
        for b in range(error["unlearn"].shape[1]):
            out.append(
                paired(
                    f"E at the end of block {b + 1}, {name}, {NAMES['retro_unlearn']} minus the acausal rule",
                    error["retro_unlearn"][:, b],
                    error["unlearn"][:, b],
                    at_most=BEHIND,
                )
            )
        series[name] = {label: band(v) for label, v in error.items()}
    return out, series


def _ends(runs: Any, label: str) -> np.ndarray:
    """E at the last probes of each block, (seeds, blocks); blocks are of different length."""
    return np.array([[block[-1] for block in run[label]["error"]] for run in runs.values()], float)


def _map(runs: Any) -> tuple[list[Finding], dict[str, Any]]:
    """E at the ends of both blocks over the memory of the trace and its lateness."""
    error = np.array(
        [
            [column(runs, _label(i, j), "error")[:, :, -1] for j in range(len(LATE_MS))]
            for i in range(len(TRACES_MS))
        ]
    )  # (traces, late, seeds, blocks)
    out = []
    ours = error[TRACES_MS.index(OURS.trace_ms), LATE_MS.index(OURS.late_ms)]
    as_tuned = f"trace of {OURS.trace_ms:g} ms, {OURS.late_ms:g} ms late"
    for b, name in enumerate(BLOCK_NAMES[:2]):
        mean = error[..., b].mean(2)
        i, j = np.unravel_index(np.argmin(mean), mean.shape)
        out += [
            finding(f"E at trial {MAPPED}, {name}, {as_tuned}", ours[:, b]),
            finding(f"time constant of the trace that is best, {name}", [TRACES_MS[i]], unit="ms"),
            finding(f"lateness of the trace that is best, {name}", [LATE_MS[j]], unit="ms"),
            paired(
                f"E at trial {MAPPED}, {name}, {as_tuned}, minus the best of the map",
                ours[:, b],
                error[i, j, :, b],
            ),
        ]
    return out, {
        "trace_ms": TRACES_MS,
        "late_ms": LATE_MS,
        "error": {name: band(error[..., b].transpose(2, 0, 1)) for b, name in enumerate(BLOCK_NAMES[:2])},
    }


CLAIM = Claim(
    "R",
    "A causal three-factor rule",
    "three factors; the shipped teacher knows the future",
    (SWITCHED, OMISSIONS, INJECTED, TWO_CUES, *CLOSED.values(), MAP),
    measure,
    judge,
    (
        "The acausal rule is the shipped one, without a restart of p-hat: its target rises before the "
        "event. The causal gate has no target, error or plasticity before the event; the retrospective "
        "rule adds a late trace of what was predicted, which the event's onset subtracts.",
        f"Worlds: {LEARN} trials, then {FOLLOW} after a switch of timing; two interleaved cues, 150 trials.",
    ),
)
