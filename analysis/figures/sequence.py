"""Sequences of two items: p-hat beside ideal observers, and the P300 on its surprise."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.figures.colours import INK, MIDDLE, OBSERVER, OTHER_P, VARIANT
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.score_sequence import (
    MEMORIES,
    expected_a,
    memory_curve,
    observed_a,
    read_series,
    said_surprise,
    series_by_frequency,
)
from spikewhen.analysis.sequence_fits import mean_surprise, measured, regress
from spikewhen.analysis.transition_observers import STATISTICS
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

SHOWN, MAX_LABELS = 80, 4
LOOKS: dict[str, tuple[str, Any]] = {
    "items": (OTHER_P, (0, (1, 1))),
    "alternation": (VARIANT, (0, (4, 1.5))),
    "transitions": (OBSERVER, "-"),
}


def _pick(runs: Runs) -> tuple[Group, list[Series]]:
    for group in runs.groups:
        kept = [s for s in group.labels if schema.readout(s, "trials", "p_hat") in group.first]
        if schema.block("p_a") in group.first and kept:
            return group, runs.series([group])[:MAX_LABELS]
    raise InputError("recordings", len(runs), "at least one run of sequences with record.trials = true")


def _check(group: Group) -> None:
    wanted = set(np.unique(measured("squires1976").p_a).tolist())
    found = set(np.unique(group.first[schema.block("p_a")]).tolist())
    if not wanted <= found:
        raise InputError("paradigm.p_a", sorted(found), "0.3, 0.5 and 0.7, of which the P300 was measured")


def caption(source: Source) -> str:
    """Say what the figure shows."""
    _, series = _pick(Runs.of(source))
    return (
        f"What comes next in a sequence of two items, by rule. Left: p-hat of A before each of {SHOWN} "
        "items of a series (ink), and an observer of transitions with the memory that fits best (purple); "
        "marks, the items that came. Middle: r² of p-hat with leaky observers, over their memory. Right: "
        "P300 (Squires et al. 1976) of 48 patterns of five tones on the mean surprise of p-hat, and its "
        "line. "
        f"{seeds_of(series)}; left, the first seed; middle and right, means over seeds."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    group, series = _pick(Runs.of(source))
    _check(group)
    sheet = Sheet(DOUBLE_MM, 8 + 40 * len(series) + 6, group.recordings)
    for row, s in enumerate(series):
        top, last = 8 + 40 * row, row == len(series) - 1
        a, b, c = ("abcdefghijkl"[3 * row + i] for i in range(3))
        _course(sheet, sheet.axes(16, top, 60, 28, a, 11), a, s, last)
        _memory(sheet, sheet.axes(88, top, 34, 28, b, 9), b, s, last)
        _p300(sheet, sheet.axes(148, top, 30, 28, c, 9), c, s, last)
    return sheet


def _course(sheet: Sheet, ax, panel: str, s: Series, last: bool) -> None:
    run = s.runs[0]
    x, p = read_series(run), expected_a(run, s.label)
    best = MEMORIES[int(np.argmax(memory_curve(x, p, "transitions")))]
    n = min(SHOWN, p.shape[1])
    at, row = np.arange(1, n + 1), len(p) // 2
    said = observed_a(x, "transitions", np.array([float(best)]))[0, row, :n]
    sheet.line(ax, panel, f"observer, memory {best}", at, said, color=OBSERVER, lw=0.7)
    sheet.line(ax, panel, "p-hat of A", at, p[row, :n], run.run_id, color=INK, lw=0.9)
    came = x[row, 1 : n + 1]
    for which, y in ((came, 1.06), (~came, -0.06)):
        style: dict[str, Any] = {"color": MIDDLE, "ls": "none", "marker": "|", "ms": 1.5, "clip_on": False}
        sheet.line(ax, panel, "items", at[which], np.full(which.sum(), y), **style)
    ax.set_ylim(-0.1, 1.1)
    ax.set_ylabel(f"{s.name}\nP(next is A)")
    ax.set_title(f"observer of transitions, memory {best}")
    ax.set_xlabel("item" if last else "")


def _memory(sheet: Sheet, ax, panel: str, s: Series, last: bool) -> None:
    labels = []
    for statistic in STATISTICS:
        colour, dash = LOOKS[statistic]
        curves = [memory_curve(read_series(r), expected_a(r, s.label), statistic) for r in s.runs]
        mean = np.mean(curves, axis=0)
        sheet.line(ax, panel, statistic, MEMORIES, mean, "mean", color=colour, ls=dash, lw=1.0)
        labels.append((float(mean[-1]), statistic, colour))
    ax.set_xscale("log")
    ax.set_xticks([1, 10, 100], ["1", "10", "100"])
    ax.set_ylim(0, 1)
    ax.set_ylabel("r² with p-hat")
    ax.set_xlabel("memory of the observer (items)" if last else "")
    sheet.end_labels(ax, labels)


def _p300(sheet: Sheet, ax, panel: str, s: Series, last: bool) -> None:
    of_runs = []
    for run in s.runs:
        x = read_series(run)
        bits = said_surprise(x, expected_a(run, s.label))
        of_runs.append(mean_surprise("squires1976", "", series_by_frequency(run, x, bits)))
    bits, points = np.mean(of_runs, axis=0), measured("squires1976")
    fitted = regress(points.value, bits)
    for p, colour in ((0.3, OTHER_P), (0.5, MIDDLE), (0.7, VARIANT)):
        here = points.p_a == p
        style: dict[str, Any] = {"color": colour, "ls": "none", "marker": "o", "ms": 1.2}
        sheet.line(ax, panel, f"P300, p(A) = {p}", bits[here], points.value[here], **style)
    ends = np.array([bits.min(), bits.max()])
    sheet.line(ax, panel, "line", ends, fitted.intercept + fitted.slope * ends, color=INK, lw=0.8)
    ax.set_title(f"R² = {fitted.r2:.2f}")
    ax.set_ylabel("P300 (µV)")
    ax.set_xlabel("surprise (bits)" if last else "")
