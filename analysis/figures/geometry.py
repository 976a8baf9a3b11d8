"""Geometry: how separate what and when are read out, against chance and ceiling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.figures.colours import FAINT, INK, MIDDLE, PALE
from spikewhen.analysis.figures.geometry_view import found_geometry, judged_readouts
from spikewhen.analysis.figures.names import fit
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Drawing, Sheet, points
from spikewhen.analysis.geometry.activity import learned_weights
from spikewhen.analysis.geometry.subspaces import basis, random_angles
from spikewhen.analysis.statistics import mean_interval
from spikewhen.analysis.views import Scores, read_task

OVERLAPS = {
    "overlap": ("what and when, learned", INK),
    "overlap_chance": ("chance: refits, permuted and shifted", MIDDLE),
    "overlap_uniform": ("chance: uniform random weights", MIDDLE),
    "overlap_matched": ("chance: random, matched covariance", MIDDLE),
    "ceiling_what": ("ceiling: what and what, split halves", MIDDLE),
    "ceiling_when": ("ceiling: when and when, split halves", MIDDLE),
}
LOSSES = {"loss_when": "when", "loss_what": "what"}
DRAWS, LEVEL = 200, 0.05


def caption(source: Source) -> str:
    """Say what the figure shows."""
    _, series = judged_readouts(Runs.of(source))
    return (
        "Readout geometry. (a) Principal angles between what and when weights at the end of each block "
        "(Euclidean, bias left out; dots, seeds; line, mean); grey: the 90 % range of each angle "
        "between uniform random weights. (b) Overlap = mean squared cosine of the angles at the last "
        "block's end (0 is orthogonal, 1 is contained), logarithmic: learned, against chance (weights "
        "refitted to the same activity with permuted outcomes and shifted targets, the primary null, "
        "with the percentage of refits that overlap no more than learned; uniform random; random with "
        "the activity's covariance) and against the ceiling (each readout with itself, fitted to two "
        "halves of the trials). (c) Functional dissociation: increase of each readout's error (RMSE "
        "over that of silence) when the other's directions are projected out; 0 is no loss. Dots, "
        "seeds; bar, mean with its 95 % interval (t, widened for skewness) where there are at least 2 seeds. "
        f"{seeds_of(series)}."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    group, series, found = found_geometry(source)
    blocks = np.unique(group.task.probe_block)
    n_rows, n_labels = len(OVERLAPS), len(series)
    height = max(48.0, n_rows * (4 + 2.4 * n_labels))
    sheet = Sheet(DOUBLE_MM, height + 27, group.recordings)
    _angles(sheet, sheet.axes(13, 9, 36, height, "a"), group, series, found, blocks)
    ax = sheet.axes(104, 9, 38, height)
    sheet.letter("b", 57, 7.5)
    _overlaps(sheet, ax, found, int(blocks[-1]))
    _losses(sheet, sheet.axes(157, 9, 23, height, "c", 11), found)
    for i, s in enumerate(series):
        sheet.text(13 + 44 * i, height + 24, "●", color=s.colour, fontsize=points(6))
        sheet.text(16 + 44 * i, height + 24, fit(s.name, 28), color=s.colour)
    return sheet


def angles_panel(ax: Axes, source: Source, labels: Sequence[str] | None = None) -> Drawing:
    """Draw the principal angles between "what" and "when" at the end of each block onto given axes.

    Parameters
    ----------
    ax : matplotlib Axes
    source : recording or result, or several
        Runs that differ only in their seed are drawn together.
    labels : sequence of str, optional
        Of the readouts; all if not given.

    Returns
    -------
    Drawing
        Its artists, and every number drawn.

    Raises
    ------
    InputError
        If no readout learned both, or its geometry was neither scored nor can be.
    """
    group, series, found = found_geometry(source, labels)
    drawing = Drawing()
    _angles(drawing, ax, group, series, found, np.unique(group.task.probe_block))
    return drawing


def overlap_panel(ax: Axes, source: Source, labels: Sequence[str] | None = None) -> Drawing:
    """Draw the overlap of "what" and "when" beside its chance and ceiling; as `angles_panel`."""
    group, _, found = found_geometry(source, labels)
    drawing = Drawing()
    _overlaps(drawing, ax, found, int(group.task.probe_block.max()))
    return drawing


def loss_panel(ax: Axes, source: Source, labels: Sequence[str] | None = None) -> Drawing:
    """Draw what each readout loses without the other's directions; as `angles_panel`."""
    drawing = Drawing()
    _losses(drawing, ax, found_geometry(source, labels)[2])
    return drawing


