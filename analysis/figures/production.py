"""Intervals produced after ready and set: how far they regress to the middle of their prior."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.calibration import fit_line
from spikewhen.analysis.figures.colours import INK, MIDDLE, OBSERVER, VARIANT
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.interval_estimators import mean_estimate
from spikewhen.analysis.score_production import read_priors
from spikewhen.analysis.views import probed_points, read_readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

MAX_LABELS, MAX_PRIORS, ROW_MM = 4, 3, 44.0
LOOKS: tuple[tuple[str, Any], ...] = ((INK, "o"), (VARIANT, "s"), (MIDDLE, "^"))
"""Colour and mark of each prior."""


def _pick(runs: Runs) -> tuple[Group, list[Series]]:
    for group in runs.probed:
        if schema.block("p_interval") in group.first:
            return group, runs.series([group])[:MAX_LABELS]
    raise InputError("recordings", len(runs), "at least one run of a task of sample intervals, ready_set_go")


def caption(source: Source) -> str:
    """Say what the figure shows."""
    _, series = _pick(Runs.of(source))
    return (
        "Ready, set, go: two flashes a sample interval apart, go is due the same interval after the second."
        " A row per rule. Left: interval that the readout produces by itself on the last probes of each "
        "block (from set until the prediction rises above half of its mean peak), against the sample. "
        "Marks, mean over probes and seeds; lines, least squares; purple, Bayes least squares with the "
        "prior of the block and the CV of the productions; grey dashed, perfect. A threshold at half height"
        " is crossed before go is due, which shifts all productions alike; the slope is what tells how far "
        "they regress to the mean. Right: mean prediction of go after set for each sample of the last "
        f"block's prior, dark to light from short to long; marks, when go is due. {seeds_of(series)}."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(source)
    group, series = _pick(runs)
    sheet = Sheet(DOUBLE_MM, 6 + ROW_MM * len(series) + 5, group.recordings)
    for row, s in enumerate(series):
        top, last = 6 + ROW_MM * row, row == len(series) - 1
        a, b = ("abcdefgh"[2 * row + i] for i in range(2))
        ax = sheet.axes(20, top, 50, ROW_MM - 12, a, 14)
        _productions(sheet, runs, ax, a, s, last)
        if row == 0:
            for at, name, colour in ((0.98, "perfect", MIDDLE), (0.88, "Bayes", OBSERVER)):
                sheet.write(ax, 0.03, at, name, 6.5, transform=ax.transAxes, color=colour, va="top")
        _courses(sheet, sheet.axes(112, top, 62, ROW_MM - 12, b, 12), b, s, last)
    return sheet


def _productions(sheet: Sheet, runs: Runs, ax, panel: str, s: Series, last: bool) -> None:
    interval, share = read_priors(s.runs[0])
    found = [runs.scores(r, s.label) for r in s.runs]
    ends = interval[share > 0].min(), interval[share > 0].max()
    sheet.line(ax, panel, "perfect", ends, ends, color=MIDDLE, lw=0.6, ls=(0, (4, 2)))
    labels = []
    for b in range(min(len(share), MAX_PRIORS)):
        colour, mark = LOOKS[b]
        mine = share[b] > 0
        t = interval[b, mine]
        said = np.array([_last(one, b)[mine] for one in found])
        known = np.isfinite(said).any(0)
        mean = np.nanmean(np.where(known, said, 0), 0)
        mean = np.where(known, mean, np.nan)
        sheet.line(ax, panel, f"block {b + 1}", t, mean, "mean", color=colour, ls="none", marker=mark, ms=2.5)
        line = fit_line(t, mean)
        y = line.intercept + line.slope * t
        sheet.line(ax, panel, f"line of block {b + 1}", t, y, "mean", color=colour, lw=1.0)
        weber = float(np.nanmean([one["production_cv"][b] for one in found]))
        if weber > 0 and t.size > 1:
            bayes = mean_estimate(t[0], t[-1], weber, "bls", t)
            sheet.line(ax, panel, f"Bayes, block {b + 1}", t, bayes, color=OBSERVER, lw=0.8, ls=(0, (2, 1)))
        words = f"prior {t[0]:g}–{t[-1]:g} ms\nslope {line.slope:.2f}, CV {weber:.2f}"
        labels.append((float(y[-1]), words, colour))
    ax.set_ylabel(f"{s.name}\nproduction (ms)")
    ax.set_xlabel("sample interval (ms)" if last else "")
    sheet.end_labels(ax, labels, gap_mm=6.0)


def _last(scores, block: int) -> np.ndarray:
    """Return the mean production of every condition on a block's last probes, (G,)."""
    here = scores["block"] == block
    here &= scores["trial"] == scores["trial"][here].max()
    out = np.full(int(scores["condition"].max()) + 1, np.nan)
    out[scores["condition"][here]] = scores["production_ms"][here]
    return out


def _courses(sheet: Sheet, ax, panel: str, s: Series, last: bool) -> None:
    interval, share = read_priors(s.runs[0])
    b = len(share) - 1
    conditions = np.flatnonzero(share[b] > 0)
    top = 0.0
    for i, c in enumerate(conditions):
        curves = []
        for run in s.runs:
            points, readout = probed_points(run), read_readout(run, s.label)
            at = np.flatnonzero((points.table[:, 0] == b) & (points.table[:, 2] == c))[-1]
            curves.append(readout.prediction[points.of_probe == at, :, 0].mean(0))
        time, z = readout.time_ms - interval[b, c], np.mean(curves, axis=0)
        after = time > 0
        grey = str(0.75 * i / max(len(conditions) - 1, 1))
        name = f"{interval[b, c]:g} ms"
        sheet.line(ax, panel, name, time[after], z[after], "mean", color=grey, lw=1.0)
        top = max(top, float(np.nanmax(z[after])))
        style: dict[str, Any] = {"color": grey, "marker": "v", "ms": 2.5, "ls": "none", "clip_on": False}
        sheet.line(
            ax, panel, f"go of {name}", interval[b, c], 1.08, transform=ax.get_xaxis_transform(), **style
        )
    ax.set_ylim(0, 1.1 * max(top, 1e-9))
    ax.set_xlim(0, None)
    ax.set_ylabel("prediction of go")
    ax.set_xlabel("time after set (ms)" if last else "")
