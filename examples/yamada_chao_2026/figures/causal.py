"""Figure 11: a three-factor rule whose teacher does not know the future."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, MIDDLE, PALE, VARIANT, WHEN, channel_colour
from spikewhen.analysis.figures.marks import INTERVAL, count, curve, strip, zero_line
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.targets import bump
from spikewhen.examples.yamada_chao_2026.claims.causal import OURS
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("R",)

RULES = {
    "causal": ("causal gate", MIDDLE, (0, (4, 1.5)), False),
    "retro": ("retrospective error", VARIANT, (0, (1, 1)), False),
    "retro_unlearn": ("… and unlearning", VARIANT, "-", True),
    "unlearn": ("acausal", INK, "-", True),
}
BEHIND = 0.05
"""By which the claim lets the causal rule lie behind."""
SIGMA_MS, OLD_MS, NEW_MS, LATE_MS, TRACE_MS = 30.0, 300.0, 450.0, OURS.late_ms, OURS.trace_ms
"""Of the sketch: the event was learned at the one latency, and comes at the other."""


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    n = count([Band.from_json(report.series("R")["error"]["unlearn"])])
    return (
        "A causal three-factor rule. (a) What a teacher sees of a trial in which an event learned at 300 "
        "ms comes at 450 ms: the acausal target, as shipped, rises before the event; a causal one begins "
        "with it; the late trace keeps what was predicted until then, and the event's onset subtracts it "
        "from the weights. (b) E on cue-only probes over five blocks of 100 trials. (c) E at the ends of "
        "the blocks minus that of the acausal rule; dashed, the margin of the claim. (d) E before the "
        "events' times, where nothing but anticipation counts, at the end of block 1 and after the switch "
        "of timing. (e) E of the rule with unlearning over the memory of the trace and its lateness, at "
        "the end of a first block and after a switch of timing; framed, as in (b). (f) E at the last "
        f"block's end with omissions, injected events, two cues, and feedback. {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    series = report.series("R")
    sheet = Sheet(DOUBLE_MM, 142)
    _sketch(sheet, sheet.axes(20, 9, 42, 36, "a", 17))
    errors, before = ({k: Band.from_json(series[name][k]) for k in RULES} for name in ("error", "before"))
    trial = np.array(series["trial"], float)
    _course(sheet, sheet.axes(78, 9, 72, 36, "b", 11), trial, errors, series["blocks"])
    _ends(sheet, sheet.axes(20, 64, 78, 26, "c", 17), errors, series["blocks"])
    _before(sheet, sheet.axes(138, 64, 40, 26, "d", 34), before)
    _maps(sheet, series["map"])
    _worlds(sheet, sheet.axes(138, 108, 40, 24, "f", 34), series["worlds"])
    return sheet


def _sketch(sheet: Sheet, ax: Axes) -> None:
    t = np.arange(0.0, 700.0, 1.0)
    target = bump(t, np.array(NEW_MS), SIGMA_MS)
    said = bump(t - LATE_MS, np.array(OLD_MS), SIGMA_MS)
    keep = np.exp(-1.0 / TRACE_MS)
    trace = np.zeros_like(t)
    for i in range(1, t.size):
        trace[i] = keep * trace[i - 1] + said[i]
    trace = np.where(t < NEW_MS, trace, 0) / trace.max()
    rows = (
        ("acausal\ntarget", target, INK),
        ("causal\ntarget", np.where(t >= NEW_MS, target, 0), VARIANT),
        ("output", bump(t, np.array(OLD_MS), SIGMA_MS), channel_colour(0)),
        ("late\ntrace", trace, WHEN),
    )
    for i, (name, values, colour) in enumerate(rows):
        base = 1.35 * (len(rows) - 1 - i)
        sheet.line(ax, "a", name.replace("\n", " "), t, base + values, "sketch", color=colour, lw=1.0)
        ax.fill_between(t, base, base + values, color=colour, alpha=0.15, lw=0)
        ax.text(-15, base + 0.1, name, ha="right", va="bottom", fontsize=6, color=colour, linespacing=1.1)
    ax.axvline(NEW_MS, color=MIDDLE, lw=0.6)
    ax.text(NEW_MS, 1.02, "event", transform=ax.get_xaxis_transform(), ha="center", fontsize=6.5)
    ax.text(OLD_MS - 55, 1.95, "expected here", ha="right", va="center", fontsize=6, color=channel_colour(0))
    ax.text(NEW_MS + 12, 0.75, "subtracted\nfrom weights", fontsize=6, color=WHEN, va="top", linespacing=0.95)
    ax.set_xlim(0, 700)
    ax.set_ylim(-0.05, 5.3)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xticks([0, 300, 450, 700])
    ax.set_xlabel("ms after the cue")


def _course(sheet: Sheet, ax: Axes, trial: np.ndarray, errors: Mapping[str, Band], blocks) -> None:
    length, labels = trial.max(), []
    for key, (name, colour, dash, main) in RULES.items():
        for b in range(len(blocks)):
            mine = errors[key][b]
            x = b * length + trial
            what, width = f"{name}, block {b + 1}", 1.3 if main else 0.9
            curve(sheet, ax, "b", what, x, mine, colour, lw=width, dash=dash)
        labels.append((float(errors[key].mean[-1, -1]), name, colour))
    for b, block in enumerate(blocks):
        ax.axvline(b * length, color=PALE, lw=0.5, zorder=0)
        text = {"learning": "block 1", "one channel": "one event"}.get(block, block)
        ax.text((b + 0.5) * length, 1.02, text, transform=ax.get_xaxis_transform(), ha="center", fontsize=6.5)
    sheet.level(ax, "b", "silence", 1.0, color=PALE, lw=0.6, zorder=0)
    ax.set_xlim(0, len(blocks) * length)
    ax.set_ylim(0, 1.6)
    ax.set_xlabel("training trials")
    ax.set_ylabel("E on cue-only probes")
    sheet.end_labels(ax, labels)


def _ends(sheet: Sheet, ax: Axes, errors: Mapping[str, Band], blocks) -> None:
    zero_line(sheet, ax, "c", "as the acausal rule")
    sheet.level(ax, "c", "margin", BEHIND, color=MIDDLE, lw=0.5, ls=(0, (2, 2)))
    rivals = [k for k in RULES if k != "unlearn"]
    for i, key in enumerate(rivals):
        name, colour, _, filled = RULES[key]
        for b, block in enumerate(blocks):
            found = Band.of_difference(errors[key].seeds[:, b, -1], errors["unlearn"].seeds[:, b, -1])
            at = b + 0.24 * (i - 1)
            strip(sheet, ax, "c", f"{name}, {block}", at, found, colour, filled=filled, width=0.07)
        text = f"{'●' if filled else '○'} {name}"
        ax.text((0.0, 0.22, 0.54)[i], 1.06, text, transform=ax.transAxes, color=colour, fontsize=6)
    ax.set_xticks(range(len(blocks)), [{"learning": "block 1"}.get(b, b) for b in blocks])
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel("E − acausal, trial 100")


def _before(sheet: Sheet, ax: Axes, before: Mapping[str, Band]) -> None:
    for place, (key, (name, colour, _, _)) in enumerate(RULES.items()):
        for i, b in enumerate((0, 1)):
            strip(
                sheet,
                ax,
                "d",
                f"{name}, block {b + 1}",
                place + 0.26 * (i - 0.5),
                before[key][b, -1],
                colour,
                across=True,
                filled=i == 0,
                width=0.08,
            )
    sheet.record("d", "silence", 1.0, np.nan)
    ax.axvline(1.0, color=PALE, lw=0.6, zorder=0)
    ax.set_yticks(range(len(RULES)), [name for name, *_ in RULES.values()])
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(RULES) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("E before the events (1 = silence)")
    ax.text(0.0, 1.04, "● block 1   ○ timing switched", transform=ax.transAxes, fontsize=6, color=MIDDLE)


def _maps(sheet: Sheet, series: Mapping[str, Any]) -> None:
    trace, late = (np.array(series[k], float) for k in ("trace_ms", "late_ms"))
    bands = {name: Band.from_json(entry) for name, entry in series["error"].items()}
    low = min(float(b.mean.min()) for b in bands.values())
    high = max(float(b.mean.max()) for b in bands.values())
    for i, (name, band) in enumerate(bands.items()):
        ax = sheet.axes(20 + 41 * i, 108, 37, 24, "e" if i == 0 else "", 17)
        sheet.image(
            ax,
            "e",
            name,
            np.arange(late.size),
            np.arange(trace.size),
            band.mean,
            cmap="cividis_r",
            vmin=low,
            vmax=max(high, low + 0.01),
        )
        for (row, column), value in np.ndenumerate(band.mean):
            dark = value > (low + high) / 2
            text = f"{value:.2f}".removeprefix("0")
            ax.text(column, row, text, ha="center", va="center", fontsize=6, color="white" if dark else INK)
        at = [float(np.flatnonzero(late == LATE_MS)[0])], [float(np.flatnonzero(trace == TRACE_MS)[0])]
        style = {"ls": "none", "marker": "s", "ms": 13, "mfc": "none", "mec": VARIANT, "mew": 1.0}
        sheet.line(ax, "e", f"{name}: as in b", *at, "frame", **style)
        ax.set_xticks(range(late.size), [f"{x:g}" for x in late])
        ax.set_yticks(range(trace.size), [f"{x:g}" for x in trace] if i == 0 else [""] * trace.size)
        ax.set_title({"learning": "E, block 1"}.get(name, f"E after {name}"))
        ax.set_xlabel("late by (ms)")
        if i == 0:
            ax.set_ylabel("memory of the trace (ms)")


def _worlds(sheet: Sheet, ax: Axes, worlds: Mapping[str, Any]) -> None:
    for place, (world, entry) in enumerate(worlds.items()):
        for i, key in enumerate(("unlearn", "retro_unlearn")):
            name, colour, *_ = RULES[key]
            band = Band.from_json(entry[key])[-1]
            at = place + 0.26 * (i - 0.5)
            strip(sheet, ax, "f", f"{name}, {world}", at, band, colour, across=True, width=0.08)
    ax.set_yticks(range(len(worlds)), list(worlds))
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(worlds) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("E at the last block's end")
    ax.text(0.0, 1.04, "● acausal", transform=ax.transAxes, fontsize=6, color=INK)
    ax.text(0.32, 1.04, "● causal, unlearns", transform=ax.transAxes, fontsize=6, color=VARIANT)
