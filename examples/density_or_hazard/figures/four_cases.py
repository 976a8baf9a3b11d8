"""Figure 1: E of four readouts against three expectations."""

from __future__ import annotations

import numpy as np

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import OBSERVER, OTHER_P, PALE, VARIANT
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.examples.density_or_hazard.claims.four_cases import OWN, TARGETS
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("H1", "H2")
"""The claims whose numbers the figure shows."""

TITLES = {"H1": "reward timing", "H2": "Set-Go", "H3": "reward timing, reward heard"}
NAMES = ("factored", "merged", "factored,\nstopped", "merged,\nstopped")
LOOKS = {"density": OBSERVER, "hazard": OTHER_P, "delivered": VARIANT}


def caption(result: StudyResult) -> str:
    """Say what the figure shows."""
    return (
        "E of four readouts of the same spikes against the density, the hazard and the delivered hazard, in "
        "blocks with omissions. Shaded, the expectation that the average of the gate says. "
        f"Means of {len(result.seeds)} seeds with 95 % intervals."
    )


def draw(result: StudyResult, claims: tuple[str, ...] = CLAIMS) -> Sheet:
    """Draw a panel for each claim; widths and places are in mm."""
    sheet = Sheet(DOUBLE_MM if len(claims) > 1 else 108, 62)
    for column, claim in enumerate(claims):
        panel = "abc"[column]
        ax = sheet.axes(14 + 74 * column, 8, 66, 40, panel, 10 if column == 0 else 4)
        series, labels = result.series(claim), []
        for row, (label, own) in enumerate(OWN.items()):
            if claim != "H3":
                width = 0.27
                place = row + width * (list(TARGETS).index(own) - 1)
                ax.axvspan(place - width / 2, place + width / 2, color=PALE, alpha=0.4, lw=0)
            for i, name in enumerate(TARGETS):
                error = Band.from_json(series[label][name])
                x = np.array([row + 0.27 * (i - 1)])
                low, high = (np.asarray(a, float) for a in (error.low, error.high))
                style = {"color": LOOKS[name], "ls": "none", "marker": "o", "ms": 2}
                sheet.line(ax, panel, f"{label} {name}", x, error.mean, "mean", **style)
                sheet.line(
                    ax, panel, f"{label} {name} interval", [x[0], x[0]], [low[0], high[0]], color=LOOKS[name]
                )
                labels.append((float(error.mean[0]), name, LOOKS[name]))
        ax.set_xticks(range(len(OWN)), NAMES, fontsize=5.5)
        ax.set_ylim(0, 1.08 * ax.get_ylim()[1])
        ax.set_title(TITLES[claim])
        ax.set_ylabel("E at the end of a block" if column == 0 else "")
        if column == len(claims) - 1:
            sheet.end_labels(ax, labels[-3:])
    return sheet
