"""Beyond the article: parts learned under different contingencies compose; one part can change alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.analysis.scores import error
from spikewhen.analysis.targets import marginal_target
from spikewhen.analysis.transfer import Transfer, relative_change, transfer
from spikewhen.analysis.views import probed_points, read_readout, read_task
from spikewhen.examples.yamada_chao_2026.claims.grid import GRID, condition
from spikewhen.examples.yamada_chao_2026.claims.merged import FACTORED, MERGED, RATES, TUNED
from spikewhen.experiments.recorded import learned_under
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.reservoir.files.recording import Recording

PARTS = f"{FACTORED}_{TUNED}", f"{MERGED}_{TUNED}"
"""The factored and the merged readout of `RATES`, each at its tuned rate, on the same spikes."""
AFTER = (1, 5, 10, 20, 100)
LABELS = ("local", "merged")
"""Those of `GRID`."""
CONDITIONS = tuple((p, t) for p in (0.2, 0.5, 0.8) for t in (250.0, 350.0, 450.0))
SWITCH = {1: "timing", 2: "probability"}


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Compose every pair of the grid from parts of others, or follow what each switch moves."""
    return jsonable(_grid(recording) if protocol == GRID.name else _switches(recording))


def _grid(recording: Recording) -> dict[str, Any]:
    said: dict[str, list] = {"y": [], "p_hat": [], "merged": []}
    targets = []
    conditions = [condition(*c) for c in CONDITIONS]
    pairs = [(np.array(c.probability[0]), np.array(c.latency_ms[0])) for c in conditions]
    for found, pair in zip(learned_under(recording, conditions, LABELS), pairs, strict=True):
        ours, whole = (read_readout(found, label) for label in LABELS)
        said["y"].append(ours.y)
        said["p_hat"].append(ours.p_hat)
        said["merged"].append(whole.y)
        targets.append(marginal_target(ours.time_ms, *pair, np.zeros_like(pair[1]), ours.sigma_ms))
    p, latency = (np.array(column) for column in zip(*pairs, strict=True))
    y, p_hat, whole_y = (np.array(said[k], float) for k in ("y", "p_hat", "merged"))
    return transfer(y, p_hat, whole_y, p, latency, np.array(targets), ours.time_ms)._asdict()


def _switches(recording: Recording) -> dict[str, Any]:
    task = read_task(recording)
    points = probed_points(recording)
    block, trial = points.table[:, 0], points.table[:, 1]
    ours, whole = (read_readout(recording, label) for label in PARTS)
    p, latency, sd = map(task.of_probes, (task.probability, task.latency_ms, task.latency_sd_ms))
    target = marginal_target(ours.time_ms, p, latency, sd, ours.sigma_ms)
    # Means of the probes of each point, so that a difference is less the noise of a probe.
    mean = {
        "y": points.mean(ours.y),
        "p_hat": points.mean(ours.p_hat),
        "merged": points.mean(np.maximum(whole.y, 0)),
    }
    errors = {
        label: points.mean(error(r.prediction, target, r.time_ms))
        for label, r in zip(LABELS, (ours, whole), strict=True)
    }

    def distance(a: np.ndarray, i: int, j: int) -> float:
        return float(relative_change(a[i], a[j], tuple(range(a.ndim - 1))))

    out: dict[str, Any] = {"trial": trial[block == 0]}
    for b, name in SWITCH.items():
        here, earlier = np.flatnonzero(block == b), np.flatnonzero(block == b - 1)
        half, before = earlier[np.argmin(np.abs(trial[earlier] - trial[earlier[-1]] / 2))], earlier[-1]
        entry: dict[str, Any] = {}
        for k, a in mean.items():
            entry[f"moved_{k}"] = [distance(a, before, i) for i in here]
            entry[f"idle_{k}"] = distance(a, half, before)  # half a block, no switch between
        for label, e in errors.items():
            entry[f"error_{label}"], entry[f"error_before_{label}"] = e[here], e[before]
        out[name] = entry
    return out


def judge(measured: Measured) -> Judged:
    """Compare composed with directly learned pairs, and factored with merged readouts after each switch."""
    grid, parts = measured[GRID.name], measured[RATES.name]
    e = {k: column(grid, k).mean(1) for k in Transfer._fields}
    composed = paired(
        "E of unseen pairs: parts of others, minus a merged readout of this latency as learned",
        e["composed"],
        e["merged_as_is"],
        below=0,
    )
    findings = [
        finding("E of unseen pairs composed of parts of other pairs", e["composed"], below=1),
        finding("E of pairs learned directly", e["direct"]),
        paired("E composed minus learned directly", e["composed"], e["direct"], at_most=0.05),
        composed,
        paired(
            "E composed minus a merged readout with the best gain per channel (oracle)",
            e["composed"],
            e["merged_best"],
        ),
        paired(
            "E composed minus a merged readout told the ratio of probabilities",
            e["composed"],
            e["merged_known"],
        ),
        finding("E of a merged readout, learned directly", e["merged_direct"]),
        finding("E of a merged readout of this latency and another probability, as it is", e["merged_as_is"]),
        finding("E of a merged readout with the best gain per channel (oracle)", e["merged_best"]),
        finding("E of a merged readout told the ratio of probabilities", e["merged_known"]),
        finding("E with the what of another probability", e["wrong_what"]),
        finding("E with the when of another latency", e["wrong_when"]),
        *_switch_findings(parts),
    ]
    trials = next(iter(parts.values()))["trial"]
    series = {
        "conditions": CONDITIONS,
        "grid": {k: band(column(grid, k)) for k in Transfer._fields},
        "mean": {k: band(v) for k, v in e.items()},
        "trial": trials,
        **{
            name: {k: band(column(parts, name, k)) for k in next(iter(parts.values()))[name]}
            for name in SWITCH.values()
        },
    }
    return Judged(findings, series, rests_on=composed)


def _switch_findings(parts: Any) -> list[Finding]:
    out: list[Finding] = []
    trials = next(iter(parts.values()))["trial"]
    kept = {"timing": ("p_hat", "p-hat"), "probability": ("y", "y")}
    for name, (part, text) in kept.items():
        still, whole = (column(parts, name, f"moved_{k}") for k in (part, "merged"))
        out += [
            finding(f"{name} switch: {text} moved by the block's end (RMS, relative)", still[:, -1]),
            finding(
                f"{name} switch: {text} moved over the half block before it",
                column(parts, name, f"idle_{part}"),
            ),
            paired(
                f"{name} switch: {text} moved by the block's end minus the merged output",
                still[:, -1],
                whole[:, -1],
            ),
        ]
        ours, theirs = (column(parts, name, f"error_{label}") for label in LABELS)
        out += [
            paired(
                f"{name} switch, trial {n}: E factored minus merged",
                ours[:, trials.index(n)],
                theirs[:, trials.index(n)],
                below=0,
            )
            for n in AFTER
        ]
    return out


CLAIM = Claim(
    "T",
    "Parts compose, by design: unseen pairs of probability and latency",
    "not in the article",
    (GRID, RATES),
    measure,
    judge,
    (
        "That parts compose is a property of the design, not a finding: p-hat never sees a latency and y "
        "never sees a probability. What is found is how much of it survives on noisy activity.",
        "Composing is done by the experimenter, from weights of readouts learned apart on the same activity.",
        "A merged readout learns p s(t): told the ratio of probabilities, it can be rescaled; it has to be "
        "told, a what readout learns it.",
    ),
)
