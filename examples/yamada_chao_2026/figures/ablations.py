"""Panels of figure 8: what is taken away, and how many cells are left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import FAINT, INK, MIDDLE, PALE, VARIANT
from spikewhen.analysis.figures.marks import curve, strip, zero_line
from spikewhen.analysis.figures.sheet import Sheet

LIMIT = 1.0
"""Limits of the axis of panel a; larger values are written as text."""

RETUNED, MATCHED = ", retuned", ", rate matched"
SHADES = {
    "": (INK, True, "o"),
    RETUNED: (VARIANT, False, "o"),
    MATCHED: (VARIANT, True, "s"),
}


def ablations(sheet: Sheet, series: Mapping[str, Any]) -> None:
    """Draw E of what is left minus E of the whole (a)."""
    intact = Band.from_json(series["intact"])
    moments = list(series["moments"])
    entries = {label: Band.from_json(entry) for label, entry in series["ablations"].items()}
    rows: dict[str, list[str]] = {}
    for label in entries:
        rows.setdefault(_base(label), []).append(label)
    of_the_network = [base for base in rows if "rate_hz" in series["ablations"][base]]
    shown = (moments.index("trial 100 of block 1"), moments.index("trial 20 of block 2"))
    lowest = min(float((e.seeds[:, m] - intact.seeds[:, m]).min()) for e in entries.values() for m in shown)
    for i, m in enumerate(shown):
        ax = sheet.axes(43 + 32 * i, 12, 29, 166, "a" if i == 0 else "", 40)
        zero_line(sheet, ax, "a", f"as the whole, {moments[m]}", upright=True)
        for place, (base, labels) in enumerate(rows.items()):
            ax.axhline(place, color=FAINT, lw=0.4, zorder=0)
            for j, label in enumerate(labels):
                at = place + 0.24 * (j - (len(labels) - 1) / 2)
                look = SHADES[label.removeprefix(base)]
                _change(sheet, ax, f"{label}, {moments[m]}", at, entries[label][m], intact[m], *look)
        if of_the_network:
            ax.axhline(list(rows).index(of_the_network[0]) - 0.5, color=PALE, lw=0.5)
        ax.set_xlim(min(-0.3, 1.1 * lowest), LIMIT)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_yticks(range(len(rows)), list(rows) if i == 0 else [""] * len(rows))
        ax.tick_params(axis="y", length=0, labelsize=6)
        ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
        ax.set_title(moments[m])
        ax.set_xlabel("E − E of the whole")
    for base in of_the_network:
        rate = Band.from_json(series["ablations"][base]["rate_hz"])
        sheet.record("a", f"{base}: rate, Hz", np.nan, rate.mean, "mean", rate.low, rate.high)
        ax.text(
            1.03,
            list(rows).index(base),
            f"{float(rate.mean):.1f}",
            transform=ax.get_yaxis_transform(),
            va="center",
            fontsize=6,
            color=MIDDLE,
        )
    ax.text(1.03, -0.75, "Hz", transform=ax.get_yaxis_transform(), va="bottom", fontsize=6, color=MIDDLE)
    for i, (text, suffix) in enumerate(
        (("● as it is", ""), ("○ learning rate retuned", RETUNED), ("■ firing rate matched", MATCHED))
    ):
        sheet.text(43 + (0, 13, 42)[i], 6, text, color=SHADES[suffix][0], fontsize=6.5)


def _change(
    sheet: Sheet,
    ax: Axes,
    name: str,
    at: float,
    part: Band,
    whole: Band,
    colour: str,
    filled: bool,
    marker: str,
) -> None:
    band = Band.of_difference(part.seeds, whole.seeds)
    mean = float(band.mean)
    if mean <= 0.95 * LIMIT:
        strip(sheet, ax, "a", name, at, band, colour, across=True, filled=filled, marker=marker, width=0.08)
    else:
        sheet.record("a", name, mean, at, "mean", band.low, band.high)
        ax.text(
            LIMIT,
            at,
            f"{mean:.0f} ›" if mean >= 10 else f"{mean:.2g} ›",
            ha="right",
            va="center",
            color=colour,
            fontsize=6,
        )


def _base(label: str) -> str:
    return label.removesuffix(RETUNED).removesuffix(MATCHED)


def sizes(sheet: Sheet, ax: Axes, networks: Mapping[str, Any], subsets: Mapping[str, Any] | None) -> None:
    """Draw E against the number of cells, of networks and of readouts of a part of one (c)."""
    n, error = np.array(networks["sizes"], float), Band.from_json(networks["error"])
    curve(sheet, ax, "c", "networks, end of block 1", n, error[:, 0], INK, marker="o", seeds=True)
    ax.text(0.98, 0.92, "networks of this size", transform=ax.transAxes, ha="right", fontsize=6)
    if subsets is not None:
        kept = np.array([float(k) for k in subsets])
        part = Band.stack([Band.from_json(entry["refit"]) for entry in subsets.values()])
        curve(sheet, ax, "c", "readouts of some cells, refitted", kept, part, VARIANT, marker="o", seeds=True)
        text = "readouts of so many of 1,000 cells, refitted"
        ax.text(0.01, 0.07, text, transform=ax.transAxes, fontsize=6, color=VARIANT)
    ax.set_xscale("log")
    ticks = [50, 100, 250, 500, 1000, 4000]
    ax.set_xticks(ticks, [f"{t:,}" for t in ticks])
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    ax.set_xlabel("cells")
    ax.set_ylabel("E")
