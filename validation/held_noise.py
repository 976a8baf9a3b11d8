"""Noise held over several steps (`simulation.noise_hold_ms`): what it changes. Reported, not judged.

Held noise has the same variance per time on scales longer than the hold, but is
correlated within it, so a membrane of a few ms sees almost the same drive and
the generator runs less often.
"""

from __future__ import annotations

from spikewhen.validation.findings import CheckResult, Context
from spikewhen.validation.noise import compare_outcomes
from spikewhen.validation.small_meet import measure_all, small_meet

NEEDS_BRIAN2 = False
HOLDS_MS = (0.2, 0.5, 1.0)
SEEDS, QUICK_SEEDS = range(300, 340), 4


def run(context: Context) -> list[CheckResult]:
    """Compare every hold with a draw per step."""
    seeds = SEEDS[:QUICK_SEEDS] if context.quick else SEEDS
    plain = measure_all(context, "a draw per step", [(small_meet(), seed, None) for seed in seeds])
    found = []
    for hold in HOLDS_MS:
        experiment = small_meet(f"simulation.noise_hold_ms={hold}")
        held = measure_all(context, f"held {hold} ms", [(experiment, seed, None) for seed in seeds])
        found += compare_outcomes("held noise", f"held {hold} ms against .1 ms", held, plain, judged=False)
    return found
