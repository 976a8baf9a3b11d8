"""cpu.json as a figure: ratios to peers, share of the machine's limit, cost as work grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from spikewhen.analysis.figures.colours import EVENTS, INK, MIDDLE, PALE
from spikewhen.analysis.figures.sheet import Sheet, paper

BLUE, RED = EVENTS[:2]
ROW_MM = 3.6


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw what has been measured so far."""
    rows = found.get("table", {}).get("rows", [])
    parts = found.get("limits", {}).get("parts", [])
    with paper():
        height = 16 + ROW_MM * len(rows)
        sheet = Sheet(183, height + 100)
        if rows:
            _ratios(sheet, sheet.axes(84, 10, 92, ROW_MM * len(rows), "a", 80), rows)
        if parts:
            _fractions(sheet, sheet.axes(35, height + 10, 54, 34, "b", 31), parts)
        if "limits" in found:
            _bandwidth(sheet.axes(113, height + 10, 60, 34, "c"), found["limits"]["machine"])
        if "scaling" in found:
            for i, (name, one) in enumerate(found["scaling"]["series"].items()):
                left, top = 15 + 29 * i, height + 64
                _growth(sheet.axes(left, top, 22, 26, "d" if i == 0 else "", 11), name, one, i == 0)
        sheet.figure.savefig(path, dpi=120)


def _ratios(sheet: Sheet, ax: Axes, rows: list[dict]) -> None:
    for y, r in enumerate(rows):
        colour = MIDDLE if r["met"] is None else BLUE if r["met"] else RED
        ax.plot([r["low"], r["high"]], [y, y], color=colour, lw=0.8)
        ax.plot(r["ratio"], y, "o", color=colour, ms=3.5)
        if r["target"] is not None:
            ax.plot(r["target"], y, "|", color=INK, ms=7, mew=1)
        name = f"{r['work'].partition(' (')[0]}, N = {r['n']}, {r['precision']}"
        ax.text(-0.02, y, name, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=6.5)
        peer = r["peer"].partition(",")[0]
        ax.text(
            1.0,
            y,
            peer,
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=5.5,
            color=MIDDLE,
        )
    ax.set_xscale("log")
    lowest = min(r["low"] for r in rows)
    ax.set_xlim(min(0.5, 0.8 * lowest), 2000)
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50, 100) if t >= ax.get_xlim()[0]]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.axvline(1, color=PALE, lw=0.6, zorder=0)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("times faster than the peer named on the right (median and range of pairs)", loc="left")
    key = [("o", BLUE, "target met"), ("o", RED, "not met"), ("o", MIDDLE, "no target"), ("|", INK, "target")]
    for i, (marker, colour, text) in enumerate(key):
        ax.plot(
            0.02 + 0.2 * i,
            1 + 3 / (ROW_MM * len(rows)),
            marker,
            color=colour,
            transform=ax.transAxes,
            clip_on=False,
            ms=3.5 if marker == "o" else 6,
        )
        ax.text(0.04 + 0.2 * i, 1 + 3 / (ROW_MM * len(rows)), text, transform=ax.transAxes, va="center")


def _fractions(sheet: Sheet, ax: Axes, parts: list[dict]) -> None:
    names = list(dict.fromkeys(p["part"] for p in parts))
    kinds = list(dict.fromkeys((p["n"], p["precision"]) for p in parts))
    for i, (n, precision) in enumerate(kinds):
        mine = {p["part"]: p["fraction"] for p in parts if (p["n"], p["precision"]) == (n, precision)}
        colour, marker = BLUE if precision == "float32" else RED, "o" if n == kinds[0][0] else "s"
        y = np.arange(len(names)) + 0.14 * (i - 1.5)
        label, inside = f"N = {n}, {precision}", colour if marker == "o" else "white"
        ax.plot([mine[name] for name in names], y, marker, color=colour, mfc=inside, ms=3, label=label)
    ax.axvline(0.5, color=PALE, lw=0.6, zorder=0)
    ax.axvline(1, color=PALE, lw=0.6, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(0, max(1.2, 1.05 * max(p["fraction"] for p in parts)))
    ax.set_xlabel("share of the machine's limit reached")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.05, 1.0), ncol=2, handletextpad=0.2, columnspacing=0.8)


def _bandwidth(ax: Axes, machine: dict) -> None:
    size = np.array(machine["bytes"]) / 1024
    for which, style in (("read", "-"), ("update", "--")):
        ax.plot(size, machine[f"{which}_gb_s"]["float64"], style, color=INK, label=which, marker=".", ms=2)
    ax.set_xscale("log", base=2)
    ax.set_xticks(
        [2**k for k in (3, 6, 9, 12, 15, 18)], ["8 kB", "64 kB", "512 kB", "4 MB", "32 MB", "256 MB"]
    )
    ax.set_ylim(0, None)
    ax.set_xlabel("working set")
    ax.set_ylabel("GB/s, one core")
    ax.legend(loc="upper right")


def _growth(ax: Axes, name: str, one: dict, first: bool) -> None:
    x, y = np.array(one["values"]), np.array(one["cpu_s"])
    ax.loglog(x, y[0] * x / x[0], color=PALE, lw=0.8)
    ax.loglog(x, y, "o-", color=INK, ms=2.5)
    ax.set_title(f"{name}\nslope {one['slope']:.2f}\nat the end {one['slope_at_end']:.2f}", fontsize=6)
    ax.set_xlabel(one["unit"])
    ax.set_ylim(0.6 * min(y.min(), y[0]), 2.5 * max(y.max(), (y[0] * x / x[0]).max()))
    ticks = [x[0], x[len(x) // 2], x[-1]]
    ax.set_xticks(ticks, [_tick(t) for t in ticks])
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
    if first:
        ax.set_ylabel("CPU seconds")


def _tick(x: float) -> str:
    if x >= 1000:
        return f"{x / 1000:g}k"
    return f"{x:.0f}" if x >= 100 else f"{x:.2g}"
