"""What speed costs in scatter: rates of the what readout in a stable world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, OBSERVER, VARIANT
from spikewhen.analysis.figures.sheet import Sheet
from spikewhen.analysis.statistics import mean_interval

SETTLED, SOON = 20, 20
"""Trials at a block's end, and at its start, over which the frontier averages."""

STABLE = "a switch every 100 trials"
OTHERS = {
    "surprise": ("scaled by surprise", VARIANT, "^", 3.4),
    "change_point_matched": ("matched observer", OBSERVER, "*", 5.5),
}

TEXT = (
    f"RMSE of p-hat over the first {SOON} trials after a switch against that over the last {SETTLED} of a "
    "block of 100 trials, for fixed rates eta_w (written at the points), for a rate scaled by surprise and "
    "for an ideal observer that knows how often p changes, not when"
)


def frontier(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    """Draw speed against scatter in the stable world."""
    bands = {label: Band.from_json(entry) for label, entry in series[STABLE]["course"].items()}
    fixed = [label for label in bands if label.startswith("fixed_")]
    points = [_corner(bands[label]) for label in fixed]
    x, y = (np.array([point[i].mean() for point in points]) for i in range(2))
    sheet.line(ax, "d", "fixed rates", x, y, "mean", color=INK, lw=0.6, zorder=2)
    for i, (label, point) in enumerate(zip(fixed, points, strict=True)):
        _cross(sheet, ax, label, point, INK, "o", 3.0)
        at = {"xytext": (-3, -9), "ha": "right"} if i == x.argmin() else {"xytext": (4, 3)}
        text = label.removeprefix("fixed_")  # the line leaves the leftmost point to the right
        ax.annotate(text, (x[i], y[i]), textcoords="offset points", fontsize=6, color=INK, **at)
    for i, (label, (name, colour, marker, size)) in enumerate(OTHERS.items()):
        _cross(sheet, ax, name, _corner(bands[label]), colour, marker, size)
        ax.text(0.03, 0.14 - 0.09 * i, name, transform=ax.transAxes, color=colour, fontsize=6.5)
    ax.text(0.03, 0.23, r"fixed $\eta_w$", transform=ax.transAxes, color=INK, fontsize=6.5)
    ax.margins(x=0.15)  # of one seed there are no intervals that make room for the labels
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(rf"RMSE of $\hat{{p}}$, last {SETTLED} trials")
    ax.set_ylabel(rf"RMSE of $\hat{{p}}$, first {SOON} trials")


def _corner(band: Band) -> tuple[np.ndarray, np.ndarray]:
    """RMSE late and early in a block, of every seed."""
    square = band.seeds**2
    return np.sqrt(square[:, -SETTLED:].mean(1)), np.sqrt(square[:, :SOON].mean(1))


def _cross(sheet: Sheet, ax: Axes, name: str, point, colour: str, marker: str, size: float) -> None:
    (x, x_low, x_high, _), (y, y_low, y_high, _) = (mean_interval(values) for values in point)
    late, early = point
    sheet.line(
        ax, "d", name, late, early, "seeds", ls="none", marker="o", ms=1.3, mew=0, color=colour, alpha=0.25
    )
    ax.plot([x_low, x_high], [y, y], color=colour, lw=0.6, zorder=3)
    ax.plot([x, x], [y_low, y_high], color=colour, lw=0.6, zorder=3)
    sheet.record("d", f"{name}: settled", x, np.nan, "mean", x_low, x_high)
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
        ms=size,
        mew=0,
        color=colour,
        zorder=4,
    )
