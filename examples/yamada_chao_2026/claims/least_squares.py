"""C5: whether least squares adapts worse than the local rule."""

from __future__ import annotations

from typing import Any

from spikewhen.analysis.bands import band
from spikewhen.examples.yamada_chao_2026.claims.cost import cost_of
from spikewhen.examples.yamada_chao_2026.claims.rules import local
from spikewhen.examples.yamada_chao_2026.claims.shared import (
    ABOVE,
    ACAUSAL,
    BLOCKS,
    LEAST_SQUARES,
    STATIONARY,
    SWITCH,
)
from spikewhen.examples.yamada_chao_2026.claims.tuned import CELLS, MEMORIES, NETWORK_OF_RLS
from spikewhen.examples.yamada_chao_2026.claims.tuned import RIVALS as RULES
from spikewhen.experiments.study.claim import (
    Claim,
    Finding,
    Judged,
    Measured,
    column,
    finding,
    holm_over,
    paired,
)
from spikewhen.experiments.study.curves import curves, value_at
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

FACTORIAL = Protocol(
    "factorial",
    (blocks(*BLOCKS[:3]), *probes((1, 10, 20, 50, 100), 3), *SHORT),
    {**CELLS, **MEMORIES},
)
"""{local, RLS} x {factored, merged} x {gate, none}, each tuned on the search seeds; RLS by its memory."""

THEIR_NETWORK = Protocol(
    "switches_rls_network",
    (blocks(*BLOCKS[:3]), *probes((20, 50, 100), 3), *SHORT, *NETWORK_OF_RLS),
    {"local": local(), **RULES},
)
"""Network and trace that least squares chose on the search seeds; the local rule is as shipped."""

OURS = "local"
RIVALS = ("rls_tuned", "rls_never_reset", "rls_reset", "rls_surprise")
NAMES = {
    "rls_tuned": "best-tuned RLS",
    "rls_never_reset": "RLS that never forgets",
    "rls_reset": "RLS reset at every switch",
    "rls_surprise": "RLS that resets a channel at its own surprise",
}
STABLE = 0.05
"""How far E may end above block 1, for the recalibration to be called stable."""
RESTS_ON = ("rls_tuned", 1, 50)
"""Rival, block and trial of the test that the claim rests on: the switch of timing."""


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take the curves of E of every rule, what it keeps and computes, and how often it reset itself."""
    if protocol == STATIONARY.name:
        trials = int(recording[schema.trial("event")].size)
        return {"trials": trials, "resets": {label: _resets(recording, label) for label in recording.labels}}
    out: dict[str, Any] = {}
    for label in recording.labels:
        out[label] = {
            "curves": curves(recording, label, ("error", "error_change_point")),
            "cost": cost_of(recording, label),
        }
        if label == "rls_surprise":
            out[label]["resets"] = _resets(recording, label)
    return out


def _resets(recording: Recording, label: str) -> int:
    """Return how often any channel of a readout reset itself in a run."""
    return int(recording[schema.rule_state(label, "resets")].sum())


def judge(measured: Measured) -> Judged:
    """Paired differences local - RLS after each switch; negative: the local rule is better."""
    runs, cells = measured[LEAST_SQUARES.name], measured[FACTORIAL.name]
    moments = [(b, n) for b in range(1, len(BLOCKS)) for n in (20, 50, 100)]
    differences = {(rival, b, n): _difference(runs, rival, b, n) for rival in RIVALS for b, n in moments}
    differences = dict(
        zip(differences, holm_over("local minus RLS", list(differences.values())), strict=True)
    )
    findings = [*differences.values(), *_wordings(runs, moments), *_alarms(measured[STATIONARY.name])]
    findings += _elsewhere(measured[THEIR_NETWORK.name])
    findings.append(
        finding(
            "resets of RLS that resets itself, in five blocks of which four switch",
            column(runs, "rls_surprise", "resets"),
        )
    )
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


def _wordings(runs: Any, moments: list[tuple[int, int]]) -> list[Finding]:
    """Judge what the article says in its versions, by name."""
    stable = [
        paired(
            f'"stable recalibration" (last version): E, local rule, end of block {b + 1} minus block 1',
            *(_errors(runs, OURS, block, 100) for block in (b, 0)),
            at_most=STABLE,
            published="stable, beside least squares",
        )
        for b in range(1, len(BLOCKS))
    ]
    needed = [
        paired(
            f'"FORCE needs resets" (first two versions): E, RLS that never forgets minus reset, {n} trials '
            f"into block {b + 1}",
            *(_errors(runs, label, b, n) for label in ("rls_never_reset", "rls_reset")),
            at_least=0.0,
            published="resets needed",
        )
        for b, n in moments
    ]
    return stable + holm_over("never reset minus reset", needed)


def _elsewhere(runs: Any) -> list[Finding]:
    """Compare once more on the network that least squares chose."""
    where = "on the network chosen for RLS"
    ends = [
        finding(f"E of {label}, end of block 1, {where}", _errors(runs, label, 0, 100))
        for label in (OURS, *RIVALS)
    ]
    compared = [
        paired(
            f"E, local minus {NAMES[rival]}, {n} trials after the switch of {SWITCH[b]}, {where}",
            *(_errors(runs, label, b, n) for label in (OURS, rival)),
            below=0.0,
        )
        for rival in RIVALS
        for b in (1, 2)
        for n in (20, 50, 100)
    ]
    return ends + holm_over(f"local minus RLS, {where}", compared)


def _alarms(runs: Any) -> list[Finding]:
    trials = sum(run["trials"] for run in runs.values())
    return [
        finding(
            f"false alarms per 100 stationary trials (of {trials}), RLS that resets itself above {above:g}",
            column(runs, "resets", f"above_{above:g}") / column(runs, "trials") * 100,
        )
        for above in ABOVE
    ]


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
    (LEAST_SQUARES, FACTORIAL, STATIONARY, THEIR_NETWORK),
    measure,
    judge,
    (
        "Network and trace were found with the local rule (186 candidates), then rivals on that network, "
        "with 12 candidates for each kind and gate (docs/search.md). The table also tells how they compare "
        "on a network that least squares chose. All have the p-hat of the local rule.",
        "The surprise that resets a channel is the missed expectation by which the local rule unlearns.",
        ACAUSAL,
    ),
)
