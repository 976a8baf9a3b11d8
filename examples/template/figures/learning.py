"""Figure 1: E of both rules over the trials of the session."""

from __future__ import annotations

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.colours import INK, VARIANT
from spikewhen.analysis.figures.marks import curve
from spikewhen.analysis.figures.sheet import Sheet
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("R1",)
"""The claims whose numbers the figure shows."""

RULES = {"shipped": INK, "own": VARIANT}


def caption(result: StudyResult) -> str:
    """Say what the figure shows."""
    return (
        "E, the error relative to silence, on probes after some trials: the shipped rule (black) and the "
        f"rule of this study (purple). Means over {len(result.seeds)} seeds with 95 % intervals; faint, "
        "every seed."
    )


def draw(result: StudyResult) -> Sheet:
    """Draw the figure; widths and places are in mm."""
    series = result.series("R1")
    sheet = Sheet(89, 60)
    ax = sheet.axes(14, 6, 60, 42, "a")
    ends = []
    for name, colour in RULES.items():
        error = Band.from_json(series["error"][name])
        curve(sheet, ax, "a", name, series["trial"], error, colour, seeds=True)
        ends.append((float(error.mean[-1]), name, colour))
    ax.set_ylim(bottom=0)
    ax.set_xlabel("training trials")
    ax.set_ylabel("E on cue-only probes")
    sheet.end_labels(ax, ends)
    return sheet
