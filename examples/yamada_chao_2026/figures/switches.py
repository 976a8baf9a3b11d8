"""Figure 5: after switches, beside least squares, a naive network and an ideal observer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import (
    INK,
    LADDER,
    MIDDLE,
    NAIVE,
    OBSERVER,
    PALE,
    RLS,
    RLS_NEVER,
    RLS_RESET,
    channel_colour,
)
from spikewhen.analysis.figures.marks import INTERVAL, count, curve, median, strip, zero_line
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.examples.yamada_chao_2026.claims.shared import ACAUSAL
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C4", "C5")

RULES = {
    "rls_never_reset": ("RLS, never forgets", RLS_NEVER),
    "rls_tuned": ("RLS, best memory", RLS),
    "rls_reset": ("RLS, reset at switches", RLS_RESET),
    "local": ("local rule", INK),
}
AFTER = (10, 20, 50, 100)
CUT = 1.6
"""Where the axis of E ends."""


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    errors = report.series("C5")["switches"]["error"]
    n = count([Band.from_json(errors[k]) for k in RULES])
    return (
        "After switches, of which no rule is told but the one reset at them. (a) E over the five blocks "
        "of 100 trials (probes after 1 to 100 trials of each): the local rule, recursive least squares "
        "(RLS; the one that forgets has a gate and a memory of its own, tuned with as many candidates "
        "as each rule of figure 6; the others have those of meet.toml), a "
        "naive network that meets that block first, the change-point observer; grey bars, the best linear "
        f"readout of the block's activity given the true p.{_beyond(errors)} (b) E of the local rule minus "
        "that of each RLS on the same spikes, by seed; below 0 the local rule is better; colours as in (a). "
        "(c) Trials of the block until E is within 10 % of what naive networks reach on average "
        "after 100 trials; bar, the median, in which those that never get there count. (d) Amplitude left "
        "at the old latency, of that before the switch. (e) Savings: "
        f"1 - trials to the end level of block 1, on return, over trials the first time. "
        f"{ACAUSAL} {INTERVAL}; {n}."
    )


def _beyond(errors: Mapping[str, Any]) -> str:
    found = []
    for key, (text, _) in RULES.items():
        mean = np.array(Band.from_json(errors[key]).mean, float)
        if np.nanmax(mean) > CUT:
            found.append(f"{text}, to {np.nanmax(mean):.2g} in block {int(np.nanargmax(mean.max(1))) + 1}")
    return f" Means above {CUT:g} are cut ({'; '.join(found)})." if found else ""


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    ours, theirs = report.series("C4"), report.series("C5")
    sheet = Sheet(DOUBLE_MM, 138)
    names = list(theirs["switch"])
    errors = {k: Band.from_json(theirs["switches"]["error"][k]) for k in RULES}
    trial = np.array(theirs["switches"]["trial"], float)
    _course(sheet, sheet.axes(12, 9, 137, 46, "a"), trial, errors, ours, names)
    first = None
    for b in range(1, len(names)):
        ax = sheet.axes(12 + 35 * (b - 1), 68, 30, 26, "b" if b == 1 else "", sharey=first)
        _differences(sheet, ax, trial, errors, b, names[b])
        first = first or ax
    _needed(sheet, sheet.axes(20, 108, 38, 20, "c", 17), ours["trials_needed"])
    _left(sheet, sheet.axes(91, 108, 34, 20, "d", 12), np.array(ours["trial"], float), ours, names)
    _savings(sheet, sheet.axes(153, 108, 25, 20, "e", 8), ours["savings"])
    return sheet


def _course(
    sheet: Sheet, ax: Axes, trial: np.ndarray, errors: dict[str, Band], ours: Mapping[str, Any], names
) -> None:
    length = trial.max()
    labels: dict[str, tuple[float, str, str]] = {}
    observer, ridge = Band.from_json(ours["curves"]["error_change_point"]), Band.from_json(ours["ridge"])
    top = 1.15
    for b, name in enumerate(names):
        x = b * length + trial
        for key, (text, colour) in RULES.items():
            curve(
                sheet,
                ax,
                "a",
                f"{text}, block {b + 1}",
                x,
                errors[key][b],
                colour,
                lw=1.5 if key == "local" else 0.9,
                seeds=key == "local",
            )
            labels[key] = (float(errors[key].mean[b, -1]), text, colour)
            highest = float(np.nanmax(errors[key].mean[b]))
            top = max(top, highest)
            if highest > CUT:
                at = x[int(np.nanargmax(errors[key].mean[b]))]
                ax.text(at + 4, 0.97 * CUT, f"↑ {highest:.2g}", color=colour, fontsize=6, va="top")
        if name in ours["naive"]:
            at = np.array(ours["trial"], float)
            naive = Band.from_json(ours["naive"][name])
            curve(
                sheet,
                ax,
                "a",
                f"naive network, block {b + 1}",
                b * length + at,
                naive,
                NAIVE,
                lw=0.9,
                dash=(0, (5, 1.5)),
            )
        curve(
            sheet,
            ax,
            "a",
            f"change-point observer, block {b + 1}",
            x,
            observer[b],
            OBSERVER,
            lw=0.8,
            dash=LADDER["error_change_point"].dash,
        )
        labels["observer"] = (float(observer.mean[b, -1]), "change-point observer", OBSERVER)
        sheet.line(
            ax,
            "a",
            f"ridge, block {b + 1}",
            [x[0], x[-1]],
            [float(ridge.mean[b])] * 2,
            color=PALE,
            lw=2,
            zorder=1,
        )
        labels["ridge"] = (float(ridge.mean[b]), "ridge, true p", MIDDLE)
        ax.axvline(b * length, color=PALE, lw=0.5, zorder=0)
        title = {"learning": "block 1", "return": "return"}.get(name, f"{name} switches")
        ax.text(
            b * length + length / 2,
            1.02,
            title,
            transform=ax.get_xaxis_transform(),
            ha="center",
            color=MIDDLE,
        )
    sheet.level(ax, "a", "silence", 1.0, color=PALE, lw=0.6, zorder=0)
    ax.text(0.98 * length, 0.9, "naive network", ha="right", color=NAIVE, fontsize=6.5)
    ax.set_xlim(0, len(names) * length)
    ax.set_ylim(0, min(1.05 * top, CUT))
    ax.set_xlabel("training trials")
    ax.set_ylabel("E on cue-only probes")
    sheet.end_labels(ax, list(labels.values()))


def _differences(
    sheet: Sheet, ax: Axes, trial: np.ndarray, errors: dict[str, Band], b: int, name: str
) -> None:
    zero_line(sheet, ax, "b", f"no difference, block {b + 1}")
    after = [n for n in AFTER if n in trial]
    rivals = [key for key in RULES if key != "local"]
    for i, key in enumerate(rivals):
        text, colour = RULES[key]
        at = np.arange(len(after)) + 0.24 * (i - 1)
        columns = [int(np.flatnonzero(trial == n)[0]) for n in after]
        for place, c in zip(at, columns, strict=True):
            ours, theirs = errors["local"].seeds[:, b, c], errors[key].seeds[:, b, c]
            band = Band.of_difference(ours, theirs)
            strip(sheet, ax, "b", f"local − {text}, block {b + 1}", place, band, colour, width=0.07)
        if name == "return":  # the last panel has room for a key
            at_right: dict[str, Any] = {"transform": ax.transAxes, "color": colour, "fontsize": 6.5}
            ax.text(1.06, 0.88 - 0.13 * i, f"to {text}", **at_right)
    ax.set_xticks(range(len(after)), [f"{n}" for n in after])
    ax.set_xlim(-0.5, len(after) - 0.5)
    ax.text(0.5, 1.03, name, transform=ax.transAxes, ha="center", color=MIDDLE)
    ax.set_xlabel(f"trials after the {'return' if name == 'return' else 'switch'}")
    if b == 1:
        ax.set_ylabel("E, local − RLS")
    else:
        ax.tick_params(labelleft=False)


def _needed(sheet: Sheet, ax: Axes, needed: Mapping[str, Any]) -> None:
    for place, (name, values) in enumerate(needed.items()):
        trials = np.array(values, object).astype(float)
        median(sheet, ax, "c", name, trials, place, 0.25)
        ax.text(
            1.02,
            place,
            f"never: {int(np.isinf(trials).sum())} of {trials.size}",
            transform=ax.get_yaxis_transform(),
            va="center",
            fontsize=6,
            color=MIDDLE,
        )
    ax.set_xscale("log")
    ax.set_xlim(0.9, 110)
    ax.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    ax.minorticks_off()
    ax.set_yticks(range(len(needed)), list(needed))
    ax.set_ylim(len(needed) - 0.5, -0.5)
    ax.text(0, 1.05, "bars here and in e: medians", transform=ax.transAxes, fontsize=6, color=MIDDLE)
    ax.tick_params(axis="y", length=0, labelrotation=0, labelsize=6)
    ax.set_xlabel("trials to a naive network's level")


def _left(sheet: Sheet, ax: Axes, trial: np.ndarray, ours: Mapping[str, Any], names) -> None:
    residual = Band.from_json(ours["curves"]["residual"])
    zero_line(sheet, ax, "d", "nothing left")
    sheet.level(ax, "d", "limit of the claim", 0.1, color=MIDDLE, lw=0.5, ls=(0, (2, 2)))
    labels = []
    for b, dash in ((names.index("timing"), "-"), (names.index("both"), (0, (4, 1.5)))):
        for k in range(residual.mean.shape[2]):
            mine = residual[b, :, k]
            if np.isfinite(mine.mean).any():
                name = f"{'AB'[k]}, {names[b]}"
                curve(sheet, ax, "d", name, trial, mine, channel_colour(k), lw=1.0, dash=dash)
                labels.append((float(mine.mean[-1]), name, channel_colour(k)))
    ax.set_xlabel("trials after the switch")
    ax.set_ylabel("left at old latency")
    ax.set_xlim(0, trial.max())
    sheet.end_labels(ax, labels)


def _savings(sheet: Sheet, ax: Axes, saved: Any) -> None:
    values = np.array(saved, object).astype(float)
    known = values[np.isfinite(values)]
    zero_line(sheet, ax, "e", "no savings", upright=True)
    median(sheet, ax, "e", "savings", values, 0.0, 0.25)
    text = f"never: {values.size - known.size} of {values.size}"
    ax.text(0.0, 1.02, text, transform=ax.transAxes, fontsize=6, color=MIDDLE)
    ax.set_yticks([])
    ax.set_ylim(-1, 1)
    ax.set_xlim(min(-0.5, float(known.min(initial=0)) - 0.2), 1.05)
    ax.set_xlabel("savings on return")
