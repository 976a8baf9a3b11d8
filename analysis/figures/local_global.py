"""Sequences of five tones: what the fifth one, or its absence, evokes in two kinds of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.figures.colours import INK, VARIANT
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.score_local_global import XX, XY, cells, read_sequences
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

MAX_LABELS, ROW_MM = 4, 42.0
KINDS: dict[int, tuple[str, str, str]] = {XX: ("block xx", INK, "o"), XY: ("block xY", VARIANT, "s")}
"""Name, colour and mark by kind of block."""


def _pick(runs: Runs) -> tuple[Group, list[Series]]:
    for group in runs.groups:
        kept = [s for s in group.labels if schema.readout(s, "trials", "p_hat") in group.first]
        if schema.block("frequent_y") in group.first and kept:
            return group, runs.series([group])[:MAX_LABELS]
    raise InputError("recordings", len(runs), "at least one run of local_global with record.trials = true")


def caption(source: Source) -> str:
    """Say what the figure shows."""
    _, series = _pick(Runs.of(source))
    return (
        "Sequences of five tones, a row per rule. In blocks xx the frequent sequence is xxxxx and the rare "
        "one xxxxY, in blocks xY the reverse; in 5 % the fifth tone is left out. Left: error, 1 minus the "
        "prediction of the tone at its onset, at each tone of frequent sequences. Middle: error at the "
        "fifth tone; dots, seeds; lines, their mean. A local effect lifts Y over x in both blocks; a global"
        " effect lifts what is rare, Y in xx and x in xY, so that the lines cross. Right: what was "
        f"predicted where the fifth tone was left out. {seeds_of(series)}."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    group, series = _pick(Runs.of(source))
    sheet = Sheet(DOUBLE_MM, 8 + ROW_MM * len(series) + 4, group.recordings)
    for row, s in enumerate(series):
        top, last = 8 + ROW_MM * row, row == len(series) - 1
        a, b, c = ("abcdefghijkl"[3 * row + i] for i in range(3))
        left = sheet.axes(18, top, 50, ROW_MM - 13, a, 13)
        middle = sheet.axes(84, top, 34, ROW_MM - 13, b, 11)
        right = sheet.axes(152, top, 20, ROW_MM - 13, c, 11)
        found = [read_sequences(r, s.label) for r in s.runs]
        fifth = [cells(one) for one in found]
        for kind, (name, colour, mark) in KINDS.items():
            course = [one.error[(one.kind == kind) & (one.y == kind)].mean(0) for one in found]
            style: dict[str, Any] = {"color": colour, "marker": mark, "ms": 2.5}
            sheet.line(left, a, name, np.arange(1, 6), np.mean(course, axis=0), "mean", lw=1.0, **style)
            ends = np.array([[one[kind, y] for y in (0, 1)] for one in fifth])
            for run, y in zip(s.runs, ends, strict=True):
                sheet.line(middle, b, name, [0, 1], y, run.run_id, lw=0.3, alpha=0.5, **style)
            sheet.line(middle, b, name, [0, 1], ends.mean(0), "mean", lw=1.1, color=colour)
            absent = np.array([one[kind, -1] for one in fifth])
            place = kind + np.linspace(-0.12, 0.12, absent.size) if absent.size > 1 else [float(kind)]
            sheet.line(right, c, name, place, absent, ls="none", **style)
            sheet.level(right, c, f"mean of {name}", float(np.mean(absent)), color=colour, lw=0.4)
        sheet.end_labels(
            middle, [(float(np.mean([o[k, 1] for o in fifth])), KINDS[k][0], KINDS[k][1]) for k in KINDS]
        )
        left.set_ylabel(f"{s.name}\nerror")
        left.set_ylim(0, 1)
        middle.set_ylim(0, 1)
        left.set_xlabel("tone of a frequent sequence" if last else "")
        middle.set_ylabel("error at the fifth tone")
        middle.set_xticks([0, 1], ["x", "Y"])
        middle.set_xlim(-0.25, 1.25)
        right.set_ylim(0, 1.05)
        right.set_ylabel("predicted at\nthe omission")
        right.set_xticks([XX, XY], ["xx", "xY"])
        right.set_xlim(-0.5, 1.5)
    return sheet
