"""What `spikewhen claims` found, as figures read it: claims.json and, where needed, its runs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from spikewhen.analysis.figures import draw_one
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import Recording, read_run

FILE = "claims.json"

log = logging.getLogger(__name__)


class Report:
    """A folder that `spikewhen claims --out` wrote.

    Parameters
    ----------
    table : mapping
        What claims.json holds.
    folder : Path
        Holds ``runs/``.
    """

    def __init__(self, table: Mapping[str, Any], folder: Path):
        self.table, self.folder = table, Path(folder)
        self._claims = {entry["id"]: entry for entry in table["claims"]}
        self._runs: dict[str, Recording] = {}

    @classmethod
    def read(cls, folder: Path) -> Report:
        """Read a folder's claims.json.

        Raises
        ------
        InputError
        """
        path = Path(folder) / FILE
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            return cls(table, folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(str(path), type(error).__name__, "a file that spikewhen claims wrote") from error

    @property
    def seeds(self) -> list[int]:
        """The seeds asked for."""
        return list(self.table["seeds"])

    def series(self, claim: str) -> Mapping[str, Any]:
        """Return the numbers that a claim left for figures.

        Raises
        ------
        InputError
            If the claim was not run.
        """
        if claim not in self._claims:
            raise InputError(FILE, "no claim " + claim, f"claims that include it: spikewhen claims {claim}")
        return self._claims[claim]["series"]

    def get(self, claim: str) -> Mapping[str, Any] | None:
        """Return the same, or None if the claim was not run."""
        return self.series(claim) if claim in self._claims else None

    def run(self, protocol: str) -> Recording:
        """Return the run of a protocol's first seed; it is read once, for caption and figure.

        Raises
        ------
        InputError
            If the protocol or the file is not there.
        """
        if protocol in self._runs:
            return self._runs[protocol]
        runs = self.table["protocols"].get(protocol, {}).get("runs", {})
        for run_id in runs.values():
            path = self.folder / "runs" / f"{run_id}.h5"
            if path.exists():
                self._runs[protocol] = read_run(path)
                return self._runs[protocol]
        raise InputError(FILE, f"no run of the protocol {protocol}", "its run in the folder runs/")

    def provenance(self, claims: tuple[str, ...]) -> dict[str, str]:
        """Return what a figure's metadata says of where its numbers come from."""
        names = dict.fromkeys(p for c in claims if c in self._claims for p in self._claims[c]["protocols"])
        protocols = {name: self.table["protocols"][name] for name in names}
        runs = sorted({run for protocol in protocols.values() for run in protocol["runs"].values()})
        text = json.dumps(protocols, sort_keys=True)
        return {
            "Runs": " ".join(runs),
            "Commit": self.table["software"].get("commit", "unknown"),
            "Config hash": hashlib.sha256(text.encode()).hexdigest()[:16],
        }


def draw_report(
    folder: Path,
    report: Report,
    figures: Mapping[str, ModuleType],
    formats: tuple[str, ...] = ("pdf", "png"),
) -> list[Path]:
    """Draw the figures of a study that the claims of a folder allow.

    A figure that cannot be drawn is left out; the reason is logged.

    Parameters
    ----------
    folder : Path
        Files go to ``folder/figures/<name>.<format>`` and ``<name>.csv``.
    report : Report
    figures : mapping of name to module
        Each has ``CLAIMS``, ``draw(report)`` and ``caption(report)``.
    formats : tuple of {"pdf", "png", "svg"}

    Raises
    ------
    InputError
        If no figure can be drawn.
    """
    written, reasons = [], []
    for name, module in figures.items():
        try:
            origin = report.provenance(module.CLAIMS)
            written += draw_one(Path(folder) / "figures", name, module, report, formats, origin)
        except InputError as error:
            reasons.append(f"no {name}: {error}")
            log.warning(reasons[-1])
    if not written:
        raise InputError(str(folder), "no figure", "claims that a figure can show; " + "; ".join(reasons))
    return written
