"""Figure 4: amplitude follows probability, and what speed costs in scatter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.calibration import fit_line
from analysis.figures.claims.marks import INTERVAL, OBSERVER, count
from analysis.figures.claims.report import Band, Report
from analysis.figures.sheet import DOUBLE_MM, INK, MIDDLE, Sheet, channel_colour
from analysis.statistics import mean_interval

CLAIMS = ("C2", "V")

VARIANTS = {
    "11 levels": "11 levels, p(B) = 1 − p(A)",
    "two cues": "two cues, opposite p",
    "omissions": "omissions, p(A) and p(B) on their own",
}
OUTPUTS = {
    "p_hat": (r"$\hat{p}$", 1.0),
    "amplitude_when": ("amplitude of y", None),
    "amplitude": (r"amplitude of $\hat{z}$", 0.93),
}
"""Name and the slope of a perfect readout."""

SETTLED, SOON = 20, 20
"""Trials at a block's end, and at its start, over which the frontier averages."""
WORLD = "a switch every 100 trials"


def caption(report: Report) -> str:
    """Say what the figure shows."""
    series = report.series("C2")
    n = count([Band.of(series[v]["p_hat"]) for v in VARIANTS])
    return (
        "Amplitude follows probability. (a-c) Rows: 11 levels of p(A) in a scrambled order, 100 trials "
        "each; two interleaved cues with opposite probabilities; probabilities of A and B that vary on "
        "their own, the rest being omissions. Columns: p-hat, the amplitude of the timing readout y (mean "
        "within 20 ms of the latency), and that of the product; blue A, orange B; dashed, a perfect "
        "readout (p, flat, .93 p). r and slope: fitted to each seed and event and averaged over seeds, 95 "
        f"% interval of r in brackets. (d) What speed costs: RMSE of p-hat over the first {SOON} trials "
        f"after a switch against that over the last {SETTLED} of a block of 100 trials, for fixed rates "
        "eta_w, for rates that begin at 1/n, for a rate scaled by surprise, and for the change-point "
        f"observer. {INTERVAL}; {n}."
    )


def draw(report: Report) -> Sheet:
    """Draw the figure."""
    series = report.series("C2")
    sheet = Sheet(DOUBLE_MM, 124)
    for i, (key, title) in enumerate(VARIANTS.items()):
        top = 14 + 38 * i
        sheet.letter("abc"[i], 3, top - 5)
        sheet.text(8, top - 5, title, va="baseline")
        for j, (name, (label, slope)) in enumerate(OUTPUTS.items()):
            ax = sheet.axes(13 + 41 * j, top, 27, 23)
            _scatter(sheet, ax, "abc"[i], series[key], name, label, slope, i == len(VARIANTS) - 1)
    _frontier(sheet, sheet.axes(145, 14, 33, 42, "d", 11), report.series("V")[WORLD]["course"])
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
    p, band = np.array(series["probability"], float), Band.of(series[name])
    if slope is not None:
        sheet.line(
            ax, panel, f"{name}: perfect", [0, 1], [0, slope], color=MIDDLE, lw=0.6, ls=(0, (4, 2)), zorder=1
        )
    rows = []
    for k in range(p.shape[1]):
        colour, event = channel_colour(k), "AB"[k]
        known = p[:, k] > 0 if name == "amplitude_when" else np.ones(len(p), bool)
        for row in band.seeds:
            sheet.line(
                ax,
                panel,
                f"{name} {event}",
                p[:, k],
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
            p[order, k],
            mine.mean[order],
            "mean",
            mine.low[order],
            mine.high[order],
        )
        ax.errorbar(
            p[order, k],
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
                if name != "amplitude_when"
                else f"{event}: slope {_two(s.mean)}",
            )
        )
    for i, (colour, text) in enumerate(rows):
        ax.text(0.0, 1.15 - 0.1 * i, text, transform=ax.transAxes, va="top", color=colour, fontsize=6)
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(-0.04, 1.15)
    ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    ax.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    ax.set_ylabel(label)
    if last:
        ax.set_xlabel("p of the event")


def _frontier(sheet: Sheet, ax: Axes, course: Mapping[str, Any]) -> None:
    bands = {label: Band.of(entry) for label, entry in course.items()}
    families = {
        "fixed": (INK, "o", r"fixed $\eta_w$"),
        "annealed": ("#3B6FB6", "s", r"$1/n$ down to $\eta_w$"),
    }
    for family, (colour, marker, text) in families.items():
        rates = [k for k in bands if k.startswith(family + "_")]
        at = [_corner(bands[k]) for k in rates]
        x, y = (np.array([np.mean(a[i]) for a in at]) for i in range(2))
        sheet.line(ax, "d", text.replace("$", ""), x, y, "mean", color=colour, lw=0.6, zorder=2)
        for key, point in zip(rates, at, strict=True):
            _cross(
                sheet,
                ax,
                key,
                point,
                colour,
                marker,
                key.split("_")[1].replace("0.", ".") if family == "fixed" else "",
            )
        ax.plot([], [], color=colour, marker=marker, ms=3, lw=0.6, label=text)
    for key, colour, marker, text in (
        ("surprise", "#AA4499", "^", "scaled by surprise"),
        ("change_point", OBSERVER, "*", "change-point observer"),
    ):
        if key in bands:
            _cross(sheet, ax, key, _corner(bands[key]), colour, marker, "")
            ax.plot([], [], color=colour, marker=marker, ms=3 if marker == "^" else 5, lw=0, label=text)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"RMSE of $\\hat{{p}}$, last {SETTLED} of a block")
    ax.set_ylabel(f"RMSE of $\\hat{{p}}$, first {SOON} after a switch")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.15, -0.24), handlelength=1.5, borderpad=0)


def _corner(band: Band) -> tuple[np.ndarray, np.ndarray]:
    """RMSE late and early in a block, of every seed."""
    square = band.seeds**2
    return np.sqrt(square[:, -SETTLED:].mean(1)), np.sqrt(square[:, :SOON].mean(1))


def _cross(sheet: Sheet, ax: Axes, name: str, point, colour: str, marker: str, text: str) -> None:
    (x, x_low, x_high, _), (y, y_low, y_high, _) = (mean_interval(values) for values in point)
    sheet.line(ax, "d", name, *point, "seeds", ls="none", marker="o", ms=1.3, mew=0, color=colour, alpha=0.25)
    ax.plot([x_low, x_high], [y, y], color=colour, lw=0.6, zorder=3)
    ax.plot([x, x], [y_low, y_high], color=colour, lw=0.6, zorder=3)
    sheet.record("d", f"{name}: settled", np.nan, x, "mean", x_low, x_high)
    sheet.line(
        ax,
        "d",
        name,
        [x],
        [y],
        "mean",
        [y_low],
        [y_high],
        shade=0,
        ls="none",
        marker=marker,
        ms=5 if marker == "*" else 3.2,
        mew=0,
        color=colour,
        zorder=4,
    )
    if text:
        ax.annotate(text, (x, y), (3, 2), textcoords="offset points", fontsize=6, color=colour)


def _three(x: float) -> str:
    return "–" if not np.isfinite(x) else f"{x:.3f}".replace("0.", ".", 1).replace("-", "−")


def _two(x: float) -> str:
    text = "–" if not np.isfinite(x) else f"{round(x, 2) + 0.0:.2f}"
    return text.replace("0.", ".", 1).replace("-", "−") if abs(x) < 1 else text
