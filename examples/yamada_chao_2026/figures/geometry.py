"""Figure 7: how separate what and when are read out, against chance and ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import FAINT, INK, MIDDLE, PALE, SCALE, VARIANT, WHAT, WHEN
from spikewhen.analysis.figures.marks import INTERVAL, count, curve, strip, zero_line
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C6",)

OVERLAPS = {
    "overlap": ("learned", INK, True),
    "chance": ("chance: refits, permuted and shifted", MIDDLE, False),
    "uniform": ("chance: random directions", MIDDLE, False),
    "matched": ("chance: random, as the activity varies", MIDDLE, False),
    "ceiling_what": ("ceiling: what, split halves", WHAT, False),
    "ceiling_when": ("ceiling: when, split halves", WHEN, False),
}
REMOVED = {
    "own": ("own directions", INK, True),
    "other": ("the other's directions", INK, True),
    "refit": ("other's refits to broken lessons", MIDDLE, False),
    "uniform": ("random directions", MIDDLE, False),
    "matched": ("random, as the activity varies", MIDDLE, False),
}
CUES = {"one_cue": "one cue", "four_cues": "four cues"}


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    series = report.series("C6")
    n = count([Band.from_json(series[c]["overlap"]) for c in CUES])
    return (
        "Separation of what and when. (a) Overlap (mean squared cosine of the principal angles) of "
        "learned what and when weights, of refits of the same activity to outcomes permuted over trials "
        "and targets shifted in time (the primary chance), of random directions, uniform and with the "
        "activity's covariance; ceilings: each readout with itself, refitted to split halves. (b) "
        "Smallest principal angle of the weights; open, in the metric of the activity's second moment; "
        "grey, what the duty cycle of the targets alone predicts there. (c) Error added to each readout, "
        "as a fraction of silence's, when directions are projected out of the activity. (d) Weights "
        "learned under 16 conditions, four probabilities (colour) by four latencies (size), in their "
        "first two principal components, what and when scaled to equal variance. (e) Rank correlation of "
        "the components with probability and with latency; pale bars, the 95 % quantile under permuted "
        "conditions; unscaled weights and predictions beside them. (f) Where the weights are over five "
        "blocks along the axis from before to after the probability switch (what) and the timing switch "
        f"(when); vertical lines, switches. {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    series = report.series("C6")
    sheet = Sheet(DOUBLE_MM, 142)
    every = np.concatenate([Band.from_json(series[key][name]).seeds for key in CUES for name in OVERLAPS])
    least = 0.7 * float(np.min(every[every > 0]))
    for i, (key, title) in enumerate(CUES.items()):
        ax = sheet.axes(46 + 32 * i, 9, 28, 30, "a" if i == 0 else "", 43)
        _overlap(sheet, ax, series[key], title, i == 0)
        ax.set_xlim(least, 1.5)
    _angles(sheet, sheet.axes(145, 9, 29, 30, "b", 31), series)
    for i, (readout, other, colour) in enumerate((("when", "what", WHEN), ("what", "when", WHAT))):
        for j, key in enumerate(CUES):
            ax = sheet.axes(46 + 32 * i + 64 * j, 56, 28, 25, "c" if i == j == 0 else "", 43)
            _removed(sheet, ax, series[key], readout, other, colour, CUES[key], i == j == 0)
    _components(sheet, series["grid"])
    _alignment(sheet, sheet.axes(78, 100, 34, 30, "e", 12), series["grid"])
    _path(sheet, sheet.axes(130, 100, 38, 30, "f", 12), series["path"])
    return sheet


def _overlap(sheet: Sheet, ax: Axes, series: Mapping[str, Any], title: str, first: bool) -> None:
    for place, (key, (name, colour, filled)) in enumerate(OVERLAPS.items()):
        strip(
            sheet,
            ax,
            "a",
            f"{title}: {name}",
            place,
            Band.from_json(series[key]),
            colour,
            across=True,
            filled=filled,
        )
    ax.set_xscale("log")
    ax.set_ylim(len(OVERLAPS) - 0.5, -0.5)
    ax.set_yticks(
        range(len(OVERLAPS)), [n for n, _, _ in OVERLAPS.values()] if first else [""] * len(OVERLAPS)
    )
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_title(title)
    ax.set_xlabel("overlap")


def _angles(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    rows = [(title, key, "angles_deg", INK, True) for key, title in CUES.items()]
    rows += [(f"{title}, by activity", key, "angles_output_deg", INK, False) for key, title in CUES.items()]
    rows.insert(3, ("one cue, duty cycle", "one_cue", "duty_deg", MIDDLE, False))
    for place, (name, key, of, colour, filled) in enumerate(rows):
        band = Band.from_json(series[key][of])
        smallest = band if of == "duty_deg" else band[0]
        strip(sheet, ax, "b", name, place, smallest, colour, across=True, filled=filled)
    ax.set_yticks(range(len(rows)), [row[0] for row in rows])
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(right=91)
    ax.set_xlabel("smallest angle (degrees)")


def _removed(
    sheet: Sheet,
    ax: Axes,
    series: Mapping[str, Any],
    readout: str,
    other: str,
    colour: str,
    title: str,
    first: bool,
) -> None:
    zero_line(sheet, ax, "c", f"no loss, {readout}, {title}", upright=True)
    for place, (key, (name, _, filled)) in enumerate(REMOVED.items()):
        strip(
            sheet,
            ax,
            "c",
            f"{title}, {readout}: {name}",
            place,
            Band.from_json(series[f"{readout}_{key}"]),
            colour if filled else MIDDLE,
            across=True,
            filled=filled,
        )
    ax.set_ylim(len(REMOVED) - 0.5, -0.5)
    ax.set_yticks(range(len(REMOVED)), [n for n, _, _ in REMOVED.values()] if first else [""] * len(REMOVED))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_title(f"{title}: error of {readout}", color=colour)
    ax.set_xlabel("error added")


def _components(sheet: Sheet, grid: Mapping[str, Any]) -> None:
    spacing = next(iter(grid))
    entry = grid[spacing]
    ax = sheet.axes(14, 100, 38, 30, "d", 11)
    scores, explained = Band.from_json(entry["scores"]), Band.from_json(entry["explained"])
    p, latency = np.array(entry["conditions"], float).T
    scale = Normalize(0, 1)
    shades = ScalarMappable(scale, SCALE)
    order = np.unique(latency)
    for t in order:
        here = np.flatnonzero(latency == t)
        sheet.line(
            ax,
            "d",
            f"{t:g} ms",
            scores.mean[here, 0],
            scores.mean[here, 1],
            "mean",
            color=PALE,
            lw=0.5,
            zorder=1,
        )
    for i in range(len(p)):
        size = 2.4 + 1.1 * float(np.flatnonzero(order == latency[i])[0])
        sheet.line(
            ax,
            "d",
            f"p {p[i]:g}, {latency[i]:g} ms",
            scores.seeds[:, i, 0],
            scores.seeds[:, i, 1],
            "seeds",
            ls="none",
            marker="o",
            ms=1.2,
            mew=0,
            color=shades.to_rgba(p[i]),
            alpha=0.3,
            zorder=2,
        )
        sheet.line(
            ax,
            "d",
            f"p {p[i]:g}, {latency[i]:g} ms",
            scores.mean[i : i + 1, 0],
            scores.mean[i : i + 1, 1],
            "mean",
            ls="none",
            marker="o",
            ms=size,
            mew=0.3,
            mec="white",
            color=shades.to_rgba(p[i]),
            zorder=3,
        )
    ax.set_xlabel(f"PC1 ({100 * float(explained.mean[0]):.0f} %)")
    ax.set_ylabel(f"PC2 ({100 * float(explained.mean[1]):.0f} %)")
    for i, level in enumerate(np.unique(p)):
        ax.text(
            1.03,
            0.95 - 0.11 * i,
            f"p = {level:g}",
            transform=ax.transAxes,
            color=shades.to_rgba(level),
            fontsize=6,
        )
    for i, t in enumerate(order):
        beside: dict[str, Any] = {"transform": ax.transAxes, "color": MIDDLE}
        ax.plot([1.06], [0.45 - 0.11 * i], "o", ms=2.4 + 1.1 * i, mew=0, clip_on=False, **beside)
        ax.text(1.11, 0.42 - 0.11 * i, f"{t:g} ms", fontsize=6, **beside)


def _alignment(sheet: Sheet, ax: Axes, grid: Mapping[str, Any]) -> None:
    entry = grid[next(iter(grid))]
    place, ticks = 0.0, []
    for component in range(2):
        for factor, text in (("p", "p"), ("latency", "latency")):
            chance = Band.from_json(entry[f"weights_{factor}"]["chance_95"])[component]
            sheet.record("e", f"PC{component + 1}, {text}: chance 95 %", place, float(chance.mean))
            ax.bar(place, float(chance.mean), 0.8, color=FAINT, zorder=0)
            for shift, (kind, colour, filled, marker) in enumerate(
                (
                    ("weights", INK, True, "o"),
                    ("unscaled", VARIANT, False, "o"),
                    ("predictions", VARIANT, True, "s"),
                )
            ):
                strip(
                    sheet,
                    ax,
                    "e",
                    f"PC{component + 1}, {text}: {kind}",
                    place + 0.26 * (shift - 1),
                    Band.from_json(entry[f"{kind}_{factor}"]["rho"])[component],
                    colour,
                    filled=filled,
                    width=0.07,
                    marker=marker,
                )
            ticks.append((place, text))
            place += 1
        place += 0.5
    ax.set_xticks([t for t, _ in ticks], [text for _, text in ticks], fontsize=6)
    ax.set_ylim(0, 1.05)
    ax.set_ylabel("|ρ| of the component")
    ax.text(0.5, 0.6, "grey: 95 % of chance", transform=ax.transAxes, ha="center", color=MIDDLE, fontsize=6)
    for i in range(2):
        ax.text(0.5 + 2.5 * i, -0.3, f"PC{i + 1}", transform=ax.get_xaxis_transform(), ha="center")
    for i, (text, colour) in enumerate(
        (("● scaled", INK), ("○ unscaled", VARIANT), ("■ predictions", VARIANT))
    ):
        ax.text((-0.12, 0.18, 0.58)[i], 1.04, text, transform=ax.transAxes, color=colour, fontsize=6)


def _path(sheet: Sheet, ax: Axes, path: Mapping[str, Any]) -> None:
    trial = np.array(path["trial"], float)
    zero_line(sheet, ax, "f", "before the switch")
    sheet.level(ax, "f", "after the switch", 1.0, color=PALE, lw=0.6, zorder=0)
    for first in path["first_trial"][1:]:
        ax.axvline(float(first), color=PALE, lw=0.5, zorder=0)
    labels = []
    for name, colour in (("what", WHAT), ("when", WHEN)):
        band = Band.from_json(path[name])
        if band.mean.ndim > 1:
            band = band[..., 0]
        curve(sheet, ax, "f", name, trial, band, colour, seeds=True)
        labels.append((float(band.mean[-1]), name, colour))
    ax.set_xlim(0, trial.max())
    ax.set_xlabel("training trials")
    ax.set_ylabel("position of the weights")
    sheet.end_labels(ax, labels)
