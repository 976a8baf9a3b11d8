"""Figure 1: the task, the network and the rule with its causal boundary."""

from __future__ import annotations

from spikewhen.analysis.figures import schematic
from spikewhen.analysis.figures.sheet import Sheet
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C1",)
PROTOCOL = "switches"


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    return schematic.caption([report.run(PROTOCOL)])


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    return schematic.draw([report.run(PROTOCOL)])
