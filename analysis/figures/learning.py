"""Learning within one block: E against trials, beside what simpler predictors reach."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import LADDER, MIDDLE, PALE, PUBLISHED
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Drawing, Sheet
from spikewhen.reservoir.errors import InputError

PUBLISHED_RATIOS = {10: 0.71, 50: 0.48, 100: 0.44}
"""E(n)/E(1) as reported by Yamada & Chao, 5 seeds."""

PANEL_MM, ROW_MM, COLUMN_MM = (46.0, 38.0), 54.0, 92.0
MAX_LABELS = 7


def caption(source: Source) -> str:
    """Say what the figure shows."""
    runs = Runs.of(source)
    series = runs.series(_groups(runs))[:MAX_LABELS]
    return (
        "Learning within the first block. E = RMSE of the prediction on cue-only probes over RMSE of "
        "silence (0 is perfect, 1 is silence), against training trials before the probes, one panel per "
        "rule: bold line, mean over seeds; thin lines, seeds; band, 95 % BCa interval of the mean where "
        "there are at least 2 seeds. Other lines: the network's own timing y with p-hat replaced by "
        "equal p, by winner-take-all, by the true p; ideal observers that count or expect a change; "
        "ridge, the best linear readout of the same activity with the true p, fitted once on the whole "
        "block, where it was scored. Last panel: E relative to the first probed trial where this is "
        f"trial 1; diamonds, ratios reported by Yamada & Chao (5 seeds). {seeds_of(series)}."
    )


def _groups(runs: Runs, block: int = 0) -> list[Group]:
    found = [g for g in runs.meet if g.moments(block).size > 1]
    if not found:
        raise InputError(
            "paradigm.probes_after",
            runs.meet[0].moments(block).tolist(),
            f"at least two in {'the first block' if block == 0 else f'block {block + 1}'}",
        )
    found = [g for g in found if g.task.probability[block].any()]
    if not found:
        raise InputError("paradigm.blocks", "p = 0 in the first block", "an event to learn there")
    # Curves are comparable where the task is the same.
    return [g for g in found if g.config.get("paradigm") == found[0].config.get("paradigm")]


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(source)
    groups = _groups(runs)
    series, trials = runs.series(groups)[:MAX_LABELS], groups[0].moments(0)
    n = len(series) + 1
    sheet = Sheet(DOUBLE_MM, 4 + ROW_MM * -(-n // 2), [r for g in groups for r in g.recordings])
    curves = [runs.curve(s, "error", 0, trials) for s in series]
    top = _top(curves)
    for i in range(n):
        letter = "abcdefgh"[i]
        ax = sheet.axes(13 + COLUMN_MM * (i % 2), 7 + ROW_MM * (i // 2), *PANEL_MM, letter)
        if i < len(series):
            _course(sheet, ax, letter, runs, series[i], 0, curves[i], top)
        else:
            _relative(sheet, ax, letter, runs, series, trials)
    return sheet


def panel(ax: Axes, source: Source, label: str | None = None, block: int = 0) -> Drawing:
    """Draw how one rule learns a block onto given axes, beside what simpler predictors reach.

    Parameters
    ----------
    ax : matplotlib Axes
    source : recording or result, or several
        Runs that differ only in their seed are averaged.
    label : str, optional
        Of the readout; the first one if not given.
    block : int
        From 0.

    Returns
    -------
    Drawing
        Its artists, and every number drawn.

    Raises
    ------
    InputError
        If no block was probed twice, or there is no such label.
    """
    runs = Runs.of(source)
    series = runs.one_series(_groups(runs, block), label)
    drawing = Drawing()
    curves = runs.curve(series, "error", block, _trials(series, block))
    _course(drawing, ax, "", runs, series, block, curves, _top([curves]))
    return drawing


def relative_panel(ax: Axes, source: Source, labels: list[str] | None = None) -> Drawing:
    """Draw E relative to its value after the first trial of the first block, every rule one line.

    Parameters, returns and errors as `panel`.
    """
    runs = Runs.of(source)
    groups = _groups(runs)
    series = [s for s in runs.series(groups) if labels is None or s.label in labels]
    drawing = Drawing()
    _relative(drawing, ax, "", runs, series[:MAX_LABELS], groups[0].moments(0))
    return drawing


def _top(curves: list[np.ndarray]) -> float:
    """Return the upper end of an axis of E, in tenths."""
    return float(0.1 * np.ceil(10 * max(1.1, *(1.05 * np.nanmax(c, initial=0) for c in curves))))


def _trials(series: Series, block: int) -> np.ndarray:
    return Group(series.runs).moments(block)


def _trial_axis(ax: Axes, trials: np.ndarray) -> None:
    ax.set_xscale("log")
    ax.set_xlim(trials[0] / 1.15, trials[-1] * 1.08)
    ax.set_xticks([t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if trials[0] <= t <= trials[-1]])
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    ax.minorticks_off()
    ax.set_xlabel("training trials")


def _course(
    on: Drawing,
    ax: Axes,
    panel: str,
    runs: Runs,
    series: Series,
    block: int,
    curves: np.ndarray,
    top: float,
) -> None:
    """Draw E of one rule, and the ladder beside it."""
    trials = _trials(series, block)
    _trial_axis(ax, trials)
    ax.set_ylim(0, top)
    ax.set_ylabel("E on probes")
    ax.set_title(series.name)
    on.level(ax, panel, "silence", 1.0, color=PALE, lw=0.6, zorder=0)
    labels = [(1.0, "silence", MIDDLE)]
    for score, (name, colour, dash) in LADDER.items():
        mean = Band.of(runs.curve(series, score, block, trials)).mean
        if np.isfinite(mean).any():
            on.line(ax, panel, name, trials, mean, color=colour, ls=dash, lw=0.7)
            labels.append((mean[-1], name, colour))
    if all("error_ridge" in runs.scores(r, series.label) for r in series.runs):
        ridge = Band.of(runs.curve(series, "error_ridge", block, trials[-1:])).mean
        on.level(ax, panel, "ridge ceiling", ridge[0], color=MIDDLE, lw=0.6, ls=(0, (6, 2)))
        labels.append((ridge[0], "ridge ceiling", MIDDLE))
    if len(series.runs) > 1:
        for recording, curve in zip(series.runs, curves, strict=True):
            thin: dict[str, Any] = {"color": series.colour, "lw": 0.4, "alpha": 0.5}
            on.line(ax, panel, series.name, trials, curve, recording.run_id, **thin)
    band = Band.of(curves)
    style: dict[str, Any] = {"color": series.colour, "lw": 1.6, "marker": "o", "ms": 2.5, "zorder": 4}
    on.line(ax, panel, series.name, trials, band.mean, "mean", band.low, band.high, **style)
    labels.append((band.mean[-1], "learned", series.colour))
    on.end_labels(ax, labels)


def _relative(
    on: Drawing, ax: Axes, panel: str, runs: Runs, series: list[Series], trials: np.ndarray
) -> None:
    """Draw E(n) / E(1) of every rule, and the published ratios."""
    _trial_axis(ax, trials)
    ax.set_ylabel("E(n) / E(1)")
    ax.set_title("relative to the first trial")
    labels, highest = [], 1.0
    for i, s in enumerate(series):
        band = Band.of(runs.curve(s, "error_relative", 0, trials))
        if not np.isfinite(band.seeds).any():
            continue
        width = max(0.8, 2.2 - 0.6 * i)
        on.line(ax, panel, s.name, trials, band.mean, "mean", band.low, band.high, lw=width, **s.style)
        labels.append((band.mean[-1], s.name, s.colour))
        highest = max(highest, np.nanmax(band.mean), *band.high[np.isfinite(band.high)])
    here = {n: e for n, e in PUBLISHED_RATIOS.items() if trials[0] <= n <= trials[-1]}
    if here:
        style: dict[str, Any] = {
            "marker": "D",
            "mec": PUBLISHED,
            "mfc": "white",
            "ms": 3.4,
            "mew": 0.9,
            "zorder": 5,
        }
        on.line(ax, panel, "published", list(here), list(here.values()), ls="none", **style)
        labels.append((list(here.values())[-1], "published", PUBLISHED))
    ax.set_ylim(0, 0.1 * np.ceil(10.5 * highest))
    if not series or len(labels) == bool(here):
        on.write(ax, 0.5, 0.5, "no probes after trial 1", transform=ax.transAxes, ha="center", color=MIDDLE)
    on.end_labels(ax, labels)
