"""Figure 8: what the mechanism needs, where it may fail, and where it still holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, MERGED, MIDDLE, OTHER_P, PALE
from spikewhen.analysis.figures.marks import INTERVAL, count, missing, strip
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.examples.yamada_chao_2026.figures.ablations import ablations, sizes
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C8", "C8N", "C9", "C9b", "T", "G")

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
    n = count([Band.from_json(report.series("C8")["intact"])])
    return (
        "What the mechanism needs. (a) E of what is left minus E of the whole, by seed, at the end of "
        "block 1 and 20 trials after the switch of timing: taken from the rule (above the line) or from "
        "the network (below it, with its firing rate); open, the best of three learning rates on these "
        "very seeds, in the ablated network's favour; squares, the bias current set so that cells fire as "
        "often as in the whole. Values beyond the axis are written. (b) E at the end of block 1 against "
        "the number of cells of the network, and of readouts of a random part of one network's cells, "
        "refitted by least squares and given the true p. (c) E after 100 trials over the gate's time "
        "constant and the shift of its window, with the shipped baseline and with none; framed, the "
        "lowest mean at each time constant. (d) E when a class of cells (the last three: thirds by speed of "
        "adaptation) is left out of the readout, beside as many random cells, and random cells of the "
        "same total rate; grey line, intact. (e) Fraction of a cell's variance over trials that time, the "
        "cue, or a pairing of four cues explains, median over active cells; pairs that mean nothing are "
        "the control. (f) E on pairs of probability and latency: learned directly, or composed of a what "
        "and a when learned in other pairs, beside controls and merged readouts. (g) E on tasks that no "
        "parameter was searched on, beside the best linear readout of the same activity (grey squares) "
        f"and the same timing with equal p (open). {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure; what was not run beside the ablations is named in its place."""
    sheet = Sheet(DOUBLE_MM, 218)
    ablations(sheet, report.series("C8"))
    populations, many = report.get("C9b"), report.get("C8N")
    if many:
        subsets = populations["lesions"]["subsets"] if populations else None
        sizes(sheet, sheet.axes(43, 194, 61, 16, "b", 40), many, subsets)
    else:
        missing(sheet, "b", 3, 194, "C8N")
    if maps := report.get("C9"):
        _maps(sheet, maps)
    else:
        missing(sheet, "c", 114, 9, "C9")
    if populations:
        _lesions(sheet, sheet.axes(130, 92, 48, 20, "d", 16), populations["lesions"])
        _selectivity(sheet, sheet.axes(152, 126, 26, 17, "e", 38), populations["four_cues"])
    else:
        missing(sheet, "d, e", 114, 92, "C9b")
    if transfer := report.get("T"):
        _transfer(sheet, sheet.axes(152, 156, 26, 20, "f", 38), transfer["mean"])
    else:
        missing(sheet, "f", 114, 156, "T")
    if tasks := report.get("G"):
        _general(sheet, sheet.axes(152, 188, 26, 23, "g", 38), tasks)
    else:
        missing(sheet, "g", 114, 188, "G")
    return sheet


def _maps(sheet: Sheet, series: Mapping[str, Any]) -> None:
    tau, shift = (np.array(series[k], float) for k in ("time_constant_ms", "shift_ms"))
    names = [k for k in series if k not in ("time_constant_ms", "shift_ms")]
    bands = {name: Band.from_json(series[name]) for name in names}
    top = min(1.2, max(float(np.nanmax(b.mean)) for b in bands.values()))
    low = min(float(np.nanmin(b.mean)) for b in bands.values())
    image = None
    for i, name in enumerate(names):
        ax = sheet.axes(128, 9 + 34 * i, 42, 25, "c" if i == 0 else "", 14)
        mean = bands[name].mean
        image = sheet.image(
            ax,
            "c",
            name,
            np.arange(shift.size),
            np.arange(tau.size),
            mean,
            cmap="cividis_r",
            vmin=low,
            vmax=top,
        )
        for (row, column), value in np.ndenumerate(mean):
            dark = value > (low + top) / 2
            text = f"{value:.2f}".removeprefix("0")
            ax.text(column, row, text, ha="center", va="center", fontsize=5.5, color="white" if dark else INK)
        best = mean.argmin(1)
        sheet.line(
            ax,
            "c",
            f"{name}: best phase",
            best,
            np.arange(tau.size),
            "mean",
            ls="none",
            marker="s",
            ms=11,
            mfc="none",
            mec=INK,
            mew=0.9,
        )
        ax.set_xticks(range(shift.size), [f"{s:g}".replace("-", "−") for s in shift], fontsize=5.5)
        ax.set_yticks(range(tau.size), [f"{t:g}" for t in tau], fontsize=6)
        ax.set_title(name)
        ax.set_ylabel("time constant (ms)")
        if i == len(names) - 1:
            ax.set_xlabel("shift of the gate (ms)")
    if image is not None:
        bar = sheet.axes(172.5, 9, 2.5, 25)
        sheet.figure.colorbar(image, cax=bar, extend="max")
        bar.set_title("E", fontsize=6.5)


def _lesions(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    lesions = series["classes"]
    intact = Band.from_json(series["intact"]["error"])
    sheet.level(ax, "d", "intact", float(intact.mean), color=PALE, lw=0.8, zorder=0)
    sheet.level(ax, "d", "silence", 1.0, color=PALE, lw=0.5, ls=(0, (2, 2)), zorder=0)
    for place, entry in enumerate(lesions.values()):
        for j, (kind, (name, colour, filled)) in enumerate(LESIONS.items()):
            strip(
                sheet,
                ax,
                "d",
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
    for i, (name, colour, filled) in enumerate(LESIONS.values()):
        ax.text(
            0.0,
            1.3 - 0.13 * i,
            f"{'●' if filled else '○'} {name}",
            transform=ax.transAxes,
            color=colour,
            fontsize=6,
        )


def _selectivity(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    for place, (key, name) in enumerate(TOLD.items()):
        strip(sheet, ax, "e", name, place, Band.from_json(series[key]["effect"]), INK, across=True)
        for what in ("cells", "chance"):  # nearly all cells pass the test; they are in the table
            band = Band.from_json(series[key][what])
            sheet.record("e", f"{name}: {what}", band.mean, place, "mean", band.low, band.high)
    ax.set_yticks(range(len(TOLD)), list(TOLD.values()))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(TOLD) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("variance it explains", labelpad=1)


def _transfer(sheet: Sheet, ax: Axes, mean: Mapping[str, Any]) -> None:
    rows = {k: v for k, v in TRANSFER.items() if k in mean}
    for place, (key, (name, colour, filled)) in enumerate(rows.items()):
        strip(sheet, ax, "f", name, place, Band.from_json(mean[key]), colour, across=True, filled=filled)
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
            "g",
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
            "g",
            f"{name}: ridge",
            place,
            Band.from_json(entry["ridge"]),
            MIDDLE,
            across=True,
            marker="s",
            dots=False,
        )
        strip(sheet, ax, "g", name, place, Band.from_json(entry["error"]), INK, across=True)
    ax.set_yticks(range(len(tasks)), list(tasks))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(tasks) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("E")
