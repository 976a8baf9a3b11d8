"""Figure 13: what and when become orthogonal by error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, MIDDLE, VARIANT
from spikewhen.analysis.figures.marks import INTERVAL, count, curve, strip, trial_axis, zero_line
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C6H",)

PAIRS = {
    "hebbian": ("without an error (Hebbian)", VARIANT, "o"),
    "learned": ("learned by error", INK, "o"),
}
NULLS = {
    "matched": ("random, like the activity", (0, (1, 1))),
    "refits": ("refits to broken lessons", (0, (4, 1.5))),
    "uniform": ("random directions", "-"),
}
TITLES = {"normalised": "features in units of their SD", "plain": "plain traces"}
WINDOW = {"0-150 ms": "what: 0–150 ms", "post-cue": "what: 0–1000 ms"}
LEAST = 1e-4
"""Where the axis of overlaps ends; smaller values are drawn at its edge."""


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    series = report.series("C6H")
    window = series["windows"][0]
    n = count([Band.from_json(series["normalised"]["one cue"][window]["learned"])])
    return (
        "Orthogonal by error. (a) Overlap (squared cosine) of the largest what direction with the when "
        "directions over the first 100 trials with one cue: learned by the shipped rules, and by the same "
        "rules without an error from the same spikes, trials and gate. Columns: features, and the window "
        "whose mean what reads (the article's is the average after the cue). Grey, at the last trial: "
        "random directions as the activity varies, refits to permuted outcomes and shifted targets, which "
        "learn by an error too, and uniform random directions. (b) The same at the last trial for one to "
        "four cues, what over 0-150 ms; smaller ones are drawn at the axis. (c) Rank correlation over active "
        "cells of how much what and when "
        f"weigh them: learned, and in refits to broken lessons. {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    series = report.series("C6H")
    sheet = Sheet(DOUBLE_MM, 104)
    trial = np.array(series["trial"], float)
    first, place = None, 0
    for kind, title in TITLES.items():
        for window in series["windows"]:
            ax = sheet.axes(13 + 35 * place, 13, 30, 32, "a" if place == 0 else "", sharey=first)
            entry = series[kind]["one cue"][window]
            _course(sheet, ax, trial, entry, f"{kind}, {window}", place == 3)
            ax.set_title(WINDOW[window])
            if place % 2 == 0:
                sheet.text(13 + 35 * place, 5, title, va="baseline", fontweight="bold")
            if place == 0:
                ax.set_ylabel("overlap of what and when")
            else:
                ax.tick_params(labelleft=False)
            first, place = first or ax, place + 1
    _cues(sheet, sheet.axes(13, 66, 72, 28, "b"), series)
    _cells(sheet, sheet.axes(118, 66, 58, 28, "c", 24), series)
    return sheet


def _course(
    sheet: Sheet, ax: Axes, trial: np.ndarray, entry: Mapping[str, Any], name: str, last: bool
) -> None:
    labels = []
    for key, (text, dash) in NULLS.items():
        mean = max(float(Band.from_json(entry["nulls"][key]).mean), LEAST)
        sheet.level(ax, "a", f"{text}, {name}", mean, color=MIDDLE, lw=0.7, ls=dash, zorder=1)
        labels.append((np.log10(mean), text, MIDDLE))
    for key, (text, colour, _) in PAIRS.items():
        band = Band.from_json(entry[key])
        kept = Band(*(np.maximum(v, LEAST) for v in (band.mean, band.low, band.high, band.seeds)))
        curve(sheet, ax, "a", f"{text}, {name}", trial, kept, colour, lw=1.4, seeds=True, marker="o")
        labels.append((np.log10(float(kept.mean[-1])), text, colour))
    trial_axis(ax, trial)
    ax.set_yscale("log")
    ax.set_ylim(LEAST, 1)
    if last:
        _end_labels(sheet, ax, labels)


def _end_labels(sheet: Sheet, ax: Axes, labels: list[tuple[float, str, str]]) -> None:
    """Write labels right of a logarithmic axis, on linear axes that lie over it."""
    low, high = np.log10(ax.get_ylim())
    over = sheet.figure.add_axes(ax.get_position().bounds, frameon=False, xticks=[], yticks=[])
    over.set_ylim(low, high)
    sheet.end_labels(over, [(max(y, low), text, colour) for y, text, colour in labels])


def _cues(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    window = series["windows"][0]
    ticks, place = [], 0.0
    for kind in TITLES:
        for cues, entry in series[kind].items():
            for key, (text, colour, marker) in PAIRS.items():
                band = Band.from_json(entry[window][key])[-1]
                kept = Band(*(np.maximum(v, LEAST) for v in (band.mean, band.low, band.high, band.seeds)))
                name = f"{text}, {kind}, {cues}"
                strip(sheet, ax, "b", name, place, kept, colour, marker=marker, width=0.12)
            ticks.append((place, cues.split()[0]))
            place += 1
        place += 0.6
    ax.set_yscale("log")
    ax.set_ylim(LEAST, 1)
    ax.set_xticks([t for t, _ in ticks], [text for _, text in ticks])
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel("overlap, last trial")
    n = len(series["normalised"])
    for at, text in (((n - 1) / 2, "cues; in units of SD"), (n + 0.6 + 0.5, "cues; plain")):
        ax.text(at, -0.24, text, transform=ax.get_xaxis_transform(), ha="center")


def _cells(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    zero_line(sheet, ax, "c", "unrelated", upright=True)
    rows = [(kind, window) for kind in TITLES for window in series["windows"]]
    for place, (kind, window) in enumerate(rows):
        nulls = series[kind]["one cue"][window]["nulls"]
        for i, (key, colour, filled) in enumerate((("cells", INK, True), ("cells_refits", MIDDLE, False))):
            name = f"{kind}, {window}: {'learned' if i == 0 else 'refits'}"
            band = Band.from_json(nulls[key])
            at = place + 0.26 * (i - 0.5)
            strip(sheet, ax, "c", name, at, band, colour, across=True, filled=filled, width=0.08)
    ax.set_yticks(
        range(len(rows)), [f"{'SD' if k == 'normalised' else 'plain'}, {WINDOW[w][6:]}" for k, w in rows]
    )
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel("rank correlation of |what| and |when|, active cells")
    ax.text(0, 1.03, "● learned", transform=ax.transAxes, fontsize=6, color=INK)
    ax.text(0.25, 1.03, "○ refits to broken lessons", transform=ax.transAxes, fontsize=6, color=MIDDLE)
