"""Across runs: means with intervals, tidy rows, paired differences.

`runs` is a dict of run id to what `score_run` returned: runs of one experiment
that differ in their seed, in the same order of seeds for every label. Blocks are
numbered from 1 in everything that this module returns, as people count them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from spikewhen.analysis.score_names import KEYS, ordered, score_of
from spikewhen.analysis.statistics import (
    Effect,
    Interval,
    Paired,
    differences,
    effect_size,
    holm,
    mean_interval,
    paired_difference,
)

Runs = dict[str, dict[str, dict[str, np.ndarray]]]
PAIRED_AT = (10, 20, 50)
"""Trials of a block after which labels are compared, beside the block's last probes."""


class Row(NamedTuple):
    """One value of one run; what does not apply is None."""

    run: str
    label: str
    block: int | None  # from 1
    trial: int | None
    condition: int | None  # index, as channel
    channel: int | None
    score: str
    value: float


def tidy_rows(runs: Runs) -> Iterator[Row]:
    """Yield one row per run, label, block, probed trial, condition, channel and score."""
    for run, labels in runs.items():
        for label, found in labels.items():
            for name in ordered(found):
                per, _, channels = score_of(name, found).per.partition("+")
                values = np.asarray(found[name], float)
                for index, value in np.ndenumerate(values):
                    block = trial = condition = None
                    if per == "point":
                        block, trial, condition = (int(found[k][index[0]]) for k in KEYS)
                        block += 1
                    elif per == "block":
                        block = index[0] + 1
                    channel = index[1] if channels else None
                    yield Row(run, label, block, trial, condition, channel, name, float(value))


def _per(name: str, found: dict[str, np.ndarray]) -> str:
    return score_of(name, found).per.partition("+")[0]


def final(found: dict[str, np.ndarray], name: str, block: int | None) -> np.ndarray:
    """Return a score at the end of a block, mean over conditions: ``()`` or one per channel ``(K,)``."""
    values = np.asarray(found[name], float)
    per = _per(name, found)
    if per == "run":
        return values[0]
    if per == "block":
        return values[block]
    return at_trial(found, name, block, int(found["trial"][found["block"] == block].max()))


def at_trial(found: Mapping[str, np.ndarray], name: str, block: int | None, trial: int) -> np.ndarray:
    """Return a point score of one block and trial, mean over conditions where defined."""
    rows = np.asarray(found[name], float)[(found["block"] == block) & (found["trial"] == trial)]
    known = np.isfinite(rows)
    return np.where(known.any(0), np.where(known, rows, 0).sum(0) / np.maximum(known.sum(0), 1), np.nan)


def summarise(runs: Runs, main: str = "error") -> dict[str, Any]:
    """Return mean, 95 % interval and n of every score, per label and block.

    Parameters
    ----------
    runs : dict
    main : str
        The score whose curve over the trials of a block is kept.

    Returns
    -------
    dict, JSON-able
        ``{label: {"runs": [...], "run": {score: ...}, "blocks": [{"block": 1,
        score: ..., "curve": {"trial": [...], "error": [...], "error_relative": [...]}}]}}``.
        Point scores are those at the block's end. A score per channel has one
        entry per channel. A value that is not finite is None: undefined for
        every seed, or "never" for at least one.
    """
    out: dict[str, Any] = {}
    for label in dict.fromkeys(label for labels in runs.values() for label in labels):
        mine = {run: labels[label] for run, labels in runs.items() if label in labels}
        found = list(mine.values())
        names = [n for n in ordered(found[0]) if all(n in f for f in found)]
        per = {n: _per(n, found[0]) for n in names}
        entry: dict[str, Any] = {"runs": list(mine)}
        entry["run"] = {n: _entry([final(f, n, None) for f in found]) for n in names if per[n] == "run"}
        entry["blocks"] = []
        for block in _blocks(found, per):
            scored: dict[str, Any] = {"block": block + 1} | {
                n: _entry([final(f, n, block) for f in found]) for n in names if per[n] != "run"
            }
            if "block" in found[0]:
                scored["curve"] = _curve(found, block, main)
            entry["blocks"].append(scored)
        out[label] = entry
    return out


def _blocks(found: list[dict[str, np.ndarray]], per: dict[str, str]) -> list[int]:
    """Return the blocks that have points, or where none has any, those that own scores are of."""
    probed = {int(b) for f in found for b in f.get("block", ())}
    of_blocks = (len(found[0][name]) for name, kind in per.items() if kind == "block")
    return sorted(probed) if probed else list(range(max(of_blocks, default=0)))


def _curve(found: list[dict[str, np.ndarray]], block: int, main: str) -> dict[str, list]:
    trials = np.unique(found[0]["trial"][found[0]["block"] == block])
    curve: dict[str, list] = {"trial": trials.tolist()}
    for name in (main, f"{main}_relative"):
        if all(name in f and _per(name, f) == "point" for f in found):
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


class Difference(NamedTuple):
    """The paired difference of a score between two labels; what does not apply is None."""

    block: int | None  # from 1
    trial: int | None
    paired: Paired  # a - b over seeds
    effect: Effect  # d_z
    p_holm: float  # corrected over the differences of one comparison


def compare(
    runs: Runs, a: str, b: str, score: str = "error", trials: tuple[int, ...] = PAIRED_AT
) -> list[Difference]:
    """Return paired differences of a score, a - b.

    A score of probed moments is compared at chosen trials and the last probed one of every
    block, a score of blocks in every block, and a score of a run once. Only runs that hold
    both labels count; `p_holm` is corrected over the differences returned, and `corrected_together`
    corrects over several such lists.
    """
    both = [labels for labels in runs.values() if a in labels and b in labels]
    found = []
    for block, trial in _moments([labels[a] for labels in both], score, trials):
        ours, theirs = ([_at(labels[k], score, block, trial) for labels in both] for k in (a, b))
        paired, effect = paired_difference(ours, theirs), effect_size(differences(ours, theirs))
        found.append(Difference(None if block is None else block + 1, trial, paired, effect, np.nan))
    return corrected_together({b: found})[b]


def corrected_together(families: Mapping[str, list[Difference]]) -> dict[str, list[Difference]]:
    """Correct the p-values of all differences by Holm's method, as one family."""
    corrected = iter(holm([d.paired.p for found in families.values() for d in found]).tolist())
    return {name: [d._replace(p_holm=next(corrected)) for d in found] for name, found in families.items()}


def _moments(
    found: list[dict[str, np.ndarray]], score: str, trials: tuple[int, ...]
) -> Iterator[tuple[int | None, int | None]]:
    """Yield where to compare: block from 0 and trial."""
    per = _per(score, found[0]) if found else ""
    if per == "run":
        yield None, None
    elif per == "block":
        yield from ((block, None) for block in range(len(found[0][score])))
    elif per:
        for block in sorted({int(x) for f in found for x in f["block"]}):
            probed = sorted({int(t) for f in found for t in f["trial"][f["block"] == block]})
            yield from ((block, t) for t in sorted({t for t in probed if t in trials} | set(probed[-1:])))


def _at(found: dict[str, np.ndarray], score: str, block: int | None, trial: int | None) -> float:
    value = final(found, score, block) if trial is None else at_trial(found, score, block, trial)
    return float(np.mean(value))
