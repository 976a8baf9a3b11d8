"""Calibration: p-hat, the amplitude of y and the amplitude of their product against p."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.calibration import Line, fit_line
from spikewhen.analysis.figures.colours import INK, MIDDLE, channel_colour
from spikewhen.analysis.figures.names import fit, fit_all
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Drawing, Sheet, points
from spikewhen.reservoir.errors import InputError

LEAST_LEVELS = 3
MAX_LABELS = 4
SIZE_MM = 40.0
LINE = 0.065
"""Height of a line of text above a panel, in heights of the panel."""
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


def caption(source: Source) -> str:
    """Say what the figure shows."""
    runs = Runs.of(source)
    group = _group(runs)
    return (
        f"Calibration over {_levels(group)} levels of p, cue-only probes at the end of each block. Left "
        "to right: the learned probability p-hat; the amplitude of the timing readout y (mean within 20 "
        "ms of the true latency), which should not depend on p; the amplitude of the product z-hat. "
        "Small dots: one block, cue and seed; line: least-squares fit per event; dashed: what a perfect "
        "network gives. r and slope are fitted seed by seed and then averaged, per event and for all "
        f"events together. {seeds_of(runs.series([group])[:MAX_LABELS])}."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(source)
    group = _group(runs)
    series = runs.series([group])[:MAX_LABELS]
    more = LINE * SIZE_MM * max(0, len(group.events) - 2)
    sheet = Sheet(DOUBLE_MM, 8 + (60 + more) * len(series), group.recordings)
    for row, s in enumerate(series):
        if len(series) > 1:
            sheet.text(13, 5 + (60 + more) * row, fit(s.name, 40), fontweight="bold", color=s.colour)
        limits = _limits(runs, s)
        for column, quantity in enumerate(QUANTITIES):
            letter = "abcdefghijkl"[3 * row + column]
            top = 16 + more + (60 + more) * row
            ax = sheet.axes(13 + 59 * column, top, SIZE_MM, SIZE_MM, letter)
            _panel(sheet, ax, letter, runs, group, s, quantity, limits)
    return sheet


def panel(ax: Axes, source: Source, label: str | None = None, quantity: str = "p_hat") -> Drawing:
    """Draw one quantity against the true probability onto given axes.

    Parameters
    ----------
    ax : matplotlib Axes
    source : recording or result, or several
        Runs that differ only in their seed are drawn together.
    label : str, optional
        Of the readout; the first one if not given.
    quantity : {"p_hat", "amplitude_y", "amplitude"}
        The learned probability, the amplitude of y, or that of the prediction.

    Returns
    -------
    Drawing
        Its artists, and every number drawn.

    Raises
    ------
    InputError
        If fewer than three levels of probability were probed, or there is no such label.
    """
    chosen = {q.score: q for q in QUANTITIES}
    if quantity not in chosen:
        raise InputError("quantity", quantity, "one of " + ", ".join(chosen))
    runs = Runs.of(source)
    group = _group(runs)
    series = runs.one_series([group], label)
    drawing = Drawing()
    _panel(drawing, ax, "", runs, group, series, chosen[quantity], _limits(runs, series))
    return drawing


def _limits(runs: Runs, series: Series) -> tuple[float, float]:
    """Return the ends of the axis of values, alike for all quantities."""
    every = [_points(runs, series, q.score)[1] for q in QUANTITIES]
    known = [v for v in every if np.isfinite(v).any()]
    low = min([0.0, *(1.05 * float(np.nanmin(v)) for v in known)])
    return low - 0.03, max([1.0, *(float(np.nanmax(v)) for v in known)]) + 0.05


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
    on: Drawing,
    ax: Axes,
    panel: str,
    runs: Runs,
    group: Group,
    series: Series,
    quantity: Quantity,
    limits: tuple[float, float],
) -> None:
    p, value = _points(runs, series, quantity.score)
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(*limits)
    ax.set_xlabel("true p of the event")
    ax.set_ylabel(quantity.axis)
    ends = np.array([0.0, 1.0])
    expected = quantity.intercept + quantity.slope * ends
    on.line(ax, panel, quantity.expected, ends, expected, color=MIDDLE, lw=0.7, ls=(0, (4, 2)), zorder=1)
    if not np.isfinite(value).any():
        ax.text(0.5, 0.5, "no such readout", ha="center", va="center", color=MIDDLE)
        return
    texts = []
    top = 1.24 + LINE * max(0, len(group.events) - 2)
    written = fit_all(group.events, 16)
    for k, name in enumerate(group.events):
        colour = channel_colour(k)
        for recording, x, y in zip(series.runs, p[:, :, k], value[:, :, k], strict=True):
            on.line(
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
            on.line(
                ax, panel, f"{name}: fit", reach, mean.intercept + mean.slope * reach, color=colour, lw=0.9
            )
            texts.append((written[k], mean, colour))
    pooled = fit_line(p.reshape(len(p), -1), value.reshape(len(p), -1))
    if np.isfinite(pooled.slope).any():
        texts.append(("all", _mean(pooled), INK))
    ax.text(
        1.0,
        top - LINE * len(texts),
        f"dashed: {quantity.expected}",
        transform=ax.transAxes,
        ha="right",
        va="top",
        color=MIDDLE,
        fontsize=points(6.5),
    )
    for i, (name, fit, colour) in enumerate(texts):
        on.record(panel, f"{name}: r", np.nan, fit.r)
        on.record(panel, f"{name}: slope", np.nan, fit.slope)
        r = "undefined" if not np.isfinite(fit.r) else _signed(fit.r, 3)
        ax.text(
            1.0,
            top - LINE * i,
            f"{name}: r {r}, slope {_signed(fit.slope, 2)}",
            transform=ax.transAxes,
            ha="right",
            va="top",
            color=colour,
            fontsize=points(6.5),
        )


def _mean(fit: Line) -> Line:
    """Average over seeds where defined."""
    return Line(*(a[np.isfinite(a)].mean() if np.isfinite(a).any() else np.asarray(np.nan) for a in fit))


def _signed(value: float | np.ndarray, digits: int) -> str:
    """Write a number with a true minus and no negative zero."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")
