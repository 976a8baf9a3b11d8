"""What was measured of a run for a claim, kept as JSON under a hash of the code that measured it.

Each file carries a digest of what is in it. One that differs from its digest is measured again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.analysis.bands import jsonable
from spikewhen.experiments.digest import read_table, with_digest
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.integrity import write_whole
from spikewhen.reservoir.files.recording import Recording

VERSION = 2


class Measure(NamedTuple):
    """One measure of one run."""

    claim: str
    protocol: str
    run_id: str
    seed: int
    function: Callable[[str, Recording], dict[str, Any]]
    source: str  # hash of the code
    path: Path

    def key(self) -> dict[str, Any]:
        """Everything that decides the values."""
        return {
            "version": VERSION,
            "claim": self.claim,
            "protocol": self.protocol,
            "run_id": self.run_id,
            "seed": self.seed,
            "source": self.source,
        }


def save(measure: Measure, recording: Recording) -> None:
    """Measure a run and write what was found."""
    values = jsonable(measure.function(measure.protocol, recording))
    entry = {"key": measure.key(), "values": values, "warnings": warnings_of(recording)}
    write_whole(measure.path, json.dumps(with_digest(entry), allow_nan=False) + "\n")


def warnings_of(recording: Recording) -> list[str]:
    """Return what a run says of its network's health, beyond the line on rates."""
    return schema.health_messages(recording)[1]


def load(measure: Measure) -> dict[str, Any]:
    """Read what was saved.

    Raises
    ------
    KeyError
        If it is missing, damaged, or was measured by other code.
    """
    try:
        entry = read_table(measure.path)
    except (FileNotFoundError, ValueError):
        raise KeyError(str(measure.path)) from None
    if entry.get("key") != measure.key() or not {"values", "warnings"} <= entry.keys():
        raise KeyError(str(measure.path))
    return entry


def has(measure: Measure) -> bool:
    """Whether it was measured, by the present code."""
    try:
        load(measure)
    except KeyError:
        return False
    return True
