"""A grid of conditions, probability x latency, learned by one network each time from the start."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band
from spikewhen.analysis.geometry.components import (
    align,
    condition_vectors,
    factor_share,
    principal_components,
)
from spikewhen.examples.yamada_chao_2026.claims.rules import local
from spikewhen.examples.yamada_chao_2026.claims.tuned import MERGED
from spikewhen.experiments.recorded import learned_under
from spikewhen.experiments.study.claim import Finding, column, finding, paired
from spikewhen.experiments.study.protocol import Protocol, blocks, probes
from spikewhen.paradigms.meet import Block
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

GRID = Protocol(
    "grid",
    (
        blocks(((0.5, 0.5), (300, 600))),
        *probes((100,), 10),
        "record.trials=false",
        "record.geometry=false",
        "paradigm.counterbalance=false",
    ),
    {"local": local(), "merged": MERGED},
)
"""One block whose spikes serve every probability and latency, see `learned_under`."""

P_LEVELS = (0.2, 0.4, 0.6, 0.8)
T_LEVELS = {"coarse": (250.0, 350.0, 450.0, 550.0), "fine": (350.0, 380.0, 410.0, 440.0)}
"""Latencies of A: farther apart than the expectation is wide, and closer."""
CONDITIONS = tuple((p, t) for p in P_LEVELS for t in sorted({t for ts in T_LEVELS.values() for t in ts}))
CHANCE = (4 - 1) / (16 - 1)
"""Share of variance between four levels that values which ignore them have on average."""
COMPONENTS = 5
DRAWS = 1000
KEYS = {
    "what": schema.weights("local", "v"),
    "when": schema.weights("local", "w"),
    "prediction": schema.readout("local", "probes", "prediction"),
    "y": schema.readout("local", "probes", "y"),
}
FACTORS = {"p": ("probability", "latency"), "latency": ("latency", "probability")}
"""Expected of the first and of the second component: the factor, and the other one."""


def condition(p: float, t: float) -> Block:
    """A at `t` with probability p, or B 300 ms later."""
    return Block(((p, round(1 - p, 12)),), ((t, t + 300.0),))


def measure_components(recording: Recording) -> dict[str, Any]:
    """Learn every condition of the grid, and take components over its coarse and its fine half."""
    kept: dict[str, list] = {k: [] for k in KEYS}
    for found in learned_under(recording, [condition(*c) for c in CONDITIONS], ["local"]):
        for k, key in KEYS.items():
            kept[k].append(found[key][-1, :, :-1] if k in ("what", "when") else found[key].mean(0))
    arrays = {k: np.array(rows, float) for k, rows in kept.items()}
    p, latency = np.array(CONDITIONS).T
    return {
        spacing: _components({k: a[here] for k, a in arrays.items()}, p[here], latency[here])
        for spacing, levels in T_LEVELS.items()
        for here in [np.isin(latency, levels)]
    }


def _components(arrays: dict[str, np.ndarray], p: np.ndarray, latency: np.ndarray) -> dict[str, Any]:
    v, w = arrays["what"], arrays["when"]
    vectors = {
        "weights": condition_vectors(v, w),
        "unscaled": condition_vectors(v, w, scaled=False),
        "predictions": condition_vectors(arrays["prediction"]),
    }
    out: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    for name, rows in vectors.items():
        found = principal_components(rows, COMPONENTS)
        entry: dict[str, Any] = {"explained": found.explained}
        for factor, level in (("p", p), ("latency", latency)):
            aligned = [align(score, level, DRAWS, rng) for score in found.scores.T]
            entry[factor] = {k: [getattr(a, k) for a in aligned] for k in aligned[0]._fields}
        # Signs are arbitrary: the first goes up with p, the second with latency.
        flip = np.sign([np.corrcoef(s, f)[0, 1] for s, f in zip(found.scores.T, (p, latency), strict=False)])
        entry["scores"] = found.scores[:, :2] * np.where(flip == 0, 1, flip)
        out[name] = entry
    out["share"] = {
        f"{name}_{factor}": factor_share(arrays[name], level)
        for name in ("what", "when", "y")
        for factor, level in (("p", p), ("latency", latency))
    }
    return out


def judge_components(measured: dict[int, Any]) -> tuple[list[Finding], dict[str, Any]]:
    """Compare components with factors and with permuted labels, for each spacing of latencies."""
    findings: list[Finding] = []
    series: dict[str, Any] = {}
    for spacing, levels in T_LEVELS.items():
        runs = {seed: found[spacing] for seed, found in measured.items()}
        findings += _findings(runs, f"latencies {levels[1] - levels[0]:g} ms apart")
        series[spacing] = {
            "conditions": [c for c in CONDITIONS if c[1] in levels],
            "explained": band(column(runs, "weights", "explained")),
            "scores": band(column(runs, "weights", "scores")),
            "share": {k: band(column(runs, "share", k)) for k in next(iter(runs.values()))["share"]},
            **{
                f"{kind}_{factor}": {
                    k: band(column(runs, kind, factor, k)) for k in ("rho", "chance", "chance_95", "share")
                }
                for kind in ("weights", "unscaled", "predictions")
                for factor in FACTORS
            },
        }
    return findings, series


def _findings(runs: dict[int, Any], which: str) -> list[Finding]:
    out = []
    for i, (factor, (text, other)) in enumerate(FACTORS.items()):
        crossed = "latency" if factor == "p" else "p"
        rho, bound, share = (column(runs, "weights", factor, k)[:, i] for k in ("rho", "chance_95", "share"))
        name = f"{which}: PC{i + 1} of the weights"
        out += [
            finding(f"{name}, |rho| with {text}", rho, published=f"PC{i + 1} = {text}"),
            paired(f"{name}, that minus the 95 % quantile of permuted conditions", rho, bound, at_least=0),
            paired(
                f"{name}, |rho| with {text} minus with {other}",
                rho,
                column(runs, "weights", crossed, "rho")[:, i],
                at_least=0,
            ),
            finding(
                f"{name}, share of its variance between levels of {text} (chance {CHANCE:g})",
                share,
                at_least=0.5,
            ),
            finding(f"{name}, variance explained", column(runs, "weights", "explained")[:, i]),
            finding(
                f"{which}: PC{i + 1} of the unscaled weights, share between levels of {text}",
                column(runs, "unscaled", factor, "share")[:, i],
            ),
            finding(
                f"{which}: PC{i + 1} of the predictions, share between levels of {text}",
                column(runs, "predictions", factor, "share")[:, i],
            ),
        ]
    for name in ("what", "when"):
        for factor, (text, _) in FACTORS.items():
            out.append(
                finding(
                    f"{which}: variance of {name} weights between levels of {text} (chance {CHANCE:g})",
                    column(runs, "share", f"{name}_{factor}"),
                )
            )
    return out
