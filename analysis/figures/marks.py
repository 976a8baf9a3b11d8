"""Marks that many figures share: curves with bands, strips of seeds with their mean."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band, count_seeds
from spikewhen.analysis.figures.colours import INK, MIDDLE, PALE
from spikewhen.analysis.figures.sheet import Sheet, points

JITTER = 0.16
"""Half the width over which seeds are spread, in units of the places' distance."""
BAND_FROM = 5
"""Seeds from which an interval is drawn as a band; that of fewer is so wide that it would fill the panel."""


def curve(
    sheet: Sheet,
    ax: Axes,
    panel: str,
    name: str,
    x,
    band: Band,
    colour: str,
    *,
    lw: float = 1.2,
    dash="-",
    seeds: bool = False,
    marker: str = "",
) -> None:
    """Draw a mean over x with its interval, and the seeds as hair lines; of few seeds these alone."""
    x = np.asarray(x, float)
    few = len(band.seeds) < BAND_FROM
    if seeds or few:
        for i, row in enumerate(band.seeds):
            sheet.line(ax, panel, name, x, row, f"seed {i}", color=colour, lw=0.3, alpha=0.35, zorder=2)
    sheet.line(
        ax,
        panel,
        name,
        x,
        band.mean,
        "mean",
        band.low,
        band.high,
        shade=0.0 if few else 0.18,
        color=colour,
        lw=lw,
        ls=dash,
        marker=marker,
        ms=2.2,
        zorder=3,
    )


def strip(
    sheet: Sheet,
    ax: Axes,
    panel: str,
    name: str,
    place: float,
    band: Band,
    colour: str,
    *,
    across: bool = False,
    filled: bool = True,
    width: float = JITTER,
    marker: str = "o",
    dots: bool = True,
) -> None:
    """Draw every seed as a faint dot, and the mean with its interval; `across`: values along x."""
    values = band.seeds[np.isfinite(band.seeds)]
    if dots and values.size > 1:
        where = place + width * offsets(values)
        x, y = (values, where) if across else (where, values)
        sheet.line(
            ax,
            panel,
            name,
            x,
            y,
            "seeds",
            ls="none",
            marker=marker,
            ms=1.7,
            alpha=0.35,
            zorder=2,
            color=colour,
            mew=0,
        )
    mean, low, high = float(band.mean), float(band.low), float(band.high)
    if np.isfinite(low) and np.isfinite(high):
        ends = ([low, high], [place, place])
        ax.plot(*(ends if across else ends[::-1]), color=colour, lw=0.9, zorder=4, solid_capstyle="butt")
    at = (mean, place) if across else (place, mean)
    sheet.line(
        ax,
        panel,
        name,
        [at[0]],
        [at[1]],
        "mean",
        [low],
        [high],
        shade=0,
        ls="none",
        marker=marker,
        ms=3.6,
        mec=colour,
        mew=0.8,
        mfc=colour if filled else "white",
        zorder=5,
    )


def median(
    sheet: Sheet, ax: Axes, panel: str, name: str, values: np.ndarray, place: float, width: float
) -> None:
    """Draw seeds as faint dots along x and a bar at their median, in which those at infinity count."""
    known = values[np.isfinite(values)]
    sheet.line(
        ax,
        panel,
        name,
        known,
        place + width * offsets(known),
        "seeds",
        ls="none",
        marker="o",
        ms=2,
        mew=0,
        color=INK,
        alpha=0.4,
    )
    sheet.record(panel, f"{name}: never", np.nan, int((~np.isfinite(values)).sum()))
    middle = float(np.median(values)) if values.size else np.nan
    if np.isfinite(middle):
        sheet.line(
            ax,
            panel,
            f"{name}: median",
            [middle],
            [place],
            "median",
            ls="none",
            marker="|",
            ms=9,
            mew=1.4,
            color=INK,
            zorder=4,
        )


def offsets(values: np.ndarray) -> np.ndarray:
    """Spread equal or close values sideways, the same way every time: -1 to 1, 0 for the middle one."""
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    # Neighbours in value go to far-apart places.
    return ((order * 0.6180339887 + 0.5) % 1) * 2 - 1


def zero_line(sheet: Sheet, ax: Axes, panel: str, name: str = "no difference", upright: bool = False) -> None:
    """Draw the line of no difference."""
    if upright:
        sheet.record(panel, name, 0.0, np.nan)
        ax.axvline(0.0, color=PALE, lw=0.6, zorder=0)
    else:
        sheet.level(ax, panel, name, 0.0, color=PALE, lw=0.6, zorder=0)


def log_trials(ax: Axes, first: float, last: float, room: float) -> None:
    """Make the axis of trials logarithmic, with a place for 0, a probe before the first trial."""
    if first > 0:
        ax.set_xscale("log")
        ax.set_xlim(first / 1.15, last * room)
    else:
        ax.set_xscale("symlog", linthresh=1.0, linscale=0.3)
        ax.set_xlim(-0.2, max(last, 1) * room)


def trial_axis(ax: Axes, trials) -> None:
    """Put the trials of a block on a logarithmic axis."""
    trials = np.asarray(trials, float)
    log_trials(ax, trials.min(), trials.max(), 1.1)
    ticks = [t for t in (0, 1, 2, 5, 10, 20, 50, 100, 200, 400) if trials.min() <= t <= trials.max()]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_xlabel("training trials")


def missing(sheet: Sheet, letter: str, left: float, top: float, claim: str) -> None:
    """Say in the place of a panel what it needs."""
    sheet.letter(letter, left, top - 1.5)
    sheet.text(
        left + 9,
        top - 1.5,
        f"needs: spikewhen claims {claim}",
        color=MIDDLE,
        va="baseline",
        fontsize=points(6.5),
    )


def count(bands) -> str:
    """Return how many seeds stand behind some bands, as words."""
    numbers = [len(b.seeds) for b in bands]
    few = max(numbers) < BAND_FROM
    return "n = " + count_seeds(numbers) + (" (too few for bands: curves show every seed)" if few else "")


INTERVAL = "Means over seeds with 95 % intervals (t, widened for skewness); faint: every seed"
