"""Figure 8: what the mechanism needs: parts of rule and network, cells, and a gate on time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK
from spikewhen.analysis.figures.marks import INTERVAL, count, missing
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.examples.yamada_chao_2026.figures.ablations import ablations, sizes
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C8", "C8N", "C9", "C9b")


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    n = count([Band.from_json(report.series("C8")["intact"])])
    return (
        "What the mechanism needs. (a) E of what is left minus E of the whole, by seed, at the end of "
        "block 1 and 20 trials after the switch of timing: taken from the rule (above the line) or from "
        "the network (below it, with its firing rate); open, the best of three learning rates on these "
        "very seeds, in the ablated network's favour; squares, the bias current set so that cells fire as "
        "often as in the whole. Values beyond the axis are written. (b) E after 100 trials over the "
        "gate's time constant and the shift of its window, with the shipped baseline and with none; framed, "
        "the lowest mean at each time constant. (c) E at the end of block 1 against the number of cells of "
        "the network, and of readouts of a random part of one network's cells, refitted by least squares and "
        f"given the true p. {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure; what was not run beside the ablations is named in its place."""
    sheet = Sheet(DOUBLE_MM, 190)
    ablations(sheet, report.series("C8"))
    populations, many = report.get("C9b"), report.get("C8N")
    if many:
        subsets = populations["lesions"]["subsets"] if populations else None
        sizes(sheet, sheet.axes(128, 96, 50, 34, "c", 14), many, subsets)
    else:
        missing(sheet, "c", 114, 96, "C8N")
    if maps := report.get("C9"):
        _maps(sheet, maps)
    else:
        missing(sheet, "b", 114, 9, "C9")
    return sheet


def _maps(sheet: Sheet, series: Mapping[str, Any]) -> None:
    tau, shift = (np.array(series[k], float) for k in ("time_constant_ms", "shift_ms"))
    names = [k for k in series if k not in ("time_constant_ms", "shift_ms")]
    bands = {name: Band.from_json(series[name]) for name in names}
    top = min(1.2, max(float(np.nanmax(b.mean)) for b in bands.values()))
    low = min(float(np.nanmin(b.mean)) for b in bands.values())
    image = None
    for i, name in enumerate(names):
        ax = sheet.axes(128, 9 + 34 * i, 42, 25, "b" if i == 0 else "", 14)
        mean = bands[name].mean
        image = sheet.image(
            ax,
            "b",
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
            "b",
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
