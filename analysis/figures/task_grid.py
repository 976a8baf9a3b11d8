"""Rules on tasks: what each rule reaches on each task after equal tuning, and what an update of it costs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import PALE, RULES, SPARE
from spikewhen.analysis.figures.marks import strip
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet, points

LEFT, GAP, TOP, BOTTOM = 15.0, 14.0, 8.0, 19.0
HEIGHT = 34.0
"""Margins and height of panels in mm."""


class TaskPanel(NamedTuple):
    """What the figure shows of one task."""

    name: str
    heading: str  # of the score, as people call it
    lower: bool  # whether less is better
    values: Mapping[str, np.ndarray]  # by label of a rule: (seeds,)
    update_us: Mapping[str, float]  # by label


class TaskGrid(NamedTuple):
    """What the figure is of."""

    panels: Sequence[TaskPanel]
    candidates: int  # of each rule on each task


def caption(grid: TaskGrid) -> str:
    """Say what the figure shows."""
    seeds = max(len(values) for panel in grid.panels for values in panel.values.values())
    tuned = (
        f"each tuned on each task with {grid.candidates} candidates, on other seeds than these"
        if grid.candidates > 1
        else "with the values of the configs, not tuned"
    )
    return (
        f"Learning rules on {len(grid.panels)} tasks, {tuned}. Dots are seeds ({seeds}), with means and 95 % "
        "intervals. The last panel: CPU time of a readout step while a rule learns, on each task's network."
    )


def draw(grid: TaskGrid) -> Sheet:
    """Draw the figure; widths and places are in mm."""
    panels = list(grid.panels)
    labels = list(dict.fromkeys(label for panel in panels for label in panel.values))
    spare = iter(SPARE * (1 + len(labels) // len(SPARE)))
    colour = {label: RULES.get(label) or next(spare) for label in labels}
    most = 3 if len(panels) + 1 in (5, 6, 9) else 4  # panels in a row, so that few places stay empty
    rows = -(-(len(panels) + 1) // most)
    pitch = TOP + HEIGHT + BOTTOM
    width = (DOUBLE_MM - LEFT - 3) / most - GAP + 2
    columns = min(most, len(panels) + 1)
    sheet = Sheet(LEFT + columns * (width + GAP) - GAP + 3, rows * pitch)
    for i, panel in enumerate(panels):
        row, column = divmod(i, most)
        letter = chr(ord("a") + i)
        ax = sheet.axes(LEFT + column * (width + GAP), TOP + row * pitch, width, HEIGHT, letter)
        for place, label in enumerate(labels):
            if label in panel.values and np.isfinite(panel.values[label]).any():
                strip(sheet, ax, letter, label, place, Band.of(panel.values[label]), colour[label])
        ax.set_title(panel.name.replace("_", " "))
        better = "lower is better" if panel.lower else "higher is better"
        ax.set_ylabel(f"{textwrap.fill(panel.heading, 30)}\n{better}", fontsize=points(6))
        _name_rules(ax, labels, width)
    row, column = divmod(len(panels), most)
    letter = chr(ord("a") + len(panels))
    ax = sheet.axes(LEFT + column * (width + GAP), TOP + row * pitch, width, HEIGHT, letter)
    for place, label in enumerate(labels):
        known = [p.update_us[label] for p in panels if label in p.update_us]
        style = {"ls": "none", "marker": "o", "ms": 2.5, "color": colour[label]}
        sheet.line(ax, letter, label, np.full(len(known), float(place)), known, "tasks", **style)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_title("cost of learning")
    ax.set_ylabel("update (µs)", fontsize=points(6))
    _name_rules(ax, labels, width)
    return sheet


def _name_rules(ax, labels: Sequence[str], width: float) -> None:
    ax.set_xlim(-0.6, len(labels) - 0.4)
    names = [label.replace("_", " ") for label in labels]
    steep = 35 if width / len(labels) > 4.5 else 50  # lines of text that stand closer would touch
    ax.set_xticks(range(len(labels)), names, rotation=steep, ha="right", rotation_mode="anchor")
    ax.tick_params(axis="x", length=0)
    for place in range(len(labels)):
        ax.axvline(place, color=PALE, lw=0.3, zorder=0)
