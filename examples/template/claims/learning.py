"""L1: the shipped rule learns both times within the trials of one session."""

from __future__ import annotations

from typing import Any

from spikewhen.analysis.bands import band
from spikewhen.examples.template.protocols import SHIPPED
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.curves import curves
from spikewhen.reservoir.files.recording import Recording


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take E, the error relative to silence, after every probed trial of one run."""
    (label,) = recording.labels
    found = curves(recording, label, ("error",))
    return {"trial": found["trial"][0], "error": found["error"][0]}


def judge(measured: Measured) -> Judged:
    """E has to fall, and to end below that of a readout that says nothing."""
    runs = measured[SHIPPED.name]
    error = column(runs, "error")  # (seeds, probed trials)
    falls = paired("E at the end minus after one trial", error[:, -1], error[:, 0], below=0.0)
    return Judged(
        findings=[finding("E at the end", error[:, -1], below=1.0), falls],
        series={"trial": next(iter(runs.values()))["trial"], "error": band(error)},
        rests_on=falls,
    )


CLAIM = Claim("L1", "The shipped rule learns both times", "not published", (SHIPPED,), measure, judge)
