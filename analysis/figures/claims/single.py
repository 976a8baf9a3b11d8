"""Figure 2: a single probe before and after learning, from the input to the prediction."""

from __future__ import annotations

from analysis.figures import trial
from analysis.figures.claims.report import Report
from analysis.figures.claims.task import PROTOCOL
from analysis.figures.sheet import Sheet

CLAIMS = ("C1",)


def caption(report: Report) -> str:
    """Say what the figure shows."""
    return trial.caption([report.run(PROTOCOL)])


def draw(report: Report) -> Sheet:
    """Draw the figure."""
    return trial.draw([report.run(PROTOCOL)])
