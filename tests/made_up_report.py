"""A report of `spikewhen claims` with made-up numbers: the form of every series that figures draw."""

from copy import deepcopy
from functools import cache

import numpy as np
from made_up_rules import RULES_AND_ERRORS

from spikewhen.analysis.bands import band, jsonable
from spikewhen.examples.yamada_chao_2026.claims import (
    ablations,
    calibration,
    gates,
    generality,
    grid,
    shared,
)
from spikewhen.examples.yamada_chao_2026.claims.tuned import CELLS, MEMORIES
from spikewhen.examples.yamada_chao_2026.study import STUDY
from spikewhen.experiments.study.report import VERSION

CLAIMS = {claim.id: claim for claim in STUDY.claims}

TRIAL = list(shared.EVERY)


class Maker:
    """Bands of made-up seeds around given means."""

    def __init__(self, n: int = 5, seed: int = 0, spread: float = 0.04):
        self.n, self.spread, self.rng = n, spread, np.random.default_rng(seed)

    def __call__(self, mean, spread: float | None = None) -> dict:
        mean = np.asarray(mean, float)
        width = self.spread if spread is None else spread
        shared_by_all = 0.7 * self.rng.standard_normal((self.n, *[1] * mean.ndim))
        own = 0.7 * self.rng.standard_normal((self.n, *mean.shape))
        return band(mean + width * (shared_by_all + own))

    def falling(self, end, start=1.0, tau=15.0, trial=TRIAL):
        return end + (start - end) * np.exp(-np.array(trial, float) / tau)


def learning(m: Maker) -> dict:
    ends = {
        "error": 0.3,
        "error_equal_p": 0.55,
        "error_winner": 0.42,
        "error_true_p": 0.28,
        "error_counting": 0.05,
        "error_change_point": 0.08,
    }
    curves = {k: m(m.falling(e), 0.02) for k, e in ends.items()}
    curves["error_relative"] = m(m.falling(0.33), 0.02)
    published = {"10": 0.71, "50": 0.48, "100": 0.44}
    return {
        "trial": TRIAL,
        "published": published,
        "curves": curves,
        "ridge": m(0.24),
        "p_hat": m([0.8, 0.2]),
    }


def calibrated(m: Maker) -> dict:
    out = {}
    p = np.array(calibration.LEVELS)
    tables = {
        "11 levels": np.stack([p, 1 - p], 1),
        "two cues": np.stack([np.repeat(p[:6], 2), 1 - np.repeat(p[:6], 2)], 1),
        "omissions": np.array([(0.4, 0.4), (0.1, 0.7), (0.7, 0.1), (0.3, 0.3), (0.5, 0.1), (0.1, 0.5)]),
    }
    for name, table in tables.items():
        out[name] = {
            "probability": table.tolist(),
            "p_hat": m(table),
            "amplitude": m(0.8 * table),
            "amplitude_y": m(np.full(table.shape, 0.8)),
        }
    return out


def switches(m: Maker) -> dict:
    course = np.array([m.falling(0.3, s) for s in (1.0, 1.1, 0.9, 1.0, 0.8)])
    return {
        "trial": TRIAL,
        "switch": list(shared.SWITCH),
        "curves": {
            "error": m(course),
            "error_relative": m(course),
            "residual": m(np.array([m.falling(0, 1.0)] * 5)[..., None] * [1, 1]),
            "amplitude": m(np.ones((5, len(TRIAL), 2)) * 0.5),
            "p_hat": m(np.ones((5, len(TRIAL), 2)) * 0.5),
            "amplitude_y": m(np.ones((5, len(TRIAL), 2)) * 0.8),
            "error_change_point": m(0.5 * course),
        },
        "naive": {s: m(m.falling(0.3)) for s in ("timing", "probability", "both")},
        "ridge": m(np.full(5, 0.24)),
        "trials_needed": {
            s: ["inf" if m.rng.random() < 0.2 else float(m.rng.choice(TRIAL)) for _ in range(m.n)]
            for s in ("timing", "probability", "both")
        },
        "savings": ["-inf", *np.linspace(-0.5, 0.5, m.n - 1).tolist()],
    }


def least_squares(m: Maker) -> dict:
    few = [1, 10, 20, 50, 100]

    def errors(labels, trial, n_blocks):
        return {
            label: m([m.falling(0.3 + 0.02 * i, 1.0, 10 + 5 * i, trial)] * n_blocks)
            for i, label in enumerate(labels)
        }

    labels = ("local", "rls_tuned", "rls_never_reset", "rls_reset")
    cells = (*CELLS, *MEMORIES)
    cost = {
        label: {
            "operations per second": 8e6 if "local" in label else 9e8,
            "bytes of state": 3.2e4 if "local" in label else 8.2e6,
        }
        for label in (*labels, *cells)
    }
    return {
        "switches": {"trial": TRIAL, "error": errors(labels, TRIAL, 5)},
        "factorial": {"trial": few, "error": errors(cells, few, 3)},
        "cost": cost,
        "switch": list(shared.SWITCH),
    }


