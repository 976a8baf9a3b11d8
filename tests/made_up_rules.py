"""Made-up series of the claims about unlearning, a causal rule and orthogonality by error.

Each function takes the maker of bands of `made_up_report`.
"""

import numpy as np

from spikewhen.examples.yamada_chao_2026.claims import budget, causal, orthogonality, worlds


def unlearned(m) -> dict:
    trial = list(worlds.AFTER)
    start = (1.0, 1.2, 0.9, 1.0, 0.7)
    slow = {"plain": 25, "unlearn": 9, "online": 12, "local": 8, "rls_told": 9}
    u = np.full(300, 0.04)
    came = np.arange(320) % 5 != 4
    before = np.where(came[:300], u, np.nan)
    surprise = {
        k: m(np.r_[before, np.where(came[300:], 0.6 * np.exp(-np.arange(20) / t), np.nan)], 0.005)
        for k, t in (("plain", 10), ("unlearn", 3))
    }
    forms = {"plain": 0.4, "unlearn": 0.25, "online": 0.28}
    counted = {
        name: {k: {"trials": m(v), "share": m(v / 5)} for k in ("unlearn", "online")}
        for name, v in (("fixed", 0.1), ("SD 20 ms", 2.0), ("SD 50 ms", 20.0))
    }
    return {
        "trial": trial,
        "kinds": list(worlds.KINDS),
        "error": {k: m([m.falling(0.25, s, t, trial) for s in start]) for k, t in slow.items()},
        "naive": {
            kind: {"trial": trial, "error": m(m.falling(0.25, 1.0, 10, trial))} for kind in worlds.KINDS
        },
        "lost": {"counted": counted, "surprise": surprise, "switch_at": 300, "above": 0.2, "all_at": 0.5},
        "shifts": {
            "shift_ms": list(worlds.SHIFTS_MS),
            "error": {k: m(np.array([0.25, 0.28, 0.33, 0.4]) * v / 0.4) for k, v in forms.items()},
        },
        "trained": {
            "trials": [20, 100, 300],
            "error": {k: m(v + np.array([0, 0.03, 0.05]) * (k == "plain")) for k, v in forms.items()},
        },
        "worlds": {
            name: {n: {k: m(v) for k, v in forms.items() if k != "online"} for n in moments}
            for name, moments in (
                ("omissions", ("soon", "late")),
                ("events injected", ("soon", "late")),
                ("closed loop, 20 pA", ("soon", "late")),
                ("two cues", ("soon",)),
            )
        },
    }


def causally(m) -> dict:
    trial = list(worlds.AFTER)
    ends = {"unlearn": 0.25, "causal": 0.6, "retro": 0.32, "retro_unlearn": 0.29}
    trace, late = np.meshgrid(causal.TRACES_MS, causal.LATE_MS, indexing="ij")
    mapped = 0.3 + 0.1 * np.abs(np.log(trace / 1000)) + 0.002 * np.abs(late - 60)
    return {
        "trial": trial,
        "blocks": list(causal.BLOCK_NAMES),
        "error": {k: m([m.falling(e, 1.0, 15, trial)] * 5) for k, e in ends.items()},
        "before": {k: m([m.falling(e + 0.05, 1.0, 15, trial)] * 5) for k, e in ends.items()},
        "worlds": {
            name: {k: m([e + 0.05] * n) for k, e in ends.items() if k != "causal"}
            for name, n in (
                ("omissions", 2),
                ("events injected", 2),
                ("two cues", 1),
                ("closed loop, 20 pA", 2),
            )
        },
        "map": {
            "trace_ms": list(causal.TRACES_MS),
            "late_ms": list(causal.LATE_MS),
            "error": {name: m(mapped) for name in causal.BLOCK_NAMES[:2]},
        },
    }


def by_error(m) -> dict:
    trial = list(orthogonality.AFTER)
    falling = 0.17 * np.exp(-np.log(trial)) + 0.003
    nulls = {"refits": 0.005, "matched": 0.3, "uniform": 0.002, "cells": -0.3, "cells_refits": -0.2}
    out: dict = {"trial": trial, "windows": list(orthogonality.WINDOWS)}
    for kind, protocols in orthogonality.FEATURES.items():
        out[kind] = {}
        for n in protocols:
            entry = {"learned": m(falling, 0.0005), "hebbian": m(np.full(len(trial), 0.5))}
            if n == 1:
                entry["nulls"] = {k: m(v, 0.1 * abs(v)) for k, v in nulls.items()}
            out[kind][orthogonality.CUES[n]] = dict.fromkeys(orthogonality.WINDOWS, entry)
    return out


def budgeted(m) -> dict:
    networks = {}
    for i, name in enumerate(budget.NETWORKS):
        entry = {
            label: {k: m(v * (1 + 0.3 * i), 0.003) for k, v in zip(budget.PARTS, parts, strict=True)}
            | {"total": m(sum(parts) * (1 + 0.3 * i), 0.003), "quiet": m(0.02, 0.003)}
            for label, parts in (
                ("local", (0.02, 0.02, 0.003, 0.03, 0.01)),
                ("ridge", (0.005, 0.015, 0.002, 0.025, 0.01)),
            )
        }
        rising = np.linspace(0.1, 0.8 - 0.1 * i, len(budget.QUANTILES))
        networks[name] = entry | {
            "dimension": m(1.7 + i, 0.1),
            "signal": m(0.5, 0.02),
            "reliability": m(rising, 0.01),
            "rate_hz": m(4.0),
        }
    return {"parts": list(budget.PARTS), "quantiles": list(budget.QUANTILES), "networks": networks}


RULES_AND_ERRORS = {"U": unlearned, "R": causally, "C6H": by_error, "N": budgeted}
