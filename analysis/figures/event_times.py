"""Events that come at several times: the prediction beside the density and two hazards."""

from __future__ import annotations

import numpy as np

from spikewhen.analysis.expectations import TARGETS
from spikewhen.analysis.figures.colours import INK, MIDDLE, OBSERVER, OTHER_P, PALE, VARIANT
from spikewhen.analysis.figures.names import fit
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.score_times import at_times, read_times
from spikewhen.analysis.views import probed_points, read_readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

MAX_LABELS, MAX_BLOCKS = 4, 3
LEFT_MM, TOP_MM, ROW_MM, GAP_MM, RIGHT_MM = 16.0, 8.0, 38.0, 4.0, 26.0
LOOKS = {
    "density": ("density", OBSERVER, (0, (4, 1.5))),
    "hazard": ("hazard", OTHER_P, (0, (1, 1))),
    "delivered": ("delivered hazard", VARIANT, (0, (3, 1, 1, 1))),
}
"""By target: its name, colour and dash."""


def _pick(runs: Runs) -> tuple[Group, list[Series]]:
    for group in runs.probed:
        if schema.block("times_ms") in group.first:
            return group, runs.series([group])[:MAX_LABELS]
    raise InputError("recordings", len(runs), "at least one run of a task whose events come at several times")


def caption(source: Source) -> str:
    """Say what the figure shows."""
    group, series = _pick(Runs.of(source))
    n = len(read_times(group.first)[0])
    shown = f"the last {MAX_BLOCKS} of {n} blocks" if n > MAX_BLOCKS else "blocks"
    return (
        f"What follows a cue whose event comes at one of several times. A row per rule, columns are {shown}: "
        "prediction on the last probes of the block (ink; thin lines, seeds), with dots at the times of the "
        "event; density, what is expected at cue time; hazard, what is expected as nothing has come yet; "
        "delivered hazard, p times the hazard among trials that bring the event. First event, first "
        "condition. Last column: 1 minus the prediction at the event's times, the surprise when it comes, by "
        f"block. {seeds_of(series)}."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    group, series = _pick(Runs.of(source))
    tables = read_times(group.first)
    blocks = list(range(len(tables[0])))[-MAX_BLOCKS:]
    sheet = Sheet(DOUBLE_MM, TOP_MM + ROW_MM * len(series) + 4, group.recordings)
    width = (DOUBLE_MM - LEFT_MM - RIGHT_MM - 46 - GAP_MM * (len(blocks) - 1)) / len(blocks)
    for row, s in enumerate(series):
        top, last = TOP_MM + row * ROW_MM, row == len(series) - 1
        high = 1.1 * max(_top(s, tables, b) for b in blocks)
        beside = sheet.axes(DOUBLE_MM - 34, top, 28, ROW_MM - 12)
        beside.set_ylabel(r"surprise $1 - \hat{z}$")
        beside.set_xlabel("time (ms)" if last else "")
        labels = []
        for column, b in enumerate(blocks):
            panel = "abcdefghijklmnop"[row * len(blocks) + column]
            ax = sheet.axes(
                LEFT_MM + column * (width + GAP_MM), top, width, ROW_MM - 12, panel, 3 if column else 11
            )
            labels.append(_prediction(sheet, ax, panel, s, tables, b))
            ax.set_ylim(0, high)
            times, surprise = _surprise(s, tables, b)
            colour = (PALE, MIDDLE, INK)[column - len(blocks)]
            sheet.line(
                beside,
                f"row {row + 1}",
                f"block {b + 1}",
                times,
                surprise,
                "mean",
                color=colour,
                marker="o",
                ms=2,
            )
            sheet.write(
                beside,
                0.04,
                0.06 + 0.14 * column,
                f"block {b + 1}",
                6.5,
                color=colour,
                transform=beside.transAxes,
            )
            ax.tick_params(labelbottom=last, labelleft=column == 0)
            if row == 0:
                ax.set_title(_title(group, tables, b))
            if column == 0:
                ax.set_ylabel(f"{fit(s.name, 21)}\nprediction $\\hat{{z}}$")
            if last:
                ax.set_xlabel("time after cue (ms)")
        beside.set_ylim(0, 1.05)
        beside.tick_params(labelbottom=last)
        if row == 0:
            sheet.end_labels(ax, labels[-1])
    return sheet


def _title(group: Group, tables: tuple, block: int) -> str:
    return f"block {block + 1}: p = {tables[0][block, 0, 0]:.3g}"


def _prediction(sheet: Sheet, ax, panel: str, s: Series, tables: tuple, block: int) -> list:
    p, times, weights = (a[block, 0] for a in tables)
    first = read_readout(s.runs[0], s.label)
    t = first.time_ms
    curves = [_last(r, s.label, block)[:, 0] for r in s.runs]
    labels = []
    for name, (words, colour, dash) in LOOKS.items():
        target = TARGETS[name](t, p, times, weights, first.sigma_ms)[:, 0]
        sheet.line(ax, panel, words, t, target, color=colour, lw=0.8, ls=dash)
        labels.append((float(target[t <= times[0].max()][-1]), words, colour))
    if len(curves) > 1:
        for run, curve in zip(s.runs, curves, strict=True):
            sheet.line(ax, panel, "prediction", t, curve, run.run_id, color=INK, lw=0.4, alpha=0.4)
    mean = np.mean(curves, axis=0)
    sheet.line(ax, panel, "prediction", t, mean, "mean", color=INK, lw=1.3)
    there = times[0][weights[0] > 0]
    at = at_times(mean[None, :, None], t, there[None, None])[0, 0]
    sheet.line(ax, panel, "prediction at its times", there, at, color=INK, ls="none", marker="o", ms=1.8)
    ax.set_xlim(min(0.0, t[0]), t[-1])
    return labels


def _top(s: Series, tables: tuple, block: int) -> float:
    """Return the highest value that a panel shows."""
    p, times, weights = (a[block, 0] for a in tables)
    first = read_readout(s.runs[0], s.label)
    said = max(float(_last(r, s.label, block)[:, 0].max()) for r in s.runs)
    targets = (of(first.time_ms, p, times, weights, first.sigma_ms)[:, 0].max() for of in TARGETS.values())
    return max(said, *map(float, targets), 1e-9)


def _surprise(s: Series, tables: tuple, block: int) -> tuple[np.ndarray, np.ndarray]:
    _, times, weights = (a[block, 0] for a in tables)
    there = times[0][weights[0] > 0]
    t = read_readout(s.runs[0], s.label).time_ms
    mean = np.mean([_last(r, s.label, block) for r in s.runs], axis=0)
    return there, 1 - at_times(mean[None, :, :1], t, there[None, None])[0, 0]


def _last(recording, label: str, block: int) -> np.ndarray:
    """Return the mean prediction (T, K) on the last probes of a block, in its first condition."""
    points = probed_points(recording)
    here = np.flatnonzero((points.table[:, 0] == block) & (points.table[:, 2] == 0))
    if not here.size:
        raise InputError(schema.probe("block"), f"none in block {block + 1}", "probes in every block shown")
    return read_readout(recording, label).prediction[points.of_probe == here[-1]].mean(0)
