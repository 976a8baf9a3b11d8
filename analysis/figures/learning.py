"""Learning within one block: E against trials, beside what simpler predictors reach."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import LADDER, MIDDLE, PALE, PUBLISHED
from spikewhen.analysis.figures.marks import BAND_FROM, log_trials
from spikewhen.analysis.figures.names import fit, plain
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Drawing, Sheet
from spikewhen.analysis.score_names import score_of
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

PUBLISHED_RATIOS = {10: 0.71, 50: 0.48, 100: 0.44}
"""E(n)/E(1) as reported by Yamada & Chao, 5 seeds."""

PANEL_MM, ROW_MM, COLUMN_MM = (46.0, 38.0), 54.0, 92.0
MAX_LABELS = 7


def caption(source: Source) -> str:
    """Say what the figure shows."""
    runs = Runs.of(source)
    groups = _groups(runs)
    series, main = runs.series(groups)[:MAX_LABELS], groups[0].main
    measure = _name(main)
    if main == "error":
        measure = "E = RMSE of the prediction on probes over RMSE of silence (0 is perfect, 1 is silence)"
    text = (
        f"Learning within the first block. {measure}, against training trials before the probes, one panel "
        "per rule: bold line, mean over seeds; thin lines, seeds; band, 95 % interval of the mean "
        f"(t, widened for skewness) where there are at least {BAND_FROM} seeds. "
    )
    if main == "error" and _has(runs, series, LADDER):
        text += (
            "Other lines: the network's own timing y with p-hat replaced by equal p, by winner-take-all, by "
            "the true p; ideal observers that count or expect a change. "
        )
    if main == "error" and _has(runs, series, ["error_ridge"]):
        text += "Ridge, the best linear readout of the same activity, fitted once on the whole block. "
    if _has(runs, series, [f"{main}_relative"]):
        text += "Last panel: E relative to the first probed trial where this is trial 1"
        text += "; diamonds, ratios reported by Yamada & Chao (5 seeds). " if _published(groups[0]) else ". "
    return text + f"{seeds_of(series)}."


def _groups(runs: Runs, block: int = 0) -> list[Group]:
    found = [g for g in runs.probed if g.moments(block).size > 1]
    where = "the first block" if block == 0 else f"block {block + 1}"
    if not found:
        probed = runs.probed[0].moments(block).tolist()
        raise InputError("paradigm.probes_after", probed, f"at least two in {where}")
    path = schema.block("probability")
    found = [g for g in found if path not in g.first or g.first[path][block].any()]
    if not found:
        raise InputError("paradigm.blocks", f"p = 0 in {where}", "an event to learn there")
    # Curves are comparable where the task is the same.
    found = [g for g in found if g.config.get("paradigm") == found[0].config.get("paradigm")]
    for s in runs.series(found):
        scores = runs.scores(s.runs[0], s.label)
        per = score_of(found[0].main, scores).per if found[0].main in scores else "nothing"
        if per != "point":
            raise InputError(f"score {found[0].main}", f"one per {per}", "one per probed moment")
    return found


def _name(main: str) -> str:
    return "E on probes" if main == "error" else plain(main.replace("_", " "))


def _has(runs: Runs, series: list[Series], names: Iterable[str]) -> bool:
    """Whether any of these scores is there."""
    return any(name in runs.scores(s.runs[0], s.label) for s in series for name in names)


def _published(group: Group) -> bool:
    """Whether the first block is the one that was reported: p = .8 and .2 at 300 and 600 ms."""
    path = schema.block("probability")
    if path not in group.first or group.first[path].shape[1:] != (1, 2):
        return False
    p, latency = (sorted(group.first[schema.block(name)][0, 0]) for name in ("probability", "latency_ms"))
    return np.allclose(p, (0.2, 0.8)) and np.allclose(latency, (300, 600))


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(source)
    groups = _groups(runs)
    series, trials = runs.series(groups)[:MAX_LABELS], groups[0].moments(0)
    main = groups[0].main
    n = len(series) + _has(runs, series, [f"{main}_relative"])
    sheet = Sheet(DOUBLE_MM, 4 + ROW_MM * -(-n // 2), [r for g in groups for r in g.recordings])
    curves = [runs.curve(s, main, 0, trials) for s in series]
    limits = _limits(curves, main)
    for i in range(n):
        letter = "abcdefgh"[i]
        ax = sheet.axes(13 + COLUMN_MM * (i % 2), 7 + ROW_MM * (i // 2), *PANEL_MM, letter)
        if i < len(series):
            _course(sheet, ax, letter, runs, series[i], 0, curves[i], limits, main)
        else:
            _relative(sheet, ax, letter, runs, series, groups[0])
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
    groups = _groups(runs, block)
    series, main = runs.one_series(groups, label), groups[0].main
    drawing = Drawing()
    curves = runs.curve(series, main, block, _trials(series, block))
    _course(drawing, ax, "", runs, series, block, curves, _limits([curves], main), main)
    return drawing


def relative_panel(ax: Axes, source: Source, labels: list[str] | None = None) -> Drawing:
    """Draw E relative to its value after the first trial of the first block, every rule one line.

    Parameters, returns and errors as `panel`.
    """
    runs = Runs.of(source)
    groups = _groups(runs)
    series = [s for s in runs.series(groups) if labels is None or s.label in labels]
    drawing = Drawing()
    _relative(drawing, ax, "", runs, series[:MAX_LABELS], groups[0])
    return drawing


def _limits(curves: list[np.ndarray], main: str) -> tuple[float, float]:
    """Return the ends of an axis of the main score; of E, 0 and tenths above silence."""
    top = max(1.05 * np.nanmax(c, initial=0) for c in curves)
    if main == "error":
        return 0.0, float(0.1 * np.ceil(10 * max(1.1, top)))
    return float(min(0.0, *(1.05 * np.nanmin(c, initial=0) for c in curves), 0.0)), float(top or 1.0)


def _trials(series: Series, block: int) -> np.ndarray:
    return Group(series.runs).moments(block)


def _trial_axis(ax: Axes, trials: np.ndarray) -> None:
    log_trials(ax, trials[0], trials[-1], 1.08)
    ax.set_xticks([t for t in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if trials[0] <= t <= trials[-1]])
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
    limits: tuple[float, float],
    main: str,
) -> None:
    """Draw the main score of one rule; beside E, the ladder."""
    trials = _trials(series, block)
    _trial_axis(ax, trials)
    ax.set_ylim(*limits)
    ax.set_ylabel(_name(main))
    ax.set_title(fit(series.name, 40))
    labels = []
    if main == "error":
        on.level(ax, panel, "silence", 1.0, color=PALE, lw=0.6, zorder=0)
        labels = [(1.0, "silence", MIDDLE), *_ladder(on, ax, panel, runs, series, block, trials)]
    if len(series.runs) > 1:
        for recording, curve in zip(series.runs, curves, strict=True):
            thin: dict[str, Any] = {"color": series.colour, "lw": 0.4, "alpha": 0.5}
            on.line(ax, panel, series.name, trials, curve, recording.run_id, **thin)
    band = Band.of(curves)
    style: dict[str, Any] = {"color": series.colour, "lw": 1.6, "marker": "o", "ms": 2.5, "zorder": 4}
    shade = 0.0 if len(series.runs) < BAND_FROM else 0.18
    on.line(ax, panel, series.name, trials, band.mean, "mean", band.low, band.high, shade, **style)
    labels.append((band.mean[-1], "learned", series.colour))
    on.end_labels(ax, labels)


def _ladder(
    on: Drawing, ax: Axes, panel: str, runs: Runs, series: Series, block: int, trials: np.ndarray
) -> list[tuple[float, str, str]]:
    """Draw what simpler and better predictors reach, where it was scored; returns the labels."""
    labels = []

    def scored(name: str) -> bool:
        return all(name in runs.scores(r, series.label) for r in series.runs)

    for score, (name, colour, dash) in LADDER.items():
        mean = Band.of(runs.curve(series, score, block, trials)).mean if scored(score) else np.full(1, np.nan)
        if np.isfinite(mean).any():
            on.line(ax, panel, name, trials, mean, color=colour, ls=dash, lw=0.7)
            labels.append((mean[-1], name, colour))
    if scored("error_ridge"):
        ridge = Band.of(runs.curve(series, "error_ridge", block, trials[-1:])).mean
        on.level(ax, panel, "ridge ceiling", ridge[0], color=MIDDLE, lw=0.6, ls=(0, (6, 2)))
        labels.append((ridge[0], "ridge ceiling", MIDDLE))
    return labels


def _relative(on: Drawing, ax: Axes, panel: str, runs: Runs, series: list[Series], group: Group) -> None:
    """Draw E(n) / E(1) of every rule; for the task of the article, the published ratios."""
    trials = group.moments(0)
    _trial_axis(ax, trials)
    ax.set_ylabel("E(n) / E(1)")
    ax.set_title("relative to the first trial")
    labels, highest = [], 1.0
    for i, s in enumerate(series):
        band = Band.of(runs.curve(s, f"{group.main}_relative", 0, trials))
        if not np.isfinite(band.seeds).any():
            continue
        width = max(0.8, 2.2 - 0.6 * i)
        few = len(s.runs) < BAND_FROM
        shade = 0.0 if few else 0.18
        on.line(ax, panel, s.name, trials, band.mean, "mean", band.low, band.high, shade, lw=width, **s.style)
        labels.append((band.mean[-1], fit(s.name, 20), s.colour))
        highest = max(highest, np.nanmax(band.mean), *([] if few else band.high[np.isfinite(band.high)]))
    published = PUBLISHED_RATIOS if _published(group) else {}
    here = {n: e for n, e in published.items() if trials[0] <= n <= trials[-1]}
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
