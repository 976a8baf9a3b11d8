"""Figure 4: amplitude follows probability, and what speed costs in scatter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.calibration import fit_line
from spikewhen.analysis.figures.colours import MIDDLE, channel_colour
from spikewhen.analysis.figures.marks import INTERVAL, count, missing
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.statistics import mean_interval
from spikewhen.examples.yamada_chao_2026.figures.frontier import TEXT, frontier
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C2", "V")

VARIANTS = {
    "11 levels": "11 levels, p(B) = 1 − p(A)",
    "two cues": "two cues, opposite p",
    "omissions": "omissions, p(A) and p(B) on their own",
}
OUTPUTS = {
    "p_hat": (r"$\hat{p}$", 1.0),
    "amplitude_y": ("amplitude of y", None),
    "amplitude": (r"amplitude of $\hat{z}$", 0.93),
}
"""Name and the slope of a perfect readout."""

BESIDE = 0.012
"""By which A and B stand apart."""


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    series = report.series("C2")
    n = count([Band.from_json(series[v]["p_hat"]) for v in VARIANTS])
    return (
        "Amplitude follows probability. (a-c) Rows: 11 levels of p(A) in a scrambled order, 100 trials "
        "each; two interleaved cues with opposite probabilities; probabilities of A and B that vary on "
        "their own, the rest being omissions. Columns: p-hat, the amplitude of the timing readout y (mean "
        "within 20 ms of the latency), and that of the product; blue A, orange B, beside each other for "
        "clarity; dashed, a perfect readout (p and .93 p; y should be flat). r and slope: fitted to each "
        "seed and event and averaged over seeds, 95 % interval of r in brackets, for y without p = 0, where "
        "nothing teaches it; published for (a): r = "
        f".978 for A, -.989 for B against p(A). (d) What speed costs: {TEXT}. {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    series = report.series("C2")
    sheet = Sheet(DOUBLE_MM, 126)
    for i, (key, title) in enumerate(VARIANTS.items()):
        top = 16 + 38 * i
        sheet.letter("abc"[i], 3, top - 7.5)
        sheet.text(8, top - 7.5, title, va="baseline")
        for j, (name, (label, slope)) in enumerate(OUTPUTS.items()):
            ax = sheet.axes(13 + 41 * j, top, 27, 23)
            _scatter(sheet, ax, "abc"[i], series[key], name, label, slope, i == len(VARIANTS) - 1)
    if rates := report.get("V"):
        frontier(sheet, sheet.axes(145, 14, 33, 38, "d", 11), rates)
    else:
        missing(sheet, "d", 134, 14, "V")
    return sheet


def _scatter(
    sheet: Sheet,
    ax: Axes,
    panel: str,
    series: Mapping[str, Any],
    name: str,
    label: str,
    slope: float | None,
    last: bool,
) -> None:
    p, band = np.array(series["probability"], float), Band.from_json(series[name])
    if slope is not None:
        sheet.line(
            ax, panel, f"{name}: perfect", [0, 1], [0, slope], color=MIDDLE, lw=0.6, ls=(0, (4, 2)), zorder=1
        )
    rows = []
    for k in range(p.shape[1]):
        colour, event = channel_colour(k), "AB"[k]
        known = p[:, k] > 0 if name == "amplitude_y" else np.ones(len(p), bool)
        beside = p[:, k] + BESIDE * (2 * k - 1)
        for row in band.seeds:
            sheet.line(
                ax,
                panel,
                f"{name} {event}",
                beside,
                row[:, k],
                "seeds",
                ls="none",
                marker="o",
                ms=1.5,
                mew=0,
                color=colour,
                alpha=0.18,
                zorder=2,
            )
        mine = band[:, k]
        order = np.argsort(p[:, k], kind="stable")
        sheet.record(
            panel,
            f"{name} {event}: mean",
            beside[order],
            mine.mean[order],
            "mean",
            mine.low[order],
            mine.high[order],
        )
        ax.errorbar(
            beside[order],
            mine.mean[order],
            [mine.mean[order] - mine.low[order], mine.high[order] - mine.mean[order]],
            fmt="o",
            ms=2.6,
            mew=0,
            color=colour,
            elinewidth=0.7,
            zorder=4,
        )
        fit = fit_line(p[known, k], band.seeds[:, known, k])
        r, s = mean_interval(fit.r), mean_interval(fit.slope)
        sheet.record(panel, f"{name} {event}: r", np.nan, r.mean, "mean", r.low, r.high)
        sheet.record(panel, f"{name} {event}: slope", np.nan, s.mean, "mean", s.low, s.high)
        rows.append(
            (
                colour,
                f"{event}: r {_three(r.mean)} [{_three(r.low)}, {_three(r.high)}], slope {_two(s.mean)}"
                if name != "amplitude_y"
                else f"{event}: slope {_two(s.mean)}",
            )
        )
    for i, (colour, text) in enumerate(rows):
        ax.text(0.0, 1.13 - 0.1 * i, text, transform=ax.transAxes, color=colour, fontsize=6)
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(-0.04, 1.15)
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_ylabel(label)
    if last:
        ax.set_xlabel("p of the event")


def _three(x: float) -> str:
    return "–" if not np.isfinite(x) else f"{x:.3f}".replace("0.", ".", 1).replace("-", "−")


def _two(x: float) -> str:
    text = "–" if not np.isfinite(x) else f"{round(x, 2) + 0.0:.2f}"
    return text.replace("0.", ".", 1).replace("-", "−") if abs(x) < 1 else text
