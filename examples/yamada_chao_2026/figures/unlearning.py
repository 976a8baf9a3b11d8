"""Figure 10: a missed expectation unlearns what was learned before, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import (
    FAINT,
    INK,
    MIDDLE,
    NAIVE,
    PALE,
    RLS_RESET,
    VARIANT,
    Look,
)
from spikewhen.analysis.figures.marks import INTERVAL, count, curve, strip, trial_axis, zero_line
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("U",)

LINES = {
    "plain": Look("no unlearning", MIDDLE, "-"),
    "rls_told": Look("RLS, told", RLS_RESET, "-"),
    "unlearn": Look("unlearns", VARIANT, "-"),
    "local": Look("p̂ restarts too (shipped)", INK, "-"),
}
FORMS = {
    "plain": ("no unlearning", MIDDLE, True, "o"),
    "unlearn": ("unlearns at trial ends", VARIANT, True, "o"),
    "online": ("unlearns in every step", VARIANT, False, "o"),
    "local": ("at trial ends, p̂ restarts: as shipped", INK, True, "s"),
}
AT = 20
MARGIN = 0.02
"""Within which the claim counts a rule as no worse."""
SHORT = {
    "closed loop, 20 pA": "feedback",
    "events injected": "injected",
}


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    series = report.series("U")
    n = count([Band.from_json(series["error"]["local"])])
    return (
        "Unlearning by missed expectation. (a) E on cue-only probes after four kinds of switch, each "
        "after 100 trials of another block: the rule without unlearning (its teacher is acausal), with "
        "unlearning at the ends of trials, and as shipped, also with a p-hat whose rate begins anew; "
        f"recursive least squares (RLS) that is told of the switch; dashed, a naive network. (b) E {AT} "
        "trials after the switch minus that of "
        "RLS told; dashed, the margin of the claim. (c) Surprise u of every trial, squared output where "
        "the event was not over the squared target, before and after a switch of timing; shaded, from no "
        f"to full loss of weights. (d) E {AT} trials after a switch of timing against the trials before "
        f"it. (e) E {AT} trials after both latencies moved by so much. (f) Trials in 100 that took weights "
        "though nothing switched, with fixed and with scattered latencies. (g) E 20 trials after a switch "
        "of timing with omissions, with events that drive the network, and with feedback, and E of two "
        f"interleaved cues after 150 trials. {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    series = report.series("U")
    sheet = Sheet(DOUBLE_MM, 134)
    trial = np.array(series["trial"], float)
    errors = {k: Band.from_json(entry) for k, entry in series["error"].items()}
    first = None
    for b, kind in enumerate(series["kinds"], 1):
        ax = sheet.axes(12 + 36 * (b - 1), 8, 30, 30, "a" if b == 1 else "", sharey=first)
        _course(sheet, ax, trial, errors, series["naive"][kind], b, kind)
        first = first or ax
    _told(sheet, sheet.axes(12, 58, 72, 24, "b"), trial, errors, series["kinds"])
    _surprise(sheet, sheet.axes(104, 58, 74, 24, "c", 12), series["lost"])
    _trained(sheet, sheet.axes(12, 102, 29, 24, "d"), series["trained"])
    _shifts(sheet, sheet.axes(58, 102, 30, 24, "e", 12), series["shifts"])
    _alarms(sheet, sheet.axes(104, 102, 28, 24, "f", 12), series["lost"]["counted"])
    _worlds(sheet, sheet.axes(154, 102, 25, 24, "g", 15), series["worlds"])
    return sheet


def _course(
    sheet: Sheet,
    ax: Axes,
    trial: np.ndarray,
    errors: Mapping[str, Band],
    naive: Mapping[str, Any],
    b: int,
    kind: str,
) -> None:
    labels = []
    for key, (name, colour, dash) in LINES.items():
        if key not in errors:  # of another protocol, drawn by the caller
            continue
        mine = errors[key][b]
        main = key in ("local", "unlearn")
        curve(sheet, ax, "a", f"{name}, {kind}", trial, mine, colour, lw=1.4 if main else 0.9, dash=dash)
        labels.append((float(mine.mean[-2]), name, colour))
    fresh = Band.from_json(naive["error"])
    at = np.array(naive["trial"], float)
    curve(sheet, ax, "a", f"naive, {kind}", at, fresh, NAIVE, lw=0.9, dash=(0, (5, 1.5)))
    labels.append((float(fresh.mean[-2]), "naive network", NAIVE))
    trial_axis(ax, trial)
    ax.set_xlabel("trials after the switch")
    ax.set_ylim(0, 1.5)
    ax.set_title(f"{kind} switches" if kind != "one channel" else "one event moves")
    if b == 1:
        ax.set_ylabel("E on cue-only probes")
    else:
        ax.tick_params(labelleft=False)
    if kind == "one channel":
        sheet.end_labels(ax, labels)


def _told(sheet: Sheet, ax: Axes, trial: np.ndarray, errors: Mapping[str, Band], kinds) -> None:
    zero_line(sheet, ax, "b", "as RLS told")
    sheet.level(ax, "b", "margin", MARGIN, color=MIDDLE, lw=0.5, ls=(0, (2, 2)))
    at = int(np.flatnonzero(trial == AT)[0])
    told = errors["rls_told"].seeds
    for i, (key, (name, colour, filled, marker)) in enumerate(FORMS.items()):
        for b, kind in enumerate(kinds, 1):
            difference = Band.of_difference(errors[key].seeds[:, b, at], told[:, b, at])
            strip(
                sheet,
                ax,
                "b",
                f"{name}, {kind}",
                b - 1 + 0.2 * (i - 1.5),
                difference,
                colour,
                filled=filled,
                marker=marker,
                width=0.06,
            )
        mark = {"o": "●" if filled else "○", "s": "■"}[marker]
        where = (0.0, 0.27, 0.0, 0.4)[i], 1.17 if i < 2 else 1.05
        ax.text(*where, f"{mark} {name}", transform=ax.transAxes, color=colour, fontsize=6)
    ax.set_xticks(range(len(kinds)), kinds)
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel("E − E of RLS told")


def _surprise(sheet: Sheet, ax: Axes, lost: Mapping[str, Any]) -> None:
    ax.axhspan(lost["above"], lost["all_at"], color=FAINT, zorder=0)
    ax.axhspan(lost["all_at"], 9, color=PALE, alpha=0.6, lw=0, zorder=0)
    switch = int(lost["switch_at"])
    for key in ("plain", "unlearn"):
        name, colour, *_ = FORMS[key]
        seeds = Band.from_json(lost["surprise"][key]).seeds
        x = np.arange(seeds.shape[1]) - switch + 1
        for row in seeds:
            style = {"ls": "none", "marker": "o", "ms": 1.3, "mew": 0, "color": colour, "alpha": 0.35}
            sheet.line(ax, "c", name, x, row, "seeds", **style, zorder=2)
        known = np.isfinite(seeds).any(0)
        middle = np.full(x.size, np.nan)
        middle[known] = np.nanmedian(seeds[:, known], axis=0)
        sheet.line(ax, "c", f"{name}: median", x, middle, "median", color=colour, lw=1.0, zorder=3)
    ax.axvline(0.5, color=MIDDLE, lw=0.5)
    ax.set_xlim(-42, 20.5)
    top = Band.from_json(lost["surprise"]["plain"]).seeds
    ax.set_ylim(0, max(0.7, 1.05 * float(np.nanmax(top, initial=0.6))))
    ax.set_xticks([-40, -30, -20, -10, 0, 10, 20], ["−40", "−30", "−20", "−10", "0", "10", "20"])
    ax.text(-41, lost["all_at"], "loses all", va="bottom", fontsize=6, color=MIDDLE)
    ax.text(-41, lost["above"], "loses a part", va="bottom", fontsize=6, color=MIDDLE)
    ax.text(0, 1.03, "event when expected", transform=ax.transAxes, color=MIDDLE, fontsize=6.5)
    ax.text(1, 1.03, "event moved", transform=ax.transAxes, ha="right", color=MIDDLE, fontsize=6.5)
    ax.set_xlabel("trials after a switch of timing")
    ax.set_ylabel("surprise u of a trial")


def _trained(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    trials = np.array(series["trials"], float)
    for key, entry in series["error"].items():
        name, colour, filled, _ = FORMS[key]
        dash = "-" if filled else (0, (1, 1))
        curve(sheet, ax, "d", name, trials, Band.from_json(entry), colour, marker="o", dash=dash)
    ax.set_xscale("log")
    ax.set_xlim(trials.min() / 1.25, trials.max() * 1.25)
    ax.set_xticks(trials, [f"{t:g}" for t in trials])
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    ax.set_title("after long training")
    ax.set_xlabel("trials before the switch")
    ax.set_ylabel(f"E, trial {AT}")


def _shifts(sheet: Sheet, ax: Axes, series: Mapping[str, Any]) -> None:
    shift = np.array(series["shift_ms"], float)
    for key, entry in series["error"].items():
        name, colour, filled, _ = FORMS[key]
        dash = "-" if filled else (0, (1, 1))
        curve(sheet, ax, "e", name, shift, Band.from_json(entry), colour, marker="o", dash=dash)
    ax.set_ylim(bottom=0)
    ax.set_xlim(0, shift.max() + 10)
    ax.set_xticks(shift, [f"{s:g}" for s in shift])
    ax.set_title("small shifts")
    ax.set_xlabel("both events move by (ms)")
    ax.set_ylabel(f"E, trial {AT}")


def _alarms(sheet: Sheet, ax: Axes, counted: Mapping[str, Any]) -> None:
    for place, (world, entry) in enumerate(counted.items()):
        for i, (key, found) in enumerate(entry.items()):
            name, colour, filled, marker = FORMS[key]
            band = Band.from_json(found["trials"])
            strip(
                sheet,
                ax,
                "f",
                f"{name}, latency {world}",
                place + 0.24 * (i - 0.5),
                band,
                colour,
                filled=filled,
                marker=marker,
                width=0.08,
            )
            share = Band.from_json(found["share"])
            what = f"{name}, latency {world}: % lost"
            sheet.record("f", what, place, share.mean, "", share.low, share.high)
    ax.set_xticks(range(len(counted)), [w.replace("SD ", "± ") for w in counted])
    ax.tick_params(axis="x", length=0)
    ax.set_ylim(bottom=-0.5)
    ax.set_title("false alarms")
    ax.set_xlabel("latency")
    ax.set_ylabel("trials in 100")


def _worlds(sheet: Sheet, ax: Axes, worlds: Mapping[str, Any]) -> None:
    for place, (world, entry) in enumerate(worlds.items()):
        for i, (key, band) in enumerate(entry["soon"].items()):
            name, colour, filled, _ = FORMS[key]
            at = place + 0.26 * (i - 0.5)
            strip(
                sheet,
                ax,
                "g",
                f"{name}, {world}",
                at,
                Band.from_json(band),
                colour,
                across=True,
                filled=filled,
                width=0.08,
            )
    ax.set_yticks(range(len(worlds)), [SHORT.get(w, w) for w in worlds])
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(worlds) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_title("other worlds")
    ax.set_xlabel("E")
