"""Figure 2: a single probe before and after learning, from the input to the prediction."""

from __future__ import annotations

from spikewhen.analysis.figures import trial
from spikewhen.analysis.figures.sheet import Sheet
from spikewhen.examples.yamada_chao_2026.figures.task import PROTOCOL
from spikewhen.experiments.study.result import Report

CLAIMS = ("C1",)


def caption(report: Report) -> str:
    """Say what the figure shows."""
    return trial.caption([report.run(PROTOCOL)])


def draw(report: Report) -> Sheet:
    """Draw the figure."""
    return trial.draw([report.run(PROTOCOL)])
