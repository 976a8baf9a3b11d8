"""C5: whether least squares adapts worse than the local rule."""

from __future__ import annotations

from typing import Any

from spikewhen.analysis.bands import band
from spikewhen.examples.yamada_chao_2026.claims.cost import cost_of
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS, SWITCH, SWITCHES
from spikewhen.examples.yamada_chao_2026.claims.tuned import CELLS, MEMORIES
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import curves, value_at
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.files.recording import Recording

FACTORIAL = Protocol(
    "factorial",
    (blocks(*BLOCKS[:3]), *probes((1, 10, 20, 50, 100), 3), *SHORT),
    {**CELLS, **MEMORIES},
)
"""{local, RLS} x {factored, merged} x {gate, none}, each tuned on the search seeds; RLS by its memory."""

OURS = "local"
RIVALS = ("rls_tuned", "rls_never_reset", "rls_reset")
NAMES = {
    "rls_tuned": "best-tuned RLS",
    "rls_never_reset": "RLS that never forgets",
    "rls_reset": "RLS reset at every switch",
}
RESTS_ON = ("rls_tuned", 1, 50)
"""Rival, block and trial of the test that the claim rests on: the switch of timing."""


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take the curves of E of every rule, and what it keeps and computes."""
    out: dict[str, Any] = {}
    for label in recording.labels:
        out[label] = {
            "curves": curves(recording, label, ("error", "error_change_point")),
            "cost": cost_of(recording, label),
        }
    return out


def judge(measured: Measured) -> Judged:
    """Paired differences local - RLS after each switch; negative: the local rule is better."""
    runs, cells = measured[SWITCHES.name], measured[FACTORIAL.name]
    differences = {
        (rival, b, n): _difference(runs, rival, b, n)
        for rival in RIVALS
        for b in range(1, len(BLOCKS))
        for n in (20, 50, 100)
    }
    findings = list(differences.values())
    for label in (*CELLS, *MEMORIES):
        for b, n in ((0, 100), (1, 20), (1, 100), (2, 20)):
            findings.append(
                finding(f"E of {label}, block {b + 1} ({SWITCH[b]}), trial {n}", _errors(cells, label, b, n))
            )
    one = next(iter(runs.values()))
    for label in (OURS, *RIVALS):
        for name, value in one[label]["cost"].items():
            findings.append(finding(f"{name} of {label}", [value]))
    series = {
        "switches": _series(runs, (OURS, *RIVALS)),
        "factorial": _series(cells, (*CELLS, *MEMORIES)),
        "cost": {
            label: entry["cost"] for label, entry in (*one.items(), *next(iter(cells.values())).items())
        },
        "switch": SWITCH,
    }
    return Judged(findings, series, rests_on=differences[RESTS_ON])


def _difference(runs: Any, rival: str, block: int, trial: int) -> Finding:
    change = "the return" if SWITCH[block] == "return" else f"the switch of {SWITCH[block]}"
    return paired(
        f"E, local minus {NAMES[rival]}, {trial} trials after {change}",
        *(_errors(runs, label, block, trial) for label in (OURS, rival)),
        below=0.0,
        published="worse after switches" if rival != "rls_reset" else "resets needed",
    )


def _errors(runs: Any, label: str, block: int, trial: int) -> list[float]:
    return [value_at(run[label]["curves"], "error", block, trial) for run in runs.values()]


def _series(runs: Any, labels: tuple[str, ...]) -> dict[str, Any]:
    trial = next(iter(runs.values()))[labels[0]]["curves"]["trial"][0]
    return {
        "trial": trial,
        "error": {label: band(column(runs, label, "curves", "error")) for label in labels},
    }


CLAIM = Claim(
    "C5",
    "Least squares adapts worse",
    "fits block 1, poor after switches; resets needed",
    (SWITCHES, FACTORIAL),
    measure,
    judge,
)
