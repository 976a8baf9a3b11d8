"""Figure 3: learned within one block, beside everything simpler or better informed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, LADDER, MIDDLE, PALE, PUBLISHED, Look, channel_colour
from spikewhen.analysis.figures.marks import INTERVAL, count, curve, strip, trial_axis
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.examples.yamada_chao_2026.claims.shared import ACAUSAL
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C1",)

ROWS = {
    **{k: LADDER[k] for k in ("error_equal_p", "error_winner")},
    "error": Look("learned", INK, "-"),
    **{k: LADDER[k] for k in ("error_true_p", "error_counting", "error_change_point")},
}
"""Lines of (a) and rows of (c), by their score."""


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    series = report.series("C1")
    n = count([Band.from_json(series["curves"]["error"])])
    return (
        "Learned within one block. (a) E = RMSE of the prediction on cue-only probes over RMSE of silence, "
        "against training trials; bold, the local rule; other lines, the network's own timing y with p-hat "
        "replaced by equal p, by winner-take-all and by the true p, and two ideal observers "
        "(counting; expecting changes at hazard .01); ridge, the best linear readout of the same activity "
        "given the true p, fitted to the whole block. (b) E(n)/E(1) with the ratios reported by Yamada and "
        "Chao (5 seeds, no interval given). (c) E after the last trial. (d) p-hat after the last trial; "
        f"lines, the true probabilities. {ACAUSAL} {INTERVAL}; {n}."
    )


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    series = report.series("C1")
    trial = np.array(series["trial"], float)
    curves = {name: Band.from_json(entry) for name, entry in series["curves"].items()}
    ridge = Band.from_json(series["ridge"])
    sheet = Sheet(DOUBLE_MM, 62)
    _course(sheet, sheet.axes(12, 7, 50, 45, "a"), trial, curves, ridge)
    _relative(
        sheet, sheet.axes(104, 7, 20, 45, "b", 11), trial, curves["error_relative"], series["published"]
    )
    _end(sheet, sheet.axes(154, 7, 25, 27, "c", 26), curves, ridge)
    _probability(sheet, sheet.axes(154, 42, 25, 10, "d", 26), Band.from_json(series["p_hat"]))
    return sheet


def _course(sheet: Sheet, ax: Axes, trial: np.ndarray, curves: dict[str, Band], ridge: Band) -> None:
    sheet.level(ax, "a", "silence", 1.0, color=PALE, lw=0.6, zorder=0)
    sheet.level(ax, "a", "ridge ceiling", float(ridge.mean), color=MIDDLE, lw=0.6, ls=(0, (6, 2)))
    labels = [(1.0, "silence", MIDDLE), (float(ridge.mean), "ridge ceiling, true p", MIDDLE)]
    for key, (name, colour, dash) in ROWS.items():
        main = key == "error"
        curve(
            sheet,
            ax,
            "a",
            name,
            trial,
            curves[key],
            colour,
            lw=1.6 if main else 0.8,
            dash=dash,
            seeds=main,
            marker="o" if main else "",
        )
        labels.append((float(curves[key].mean[-1]), name, colour))
    trial_axis(ax, trial)
    ax.set_ylim(0, 0.1 * np.ceil(10.5 * max(1.0, *(np.nanmax(c.mean) for c in curves.values()))))
    ax.set_ylabel("E on cue-only probes")
    sheet.end_labels(ax, labels)


def _relative(sheet: Sheet, ax: Axes, trial: np.ndarray, band: Band, published: dict[str, float]) -> None:
    curve(sheet, ax, "b", "learned", trial, band, INK, lw=1.4, seeds=True)
    n = [float(key) for key in published]
    sheet.line(
        ax,
        "b",
        "published",
        n,
        list(published.values()),
        ls="none",
        marker="D",
        ms=3.4,
        mfc="white",
        mec=PUBLISHED,
        mew=0.9,
        zorder=6,
    )
    trial_axis(ax, trial)
    ax.set_xlim(right=1.35 * trial.max())
    ax.set_xticks([1, 10, 100], ["1", "10", "100"])
    ax.set_ylim(0, 1.05 * max(1.0, float(np.nanmax(band.seeds))))
    ax.set_ylabel("E(n) / E(1)")
    ax.text(
        0.98, 1.0, "published", transform=ax.transAxes, ha="right", va="top", color=PUBLISHED, fontsize=6.5
    )


def _end(sheet: Sheet, ax: Axes, curves: dict[str, Band], ridge: Band) -> None:
    names = [name for name, _, _ in ROWS.values()] + ["ridge, true p"]
    for place, (key, (name, colour, _)) in enumerate(ROWS.items()):
        strip(sheet, ax, "c", name, place, curves[key][-1], colour, across=True, filled=key == "error")
    strip(sheet, ax, "c", names[-1], len(ROWS), ridge, MIDDLE, across=True, filled=False)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0, labelsize=6)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("E, last probes", labelpad=1)


def _probability(sheet: Sheet, ax: Axes, band: Band) -> None:
    for k, (event, true) in enumerate(zip("AB", (0.8, 0.2), strict=True)):
        sheet.record("d", f"true p({event})", true, k)
        ax.plot([true, true], [k - 0.4, k + 0.4], color=INK, lw=0.7, zorder=1)
        strip(sheet, ax, "d", f"p-hat {event}", k, band[k], channel_colour(k), across=True)
    ax.set_ylim(1.6, -0.6)
    ax.set_xlim(0, 1)
    ax.set_yticks([0, 1], ["A", "B"])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(r"$\hat{p}$, last probes", labelpad=1)
