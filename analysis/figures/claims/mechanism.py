"""Figure 8: what the mechanism needs, where it may fail, and where it still holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.figures.claims.marks import INTERVAL, LOCAL, MERGED, count, strip, zero
from analysis.figures.claims.report import Band, Report
from analysis.figures.sheet import DOUBLE_MM, INK, MIDDLE, PALE, Sheet
from analysis.statistics import paired_difference

CLAIMS = ("C8", "C9", "C9b", "T", "G")

LIMIT = 1.0
"""Of the axis of (a); larger values are written."""

RETUNED, MATCHED = ", retuned", ", rate matched"
SHADES = {
    "": (INK, True, "o"),
    RETUNED: ("#3B6FB6", False, "o"),
    MATCHED: ("#B07A18", False, "s"),
    MATCHED + RETUNED: ("#B07A18", False, "D"),
}
TRANSFER = {
    "direct": ("learned on the pair", LOCAL, True),
    "composed": ("composed of other pairs", LOCAL, True),
    "wrong_what": ("what of another p", LOCAL, False),
    "wrong_when": ("when of another latency", LOCAL, False),
    "merged_direct": ("merged, learned on it", MERGED, True),
    "merged_as_is": ("merged, of another p", MERGED, False),
    "merged_known": ("merged, told p ratio", MERGED, False),
    "merged_best": ("merged, best gain (oracle)", MERGED, False),
}
LESIONS = {
    "silenced": ("silenced", INK, True),
    "same_number": ("as many random cells", MIDDLE, False),
    "same_rate": ("random cells of that rate", "#3B6FB6", False),
}


def caption(report: Report) -> str:
    """Say what the figure shows."""
    n = count([Band.of(report.series("C8")["intact"])])
    return (
        "What the mechanism needs. (a) E of what is left minus E of the whole, by seed, at the end of "
        "block 1 and 20 trials after the switch of timing: taken from the rule (above the line) or from "
        "the network (below it, with its firing rate); blue, the best of three learning rates on these "
        "very seeds, in the ablated network's favour; brown, the bias current set so that cells fire as "
        "often as in the whole. Values beyond the axis are written. (b) E after 100 trials over the "
        "gate's time constant and the shift of its window, with the shipped baseline and with none; "
        "circles, the best phase at each time constant. (c) E when a class of cells is left out of the "
        "readout, beside as many random cells, and random cells of the same total rate; grey line, "
        "intact. (d) Fraction of cells whose activity tells the time, the cue, or a pair of four cues "
        "from the other (open: chance under permuted labels; for time and cue, the product of the "
        "fractions). (e) E on pairs of probability and latency: learned directly, or composed of a what "
        "and a when learned in other pairs, beside controls and merged readouts. (f) E on tasks that no "
        "parameter was searched on, beside the best linear readout of the same activity (grey squares) "
        f"and the same timing with equal p (open). {INTERVAL}; {n}."
    )


def draw(report: Report) -> Sheet:
    """Draw the figure."""
    sheet = Sheet(DOUBLE_MM, 218)
    _ablations(sheet, report.series("C8"))
    _maps(sheet, report.series("C9"))
    populations = report.series("C9b")
    _lesions(sheet, sheet.axes(130, 92, 48, 20, "c", 14), populations)
    _selectivity(sheet, sheet.axes(152, 126, 26, 17, "d", 36), populations["four_cues"])
    _transfer(sheet, sheet.axes(152, 156, 26, 20, "e", 36), report.series("T")["mean"])
    _general(sheet, sheet.axes(152, 188, 26, 23, "f", 36), report.series("G"))
    return sheet


def _ablations(sheet: Sheet, series: Mapping[str, Any]) -> None:
    intact = Band.of(series["intact"])
    moments = list(series["moments"])
    entries = {label: Band.of(entry) for label, entry in series["ablations"].items()}
    rows: dict[str, list[str]] = {}
    for label in entries:
        rows.setdefault(_base(label), []).append(label)
    of_the_network = [base for base in rows if "rate_hz" in series["ablations"][base]]
    shown = (moments.index("trial 100 of block 1"), moments.index("trial 20 of block 2"))
    for i, m in enumerate(shown):
        ax = sheet.axes(43 + 32 * i, 12, 29, 196, "a" if i == 0 else "", 40)
        zero(sheet, ax, "a", f"as the whole, {moments[m]}", upright=True)
        for place, (base, labels) in enumerate(rows.items()):
            ax.axhline(place, color="#F2F2F2", lw=0.4, zorder=0)
            for j, label in enumerate(labels):
                at = place + 0.24 * (j - (len(labels) - 1) / 2)
                look = SHADES[label.removeprefix(base)]
                _change(sheet, ax, f"{label}, {moments[m]}", at, entries[label][m], intact[m], *look)
        if of_the_network:
            ax.axhline(list(rows).index(of_the_network[0]) - 0.5, color=PALE, lw=0.5)
        ax.set_xlim(-0.3, LIMIT)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_yticks(range(len(rows)), list(rows) if i == 0 else [""] * len(rows))
        ax.tick_params(axis="y", length=0, labelsize=6)
        ax.set_title(moments[m])
        ax.set_xlabel("E − E of the whole")
    for base in of_the_network:
        rate = Band.of(series["ablations"][base]["rate_hz"])
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
        (("as it is", ""), ("learning rate retuned", RETUNED), ("firing rate matched", MATCHED))
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
    seeds = part.seeds - whole.seeds
    d = paired_difference(part.seeds, whole.seeds)
    if d.mean <= 0.95 * LIMIT:
        band = Band(np.array(d.mean), np.array(d.low), np.array(d.high), seeds)
        strip(sheet, ax, "a", name, at, band, colour, across=True, filled=filled, marker=marker, width=0.08)
    else:
        sheet.record("a", name, d.mean, at, "mean", d.low, d.high)
        ax.text(
            LIMIT,
            at,
            f"{d.mean:.0f} ›" if d.mean >= 10 else f"{d.mean:.2g} ›",
            ha="right",
            va="center",
            color=colour,
            fontsize=6,
        )


def _base(label: str) -> str:
    return label.removesuffix(RETUNED).removesuffix(MATCHED)


def _maps(sheet: Sheet, series: Mapping[str, Any]) -> None:
    tau, shift = (np.array(series[k], float) for k in ("time_constant_ms", "shift_ms"))
    names = [k for k in series if k not in ("time_constant_ms", "shift_ms")]
    bands = {name: Band.of(series[name]) for name in names}
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
        best = mean.argmin(1)
        sheet.line(
            ax,
            "b",
            f"{name}: best phase",
            best,
            np.arange(tau.size),
            "mean",
            ls="none",
            marker="o",
            ms=3,
            mfc="none",
            mec="#D55E00",
            mew=0.8,
        )
        ax.set_xticks(range(shift.size), [f"{s:g}".replace("-", "−") for s in shift], fontsize=6)
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
    lesions = series["lesions"]
    intact = Band.of(series["intact"]["error"])
    sheet.level(ax, "c", "intact", float(intact.mean), color=PALE, lw=0.8, zorder=0)
    sheet.level(ax, "c", "silence", 1.0, color=PALE, lw=0.5, ls=(0, (2, 2)), zorder=0)
    for place, entry in enumerate(lesions.values()):
        for j, (kind, (name, colour, filled)) in enumerate(LESIONS.items()):
            strip(
                sheet,
                ax,
                "c",
                f"{list(lesions)[place]}: {name}",
                place + 0.25 * (j - 1),
                Band.of(entry[kind]["error"]),
                colour,
                filled=filled,
                width=0.08,
            )
    ax.set_xticks(range(len(lesions)), list(lesions), fontsize=6)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("E")
    for i, (name, colour, _) in enumerate(LESIONS.values()):
        ax.text(0.0, 1.3 - 0.13 * i, name, transform=ax.transAxes, color=colour, fontsize=6)


def _selectivity(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    rows = {
        "time": "time",
        "cue": "the cue",
        "probability": "cues, paired by p",
        "meaningless": "cues, paired at random",
    }
    for place, (key, name) in enumerate(rows.items()):
        strip(sheet, ax, "d", f"{name}: cells", place, Band.of(series[key]["cells"]), INK, across=True)
        strip(
            sheet,
            ax,
            "d",
            f"{name}: chance",
            place,
            Band.of(series[key]["chance"]),
            MIDDLE,
            across=True,
            filled=False,
            dots=False,
        )
    mixed = series["mixed"]
    strip(sheet, ax, "d", "time and cue: cells", len(rows), Band.of(mixed["both"]), INK, across=True)
    strip(
        sheet,
        ax,
        "d",
        "time and cue: product",
        len(rows),
        Band.of(mixed["both_independent"]),
        MIDDLE,
        across=True,
        filled=False,
        dots=False,
    )
    ax.set_yticks(range(len(rows) + 1), [*rows.values(), "time and the cue"])
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(rows) + 0.5, -0.5)
    ax.set_xlim(0, 1)
    ax.set_xlabel("fraction of cells", labelpad=1)


def _transfer(sheet: Sheet, ax: Axes, mean: Mapping[str, Any]) -> None:
    rows = {k: v for k, v in TRANSFER.items() if k in mean}
    for place, (key, (name, colour, filled)) in enumerate(rows.items()):
        strip(sheet, ax, "e", name, place, Band.of(mean[key]), colour, across=True, filled=filled)
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
            "f",
            f"{name}: equal p",
            place,
            Band.of(entry["equal_p"]),
            "#C0577B",
            across=True,
            filled=False,
            dots=False,
        )
        strip(
            sheet,
            ax,
            "f",
            f"{name}: ridge",
            place,
            Band.of(entry["ridge"]),
            MIDDLE,
            across=True,
            marker="s",
            dots=False,
        )
        strip(sheet, ax, "f", name, place, Band.of(entry["error"]), INK, across=True)
    ax.set_yticks(range(len(tasks)), list(tasks))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(tasks) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("E")
