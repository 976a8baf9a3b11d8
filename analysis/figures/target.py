"""What was predicted and what should have been, per condition, for any task with a target."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.figures.colours import INK, PALE, channel_colour, channel_dash
from spikewhen.analysis.figures.names import fit, fit_all
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.score_targets import targets
from spikewhen.analysis.views import condition_names, probed_points, read_readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

MAX_LABELS, MAX_CONDITIONS = 4, 5
LEFT_MM, TOP_MM, ROW_MM, GAP_MM = 15.0, 10.0, 34.0, 5.0


def _pick(runs: Runs) -> tuple[Group, list[Series]]:
    for group in runs.probed:
        if schema.block("target") in group.first:
            return group, runs.series([group])[:MAX_LABELS]
    raise InputError("recordings", len(runs), "at least one run with probes of a task that stores a target")


def caption(source: Source) -> str:
    """Say what the figure shows."""
    group, series = _pick(Runs.of(source))
    block = int(np.max(group.first[schema.probe("block")]))
    names = group.conditions
    shown = "conditions"
    if len(names) > MAX_CONDITIONS:
        shown = f"the first {MAX_CONDITIONS} of {len(names)} conditions"
    return (
        f"Predictions on the last probes of block {block + 1}, a row per rule, columns are {shown}. "
        "Bold line, mean over probes and seeds; thin lines, seeds; dashed, the target; grey, times that "
        f"do not count in E. Events by colour: {', '.join(group.events)}. {seeds_of(series)}."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    group, series = _pick(Runs.of(source))
    names = fit_all(group.conditions[:MAX_CONDITIONS], 90 // min(len(group.conditions), MAX_CONDITIONS))
    sheet = Sheet(DOUBLE_MM, TOP_MM + ROW_MM * len(series) + 6, group.recordings)
    width = (DOUBLE_MM - LEFT_MM - 14 - GAP_MM * (len(names) - 1)) / len(names)
    block = int(np.max(group.first[schema.probe("block")]))
    for row, s in enumerate(series):
        curves = [_last_probes(r, s.label, block)[: len(names)] for r in s.runs]
        time = np.asarray(group.first[schema.readout(s.label, "time_ms")], float)
        target, counts = (a[block] for a in targets(group.first, time))
        low = 1.15 * min(0.0, target.min(), np.nanmin(curves))
        top = 1.15 * max(np.nanmax(curves), target.max(), 1e-9)
        for g, name in enumerate(names):
            panel = "abcdefghijklmnopqrst"[row * len(names) + g]
            left, far = LEFT_MM + g * (width + GAP_MM), 3 if g else 12
            ax = sheet.axes(left, TOP_MM + row * ROW_MM, width, ROW_MM - 12, panel, far)
            ax.set_xlim(time[0], time[np.isfinite(curves[0][g]).all(-1)].max(initial=time[1]))
            ax.set_ylim(low, top)
            ax.fill_between(time, low, top, where=~counts[g], color=PALE, alpha=0.5, lw=0, zorder=0)
            _panel(sheet, ax, panel, group, s, [c[g] for c in curves], time, target[g])
            ax.set_title(name if row == 0 else "")
            ax.tick_params(labelleft=g == 0, labelbottom=row == len(series) - 1)
            if g == 0:
                ax.set_ylabel(f"{fit(s.name, 20)}\n" + r"prediction $\hat{z}$")
            if row == len(series) - 1:
                ax.set_xlabel("time (ms)")
        peaks = target[len(names) - 1].max(0)
        labels = [
            (float(p), n, channel_colour(k))
            for k, (p, n) in enumerate(zip(peaks, fit_all(group.events, 10), strict=True))
        ]
        sheet.end_labels(ax, labels)
    return sheet


def _panel(
    sheet: Sheet,
    ax: Axes,
    panel: str,
    group: Group,
    s: Series,
    curves: list[np.ndarray],
    time: np.ndarray,
    target: np.ndarray,
) -> None:
    many = len(curves) > 1
    for k, event in enumerate(group.events):
        colour = channel_colour(k)
        if many:
            for r, curve in zip(s.runs, curves, strict=True):
                sheet.line(ax, panel, event, time, curve[:, k], r.run_id, color=colour, lw=0.4, alpha=0.5)
        mean = np.mean([c[:, k] for c in curves], axis=0)
        sheet.line(ax, panel, event, time, mean, "mean", color=colour, lw=1.4, ls=channel_dash(k))
        sheet.line(ax, panel, f"target {event}", time, target[:, k], color=INK, lw=0.7, ls=(0, (3, 1.5)))


def _last_probes(recording: Recording, label: str, block: int) -> np.ndarray:
    """Return the mean prediction (G, T, K) over the last probes of a block, NaN where there is none."""
    points, readout = probed_points(recording), read_readout(recording, label)
    row = points.table[points.of_probe]
    last = row[row[:, 0] == block, 1].max()
    out = np.full((len(condition_names(recording)), *readout.prediction.shape[1:]), np.nan)
    for g in range(len(out)):
        here = (row[:, 0] == block) & (row[:, 1] == last) & (row[:, 2] == g)
        if here.any():
            out[g] = readout.prediction[here].mean(0)
    return out
