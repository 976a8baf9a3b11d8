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

CLAIMS = ("C8", "C9", "C9b", "transfer", "G")

RETUNED, MATCHED = ", retuned", ", rate matched"
SHADES = {
    "": (INK, True, "o"),
    RETUNED: ("#3B6FB6", False, "o"),
    MATCHED: ("#B07A18", False, "s"),
    MATCHED + RETUNED: ("#B07A18", False, "D"),
}
TRANSFER = {
    "direct": ("learned on the pair itself", LOCAL, True),
    "composed": ("what and when of other pairs", LOCAL, True),
    "wrong_what": ("what of another p", LOCAL, False),
    "wrong_when": ("when of another latency", LOCAL, False),
    "merged_direct": ("merged, learned on the pair", MERGED, True),
    "merged_as_is": ("merged, of another p", MERGED, False),
    "merged_known": ("the same, told the ratio of p", MERGED, False),
    "merged_best": ("the same, best gain (oracle)", MERGED, False),
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
        "block 1 and 20 trials after the switch of timing: taken from the rule (above), from the network "
        "(below); blue, the learning rate retuned on the same seeds, in the ablated network's favour; "
        "brown, the bias current set so that cells fire as often as in the whole. Values beyond the axis "
        "are written. (b) E after 100 trials over the gate's time constant and the shift of its window, "
        "with the shipped baseline and with none; circles, the best phase at each time constant. (c) E "
        "when a class of cells is left out of the readout, beside as many random cells, and random cells "
        "of the same total rate. (d) E on pairs of probability and latency: composed of a what and a when "
        "learned in other pairs, beside controls and merged readouts. (e) E on tasks that no parameter "
        "was searched on, beside the best linear readout of the same activity (grey squares) and the same "
        f"timing with equal p (open). {INTERVAL}; {n}."
    )


def draw(report: Report) -> Sheet:
    """Draw the figure."""
    sheet = Sheet(DOUBLE_MM, 216)
    _ablations(sheet, report.series("C8"))
    _maps(sheet, report.series("C9"))
    _lesions(sheet, sheet.axes(132, 88, 44, 30, "c", 17), report.series("C9b"))
    _transfer(sheet, sheet.axes(143, 132, 33, 26, "d", 40), report.series("transfer")["mean"])
    _general(sheet, sheet.axes(143, 172, 33, 32, "e", 40), report.series("G"))
    return sheet


def _ablations(sheet: Sheet, series: Mapping[str, Any]) -> None:
    intact = Band.of(series["intact"])
    moments = list(series["moments"])
    entries = {label: Band.of(entry) for label, entry in series["ablations"].items()}
    rows: dict[str, list[str]] = {}
    for label in entries:
        rows.setdefault(_base(label), []).append(label)
    shown = (moments.index("trial 100 of block 1"), moments.index("trial 20 of block 2"))
    for i, m in enumerate(shown):
        ax = sheet.axes(44 + 38 * i, 9, 32, 194, "a" if i == 0 else "", 41)
        zero(sheet, ax, "a", f"as the whole, {moments[m]}", upright=True)
        limit = 1.0
        for place, (base, labels) in enumerate(rows.items()):
            for j, label in enumerate(labels):
                colour, filled, marker = SHADES[label.removeprefix(base)]
                at = place + 0.2 * (j - (len(labels) - 1) / 2)
                seeds = entries[label].seeds[:, m] - intact.seeds[:, m]
                d = paired_difference(entries[label].seeds[:, m], intact.seeds[:, m])
                band = Band(*map(np.array, (d.mean, d.low, d.high)), seeds)
                if d.mean <= limit:
                    strip(
                        sheet,
                        ax,
                        "a",
                        f"{label}, {moments[m]}",
                        at,
                        band,
                        colour,
                        across=True,
                        filled=filled,
                        marker=marker,
                        width=0.08,
                    )
                else:
                    sheet.record("a", f"{label}, {moments[m]}", d.mean, at, "mean", d.low, d.high)
                    ax.text(limit, at, f"{d.mean:.2g} ›", ha="right", va="center", color=colour, fontsize=6)
        ax.set_xlim(-0.3, limit)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_yticks(range(len(rows)), list(rows) if i == 0 else [""] * len(rows))
        ax.tick_params(axis="y", length=0, labelsize=6)
        ax.set_title(moments[m])
        ax.set_xlabel("E minus that of the whole")
        for place in range(len(rows)):
            ax.axhline(place, color="#F2F2F2", lw=0.4, zorder=0)


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
        ax = sheet.axes(132, 9 + 34 * i, 36, 26, "b" if i == 0 else "", 17)
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
        bar = sheet.axes(171, 9, 2.5, 26)
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
        ax.text((0.0, 0.24, 0.62)[i], 1.04, name, transform=ax.transAxes, color=colour, fontsize=6)


def _transfer(sheet: Sheet, ax: Axes, mean: Mapping[str, Any]) -> None:
    rows = {k: v for k, v in TRANSFER.items() if k in mean}
    for place, (key, (name, colour, filled)) in enumerate(rows.items()):
        strip(sheet, ax, "d", name, place, Band.of(mean[key]), colour, across=True, filled=filled)
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
            "e",
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
            "e",
            f"{name}: ridge",
            place,
            Band.of(entry["ridge"]),
            MIDDLE,
            across=True,
            marker="s",
            dots=False,
        )
        strip(sheet, ax, "e", name, place, Band.of(entry["error"]), INK, across=True)
    ax.set_yticks(range(len(tasks)), list(tasks))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(tasks) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("E")
