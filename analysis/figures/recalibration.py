"""Recalibration after switches: what is predicted when, over the probes of a run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, MIDDLE, PALE, channel_colour, channel_map
from spikewhen.analysis.figures.marks import BAND_FROM
from spikewhen.analysis.figures.names import fit, fit_all
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Drawing, Sheet, points
from spikewhen.analysis.views import read_readout, read_task
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import Recording

BIN_MS = 10.0
MAX_ROWS = 12
LEFT_MM, PLOT_MM = 24.0, 118.0


class Moments(NamedTuple):
    """The probed moments in order: columns of the heat maps."""

    block: np.ndarray
    trial: np.ndarray

    @property
    def switches(self) -> np.ndarray:
        """Places between columns where a block begins."""
        return np.flatnonzero(np.diff(self.block)) + 0.5


def _group(runs: Runs) -> Group:
    for group in runs.meet:
        blocks = np.unique(group.task.probe_block)
        if blocks.size > 1 and min(group.moments(b).size for b in blocks) > 1:
            return group
    raise InputError(
        "paradigm.blocks", len(runs.meet[0].task.probability), "two blocks, each probed more than once"
    )


def _all_series(runs: Runs, group: Group) -> list[Series]:
    """Return the readouts of the group, and of other experiments that had the same task."""
    same = [g for g in runs.meet if g.config.get("paradigm") == group.config.get("paradigm")]
    return runs.series(sorted(same, key=lambda g: g is not group))


def _alike(series: Series) -> list[Recording]:
    """Return the runs whose events come at the same times as in the first: others would blur the map."""
    wanted = read_task(series.runs[0]).latency_ms
    return [r for r in series.runs if np.array_equal(read_task(r).latency_ms, wanted)]


def _mapped(runs: Runs, group: Group) -> list[Series]:
    per_label = group.task.probability[0].size
    return _all_series(runs, group)[: max(1, MAX_ROWS // per_label)]


def caption(source: Source) -> str:
    """Say what the figure shows."""
    runs = Runs.of(source)
    group = _group(runs)
    mapped = _mapped(runs, group)
    shown = sorted({len(_alike(s)) for s in mapped})
    return (
        "Recalibration. Prediction z-hat on cue-only probes (colour, mean over repeats and over the "
        f"{'-'.join(map(str, shown))} seed(s) whose events come in the order of the first seed's) "
        "against time after the cue (up, 10 ms bins) and probed moments in order (right; not evenly "
        "spaced in trials), per rule and event. Vertical lines: block switches, which "
        "no rule is told of unless it is reset at them. Dashes: the true latencies, with the event's p. "
        "Below: E over the same moments (0 is perfect, 1 is silence); bold, mean over seeds; thin, seeds; "
        f"band, 95 % interval (t, widened for skewness) where there are at least {BAND_FROM} seeds. "
        f"{seeds_of(_all_series(runs, group))}."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(source)
    group = _group(runs)
    everyone, mapped = _all_series(runs, group), _mapped(runs, group)
    task = group.task
    n_cues, k = task.probability.shape[1:]
    moments = _moments(group)
    height = float(np.clip(96 / (len(mapped) * n_cues * k), 9, 17))
    maps = {s: [_map(s, moments, c) for c in range(n_cues)] for s in mapped}
    top_z = max(float(np.nanmax(z)) for per_cue in maps.values() for _, z in per_cue)
    total = 14 + len(mapped) * (n_cues * k * (height + 1.5) + 4) + 56
    sources = [r for r in runs if any(r is x for s in everyone for x in s.runs)]
    sheet = Sheet(DOUBLE_MM, total, sources)
    top = 13.0
    top_z = max(0.05, float(np.ceil(top_z * 10) / 10))
    scale = Normalize(0, top_z)
    for i, s in enumerate(mapped):
        sheet.letter("abcdefghijkl"[i], 3, top - 1)
        sheet.text(LEFT_MM, top - 1, s.name, va="baseline", fontweight="bold", color=s.colour)
        for c in range(n_cues):
            for channel in range(k):
                ax = sheet.axes(LEFT_MM, top, PLOT_MM, height)
                _heat(sheet, ax, "abcdefghijkl"[i], group, s, moments, maps[s][c], (c, channel), scale)
                if i == 0 and c == 0 and channel == 0:
                    _block_names(ax, moments, height)
                top += height + 1.5
        top += 4
    sheet.text(9, 13 + (top - 13) / 2, "time after cue (ms)", rotation=90, va="center", ha="left")
    _colour_bars(sheet, group, scale, min(top - 9, 40))
    ax = sheet.axes(LEFT_MM, top + 4, PLOT_MM, 40)
    sheet.letter("abcdefghijkl"[len(mapped)], 3, top + 3)
    _errors(sheet, ax, "abcdefghijkl"[len(mapped)], runs, everyone, moments)
    return sheet


def map_panel(ax: Axes, source: Source, label: str | None = None, event: int = 0, cue: int = 0) -> Drawing:
    """Draw the prediction of one event over all probed moments as a heat map onto given axes.

    Parameters
    ----------
    ax : matplotlib Axes
    source : recording or result, or several
        Runs that differ only in their seed are averaged, those whose events come at the same times.
    label : str, optional
        Of the readout; the first one if not given.
    event, cue : int
        From 0, in the order of the config.

    Returns
    -------
    Drawing
        Its artists, and every number drawn.

    Raises
    ------
    InputError
        If no run has two blocks that were each probed more than once, or there is no such label.
    """
    runs = Runs.of(source)
    group = _group(runs)
    n_cues, k = group.task.probability.shape[1:]
    for name, value, n in (("event", event, k), ("cue", cue, n_cues)):
        if not 0 <= value < n:
            raise InputError(name, value, f"0 to {n - 1}")
    series, moments = runs.one_series([group], label), _moments(group)
    time, z = _map(series, moments, cue)
    scale = Normalize(0, max(0.05, float(np.nanmax(z[..., event]))))
    drawing = Drawing()
    _heat(drawing, ax, "", group, series, moments, (time, z), (cue, event), scale)
    ax.set_ylabel("time after cue (ms)")
    return drawing


def error_panel(ax: Axes, source: Source) -> Drawing:
    """Draw E of every rule over all probed moments; parameters and errors as `map_panel`."""
    runs = Runs.of(source)
    group = _group(runs)
    drawing = Drawing()
    _errors(drawing, ax, "", runs, _all_series(runs, group), _moments(group))
    return drawing


def _moments(group: Group) -> Moments:
    """Return the probed moments of all blocks, in order."""
    task = group.task
    return Moments(*np.unique(np.stack([task.probe_block, task.probe_trial]), axis=1))


def _map(series: Series, moments: Moments, cue: int) -> tuple[np.ndarray, np.ndarray]:
    """Return time bins (b,) and the mean prediction (moments, b, K)."""
    total = []
    for recording in _alike(series):
        task = read_task(recording)
        readout = read_readout(recording, series.label)
        t = readout.time_ms
        size = max(1, round(BIN_MS / (t[1] - t[0])))
        first = int(np.searchsorted(t, 0, side="right"))
        n = (t.size - first) // size
        kept = readout.prediction[:, first : first + n * size]
        binned = kept.reshape(len(kept), n, size, -1).mean(2)
        time = t[first : first + n * size].reshape(n, size).mean(1)
        rows = [
            (task.probe_block == b) & (task.probe_trial == m) & (task.probe_cue == cue)
            for b, m in zip(*moments, strict=True)
        ]
        total.append([binned[r].mean(0) if r.any() else np.full(binned.shape[1:], np.nan) for r in rows])
    return time, np.mean(total, axis=0)


def _heat(
    on: Drawing,
    ax: Axes,
    panel: str,
    group: Group,
    series: Series,
    moments: Moments,
    found: tuple[np.ndarray, np.ndarray],
    which: tuple[int, int],
    scale: Normalize,
) -> None:
    """Draw the map of one cue and event, with its latency and probability in each block."""
    (time, z), (cue, channel) = found, which
    name = group.events[channel] + (f", {group.cues[cue]}" if len(group.cues) > 1 else "")
    colours: dict[str, Any] = {"cmap": channel_map(channel), "norm": scale}
    x = np.arange(len(moments.block))
    image = on.image(ax, panel, f"{series.name}: {name}", x, time, z[:, :, channel].T, **colours)
    image.set_zorder(0)
    beside: dict[str, Any] = {"transform": ax.transAxes, "va": "center", "color": channel_colour(channel)}
    several = len(group.cues) > 1
    written = fit_all(group.events, 4 if several else 8)[channel]
    on.write(ax, 1.012, 0.5, written + (f", {fit_all(group.cues, 5)[cue]}" if several else ""), **beside)
    task, last = group.task, len(moments.block) - 0.5
    edges = np.concatenate([[-0.5], moments.switches, [last]])
    for b, start, end in zip(np.unique(moments.block), edges[:-1], edges[1:], strict=True):
        latency, p = (table[b, cue, channel] for table in (task.latency_ms, task.probability))
        ax.plot([start, end], [latency, latency], color=INK, lw=0.6, ls=(0, (3, 2)))
        up = latency < 0.72 * ax.get_ylim()[1]
        ax.annotate(
            f"p {p:.2g}",
            (start, latency),
            (1.5, 1.2 if up else -1.2),
            textcoords="offset points",
            ha="left",
            va="bottom" if up else "top",
            fontsize=points(6),
            color=INK,
            bbox=dict(fc="white", ec="none", alpha=0.6, pad=0.4),
        )
    for x in moments.switches:
        ax.axvline(x, color=INK, lw=0.6)
    ax.set_xticks([])
    ax.set_yticks([0, 500] if ax.get_ylim()[1] > 900 else [0])
    ax.set_xlim(-0.5, last)
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)


def _block_names(ax: Axes, moments: Moments, height: float) -> None:
    """Write the blocks above the first map, whose height is in mm."""
    edges = np.concatenate([[-0.5], moments.switches, [len(moments.block) - 0.5]])
    for b, start, end in zip(np.unique(moments.block), edges[:-1], edges[1:], strict=True):
        text = f"block {b + 1}" if len(edges) < 9 else f"{b + 1}"
        place: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "bottom"}
        ax.text((start + end) / 2, 1 + 4.2 / height, text, color=MIDDLE, **place)


def _colour_bars(sheet: Sheet, group: Group, scale: Normalize, height: float) -> None:
    short = max(map(len, group.events)) < 3  # others would run into each other; the maps have their names
    for channel, name in enumerate(group.events):
        ax = sheet.axes(LEFT_MM + PLOT_MM + 16 + 3.2 * channel, 15, 2.6, height - 6)
        bar = sheet.figure.colorbar(ScalarMappable(scale, channel_map(channel)), cax=ax)
        bar.outline.set_linewidth(0.4)
        bar.set_ticks([0, float(scale.vmax or 1)] if channel == len(group.events) - 1 else [])
        ax.set_title(name if short else "", color=channel_colour(channel), loc="center", pad=2)
        if channel == len(group.events) - 1:
            bar.set_label(r"prediction $\hat{z}$", labelpad=-4)


def _errors(on: Drawing, ax: Axes, panel: str, runs: Runs, series: list[Series], moments: Moments) -> None:
    """Draw E of every rule over all moments."""
    on.level(ax, panel, "silence", 1.0, color=PALE, lw=0.6, zorder=0)
    x, labels = np.arange(len(moments.block)), [(1.0, "silence", MIDDLE)]
    highest = 1.1
    for s in series:
        for b in np.unique(moments.block):
            here = moments.block == b
            curves = runs.curve(s, "error", int(b), moments.trial[here])
            band = Band.of(curves)
            mean = band.mean
            if len(s.runs) > 1:
                for recording, curve in zip(s.runs, curves, strict=True):
                    on.line(
                        ax, panel, s.name, x[here], curve, recording.run_id, lw=0.3, alpha=0.45, **s.style
                    )
            shade = 0.0 if len(s.runs) < BAND_FROM else 0.18
            style: dict[str, Any] = {"lw": 1.3, "marker": "o", "ms": 2, **s.style}
            on.line(ax, panel, s.name, x[here], mean, "mean", band.low, band.high, shade, **style)
            highest = max(highest, float(np.nanmax(curves, initial=0)))
        labels.append((mean[-1], fit(s.name, 20), s.colour))
    for at in moments.switches:
        ax.axvline(at, color=INK, lw=0.6)
    ax.set_xlim(-0.5, x[-1] + 0.5)
    ax.set_ylim(0, 1.05 * highest)
    ax.set_ylabel("E on probes")
    ax.set_xlabel("training trials of the block before the probe")
    crowded = x.size > 30
    shown = [i for i in x if not crowded or moments.trial[i] in _few(moments.trial)]
    ax.set_xticks(shown, [str(moments.trial[i]) for i in shown])
    on.end_labels(ax, labels)


def _few(trials: np.ndarray) -> list[int]:
    """Return the first, middle and last of the probed trials, for axes on which ticks would touch."""
    known = np.unique(trials)
    return sorted({int(known[round(q * (known.size - 1))]) for q in (0, 0.5, 1)})
