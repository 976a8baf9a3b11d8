"""Figure 12: what the error of a readout is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, MIDDLE, SCALE, VARIANT
from spikewhen.analysis.figures.marks import INTERVAL, count, curve, strip
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("N",)

PARTS = {
    "noise": "private noise of the cells",
    "state": "what the last trial left",
    "interval": "length of the silence",
    "interaction": "only together",
    "bias": "bias: wrong on average",
}
SHADES = colormaps[SCALE](np.linspace(0.05, 0.95, len(PARTS)))
"""Parts have no colour of their own."""
READOUTS = {"local": "learned", "ridge": "best linear"}
LOOKS = {"as shipped": (INK, "-"), "active between trials": (VARIANT, "-")}


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    networks = report.series("N")["networks"]
    n = count([Band.from_json(entry["signal"]) for entry in networks.values()])
    return (
        "The noise budget. The last trials of block 1 are run again from several earlier states, after "
        "several silences and with several streams of noise, each with each, while nothing learns. (a) "
        "Squared error of cue-only probes over the squared target (E = .5 is .25), taken apart as in a "
        "crossed analysis of variance, of the shipped rule (its teacher is acausal) and of the best linear "
        "readout given the true p; diamonds, the whole where the trial itself has no noise. (b) Dimension "
        "of the mean trajectory (participation ratio). (c) Share of the variance of all features that is "
        "the same in every run. (d) The same of single cells, from the least reliable to the most. "
        f"{INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    series = report.series("N")
    networks = series["networks"]
    sheet = Sheet(DOUBLE_MM, 104)
    _parts(sheet, sheet.axes(44, 10, 92, 46, "a", 41), networks)
    _strips(sheet, sheet.axes(38, 74, 32, 20, "b", 35), networks, "b", "dimension", "dimension", True)
    _strips(
        sheet, sheet.axes(80, 74, 32, 20, "c", 6), networks, "c", "signal", "the same in every run", False
    )
    _cells(sheet, sheet.axes(134, 74, 44, 20, "d", 12), series)
    return sheet


def _parts(sheet: Sheet, ax: Axes, networks: Mapping[str, Any]) -> None:
    ticks, place = [], 0.0
    for name, entry in networks.items():
        for label, text in READOUTS.items():
            begin = 0.0
            for (part, says), shade in zip(PARTS.items(), SHADES, strict=True):
                band = Band.from_json(entry[label][part])
                size = max(float(band.mean), 0.0)
                what = f"{name}, {text}: {says}"
                sheet.bar(ax, "a", what, begin, size, place, 0.7, color=shade, lw=0)
                sheet.record("a", f"{what}, interval", band.mean, place, "mean", band.low, band.high)
                begin += size
            total, quiet = (Band.from_json(entry[label][k]) for k in ("total", "quiet"))
            ends = [float(total.low), float(total.high)]
            if np.isfinite(ends).all():
                ax.plot(ends, [place, place], color=INK, lw=0.8)
            sheet.record("a", f"{name}, {text}: whole", total.mean, place, "mean", total.low, total.high)
            style = {"ls": "none", "marker": "D", "ms": 3.2, "mfc": "white", "mec": INK, "mew": 0.8}
            sheet.line(ax, "a", f"{name}, {text}: no noise", [float(quiet.mean)], [place], "mean", **style)
            ticks.append((place, f"{name}, {text}" if label == "local" else text))
            place += 1
        place += 0.4
    ax.set_yticks([t for t, _ in ticks], [text for _, text in ticks])
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(place - 0.8, -0.7)
    ax.set_xlim(left=0)
    ax.set_xlabel("squared error / squared target")
    for i, (says, shade) in enumerate(zip(PARTS.values(), SHADES, strict=True)):
        sheet.text(140, 13 + 4 * i, "■", color=shade, va="center", fontsize=6.5)
        sheet.text(143, 13 + 4 * i, says, va="center", fontsize=6.5)
    sheet.text(140, 13 + 4 * len(PARTS), "◇", va="center", fontsize=6.5)
    sheet.text(143, 13 + 4 * len(PARTS), "whole, trial without noise", va="center", fontsize=6.5)


def _strips(
    sheet: Sheet, ax: Axes, networks: Mapping[str, Any], panel: str, key: str, text: str, named: bool
) -> None:
    for place, (name, entry) in enumerate(networks.items()):
        colour = LOOKS.get(name, (MIDDLE, ""))[0]
        strip(sheet, ax, panel, name, place, Band.from_json(entry[key]), colour, across=True)
    ax.set_yticks(range(len(networks)), list(networks) if named else [""] * len(networks))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(networks) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel(text)


def _cells(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    share = np.array(series["quantiles"], float)
    labels = []
    for name, (colour, dash) in LOOKS.items():
        band = Band.from_json(series["networks"][name]["reliability"])
        curve(sheet, ax, "d", name, share, band, colour, dash=dash)
        labels.append((name, colour))
    for i, (name, colour) in enumerate(labels):
        ax.text(0.97, 0.2 - 0.14 * i, name, transform=ax.transAxes, color=colour, fontsize=6.5, ha="right")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_xlabel("cells, by rank")
    ax.set_ylabel("reliability")
