"""Across runs: means with intervals, tidy rows, comparison tables.

`runs` is a dict of run id to what `score_run` returned: runs of one experiment
that differ in their seed, in the same order of seeds for every label.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from spikewhen.analysis.score_names import SCORES
from spikewhen.analysis.statistics import Interval, Paired, holm, mean_interval, paired_difference

Runs = dict[str, dict[str, dict[str, np.ndarray]]]
KEYS = ("block", "trial", "cue")
PAIRED_AT = (10, 20, 50)
"""Trials of a block after which labels are compared, beside the block's last probes."""


class Row(NamedTuple):
    """One value of one run; what does not apply is None."""

    run: str
    label: str
    block: int | None
    trial: int | None
    cue: int | None
    channel: int | None
    score: str
    value: float


def tidy_rows(runs: Runs) -> Iterator[Row]:
    """Yield one row per run, label, block, probed trial, cue, channel and score."""
    for run, labels in runs.items():
        for label, found in labels.items():
            for name in (n for n in SCORES if n in found and n not in KEYS):
                per, _, channels = SCORES[name].per.partition("+")
                values = np.asarray(found[name], float)
                for index, value in np.ndenumerate(values):
                    block = trial = cue = None
                    if per == "point":
                        block, trial, cue = (int(found[k][index[0]]) for k in KEYS)
                    elif per == "block":
                        block = index[0]
                    channel = index[1] if channels else None
                    yield Row(run, label, block, trial, cue, channel, name, float(value))


def final(found: dict[str, np.ndarray], name: str, block: int | None) -> np.ndarray:
    """Return a score at the end of a block, mean over cues: ``()`` or one per channel ``(K,)``."""
    values = np.asarray(found[name], float)
    per = SCORES[name].per
    if per == "run":
        return values[0]
    if per.startswith("block"):
        return values[block]
    return at_trial(found, name, block, int(found["trial"][found["block"] == block].max()))


def at_trial(found: dict[str, np.ndarray], name: str, block: int | None, trial: int) -> np.ndarray:
    """Return a point score of one block and trial, mean over cues where defined."""
    rows = np.asarray(found[name], float)[(found["block"] == block) & (found["trial"] == trial)]
    known = np.isfinite(rows)
    return np.where(known.any(0), np.where(known, rows, 0).sum(0) / np.maximum(known.sum(0), 1), np.nan)


def summarise(runs: Runs) -> dict[str, Any]:
    """Return mean, 95 % interval and n of every score, per label and block.

    Returns
    -------
    dict, JSON-able
        ``{label: {"runs": [...], "run": {score: ...}, "blocks": [{"block": 0,
        score: ..., "curve": {"trial": [...], "error": [...], "error_relative": [...]}}]}}``.
        Point scores are those at the block's end. A score per channel has one
        entry per channel. A value that is not finite is None: undefined for
        every seed, or "never" for at least one.
    """
    out: dict[str, Any] = {}
    for label in dict.fromkeys(label for labels in runs.values() for label in labels):
        mine = {run: labels[label] for run, labels in runs.items() if label in labels}
        found = list(mine.values())
        names = [n for n in SCORES if n not in KEYS and all(n in f for f in found)]
        entry: dict[str, Any] = {"runs": list(mine)}
        entry["run"] = {
            n: _entry([final(f, n, None) for f in found]) for n in names if SCORES[n].per == "run"
        }
        entry["blocks"] = []
        for block in sorted({int(b) for f in found for b in f.get("block", ())}):
            scored: dict[str, Any] = {"block": block} | {
                n: _entry([final(f, n, block) for f in found]) for n in names if SCORES[n].per != "run"
            }
            scored["curve"] = _curve(found, block)
            entry["blocks"].append(scored)
        out[label] = entry
    return out


def _curve(found: list[dict[str, np.ndarray]], block: int) -> dict[str, list]:
    trials = np.unique(found[0]["trial"][found[0]["block"] == block])
    curve: dict[str, list] = {"trial": trials.tolist()}
    for name in ("error", "error_relative"):
        curve[name] = [_entry([at_trial(f, name, block, n) for f in found]) for n in trials]
    return curve


def _entry(values: list[np.ndarray]) -> Any:
    stacked = np.array(values)
    if stacked.ndim > 1:
        return [_entry(list(column)) for column in stacked.T]
    return _jsonable(mean_interval(stacked))


def _jsonable(interval: Interval) -> dict[str, Any]:
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in interval._asdict().items()
    }


def compare(runs: Runs, a: str, b: str, trials: tuple[int, ...] = PAIRED_AT) -> dict[tuple[str, int], Paired]:
    """Return paired differences of E, a - b, at chosen trials and the last probed one of every block.

    Only runs that hold both labels count; p-values are Holm-corrected over the
    differences returned.
    """
    both = [labels for labels in runs.values() if a in labels and b in labels]
    differences = {}
    for block in sorted({int(x) for found in both for x in found[a]["block"]}):
        probed = sorted({int(t) for found in both for t in found[a]["trial"][found[a]["block"] == block]})
        for trial in sorted({t for t in probed if t in trials} | set(probed[-1:])):
            ours, theirs = (
                [float(at_trial(found[label], "error", block, trial)) for found in both] for label in (a, b)
            )
            differences[f"E at trial {trial}", block] = paired_difference(ours, theirs)
    corrected = holm([d.p for d in differences.values()])
    return {key: d._replace(p=float(p)) for (key, d), p in zip(differences.items(), corrected, strict=True)}


def comparison_table(a: str, b: str, differences: dict[tuple[str, int], Paired]) -> str:
    """Return the Markdown table of `compare`."""
    lines = [f"| {a} - {b} | block | mean | 95 % interval | n | p (Holm) |", "|---|---|---|---|---|---|"]
    for (name, block), d in differences.items():
        lines.append(f"| {name} | {block + 1} | {_number(d.mean)} | {_range(d)} | {d.n} | {_number(d.p)} |")
    return "\n".join(lines) + "\n"


def summary_table(summary: dict[str, Any], names: tuple[str, ...]) -> str:
    """Return a Markdown table of channel-free scores, a row per label and block."""
    lines = ["| label | block | " + " | ".join(names) + " | n |", "|---|---|" + "---|" * (len(names) + 1)]
    for label, entry in summary.items():
        for scored in entry["blocks"]:
            cells = [_cell(scored.get(name)) for name in names]
            lines.append(
                f"| {label} | {scored['block'] + 1} | " + " | ".join(cells) + f" | {len(entry['runs'])} |"
            )
    return "\n".join(lines) + "\n"


def _cell(entry: dict[str, Any] | None) -> str:
    if entry is None or entry["mean"] is None:
        return "-"
    interval = "" if entry["low"] is None else f" [{_number(entry['low'])}, {_number(entry['high'])}]"
    return _number(entry["mean"]) + interval


def _number(x: float) -> str:
    return f"{x:.3g}" if math.isfinite(x) else "-"


def _range(d: Paired) -> str:
    return f"[{_number(d.low)}, {_number(d.high)}]" if math.isfinite(d.low) else "-"
