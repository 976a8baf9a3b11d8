"""Rules of the factorial and rivals of the local rule, each tuned with the same budget on search seeds.

Best candidates of the studies of these names (search/rules.py), seeds 1000-1003 (docs/search.md);
every candidate is in docs/search_trials.csv.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spikewhen.examples.yamada_chao_2026.claims.rules import local, shipped
from spikewhen.reservoir.rules import RLS, Gate, RLSSurprise, ThreeFactor, WhatReadout

IGNORE = Gate(kind="none", undelivered="ignore")
ZERO = Gate(kind="none", undelivered="zero")


def _window(baseline: float, half_width_ms: float, undelivered: str = "ignore") -> Gate:
    return Gate(baseline=baseline, half_width_ms=half_width_ms, undelivered=undelivered)


def _what(eta_w: float) -> WhatReadout:
    return WhatReadout(eta_w=eta_w, anneal=True)


def _merged(rule: type, gate: Gate, **parameters: Any) -> Any:
    return rule(factored=False, what=None, gate=gate, **parameters)


def _rls(memory_trials: float, gate: Gate, **parameters: Any) -> RLS:
    return RLS(memory_trials=memory_trials, interval_ms=8.0, gate=gate, **parameters)


CELLS: dict[str, Any] = {
    "local_factored_gate": ThreeFactor(
        eta=0.0256, consolidation=0.793, gate=_window(0.852, 96.4), what=_what(0.0579)
    ),
    "local_factored_none": ThreeFactor(eta=0.0253, consolidation=0.464, gate=IGNORE, what=_what(0.0622)),
    "local_merged_gate": _merged(
        ThreeFactor, _window(0.109, 175.0, "zero"), eta=0.00902, consolidation=0.194
    ),
    "local_merged_none": _merged(ThreeFactor, ZERO, eta=0.0144, consolidation=0.118),
    "rls_factored_gate": _rls(8.92, _window(0.734, 67.8), alpha=4.51, what=_what(0.0453)),
    "rls_factored_none": _rls(5.9, IGNORE, alpha=0.0368, what=_what(0.0298)),
    "rls_merged_gate": _merged(
        RLS, _window(0.722, 62.6, "zero"), alpha=4.56, memory_trials=25.2, interval_ms=8.0
    ),
    "rls_merged_none": _merged(RLS, ZERO, alpha=0.1, memory_trials=20.0, interval_ms=8.0),
}
"""Of eight candidates each; gated factored least squares had twelve more, as a rival."""
MERGED = CELLS["local_merged_none"]
"""The better of the merged local rules."""

FORGETS = "rls_factored_gate"
"""The cell that is least squares with its best memory."""


def _of_local(rule: Any) -> Any:
    """Give a rule the p-hat of the shipped local rule: rivals then differ in how they learn "when"."""
    return replace(rule, what=local().what)


RIVALS: dict[str, Any] = {
    "rls_tuned": _of_local(CELLS[FORGETS]),
    "rls_never_reset": shipped("rls_never_reset"),
    "rls_reset": shipped("rls_reset_at_switches"),
    "rls_surprise": RLSSurprise(
        surprise_above=0.231, alpha=0.349, interval_ms=8.0, gate=Gate(kind="epoch"), what=local().what
    ),
}
"""Least squares that forgets, never forgets, is told of every switch, and finds out by itself.

Those that never forget and that are told have the same alpha and gate, tuned for the one that is told.
"""

MEMORIES: dict[str, Any] = {
    f"rls_memory_{n}": replace(CELLS[FORGETS], memory_trials=float(n)) for n in (5, 20, 100)
}

NETWORK_OF_RLS = (
    "network.drive_pa=70.6",
    "network.bias_pa=7.78",
    "network.bias_spread=0.0548",
    "network.cue_pa=584.0",
    "network.cue_fraction=0.364",
    "network.weight=0.404",
    "network.inhibition=9.1",
    "network.parameter_spread=0.125",
    "network.slow_a_min=0.00333",
    "network.slow_a_max=0.0306",
    "network.synapse_decay_ms=[13.0, 65.1]",
    "trace.decay_ms=22.2",
    "trace.rise_ms=29.9",
)
"""Network and trace that were best for told least squares, of 20: a neighbour of the shipped."""
