"""Learning within one block: E against trials, beside what simpler predictors reach."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import LADDER, MIDDLE, PALE, PUBLISHED
from spikewhen.analysis.figures.runs import Group, Runs, Series, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import Recording

PUBLISHED_RATIOS = {10: 0.71, 50: 0.48, 100: 0.44}
"""E(n)/E(1) as reported by Yamada & Chao, 5 seeds."""

PANEL_MM, ROW_MM, COLUMN_MM = (46.0, 38.0), 54.0, 92.0
MAX_LABELS = 7


def caption(recordings: list[Recording]) -> str:
    """Say what the figure shows."""
    runs = Runs.of(recordings)
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


def _groups(runs: Runs) -> list[Group]:
    found = [g for g in runs.meet if g.moments(0).size > 1]
    if not found:
        raise InputError(
            "paradigm.probes_after", runs.meet[0].moments(0).tolist(), "at least two in the first block"
        )
    found = [g for g in found if g.task.probability[0].any()]
    if not found:
        raise InputError("paradigm.blocks", "p = 0 in the first block", "an event to learn there")
    # Curves are comparable where the task is the same.
    return [g for g in found if g.config.get("paradigm") == found[0].config.get("paradigm")]


def draw(recordings: list[Recording]) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(recordings)
    groups = _groups(runs)
    series, trials = runs.series(groups)[:MAX_LABELS], groups[0].moments(0)
    n = len(series) + 1
    columns = 2
    sheet = Sheet(DOUBLE_MM, 4 + ROW_MM * -(-n // columns), [r for g in groups for r in g.recordings])
    curves = [runs.curve(s, "error", 0, trials) for s in series]
    top = 0.1 * np.ceil(10 * max(1.1, *(1.05 * np.nanmax(c, initial=0) for c in curves)))
    for i in range(n):
        ax = sheet.axes(13 + COLUMN_MM * (i % 2), 7 + ROW_MM * (i // 2), *PANEL_MM, "abcdefgh"[i])
        _trial_axis(ax, trials)
        ax.set_xlabel("training trials")
        if i < len(series):
            ax.set_ylim(0, top)
            ax.set_ylabel("E on probes")
            ax.set_title(series[i].name)
            _panel(sheet, ax, "abcdefgh"[i], runs, series[i], trials, curves[i])
        else:
            ax.set_ylabel("E(n) / E(1)")
            ax.set_title("relative to the first trial")
            _relative(sheet, ax, "abcdefgh"[i], runs, series, trials)
    return sheet


def _trial_axis(ax: Axes, trials: np.ndarray) -> None:
    ax.set_xscale("log")
    ax.set_xlim(trials[0] / 1.15, trials[-1] * 1.08)
    ax.set_xticks([t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if trials[0] <= t <= trials[-1]])
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    ax.minorticks_off()


def _panel(
    sheet: Sheet, ax: Axes, panel: str, runs: Runs, series: Series, trials: np.ndarray, curves: np.ndarray
) -> None:
    sheet.level(ax, panel, "silence", 1.0, color=PALE, lw=0.6, zorder=0)
    labels = [(1.0, "silence", MIDDLE)]
    for score, (name, colour, dash) in LADDER.items():
        mean = Band.of(runs.curve(series, score, 0, trials)).mean
        if np.isfinite(mean).any():
            sheet.line(ax, panel, name, trials, mean, color=colour, ls=dash, lw=0.7)
            labels.append((mean[-1], name, colour))
    if all("error_ridge" in runs.scores(r, series.label) for r in series.runs):
        ridge = Band.of(runs.curve(series, "error_ridge", 0, trials[-1:])).mean
        sheet.level(ax, panel, "ridge ceiling", ridge[0], color=MIDDLE, lw=0.6, ls=(0, (6, 2)))
        labels.append((ridge[0], "ridge ceiling", MIDDLE))
    band = Band.of(curves)
    mean, low, high = band.mean, band.low, band.high
    if len(series.runs) > 1:
        for recording, curve in zip(series.runs, curves, strict=True):
            sheet.line(
                ax,
                panel,
                series.name,
                trials,
                curve,
                recording.run_id,
                color=series.colour,
                lw=0.4,
                alpha=0.5,
            )
    sheet.line(
        ax,
        panel,
        series.name,
        trials,
        mean,
        "mean",
        low,
        high,
        color=series.colour,
        lw=1.6,
        marker="o",
        ms=2.5,
        zorder=4,
    )
    labels.append((mean[-1], "learned", series.colour))
    sheet.end_labels(ax, labels)


def _relative(
    sheet: Sheet, ax: Axes, panel: str, runs: Runs, series: list[Series], trials: np.ndarray
) -> None:
    labels, highest = [], 1.0
    for i, s in enumerate(series):
        curves = runs.curve(s, "error_relative", 0, trials)
        if not np.isfinite(curves).any():
            continue
        band = Band.of(curves)
        mean, low, high = band.mean, band.low, band.high
        sheet.line(ax, panel, s.name, trials, mean, "mean", low, high, lw=max(0.8, 2.2 - 0.6 * i), **s.style)
        labels.append((mean[-1], s.name, s.colour))
        highest = max(highest, np.nanmax(mean), *high[np.isfinite(high)])
    here = {n: e for n, e in PUBLISHED_RATIOS.items() if trials[0] <= n <= trials[-1]}
    if here:
        sheet.line(
            ax,
            panel,
            "published",
            list(here),
            list(here.values()),
            ls="none",
            marker="D",
            mec=PUBLISHED,
            mfc="white",
            ms=3.4,
            mew=0.9,
            zorder=5,
        )
        labels.append((list(here.values())[-1], "published", PUBLISHED))
    ax.set_ylim(0, 0.1 * np.ceil(10.5 * highest))
    if not labels:
        ax.text(0.5, 0.5, "no probes after trial 1", transform=ax.transAxes, ha="center", color=MIDDLE)
    sheet.end_labels(ax, labels)
