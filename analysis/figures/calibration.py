"""Calibration: p-hat, the amplitude of y and the amplitude of their product against p."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.calibration import Line, fit_line
from spikewhen.analysis.figures.colours import INK, MIDDLE, channel_colour
from spikewhen.analysis.figures.runs import Group, Runs, Series, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import Recording

LEAST_LEVELS = 3
MAX_LABELS = 4
SIZE_MM = 40.0
PERFECT = 0.93
"""Mean of a bump of SD 30 ms within 20 ms of its peak."""


class Quantity(NamedTuple):
    """One column of panels."""

    score: str
    axis: str
    expected: str  # name of the expected line
    slope: float
    intercept: float


QUANTITIES = (
    Quantity("p_hat", r"learned probability $\hat{p}$", "identity", 1.0, 0.0),
    Quantity("amplitude_y", r"timing: mean $y$ at the latency", "perfect, flat", 0.0, PERFECT),
    Quantity("amplitude", r"product: mean $\hat{z}$ at the latency", "perfect, .93 p", PERFECT, 0.0),
)


def _levels(group: Group) -> int:
    return np.unique(np.round(group.task.probability[np.unique(group.task.probe_block)], 6)).size


def _group(runs: Runs) -> Group:
    best = max(runs.meet, key=_levels)
    if _levels(best) < LEAST_LEVELS:
        raise InputError(
            "paradigm.blocks", f"{_levels(best)} levels of p", f"at least {LEAST_LEVELS} with probes"
        )
    return best


def caption(recordings: list[Recording]) -> str:
    """Say what the figure shows."""
    runs = Runs.of(recordings)
    group = _group(runs)
    return (
        f"Calibration over {_levels(group)} levels of p, cue-only probes at the end of each block. Left "
        "to right: the learned probability p-hat; the amplitude of the timing readout y (mean within 20 "
        "ms of the true latency), which should not depend on p; the amplitude of the product z-hat. "
        "Small dots: one block, cue and seed; line: least-squares fit per event; dashed: what a perfect "
        "network gives. r and slope are fitted seed by seed and then averaged, per event and for all "
        f"events together. {seeds_of(runs.series([group])[:MAX_LABELS])}."
    )


def draw(recordings: list[Recording]) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(recordings)
    group = _group(runs)
    series = runs.series([group])[:MAX_LABELS]
    sheet = Sheet(DOUBLE_MM, 8 + 60 * len(series), group.recordings)
    for row, s in enumerate(series):
        if len(series) > 1:
            sheet.text(13, 5 + 60 * row, s.name, fontweight="bold", color=s.colour)
        points = [_points(runs, s, q.score) for q in QUANTITIES]
        low = min(0.0, *(1.05 * float(np.nanmin(v)) for _, v in points if np.isfinite(v).any()))
        high = max(1.0, *(float(np.nanmax(v)) for _, v in points if np.isfinite(v).any()))
        for column, (quantity, (p, value)) in enumerate(zip(QUANTITIES, points, strict=True)):
            panel = "abcdefghijkl"[3 * row + column]
            ax = sheet.axes(13 + 59 * column, 16 + 60 * row, SIZE_MM, SIZE_MM, panel)
            ax.set_xlim(-0.03, 1.03)
            ax.set_ylim(low - 0.03, high + 0.05)
            ax.set_xlabel("true p of the event")
            ax.set_ylabel(quantity.axis)
            _panel(sheet, ax, panel, group.events, s, quantity, p, value)
    return sheet


def _points(runs: Runs, series: Series, score: str) -> tuple[np.ndarray, np.ndarray]:
    """Return p and value (runs, points, K) at the end of each block."""
    ps, values = [], []
    for recording in series.runs:
        found = runs.scores(recording, series.label)
        block, trial = found["block"], found["trial"]
        last = np.array([trial[i] == trial[block == b].max() for i, b in enumerate(block)])
        ps.append(found["probability"][last])
        values.append(found[score][last])
    return np.array(ps), np.array(values)


def _panel(
    sheet: Sheet,
    ax: Axes,
    panel: str,
    events: list[str],
    series: Series,
    quantity: Quantity,
    p: np.ndarray,
    value: np.ndarray,
) -> None:
    ends = np.array([0.0, 1.0])
    expected = quantity.intercept + quantity.slope * ends
    sheet.line(ax, panel, quantity.expected, ends, expected, color=MIDDLE, lw=0.7, ls=(0, (4, 2)), zorder=1)
    if not np.isfinite(value).any():
        ax.text(0.5, 0.5, "no such readout", ha="center", va="center", color=MIDDLE)
        return
    texts = []
    for k, name in enumerate(events):
        colour = channel_colour(k)
        for recording, x, y in zip(series.runs, p[:, :, k], value[:, :, k], strict=True):
            sheet.line(
                ax,
                panel,
                name,
                x,
                y,
                recording.run_id,
                ls="none",
                marker="o",
                ms=2.6,
                mew=0,
                color=colour,
                alpha=0.85 if len(p) < 4 else 0.4,
                zorder=3,
            )
        fit = fit_line(p[:, :, k], value[:, :, k])
        if np.isfinite(fit.slope).any():
            mean = _mean(fit)
            reach = np.array([p[..., k].min(), p[..., k].max()])
            sheet.line(
                ax, panel, f"{name}: fit", reach, mean.intercept + mean.slope * reach, color=colour, lw=0.9
            )
            texts.append((name, mean, colour))
    pooled = fit_line(p.reshape(len(p), -1), value.reshape(len(p), -1))
    if np.isfinite(pooled.slope).any():
        texts.append(("all", _mean(pooled), INK))
    ax.text(
        1.0,
        1.24 - 0.065 * len(texts),
        f"dashed: {quantity.expected}",
        transform=ax.transAxes,
        ha="right",
        va="top",
        color=MIDDLE,
        fontsize=6.5,
    )
    for i, (name, fit, colour) in enumerate(texts):
        sheet.record(panel, f"{name}: r", np.nan, fit.r)
        sheet.record(panel, f"{name}: slope", np.nan, fit.slope)
        r = "undefined" if not np.isfinite(fit.r) else _signed(fit.r, 3)
        ax.text(
            1.0,
            1.24 - 0.065 * i,
            f"{name}: r {r}, slope {_signed(fit.slope, 2)}",
            transform=ax.transAxes,
            ha="right",
            va="top",
            color=colour,
            fontsize=6.5,
        )


def _mean(fit: Line) -> Line:
    """Average over seeds where defined."""
    return Line(*(a[np.isfinite(a)].mean() if np.isfinite(a).any() else np.asarray(np.nan) for a in fit))


def _signed(value: float | np.ndarray, digits: int) -> str:
    """Write a number with a true minus and no negative zero."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")