def _angles(
    on: Drawing,
    ax: Axes,
    group: Group,
    series: list[Series],
    found: dict[Series, list[Scores]],
    blocks: np.ndarray,
) -> None:
    label, last = series[0].label, int(blocks[-1])
    every = (learned_weights(r, label, last, read_task(r)) for r in series[0].runs)
    weights = next((w for w in every if w is not None), None)
    if weights is not None:
        n = weights[0].shape[1] - 1
        ranks = [basis(w, bias=True).shape[1] for w in weights]
        null = random_angles(n, ranks[0], ranks[1], DRAWS, np.random.default_rng(0))
        low, high = np.quantile(null, [LEVEL, 1 - LEVEL], axis=0)
        for i, (a, b) in enumerate(zip(low, high, strict=True)):
            on.record("a", "uniform random", np.nan, np.nan, f"angle {i + 1}", a, b)
            ax.axhspan(a, b, color=PALE, alpha=0.25 if i % 2 else 0.5, lw=0, zorder=0)
        bottom = low.min()
    else:
        bottom = 90.0
    for j, s in enumerate(series):
        angles = np.array([f["angle_deg"][blocks] for f in found[s]])  # (runs, B, K)
        x = np.arange(blocks.size) + 0.14 * (j - (len(series) - 1) / 2)
        for i in range(angles.shape[2]):
            if not np.isfinite(angles[..., i]).any():
                continue
            for recording, row in zip(s.runs, angles[..., i], strict=True):
                on.line(
                    ax,
                    "a",
                    f"{s.name}: angle {i + 1}",
                    x,
                    row,
                    recording.run_id,
                    ls="none",
                    marker="o",
                    ms=2.2,
                    mew=0,
                    color=s.colour,
                    alpha=0.6,
                )
            mean = _mean(angles[..., i])
            on.line(ax, "a", f"{s.name}: angle {i + 1}", x, mean, "mean", lw=0.8, color=s.colour)
            bottom = min(bottom, np.nanmin(angles[..., i]))
    span = 90 - bottom
    ax.set_ylim(bottom - 0.25 * span, 90 + 0.04 * span)
    ax.text(
        0.04,
        0.02,
        "shaded: random weights,\n90 % range per angle",
        transform=ax.transAxes,
        fontsize=points(6),
        color=MIDDLE,
    )
    ax.set_xlim(-0.5, blocks.size - 0.5)
    ax.set_xticks(range(blocks.size), [str(b + 1) for b in blocks])
    ax.set_xlabel("block")
    ax.set_ylabel("angle between what and when (°)")
    ax.set_title("principal angles", pad=7)


def _overlaps(on: Drawing, ax: Axes, found: dict[Series, list[Scores]], block: int) -> None:
    values = {
        (name, s): np.array([_value(f, name, block if name == "overlap" else 0) for f in scores])
        for name in OVERLAPS
        for s, scores in found.items()
    }
    known = np.concatenate(list(values.values()))
    known = known[np.isfinite(known) & (known > 0)]
    low = 10 ** np.floor(np.log10(known.min() if known.size else 1e-3))
    ax.set_xscale("log")
    ax.set_xlim(low * 0.8, 1.25)
    for row, (name, (text, colour)) in enumerate(OVERLAPS.items()):
        y = len(OVERLAPS) - 1 - row
        ax.axhspan(y - 0.5, y + 0.5, color=FAINT if row % 2 else "white", lw=0, zorder=0)
        ax.text(
            -0.03,
            y,
            text,
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            color=colour,
            fontweight="bold" if row == 0 else "normal",
            fontsize=points(6.5),
        )
        for j, s in enumerate(found):
            at = y - 0.22 * (j - (len(found) - 1) / 2)
            _dots(on, ax, "b", f"{s.name}: {text}", values[name, s], at, s, True)
            if name == "overlap_chance":
                below = float(_mean(np.array([_value(f, "overlap_chance_p") for f in found[s]])))
                on.record("b", f"{s.name}: fraction of refits at most learned", np.nan, below)
                ax.text(
                    1.2,
                    at,
                    f"{100 * below:.0f} % ≤ learned" if np.isfinite(below) else "undefined",
                    ha="right",
                    va="center",
                    color=s.colour,
                    fontsize=points(5.5),
                )
    ax.set_ylim(-0.5, len(OVERLAPS) - 0.5)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("overlap (mean squared cosine)")
    ax.set_title("overlap, last block", pad=7)


def _losses(on: Drawing, ax: Axes, found: dict[Series, list[Scores]]) -> None:
    on.level(ax, "c", "no loss", 0.0, color=PALE, lw=0.6, zorder=0)
    reach = 0.0
    for i, name in enumerate(LOSSES):
        for j, (s, scores) in enumerate(found.items()):
            values = np.array([_value(f, name) for f in scores])
            reach = max(reach, float(np.nanmax(np.abs(values), initial=0)))
            _dots(on, ax, "c", f"{s.name}: {name}", values, i + 0.18 * (j - (len(found) - 1) / 2), s, False)
    ax.set_xlim(-0.5, len(LOSSES) - 0.5)
    ax.set_xticks(range(len(LOSSES)), list(LOSSES.values()))
    ax.set_xlabel("readout without the\nother's directions")
    # Small losses are small: the axis never zooms in below a tenth of silence.
    ax.set_ylim(-1.15 * max(reach, 0.1), 1.15 * max(reach, 0.1))
    ax.set_ylabel("error added by projection")
    ax.set_title("functional loss", pad=7)


def _value(scores: Scores, name: str, index: int = 0) -> float:
    """Return one score, NaN for a run whose readout learned nothing."""
    return float(scores[name][index]) if name in scores else np.nan


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis (runs), where it is defined."""
    return np.ma.filled(np.ma.masked_invalid(values).mean(0), np.nan)


def _dots(
    on: Drawing, ax: Axes, panel: str, series: str, values: np.ndarray, at: float, s: Series, across: bool
) -> None:
    """Draw one dot per seed, and the mean with its interval."""
    where = np.full(values.size, at)
    for recording, value, place in zip(s.runs, values, where, strict=True):
        x, y = (value, place) if across else (place, value)
        on.line(
            ax,
            panel,
            series,
            [x],
            [y],
            recording.run_id,
            ls="none",
            marker="o",
            ms=2.8,
            mew=0,
            color=s.colour,
            alpha=0.6 if values.size > 1 else 1,
        )
    mean = mean_interval(values)
    if mean.n > 1:
        ends = (mean.low, mean.high)
        on.record(panel, series, mean.mean if across else at, at if across else mean.mean, "mean", *ends)
        ax.plot(*((ends, (at, at)) if across else ((at, at), ends)), color=s.colour, lw=1)
        point = (mean.mean, at) if across else (at, mean.mean)
        ax.plot(*([v] for v in point), marker="|" if across else "_", ms=6, mew=1.2, color=s.colour)
