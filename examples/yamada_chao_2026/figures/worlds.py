"""Figure 14: how fast probability should be learned, in a stable and in a volatile world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, MIDDLE, OBSERVER, VARIANT, Look
from spikewhen.analysis.figures.marks import INTERVAL, count, curve, strip
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("V",)

WORLDS = {
    "a switch every 100 trials": "stable: p switches every 100 trials",
    "a switch every 20 trials": "volatile: p switches every 20 trials",
}
SLOW, FAST = "annealed_0.05", "fixed_0.2"
LEARNERS = {
    "change_point_matched": Look("observer, knows how often", OBSERVER, "-"),
    "change_point": Look("observer, expects 1 in 100", OBSERVER, (0, (4, 1.5))),
    "restart": Look("p̂ restarts at surprise", VARIANT, "-"),
    "surprise": Look("p̂, rate follows surprise", VARIANT, (0, (1, 1))),
    SLOW: Look("p̂, from 1/n to .05", INK, "-"),
    FAST: Look("p̂, rate .2", MIDDLE, "-"),
}
"""Lines of (a) and (b), rows of (c) and (d), as far as the claim has them."""


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    n = count([Band.from_json(entry["rmse"][SLOW]) for entry in _worlds(report).values()])
    return (
        "Probability in stable and volatile worlds. p(A) takes the values .8, .2, .6, .9, .3 in turn, and "
        "switches every 100 or every 20 trials. (a, b) RMSE of p-hat over the trials after a switch: ideal "
        "observers that expect p to switch with the true or with another frequency, and learners that the "
        "network has: a rate that begins at 1/n and stays at .05, a fixed rate of .2, a rate that follows "
        "the running mean of the error, and one that begins anew where that passes a bound. (c, d) RMSE "
        "over all trials. (e) RMSE over all trials against the rate, fixed or from 1/n on; no rate is good "
        f"in both worlds; lines across, the observer that knows how often p switches. {INTERVAL}; {n}."
    )


def _worlds(report: StudyResult) -> dict[str, Any]:
    series = report.series("V")
    return {world: series[world] for world in WORLDS}


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    worlds = _worlds(report)
    sheet = Sheet(DOUBLE_MM, 100)
    first = None
    for i, (world, entry) in enumerate(worlds.items()):
        ax = sheet.axes(13 + 58 * i, 9, 50, 34, "ab"[i], 9, sharey=first)
        _course(sheet, ax, "ab"[i], entry["course"], WORLDS[world], i == 1)
        if i == 0:
            ax.set_ylabel(r"RMSE of $\hat{p}$")
        first = first or ax
    for i, (world, entry) in enumerate(worlds.items()):
        ax = sheet.axes(38 + 38 * i, 64, 30, 26, "cd"[i], 34 if i == 0 else 5)
        _whole(sheet, ax, "cd"[i], entry["rmse"], WORLDS[world].partition(":")[0], i == 0)
    rates = np.array(report.series("V")["rates"], float)
    _rates(sheet, sheet.axes(128, 64, 50, 26, "e", 12), rates, worlds)
    return sheet


def _course(sheet: Sheet, ax: Axes, panel: str, course: Mapping[str, Any], title: str, last: bool) -> None:
    labels = []
    for key, (name, colour, dash) in LEARNERS.items():
        if key not in course:
            continue
        band = Band.from_json(course[key])
        x = np.arange(band.mean.size) + 1.0
        curve(sheet, ax, panel, name, x, band, colour, lw=1.3 if dash == "-" else 0.9, dash=dash)
        labels.append((float(band.mean[-1]), name, colour))
    ax.set_title(title)
    ax.set_xlim(left=0)
    ax.set_ylim(0, 0.6)
    ax.set_xlabel("trial of a block")
    if last:
        sheet.end_labels(ax, labels)


def _whole(sheet: Sheet, ax: Axes, panel: str, rmse: Mapping[str, Any], title: str, first: bool) -> None:
    rows = {k: look for k, look in LEARNERS.items() if k in rmse}
    for place, (key, (name, colour, dash)) in enumerate(rows.items()):
        filled = dash == "-"
        strip(sheet, ax, panel, name, place, Band.from_json(rmse[key]), colour, across=True, filled=filled)
    ax.set_yticks(range(len(rows)), [look.name for look in rows.values()] if first else [""] * len(rows))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_title(f"{title}, all trials")
    ax.set_xlabel(r"RMSE of $\hat{p}$")


def _rates(sheet: Sheet, ax: Axes, rates: np.ndarray, worlds: Mapping[str, Any]) -> None:
    for (world, entry), colour in zip(worlds.items(), (INK, MIDDLE), strict=True):
        title = WORLDS[world].partition(":")[0]
        for family, dash, marker in (("fixed", "-", "o"), ("annealed", (0, (4, 1.5)), "s")):
            band = Band.stack([Band.from_json(entry["rmse"][f"{family}_{r:g}"]) for r in rates])
            curve(sheet, ax, "e", f"{title}, {family}", rates, band, colour, dash=dash, marker=marker)
        mean = float(Band.from_json(entry["rmse"]["change_point_matched"]).mean)
        sheet.level(ax, "e", f"{title}, observer", mean, color=colour, lw=0.8, ls=(0, (1, 1)))
    ax.text(0.02, 1.06, "● fixed, ■ from 1/n on, ⋯ observer", transform=ax.transAxes, fontsize=6)
    ax.text(0.98, 0.16, "volatile", transform=ax.transAxes, ha="right", color=MIDDLE, fontsize=6.5)
    ax.text(0.98, 0.05, "stable", transform=ax.transAxes, ha="right", color=INK, fontsize=6.5)
    ax.set_xscale("log")
    ax.set_xticks(rates, [f"{r:g}".replace("0.", ".") for r in rates])
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    ax.set_xlabel("learning rate")
    ax.set_ylabel(r"RMSE of $\hat{p}$, all trials")
