"""Figure 6: rule, factoring and gate crossed, beside least squares with every memory; what each costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, MERGED, MIDDLE, PALE, RLS, RLS_NEVER
from spikewhen.analysis.figures.marks import INTERVAL, count, curve, strip
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C5", "C7")

MOMENTS = ((0, 100), (1, 20), (1, 100), (2, 20))
"""(block, trial)"""

WHERE = {0: "block 1", 1: "after switch of timing", 2: "after switch of probability"}
MARKERS = {"gate": "o", "none": "s"}


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    errors = report.series("C5")["factorial"]["error"]
    n = count([Band.from_json(entry) for entry in errors.values()])
    return (
        "Rule, factoring and gate crossed, every cell tuned with the same budget on search seeds. (a) E "
        "at four moments; filled, factored into what and when; open, one merged readout taught by what "
        "was delivered; circles, attention gate; squares, none. (b) Least squares by its memory (in "
        "trials that teach a channel; the last point never forgets), beside the local rule (band), 20 "
        "(solid) and 100 trials (dashed) after the switch of timing. (c) E 20 trials after that switch "
        "against operations per second of task time and against bytes of state that the rule keeps. (d) E "
        "against the learning rate of the local rule, factored and merged, early after each switch; "
        f"rings, the tuned rate. {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    series, rates = report.series("C5"), report.series("C7")
    table = series["factorial"]
    trial = np.array(table["trial"], int)
    errors = {label: Band.from_json(entry) for label, entry in table["error"].items()}
    cells = [label for label in errors if not label.startswith("rls_memory_")]
    sheet = Sheet(DOUBLE_MM, 124)
    _cells(sheet, errors, cells, trial)
    _memory(sheet, sheet.axes(14, 78, 32, 34, "b", 11), errors, trial, series)
    for i, name in enumerate(("operations per second", "bytes of state")):
        _cost(
            sheet,
            sheet.axes(77 + 23 * i, 78, 20, 34, "c" if i == 0 else "", 12),
            errors,
            cells,
            trial,
            series["cost"],
            name,
            i == 0,
        )
    for i, (block, n) in enumerate(((1, 20), (2, 5))):
        _rates(
            sheet, sheet.axes(131 + 28 * i, 78, 20, 34, "d" if i == 0 else "", 12), rates, block, n, i == 0
        )
    return sheet


def _look(label: str) -> tuple[str, bool, str]:
    """Colour, filled and marker of a cell of the factorial."""
    return (
        (INK if label.startswith("local") else RLS),
        "_factored" in label,
        MARKERS[label.split("_")[-1]],
    )


def _at(band: Band, trial: np.ndarray, block: int, n: int) -> Band:
    return band[block, int(np.flatnonzero(trial == n)[0])]


def _cells(sheet: Sheet, errors: dict[str, Band], cells: list[str], trial: np.ndarray) -> None:
    names = [
        label.replace("_none", ", no gate").replace("_gate", ", gate").replace("_", " ").replace("rls", "RLS")
        for label in cells
    ]
    top = max(float(_at(errors[c], trial, *m).seeds.max()) for c in cells for m in MOMENTS)
    for i, (block, n) in enumerate(MOMENTS):
        ax = sheet.axes(38 + 36 * i, 12, 31, 46, "a" if i == 0 else "", 35)
        for place, label in enumerate(cells):
            colour, filled, marker = _look(label)
            strip(
                sheet,
                ax,
                "a",
                f"{names[place]}, block {block + 1}, trial {n}",
                place,
                _at(errors[label], trial, block, n),
                colour,
                across=True,
                filled=filled,
                marker=marker,
            )
        best = _at(errors[cells[0]], trial, block, n)
        ax.axvline(float(best.mean), color=PALE, lw=0.6, zorder=0)
        ax.axhline(3.5, color=PALE, lw=0.4)
        ax.set_ylim(len(cells) - 0.5, -0.5)
        ax.set_xlim(0, 1.05 * max(top, 1.0))
        ax.set_yticks(range(len(cells)), names if i == 0 else [""] * len(cells))
        ax.tick_params(axis="y", length=0)
        ax.set_title(f"{WHERE[block]},\ntrial {n}")
        ax.set_xlabel("E on cue-only probes")


def _memory(
    sheet: Sheet, ax: Axes, errors: dict[str, Band], trial: np.ndarray, series: Mapping[str, Any]
) -> None:
    memories = sorted(
        int(label.removeprefix("rls_memory_")) for label in errors if label.startswith("rls_memory_")
    )
    whole = series["switches"]
    never, columns = Band.from_json(whole["error"]["rls_never_reset"]), np.array(whole["trial"], int)
    last = memories[-1] * 2.5
    labels = []
    for n, dash in ((20, "-"), (100, (0, (4, 1.5)))):
        every = [_at(errors[f"rls_memory_{m}"], trial, 1, n) for m in memories]
        band = Band.stack(every)
        curve(sheet, ax, "b", f"RLS, trial {n}", memories, band, RLS, lw=1.0, dash=dash, marker="o")
        strip(
            sheet,
            ax,
            "b",
            f"RLS, never forgets, trial {n}",
            last,
            _at(never, columns, 1, n),
            RLS_NEVER,
            width=12,
            filled=n == 20,
        )
        ours = _at(errors["local_factored_gate"], trial, 1, n)
        sheet.level(ax, "b", f"local, trial {n}", float(ours.mean), color=INK, lw=1.0, ls=dash)
        if np.isfinite(ours.low):
            ax.axhspan(float(ours.low), float(ours.high), color=INK, alpha=0.12, lw=0)
        labels += [
            (float(ours.mean), f"local, trial {n}", INK),
            (float(_at(never, columns, 1, n).mean), f"RLS, trial {n}", RLS),
        ]
    ax.set_xscale("log")
    ax.set_xlim(memories[0] / 1.25, last * 1.3)
    ax.set_xticks([*memories, last], [*map(str, memories), "∞"])
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    ax.set_xlabel("memory of RLS (trials)")
    ax.set_ylabel("E after switch of timing")
    sheet.end_labels(ax, labels)


def _cost(
    sheet: Sheet,
    ax: Axes,
    errors: dict[str, Band],
    cells: list[str],
    trial: np.ndarray,
    cost: Mapping[str, Any],
    name: str,
    first: bool,
) -> None:
    for label in cells:
        colour, filled, marker = _look(label)
        band, x = _at(errors[label], trial, 1, 20), float(cost[label][name])
        ax.plot([x, x], [band.low, band.high], color=colour, lw=0.8)
        sheet.line(
            ax,
            "c",
            f"{label}: {name}",
            [x],
            [float(band.mean)],
            "mean",
            [float(band.low)],
            [float(band.high)],
            shade=0,
            ls="none",
            marker=marker,
            ms=3.6,
            mec=colour,
            mfc=colour if filled else "white",
            mew=0.8,
        )
    ax.set_xscale("log")
    ax.margins(x=0.2)
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    ax.set_xlabel(name.replace(" per second", " / s"))
    if first:
        ax.set_ylabel("E, trial 20 after timing")
        ax.text(
            0.5, 1.03, "black local, green RLS", transform=ax.transAxes, ha="center", color=MIDDLE, fontsize=6
        )
    else:
        ax.tick_params(labelleft=False)


def _rates(sheet: Sheet, ax: Axes, rates: Mapping[str, Any], block: int, n: int, first: bool) -> None:
    column = list(rates["trial"]).index(n)
    for kind, colour in (("factored", INK), ("merged", MERGED)):
        every = [Band.from_json(entry)[block, column] for entry in rates["error"][kind]]
        band = Band.stack(every)
        x = np.array(rates["rate"][kind], float)
        curve(
            sheet,
            ax,
            "d",
            f"{kind}, block {block + 1}, trial {n}",
            x,
            band,
            colour,
            lw=1.0,
            seeds=True,
            marker="o",
        )
        middle = len(x) // 2
        ax.plot(x[middle], band.mean[middle], "o", ms=5.5, mfc="none", mec=colour, mew=0.8)
        if first:
            ax.text(
                0.98,
                0.78 + 0.1 * (kind == "factored"),
                kind,
                transform=ax.transAxes,
                ha="right",
                color=colour,
            )
    shown = np.array(rates["rate"]["factored"], float)
    shown = shown[[0, len(shown) // 2, -1]]
    ax.set_xscale("log")
    ax.set_xticks(shown, [f"{x:.1g}" if x < 0.01 else f"{x:.2g}" for x in shown])
    ax.minorticks_off()
    ax.set_title(f"trial {n} after switch\nof {rates['switch'][block]}", pad=7)
    ax.set_xlabel("learning rate η")
    if first:
        ax.set_ylabel("E on cue-only probes")