def rates(m: Maker) -> dict:
    trial = [1, 5, 10, 20, 50, 100]
    error = {
        kind: [m([m.falling(0.35 + 0.05 * abs(i - 2), 1.0, 15, trial)] * 3) for i in range(5)]
        for kind in ("factored", "merged")
    }
    return {
        "trial": trial,
        "rate": {k: [0.005, 0.01, 0.02, 0.04, 0.08] for k in error},
        "error": error,
        "switch": list(shared.SWITCH[:3]),
    }


def volatility(m: Maker) -> dict:
    labels = [f"{kind}_{r:g}" for kind in ("fixed", "annealed") for r in (0.01, 0.02, 0.05, 0.1, 0.2)]
    out: dict = {"rates": [0.01, 0.02, 0.05, 0.1, 0.2]}
    for name, length in (("a switch every 100 trials", 100), ("a switch every 20 trials", 20)):
        n = np.arange(length)
        course, rmse = {}, {}
        for label in (*labels, "surprise", "restart", "change_point", "change_point_matched"):
            rate = float(label.split("_")[1]) if label[-1].isdigit() else 0.06
            course[label] = m(0.5 * (1 - rate) ** n + 0.4 * np.sqrt(rate / 2), 0.01)
            rmse[label] = m(np.mean(course[label]["mean"]), 0.01)
        out[name] = {"rmse": rmse, "course": course}
    return out


def separations(m: Maker) -> dict:
    keys = (
        "overlap",
        "chance",
        "uniform",
        "matched",
        "ceiling_what",
        "ceiling_when",
        "overlap_output",
        "chance_output",
    )
    values = dict(zip(keys, (0.01, 0.012, 0.002, 0.15, 0.5, 0.6, 0.02, 0.1), strict=True))
    losses = {
        f"{o}_{k}": m(v, 0.02)
        for o in ("what", "when")
        for k, v in (("own", 0.9), ("other", 0.02), ("refit", 0.02), ("uniform", 0.01), ("matched", 0.05))
    }
    return (
        {k: m(v, 0.1 * v) for k, v in values.items()}
        | losses
        | {
            "angles_deg": m([84.0, 88.0], 1),
            "angles_output_deg": m([70.0, 80.0], 1),
            "duty_deg": m(82.0, 1),
        }
    )


def geometric(m: Maker) -> dict:
    by_block = {
        k: m(np.full(5, v))
        for k, v in (
            ("overlap", 0.01),
            ("chance", 0.012),
            ("leading_deg", 85.0),
            ("overlap_output", 0.02),
            ("chance_output", 0.1),
        )
    }
    spacings = {}
    for name, levels in grid.T_LEVELS.items():
        conditions = [c for c in grid.CONDITIONS if c[1] in levels]
        p, t = np.array(conditions).T
        scores = np.stack([(p - 0.5) * 3, (t - t.mean()) / 100], 1)
        entry = {
            "conditions": conditions,
            "explained": m([0.5, 0.3, 0.1, 0.05, 0.02], 0.01),
            "scores": m(scores, 0.1),
            "share": {f"{n}_{f}": m(0.5) for n in ("what", "when", "y") for f in ("p", "latency")},
        }
        for kind in ("weights", "unscaled", "predictions"):
            for i, factor in enumerate(("p", "latency")):
                rho = np.full(5, 0.1)
                rho[i] = 0.95
                entry[f"{kind}_{factor}"] = {
                    k: m(v, 0.02)
                    for k, v in (
                        ("rho", rho),
                        ("chance", np.full(5, 0.2)),
                        ("chance_95", np.full(5, 0.5)),
                        ("share", rho),
                    )
                }
        spacings[name] = entry
    points = np.unique(np.concatenate([[b * 100 + n for n in TRIAL] for b in range(5)]))
    step = np.clip((points - 200) / 60, 0, 1)
    return {
        "one_cue": separations(m),
        "four_cues": separations(m),
        "by_block": by_block,
        "grid": spacings,
        "path": {
            "trial": points.tolist(),
            "first_trial": [0, 100, 200, 300, 400],
            "what": m(step),
            "when": m(np.clip((points - 100) / 60, 0, 1)),
        },
    }


def ablated(m: Maker) -> dict:
    course = np.array([0.3, 0.5, 0.35])
    found = {label: m(course + m.rng.random()) for label in ablations.READOUTS}
    for label in ablations.BY_NETWORK:
        found[label] = m(course + m.rng.random()) | {"rate_hz": m(3.0, 0.3)}
        if label in ablations.RETUNED:
            found[f"{label}, retuned"] = m(course + m.rng.random())
    moments = [f"trial {n} of block {b}" for n, b in ((100, 1), (20, 2), (100, 2))]
    return {"intact": m(course), "moments": moments, "ablations": found}


