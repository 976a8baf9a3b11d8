"""Figure 2: the same where the event enters the reservoir, and activity tells whether it has come."""

from __future__ import annotations

from spikewhen.analysis.figures.sheet import Sheet
from spikewhen.examples.density_or_hazard.figures import four_cases
from spikewhen.experiments.study.result import StudyResult

CLAIMS = ("H3",)
"""The claims whose numbers the figure shows."""


def caption(result: StudyResult) -> str:
    """Say what the figure shows."""
    return (
        "E of four readouts against the density, the hazard and the delivered hazard, in blocks with "
        "omissions, where the event enters the reservoir. "
        f"Means of {len(result.seeds)} seeds with 95 % intervals."
    )


def draw(result: StudyResult) -> Sheet:
    """Draw the figure."""
    return four_cases.draw(result, CLAIMS)
