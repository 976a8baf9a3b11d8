"""Figure 2: a single probe before and after learning, from the input to the prediction."""

from __future__ import annotations

from spikewhen.analysis.figures import trial
from spikewhen.analysis.figures.sheet import Sheet
from spikewhen.examples.yamada_chao_2026.figures.task import PROTOCOL
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("C1",)


def caption(report: StudyResult) -> str:
    """Say what the figure shows."""
    return trial.caption([report.run(PROTOCOL)])


def draw(report: StudyResult) -> Sheet:
    """Draw the figure."""
    return trial.draw([report.run(PROTOCOL)])