def gate_maps(m: Maker) -> dict:
    tau, shift = np.meshgrid(gates.TIME_CONSTANTS_MS, gates.SHIFTS_MS, indexing="ij")
    error = 0.3 + 0.3 * np.abs(shift) / 200 + tau / 1000
    return {"time_constant_ms": list(gates.TIME_CONSTANTS_MS), "shift_ms": list(gates.SHIFTS_MS)} | {
        name: m(error) for name in gates.MAPS
    }


def populations(m: Maker) -> dict:
    scores = ("error", "timing_ms", "detection", "p_error", "refit")

    def entry(e):
        return {k: m(e if k in ("error", "refit") else 0.1 * e) for k in scores}

    def cells():
        return {"cells": m(0.9), "chance": m(0.05, 0.01), "effect": m(0.3)}

    mixed = {"first": 0.9, "second": 0.8, "both": 0.75, "both_independent": 0.72}
    weights = {"cells_what": 300.0, "cells_when": 400.0, "correlation": 0.3, "correlation_chance_95": 0.06}
    classes = ("RS", "IB", "CH", "LTS", "FS", "slow adaptation", "middle adaptation", "fast adaptation")
    lesions = {
        name: {"n": m(200.0), "rate_hz": m(3.0)}
        | {w: entry(0.3 + 0.2 * m.rng.random()) for w in ("silenced", "same_number", "same_rate")}
        for name in classes
    }
    groups = ("time", "cue", "probability", "latency", "meaningless")
    return {
        "top": [0.1, 0.25, 0.5],
        "weights": {cues: {k: m(v) for k, v in weights.items()} for cues in ("one_cue", "four_cues")},
        "active": m(0.9),
        "four_cues": {name: cells() for name in groups}
        | {pair: {k: m(v) for k, v in mixed.items()} for pair in ("cue_and_time", "probability_and_time")},
        "switches": {
            loop: {name: cells() for name in ("timing", "probability", "nothing", "time")}
            for loop in ("open", "closed")
        },
        "lesions": {
            "classes": lesions,
            "intact": entry(0.3),
            "subsets": {
                str(n): {"refit": m(0.7 - 0.12 * i), "scaled": m(0.9 - 0.1 * i)}
                for i, n in enumerate((50, 100, 200, 500))
            },
        },
    }


def sized(m: Maker) -> dict:
    n = [250, 500, 1000, 2000, 4000]
    ends = np.array([0.42, 0.31, 0.25, 0.2, 0.17])
    return {"sizes": n, "error": m(np.stack([ends, 1.6 * ends, 1.1 * ends], 1))}


def composed(m: Maker) -> dict:
    names = (
        "direct",
        "composed",
        "wrong_what",
        "wrong_when",
        "merged_direct",
        "merged_as_is",
        "merged_known",
        "merged_best",
    )
    return {"mean": {k: m(0.3 + 0.1 * i) for i, k in enumerate(names)}}


def general(m: Maker) -> dict:
    return {
        name: {"error": m(0.32), "ridge": m(0.25), "equal_p": m(0.5), "timing": m(6.0, 1.0)}
        for name in generality.TASKS
    } | {"rate_hz": (3 + 0.3 * m.rng.standard_normal(5 * m.n)).tolist()}


SERIES = {
    "C1": learning,
    "C2": calibrated,
    "C4": switches,
    "C5": least_squares,
    "C6": geometric,
    "C7": rates,
    "C8": ablated,
    "C9": gate_maps,
    "C9b": populations,
    "C8N": sized,
    "T": composed,
    "G": general,
    "V": volatility,
    **RULES_AND_ERRORS,
}


def report(n: int = 5, seed: int = 0) -> dict:
    """The table of a claims.json, with the protocols of the claims and made-up runs."""
    return deepcopy(_report(n, seed))


@cache
def _report(n: int, seed: int) -> dict:
    """Made once in a process: its thousands of intervals take time."""
    maker = Maker(n, seed)
    claims = [
        {
            "id": name,
            "title": CLAIMS[name].title,
            "series": jsonable(make(maker)),
            "protocols": [p.name for p in CLAIMS[name].protocols],
            "findings": [],
            **{"verdict": "reported", "p": None, "p_holm": None},
        }
        for name, make in SERIES.items()
    ]
    names = dict.fromkeys(p for entry in claims for p in entry["protocols"])
    return {
        "version": VERSION,
        "study": {
            **{"name": STUDY.name, "title": STUDY.title, "command": STUDY.command},
            **{"package": STUDY.package, "folder": None},
        },
        "command": STUDY.command,
        "seeds": list(range(n)),
        "software": {"commit": "abc123"},
        "claims": claims,
        "protocols": {
            name: {"runs": {str(s): f"{i:08x}{s:08x}" for s in range(n)}} for i, name in enumerate(names)
        },
    }


if __name__ == "__main__":
    import json
    import sys

    from spikewhen.experiments.digest import with_digest

    json.dump(with_digest(report(int(sys.argv[2]))), open(sys.argv[1], "w"))
