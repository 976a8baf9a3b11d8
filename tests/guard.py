"""The claims in miniature, for `test_claims_guard.py`; as a script it prints the distribution over seeds."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from spikewhen.examples.yamada_chao_2026.claims.rules import changed, local, shipped
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS
from spikewhen.experiments.run import run
from spikewhen.experiments.study.curves import curves, value_at
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.rules import Gate

FAULTS = {
    "no_error": changed(local(), teacher="target"),
    "wrong_channel": changed(local(), gate={"channel": "other"}),
    "p_counted_twice": changed(local(), gate={"undelivered": "zero"}),
    "slow_what": changed(local(), what={"eta_w": 0.004, "anneal": False, "restart": 0.0}),
}
RLS_OF_THE_BOUNDS = replace(shipped("rls_never_reset"), alpha=0.1, gate=Gate())
"""A rival that stays as it was when the bounds were measured, whatever is shipped."""
GUARD = Protocol(
    "guard",
    (blocks(*BLOCKS[:3], trials=60), *probes((1, 20, 60), 3), *SHORT),
    {"local": local(), "rls": RLS_OF_THE_BOUNDS, **FAULTS},
)
NAMES = (
    "error",
    "error_equal_p",
    "timing_error_ms",
    "detection",
    "amplitude",
    "p_hat",
    "probability",
    "residual",
)


def measure(seed: int) -> dict[str, dict[str, float]]:
    """Run one seed; return one number per claim, for the local rule and for each fault in its place."""
    recording = run(GUARD.experiment(), seed)
    found = {label: curves(recording, label, NAMES) for label in GUARD.rules}
    return {label: _numbers(found[label], found["rls"]) for label in ("local", *FAULTS)}


def _numbers(ours: dict, rls: dict) -> dict[str, float]:
    def last(name: str) -> np.ndarray:
        return np.array([ours[name][b][-1] for b in range(3)], float)

    p, amplitude, timing = last("probability").ravel(), last("amplitude").ravel(), last("timing_error_ms")
    left = np.array(ours["residual"][1][1], float)  # NaN where nothing was learned that could be left
    return {
        "C1 E(60) / E(1)": value_at(ours, "error", 0, 60) / value_at(ours, "error", 0, 1),
        "C1 E of equal p minus E": value_at(ours, "error_equal_p", 0, 60) - value_at(ours, "error", 0, 60),
        "C2 r of amplitude": float(np.corrcoef(amplitude, p)[0, 1]) if np.ptp(amplitude) > 0 else 0.0,
        "C2 error of p-hat": float(np.abs(last("p_hat").ravel() - p).mean()),
        "C3 timing error, ms": float(np.nanmedian(timing)) if np.isfinite(timing).any() else 500.0,
        "C3 detected": float(last("detection").mean()),
        "C4 E after the switch of timing": value_at(ours, "error", 1, 60),
        "C4 left at the old latency": float(np.nanmean(left)) if np.isfinite(left).any() else 1.0,
        "C5 E of RLS minus E after the switch": value_at(rls, "error", 1, 20)
        - value_at(ours, "error", 1, 20),
    }


if __name__ == "__main__":
    first, last = map(int, sys.argv[1].split("-"))
    runs = [measure(seed) for seed in range(first, last + 1)]
    for label in runs[0]:
        print(label)
        for name in runs[0][label]:
            x = np.array([r[label][name] for r in runs])
            span = f"{np.nanmin(x):.3f} to {np.nanmax(x):.3f}"
            print(f"    {name!r}: ({np.nanmean(x):.3f}, {np.nanstd(x, ddof=1):.3f}),  # {span}")
