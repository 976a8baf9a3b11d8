"""What the readout takes from each class of cells, and from few cells: part of the claim "populations"."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band
from spikewhen.analysis.baselines import combine
from spikewhen.analysis.geometry.activity import block_activity, probe_activity
from spikewhen.analysis.geometry.lesions import (
    Probes,
    keep_random,
    probe_readout,
    refit_without,
    same_number,
    same_rate,
    split_in_thirds,
    without,
)
from spikewhen.analysis.geometry.overlap import what_window
from spikewhen.analysis.ridge import fit_ridge
from spikewhen.analysis.scores import error
from spikewhen.analysis.targets import marginal_target
from spikewhen.analysis.views import Readout, Task
from spikewhen.examples.yamada_chao_2026.claims.geometry import block_weights, what_rule
from spikewhen.experiments.study.claim import Finding, column, finding, paired
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.replay import features

EVERY_MS = 10.0
CONTROLS = 5
"""Random sets of cells per control."""
KEPT = (50, 100, 200, 500)
EXCITATORY = ("RS", "IB", "CH")
SCORES = ("error", "timing_ms", "detection", "p_error", "refit")


def rates_hz(recording: Recording) -> np.ndarray:
    """Return the mean rate of every cell up to the last trial, (N,)."""
    n = recording[schema.CELL_TYPE].size
    counts = np.bincount(recording[schema.spikes("reservoir", "node_ids")], minlength=n)
    return counts * 1000.0 / float(recording[schema.trial("onset_ms")][-1])


def measure_lesions(recording: Recording, task: Task, readout: Readout, block: int = 0) -> dict[str, Any]:
    """Silence classes of cells, and keep random subsets, in the readout of a block.

    "As learned" keeps the weights of the other cells; ``refit`` is E of a ridge
    "when" fitted to them, with the true p: what is lost is not to be had elsewhere.
    """
    rng = np.random.default_rng(0)
    what, when = block_weights(recording, block, task)
    activity = block_activity(recording, readout, task, features, EVERY_MS, block)
    after = activity.time_ms >= 0
    x, s = activity.features[:, after], activity.bumps[:, after]
    penalty = fit_ridge(x, s, folds=3).penalty
    flat = x.reshape(-1, x.shape[2])
    gram, cross = flat.T @ flat, flat.T @ s.reshape(len(flat), -1)
    del activity, x, flat
    tested = _probes(recording, task, readout, block)
    n, rate = what.shape[1] - 1, rates_hz(recording)

    def refit(cells: np.ndarray) -> float:
        w = refit_without(gram, cross, penalty, cells)
        z = combine(tested.probability, tested.features @ w.T)
        return float(error(z, tested.target, tested.time_ms).mean())

    def silenced(cells: np.ndarray) -> dict[str, float]:
        kept = probe_readout(without(what, cells), without(when, cells), tested)
        return {**kept._asdict(), "refit": refit(cells)}

    out: dict[str, Any] = {"intact": silenced(np.zeros(n, bool)), "classes": {}, "subsets": {}}
    for name, cells in _classes(recording).items():
        out["classes"][name] = {
            "n": int(cells.sum()),
            "rate_hz": float(rate[cells].mean()),
            "silenced": silenced(cells),
            "same_number": _mean([silenced(same_number(cells, rng)) for _ in range(CONTROLS)]),
            "same_rate": _mean([silenced(same_rate(cells, rate, rng)) for _ in range(CONTROLS)]),
        }
    for keep in (k for k in KEPT if k < n):
        masks = [keep_random(n, keep, rng) for _ in range(CONTROLS)]
        # Learned weights of the cells that remain, scaled up by the number that is missing.
        gain = n / keep
        scaled = [probe_readout(gain * without(what, m), gain * without(when, m), tested) for m in masks]
        out["subsets"][str(keep)] = {
            "refit": float(np.mean([refit(m) for m in masks])),
            "scaled": float(np.mean([s.error for s in scaled])),
        }
    return out


def _mean(found: list[dict[str, float]]) -> dict[str, float]:
    """Mean over the controls; of timing, over those that have a peak."""
    table = {k: np.array([f[k] for f in found]) for k in found[0]}
    known = {k: v[np.isfinite(v)] for k, v in table.items()}
    return {k: float(v.mean()) if v.size else np.nan for k, v in known.items()}


def _probes(recording: Recording, task: Task, readout: Readout, block: int) -> Probes:
    """All probes of a block: in an open loop their activity does not depend on what was learned by then."""
    rows = np.flatnonzero(task.probe_block == block)
    found = probe_activity(recording, readout, task, features, EVERY_MS, rows)
    p, latency, sd = (
        task.of_probes(a)[rows] for a in (task.probability, task.latency_ms, task.latency_sd_ms)
    )
    target = marginal_target(found.time_ms, p, latency, sd, readout.sigma_ms)
    means = found.window_means(what_window(what_rule(recording)))
    return Probes(found.features, means, target, p, latency, found.time_ms)


def _classes(recording: Recording) -> dict[str, np.ndarray]:
    """Masks of the cell types, and of thirds of the excitatory cells by their recovery rate a."""
    kind = recording[schema.CELL_TYPE]
    names = list(recording.attrs[schema.CELL_TYPE]["names"])
    classes = {name: kind == i for i, name in enumerate(names) if np.any(kind == i)}
    excitatory = np.isin(kind, [i for i, name in enumerate(names) if name in EXCITATORY])
    a = np.where(excitatory, recording[schema.neurons("a")], np.nan)
    return classes | {
        f"{name} adaptation": mask
        for name, mask in zip(("slow", "middle", "fast"), split_in_thirds(a), strict=True)
    }


def judge_lesions(runs: Any) -> tuple[list[Finding], dict[str, Any]]:
    """Compare each class with as many random cells, and with random cells of the same rate."""
    first = next(iter(runs.values()))["lesions"]
    findings: list[Finding] = []
    for name in first["classes"]:

        def get(which: str, score: str, name: str = name) -> np.ndarray:
            return column(runs, "lesions", "classes", name, which, score)

        findings += [
            paired(
                f"{name} silenced: E minus that without as many random cells",
                get("silenced", "error"),
                get("same_number", "error"),
            ),
            paired(
                f"{name} silenced: E minus that without random cells of the same total rate",
                get("silenced", "error"),
                get("same_rate", "error"),
            ),
            paired(
                f"{name} silenced, when refitted: E minus that without as many random cells",
                get("silenced", "refit"),
                get("same_number", "refit"),
            ),
            paired(
                f"{name} silenced, when refitted: E minus that without random cells of the same rate",
                get("silenced", "refit"),
                get("same_rate", "refit"),
            ),
            paired(
                f"{name} silenced: |p-hat - p| minus that without random cells of the same total rate",
                get("silenced", "p_error"),
                get("same_rate", "p_error"),
            ),
        ]
    intact = column(runs, "lesions", "intact", "refit")
    for keep in first["subsets"]:
        refit = column(runs, "lesions", "subsets", keep, "refit")
        findings += [
            finding(f"E of {keep} random cells, when refitted, true p", refit),
            paired(f"E of {keep} random cells, when refitted, minus that of all cells", refit, intact),
            finding(
                f"E of {keep} random cells, learned weights scaled up",
                column(runs, "lesions", "subsets", keep, "scaled"),
            ),
        ]
    series = {
        "classes": {
            name: {
                **{k: band(column(runs, "lesions", "classes", name, k)) for k in ("n", "rate_hz")},
                **{
                    which: {k: band(column(runs, "lesions", "classes", name, which, k)) for k in SCORES}
                    for which in ("silenced", "same_number", "same_rate")
                },
            }
            for name in first["classes"]
        },
        "intact": {k: band(column(runs, "lesions", "intact", k)) for k in SCORES},
        "subsets": {
            keep: {k: band(column(runs, "lesions", "subsets", keep, k)) for k in ("refit", "scaled")}
            for keep in first["subsets"]
        },
    }
    return findings, series
