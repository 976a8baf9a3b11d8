"""The figure of work and precision: error against cost, one column per cell type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullFormatter

from spikewhen.analysis.figures import render
from spikewhen.analysis.figures.colours import INK, MIDDLE, PALE
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet, paper, write_table
from spikewhen.experiments.provenance import software
from spikewhen.reservoir.files.integrity import write_whole

if TYPE_CHECKING:
    from spikewhen.validation.work_precision import Point

NAME = "work_precision"
CAPTION = (
    "Spike-time error against cost for every cell type, step and scheme, one core. Median over the first "
    "10 spikes of |t - t_exact|, t_exact from SciPy's DOP853 at a relative tolerance of 1e-10; a spike "
    "counts at the end of its step. Upper row: a constant current of 1.5 times the rheobase. Lower row: a "
    "fluctuating one (mean 1, SD .7 times the rheobase, correlated over 5 ms), four realisations. "
    "Each line runs over dt = 1, .5, .25, .1, .05, .025, .0125 ms, from left to right; ring: the default; a "
    "point missing on the left has lost spikes. Spikes lie on the grid of steps, which leaves any scheme an "
    "error of the order of dt. Dashed: the readout step of 1 ms. Cost: CPU time, 1,000 uncoupled "
    "cells without noise, double precision, least of 15."
)
STYLE = {"euler": ("#0072B2", "o", "Euler"), "heun": ("#D55E00", "s", "Heun")}
LEFT, TOP, WIDTH, HEIGHT, GAP, BETWEEN = 15.0, 6.0, 30.8, 30.0, 2.6, 4.0
KINDS = ("constant", "fluctuating")


def draw(points: Sequence[Point], default: tuple[str, float]) -> Sheet:
    """Draw the sheet."""
    cells = list(dict.fromkeys(p.cell for p in points))
    sheet = Sheet(DOUBLE_MM, TOP + 2 * HEIGHT + BETWEEN + 10)
    drawn = [p for p in points if np.isfinite(p.error_ms)]
    x_range = (0.7 * min(p.cost_ns for p in drawn), 1.4 * max(p.cost_ns for p in drawn))
    y_range = (0.6 * min(p.error_ms for p in drawn), 1.6 * max(p.error_ms for p in drawn))
    for row, kind in enumerate(KINDS):
        for column, cell in enumerate(cells):
            ax = sheet.axes(LEFT + column * (WIDTH + GAP), TOP + row * (HEIGHT + BETWEEN), WIDTH, HEIGHT)
            panel = f"{cell} {kind}"
            sheet.level(ax, panel, "readout step", 1.0, color=PALE, lw=0.6, ls=(0, (3, 2)), zorder=0)
            for scheme, (colour, marker, _) in STYLE.items():
                line = [p for p in drawn if (p.cell, p.input, p.scheme) == (cell, kind, scheme)]
                x, y = [p.cost_ns for p in line], [p.error_ms for p in line]
                sheet.line(ax, panel, scheme, x, y, color=colour, marker=marker, ms=2.6, lw=0.8)
                for p in line:
                    if (p.scheme, p.dt_ms) == default:
                        ax.plot(p.cost_ns, p.error_ms, "o", ms=6, mfc="none", mec=INK, mew=0.7)
            ax.set(xscale="log", yscale="log", xlim=x_range, ylim=y_range)
            ax.tick_params(which="minor", length=0)
            ax.xaxis.set_major_locator(FixedLocator([10, 30, 100]))
            ax.xaxis.set_major_formatter(FormatStrFormatter("%g"))
            ax.xaxis.set_minor_formatter(NullFormatter())
            if row == 0:
                ax.set_title(cell)
                ax.tick_params(labelbottom=False)
            if column:
                ax.tick_params(labelleft=False)
            else:
                ax.set_ylabel(f"spike-time error,\n{kind} input (ms)")
                if row == 1:
                    _name_steps(
                        ax, [p for p in drawn if (p.cell, p.input, p.scheme) == (cell, kind, default[0])]
                    )
    for at, (colour, _, name) in enumerate(STYLE.values()):
        first = sheet.figure.axes[0]
        first.text(0.06, 0.14 - 0.1 * at, name, color=colour, transform=first.transAxes, fontsize=6.5)
    sheet.text(
        LEFT + 2.5 * WIDTH + 2 * GAP,
        sheet.height_mm - 2,
        "cost (ns per neuron and ms)",
        ha="center",
        va="baseline",
        fontsize=7,
    )
    return sheet


def _name_steps(ax, line) -> None:
    for p in line:
        label = f"{p.dt_ms:g}".removeprefix("0")
        ax.annotate(
            label, (p.cost_ns, p.error_ms), (2.5, 2.5), textcoords="offset points", fontsize=5, color=MIDDLE
        )


def write(folder: Path, points: Sequence[Point], default: tuple[str, float]) -> list[Path]:
    """Write PNG, PDF and the table of what is drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "Title": NAME,
        "Caption": CAPTION,
        "Runs": "none",
        "Commit": software()["commit"],
        "Config hash": "none",
    }
    with paper():
        sheet = draw(points, default)
        files = {form: render(sheet, form, facts) for form in ("png", "pdf")}
    paths = []
    for form, data in files.items():
        paths.append(folder / f"{NAME}.{form}")
        write_whole(paths[-1], data)
    paths.append(folder / f"{NAME}.csv")
    write_whole(paths[-1], write_table(sheet.rows, (CAPTION,)))
    return paths
