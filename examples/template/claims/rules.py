"""R1: how the rule of this study compares with the shipped one."""

from __future__ import annotations

from typing import Any

from spikewhen.analysis.bands import band
from spikewhen.examples.template.protocols import OWN, SHIPPED
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import curves
from spikewhen.reservoir.files.recording import Recording


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take E after every probed trial of one run."""
    (label,) = recording.labels
    found = curves(recording, label, ("error",))
    return {"trial": found["trial"][0], "error": found["error"][0]}


def judge(measured: Measured) -> Judged:
    """Compare the two rules seed by seed, at the end of the session."""
    error = {name: column(runs, "error") for name, runs in measured.items()}
    own, shipped = error[OWN.name][:, -1], error[SHIPPED.name][:, -1]
    difference = paired("E at the end, own rule minus shipped rule", own, shipped, below=0.0)
    return Judged(
        findings=[finding("E of the own rule at the end", own, below=1.0), difference],
        series={
            "trial": next(iter(measured[OWN.name].values()))["trial"],
            "error": {name: band(values) for name, values in error.items()},
        },
        rests_on=difference,
    )


CLAIM = Claim(
    "R1",
    "The own rule learns them better",
    "not published",
    (SHIPPED, OWN),
    measure,
    judge,
    ("Both rules meet the same networks, cues and noise: the difference is taken seed by seed.",),
)
