"""Cells that answer an omission the more, the likelier their preferred tone was."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spikewhen.analysis.figures.colours import INK, MIDDLE, OTHER_P, VARIANT
from spikewhen.analysis.figures.runs import Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.omission_cells import Selection, select
from spikewhen.analysis.score_omission import Stream, by_preference, read_stream
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

MAX_ROWS, ROW_MM = 4, 42.0
PUBLISHED = 0.12
"""Share of cells in auditory cortex (Yaron et al. 2025)."""


def _pick(runs: Runs) -> list[Series]:
    groups = [g for g in runs.groups if schema.block("share_b") in g.first and g.labels]
    if not groups:
        raise InputError("recordings", len(runs), "at least one run of the task graded_omission")
    return runs.series(groups)[:MAX_ROWS]


def caption(source: Source) -> str:
    """Say what the figure shows."""
    series = _pick(Runs.of(source))
    return (
        "Omissions in a stream of two tones. A row per rule and network. Left: answer to an omission of "
        "cells selected by odd omissions (see below), in even ones, against the share that their preferred "
        "tone had in the block; middle: their answer to the preferred tone (filled) and to the other one "
        "(open), against the share of the preferred one. Answers are rates 6 to 120 ms after the expected "
        "onset less those 24 ms before to 5 ms after it; marks, mean over cells and seeds; bars, one SD "
        "over seeds. Right: share of all cells that are selected, because single answers go with the share "
        "(Spearman, p < .05) and differ from 0 in the four blocks with most of the preferred tone (signed "
        "ranks, p < .05): dots, seeds; dashes, mean with exchanged block labels; line, "
        f"12 % in auditory cortex (Yaron et al. 2025). {seeds_of(series)}."
    )


class _Cells(NamedTuple):
    """The cells of one run."""

    stream: Stream
    chosen: Selection

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over selected cells by the share of the preferred tone, (B,)."""
        kept, side = values[self.chosen.selected], self.chosen.preferred[self.chosen.selected]
        found = by_preference(kept, self.stream.share, side)
        known = np.isfinite(found)
        n = known.sum(0)
        return np.where(n > 0, np.where(known, found, 0).sum(0) / np.maximum(n, 1), np.nan)


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(source)
    series = _pick(runs)
    sheet = Sheet(DOUBLE_MM, 8 + ROW_MM * len(series) + 4, [r for s in series for r in s.runs])
    for row, s in enumerate(series):
        top, last = 8 + ROW_MM * row, row == len(series) - 1
        a, b, c = ("abcdefghijkl"[3 * row + i] for i in range(3))
        found = []
        for run in s.runs:
            stream = read_stream(run)
            found.append(_Cells(stream, select(stream.odd_omissions(), stream.share)))
        left = sheet.axes(21, top, 45, ROW_MM - 13, a, 19)
        middle = sheet.axes(84, top, 48, ROW_MM - 13, b, 11)
        _omissions(sheet, left, a, found)
        _tones(sheet, middle, b, found, row == 0)
        left.set_ylabel(f"{s.name}\nanswer to omission (Hz)")
        for ax in (left, middle):
            ax.set_xlabel("share of the preferred tone (%)" if last else "")
            ax.axhline(0, color=MIDDLE, lw=0.4, zorder=0)
        right = sheet.axes(154, top, 20, ROW_MM - 13, c, 12)
        _shares(sheet, runs, right, c, s)
        if row == 0:
            sheet.write(right, 0.6, 100 * PUBLISHED, "cortex", 6.5, color=OTHER_P, ha="right", va="bottom")
    return sheet


def _band(found: list[_Cells], of) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and SD over runs of what `of` takes from each, and the shares in percent."""
    rows = np.array([one.mean(of(one)) for one in found])
    known = np.isfinite(rows)
    n = np.maximum(known.sum(0), 1)
    mean = np.where(known.any(0), np.where(known, rows, 0).sum(0) / n, np.nan)
    sd = np.sqrt(np.where(known, (rows - mean) ** 2, 0).sum(0) / np.maximum(n - 1, 1))
    return 100 * np.sort(found[0].stream.share), mean, sd


def _points(sheet: Sheet, ax, panel: str, name: str, x, mean, sd, colour: str, fill: str) -> None:
    sheet.line(ax, panel, name, x, mean, "mean", mean - sd, mean + sd, shade=0, color=colour, lw=0.7)
    ax.errorbar(x, mean, sd, fmt="o", ms=3, color=colour, mfc=fill, mew=0.7, elinewidth=0.6)


def _omissions(sheet: Sheet, ax, panel: str, found: list[_Cells]) -> None:
    x, mean, sd = _band(found, lambda one: one.stream.even(-1))
    _points(sheet, ax, panel, "omission", x, mean, sd, INK, INK)


def _tones(sheet: Sheet, ax, panel: str, found: list[_Cells], named: bool) -> None:
    def tone(one: _Cells, preferred: bool) -> np.ndarray:
        a, b = one.stream.even(0), one.stream.even(1)
        return np.where((one.chosen.preferred[:, None] > 0) == preferred, b, a)

    for preferred, colour, fill, name in (
        (True, VARIANT, VARIANT, "preferred tone"),
        (False, OTHER_P, "white", "other tone"),
    ):
        x, mean, sd = _band(found, lambda one, preferred=preferred: tone(one, preferred))
        _points(sheet, ax, panel, name, x, mean, sd, colour, fill)
        if named:
            at = 1.04 if preferred else 1.13
            sheet.write(ax, 0.02, at, name, 6.5, transform=ax.transAxes, color=colour)
    ax.set_ylabel("answer to tone (Hz)")


def _shares(sheet: Sheet, runs: Runs, ax, panel: str, s: Series) -> None:
    scores = [runs.scores(r, s.label) for r in s.runs]
    share, by_chance = (
        100 * np.array([float(one[name][0]) for one in scores])
        for name in ("omission_share", "omission_share_chance")
    )
    place = np.linspace(-0.25, 0.25, share.size) if share.size > 1 else np.zeros(1)
    sheet.line(ax, panel, "selected", place, share, color=INK, ls="none", marker="o", ms=2.5)
    sheet.line(ax, panel, "by chance", place, by_chance, color=MIDDLE, ls="none", marker="_", ms=5)
    sheet.level(ax, panel, "auditory cortex", 100 * PUBLISHED, color=OTHER_P, lw=0.6)
    ax.set_xlim(-0.6, 0.6)
    ax.set_xticks([])
    ax.set_ylim(0, 1.15 * max(100 * PUBLISHED, share.max(), by_chance.max()))
    ax.set_ylabel("selected cells (%)")
