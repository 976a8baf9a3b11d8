"""What `spikewhen claims` found, as figures read it: claims.json and, where needed, its runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import Recording, read_run

FILE = "claims.json"


@dataclass(frozen=True, eq=False)
class Band:
    """A quantity over seeds: mean and 95 % interval ``(...)``, and every seed ``(seeds, ...)``."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: np.ndarray

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Band:
        """Read one from JSON: null is undefined, "inf" is never."""
        return cls(*(_numbers(entry[f.name]) for f in fields(cls)))

    @classmethod
    def stack(cls, bands: Sequence[Band]) -> Band:
        """Put several beside each other, along a new last axis."""
        return cls(*(np.stack([getattr(b, f.name) for b in bands], axis=-1) for f in fields(cls)))

    def __getitem__(self, index: Any) -> Band:
        """Index the quantity, not the seeds."""
        every = (slice(None), *index) if isinstance(index, tuple) else (slice(None), index)
        return Band(self.mean[index], self.low[index], self.high[index], self.seeds[every])


def _numbers(values: Any) -> np.ndarray:
    return np.array(values, object).astype(float)


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
        """Read the run of a protocol's first seed.

        Raises
        ------
        InputError
            If the protocol or the file is not there.
        """
        runs = self.table["protocols"].get(protocol, {}).get("runs", {})
        for run_id in runs.values():
            path = self.folder / "runs" / f"{run_id}.h5"
            if path.exists():
                return read_run(path)
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
