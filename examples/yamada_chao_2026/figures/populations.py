"""Figure 9: which cells carry what and when, and where the same parameters hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, MERGED, MIDDLE, OTHER_P, PALE
from spikewhen.analysis.figures.marks import INTERVAL, count, missing, strip
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C9b", "T", "G")

TRANSFER = {
    "direct": ("learned on the pair", INK, True),
    "composed": ("composed of other pairs", INK, True),
    "wrong_what": ("what of another p", INK, False),
    "wrong_when": ("when of another latency", INK, False),
    "merged_direct": ("merged, learned on it", MERGED, True),
    "merged_as_is": ("merged, of another p", MERGED, False),
    "merged_known": ("merged, told p ratio", MERGED, False),
    "merged_best": ("merged, best gain (oracle)", MERGED, False),
}
SHORT = {"slow adaptation": "slow", "middle adaptation": "mid", "fast adaptation": "fast"}
TOLD = {
    "time": "time",
    "cue": "the cue",
    "probability": "cues, paired by p",
    "latency": "cues, paired by latency",
    "meaningless": "cues, paired by nothing",
}
LESIONS = {
    "silenced": ("silenced", INK, True),
    "same_number": ("as many random cells", MIDDLE, False),
    "same_rate": ("random cells of that rate", MIDDLE, True),
}


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    n = count([Band.from_json(report.series("C9b")["active"])])
    return (
        "Cells, parts and tasks. (a) E when a class of cells (the last three: thirds by speed of "
        "adaptation) is left out of the readout, beside as many random cells, and random cells of the "
        "same total rate; grey line, all cells (mean over all probes of the block); dashed, silence. "
        "(b) Fraction of a cell's variance over trials that time, the cue, or a pairing of four cues "
        "explains, median over active cells; pairs "
        "that mean nothing are the control. (c) E on pairs of probability and latency: learned directly, "
        "or composed of a what and a when learned in other pairs, beside controls and merged readouts. "
        "(d) E on tasks that no parameter was searched on, beside the best linear readout of the same "
        f"activity (grey squares) and the same timing with equal p (open). {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure; what was not run beside the cells is named in its place."""
    sheet = Sheet(DOUBLE_MM, 98)
    populations = report.series("C9b")
    titles = "cells left out of the readout", "what tells trials apart", "parts compose", "unsearched tasks"
    for i, title in enumerate(titles):
        sheet.text((13, 132, 38, 132)[i], 8 if i < 2 else 54, title, va="baseline", fontweight="bold")
    _lesions(sheet, sheet.axes(13, 14, 74, 26, "a"), populations["lesions"])
    _selectivity(sheet, sheet.axes(132, 14, 46, 26, "b", 32), populations["four_cues"])
    if transfer := report.get("T"):
        _transfer(sheet, sheet.axes(38, 58, 49, 30, "c", 34), transfer["mean"])
    else:
        missing(sheet, "c", 4, 58, "T")
    if tasks := report.get("G"):
        _general(sheet, sheet.axes(132, 58, 46, 30, "d", 32), tasks)
    else:
        missing(sheet, "d", 100, 58, "G")
    return sheet


def _lesions(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    lesions = series["classes"]
    intact = Band.from_json(series["intact"]["error"])
    sheet.level(ax, "a", "intact", float(intact.mean), color=PALE, lw=0.8, zorder=0)
    sheet.level(ax, "a", "silence", 1.0, color=PALE, lw=0.5, ls=(0, (2, 2)), zorder=0)
    for place, entry in enumerate(lesions.values()):
        for j, (kind, (name, colour, filled)) in enumerate(LESIONS.items()):
            strip(
                sheet,
                ax,
                "a",
                f"{list(lesions)[place]}: {name}",
                place + 0.25 * (j - 1),
                Band.from_json(entry[kind]["error"]),
                colour,
                filled=filled,
                width=0.08,
            )
    ax.set_xticks(range(len(lesions)), [SHORT.get(name, name) for name in lesions], fontsize=6)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("E")
    ax.text(
        len(lesions) - 0.5,
        float(intact.mean) - 0.02,
        "all cells",
        ha="right",
        va="top",
        fontsize=6,
        color=MIDDLE,
    )
    for i, (name, colour, filled) in enumerate(LESIONS.values()):
        text = f"{'●' if filled else '○'} {name}"
        ax.text((0.0, 0.19, 0.58)[i], 1.04, text, transform=ax.transAxes, color=colour, fontsize=6)


def _selectivity(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    for place, (key, name) in enumerate(TOLD.items()):
        strip(sheet, ax, "b", name, place, Band.from_json(series[key]["effect"]), INK, across=True)
        for what in ("cells", "chance"):  # nearly all cells pass the test; they are in the table
            band = Band.from_json(series[key][what])
            sheet.record("b", f"{name}: {what}", band.mean, place, "mean", band.low, band.high)
    ax.set_yticks(range(len(TOLD)), list(TOLD.values()))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(TOLD) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("variance it explains", labelpad=1)


def _transfer(sheet: Sheet, ax: Axes, mean: Mapping[str, Any]) -> None:
    rows = {k: v for k, v in TRANSFER.items() if k in mean}
    for place, (key, (name, colour, filled)) in enumerate(rows.items()):
        strip(sheet, ax, "c", name, place, Band.from_json(mean[key]), colour, across=True, filled=filled)
    ax.set_yticks(range(len(rows)), [name for name, _, _ in rows.values()])
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("E")


def _general(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    tasks = {k: v for k, v in series.items() if k != "rate_hz"}
    for place, (name, entry) in enumerate(tasks.items()):
        strip(
            sheet,
            ax,
            "d",
            f"{name}: equal p",
            place,
            Band.from_json(entry["equal_p"]),
            OTHER_P,
            across=True,
            filled=False,
            dots=False,
        )
        strip(
            sheet,
            ax,
            "d",
            f"{name}: ridge",
            place,
            Band.from_json(entry["ridge"]),
            MIDDLE,
            across=True,
            marker="s",
            dots=False,
        )
        strip(sheet, ax, "d", name, place, Band.from_json(entry["error"]), INK, across=True)
    ax.set_yticks(range(len(tasks)), list(tasks))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(tasks) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("E")
