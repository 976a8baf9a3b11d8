"""The rules of the factorial, each tuned with the same budget on the search seeds.

Best candidates of the studies of these names (search/rules.py), seeds 1000-1003 (docs/search.md);
every candidate is in docs/search_trials_1.csv. The network of that time was active between trials; the search
on the present one ended with a handful of candidates each and decides nothing.
"""

from __future__ import annotations

from typing import Any

from spikewhen.reservoir.rules import RLS, Gate, ThreeFactor, WhatReadout

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
        eta=0.013, consolidation=0.578, gate=_window(0.153, 163.0), what=_what(0.0561)
    ),
    "local_factored_none": ThreeFactor(eta=0.013, consolidation=0.578, gate=IGNORE, what=_what(0.0551)),
    "local_merged_gate": _merged(ThreeFactor, _window(0.727, 61.6, "zero"), eta=0.00876, consolidation=0.117),
    "local_merged_none": _merged(ThreeFactor, ZERO, eta=0.0119, consolidation=0.102),
    "rls_factored_gate": _rls(8.92, _window(0.734, 67.8), alpha=4.51, what=_what(0.0453)),
    "rls_factored_none": _rls(7.66, IGNORE, alpha=0.0687, what=_what(0.0641)),
    "rls_merged_gate": _merged(
        RLS, _window(0.925, 83.8, "zero"), alpha=1.59, memory_trials=42.5, interval_ms=8.0
    ),
    "rls_merged_none": _merged(RLS, ZERO, alpha=0.799, memory_trials=31.8, interval_ms=8.0),
}

_ALPHA = 1.0
"""Tuned at a memory of 20 trials."""
_GATED = CELLS["rls_factored_gate"]
MEMORIES: dict[str, Any] = {
    f"rls_memory_{n}": _rls(float(n), _GATED.gate, alpha=_ALPHA, what=_GATED.what)
    for n in (5, 10, 20, 50, 100)
}
