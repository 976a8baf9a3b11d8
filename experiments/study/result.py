"""What a study found, as scripts and figures read it: claims.json and, where needed, its runs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikewhen.experiments.digest import read_table
from spikewhen.experiments.reuse import read_finished_run
from spikewhen.experiments.study import FOUND
from spikewhen.experiments.study.report import VERSION, Table, verdict_table
from spikewhen.experiments.study.study import Study, load_study
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import Recording

if TYPE_CHECKING:
    from spikewhen.analysis.figures.look import Look


log = logging.getLogger(__name__)


class StudyResult:
    """A folder into which a study was run.

    Parameters
    ----------
    table : mapping
        What claims.json holds.
    folder : Path
        Holds claims.json and ``runs/``.
    """

    def __init__(self, table: Table, folder: Path):
        self.table, self.folder = table, Path(folder)
        self._claims = {entry["id"]: entry for entry in table["claims"]}
        self._runs: dict[str, Recording] = {}

    @classmethod
    def read(cls, folder: str | Path) -> StudyResult:
        """Read a folder's claims.json.

        Raises
        ------
        InputError
            If it is not there, is no such file, or was written by another version.
        """
        path = Path(folder) / FOUND
        try:
            table = json.loads(path.read_bytes())
            version = table["version"]
            if version == VERSION:
                return cls(_whole(read_table(path)), Path(folder))
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            reason = str(error) if type(error) is ValueError else type(error).__name__
            raise InputError(str(path), reason, "a file that spikewhen study wrote") from error
        raise InputError(str(path), f"version {version}", f"version {VERSION}: run the study again")

    def __str__(self) -> str:
        return verdict_table(self.table).text()

    def __repr__(self) -> str:
        return f"<StudyResult of {self.table['command']!r} in {self.folder}>\n{self}"

    def _repr_html_(self) -> str:
        return verdict_table(self.table).html()

    @property
    def seeds(self) -> list[int]:
        """The seeds asked for."""
        return list(self.table["seeds"])

    @property
    def study(self) -> Study:
        """The study itself, loaded again from its folder or package.

        Raises
        ------
        InputError
            If it is not there any more, or was made by a script.
        """
        origin = self.table["study"]
        if origin["package"] is None and origin["folder"] is None:
            raise InputError(
                str(self.folder / FOUND), f"the study {origin['name']} of a script", "a study of a folder"
            )
        return load_study(origin["package"] or (self.folder / origin["folder"]).resolve())

    def verdict(self, claim: str) -> str:
        """Return the verdict on a claim: "holds", "not shown", "fails" or "reported"."""
        return self._entry(claim)["verdict"]

    def findings(self, claim: str) -> list[dict[str, Any]]:
        """Return the findings of a claim, as claims.json holds them."""
        return list(self._entry(claim)["findings"])

    def series(self, claim: str) -> Mapping[str, Any]:
        """Return the numbers that a claim left for figures.

        Raises
        ------
        InputError
            If the claim was not run.
        """
        return self._entry(claim)["series"]

    def get(self, claim: str) -> Mapping[str, Any] | None:
        """Return the same, or None if the claim was not run."""
        return self.series(claim) if claim in self._claims else None

    def _entry(self, claim: str) -> Mapping[str, Any]:
        if claim not in self._claims:
            command = self.table["study"]["command"]
            raise InputError(FOUND, "no claim " + claim, f"claims that include it: {command} {claim}")
        return self._claims[claim]

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
                self._runs[protocol] = read_finished_run(path, run_id)
                return self._runs[protocol]
        raise InputError(FOUND, f"no run of the protocol {protocol}", "its run in the folder runs/")

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

    def draw(
        self,
        formats: tuple[str, ...] = ("pdf", "png"),
        *,
        only: Sequence[str] = (),
        look: Look | None = None,
        out: Path | None = None,
    ) -> list[Path]:
        """Draw the figures of the study that these claims allow; the reason why one is left out is logged.

        Parameters
        ----------
        formats : tuple of {"pdf", "png", "svg"}
        only : sequence of str
            Names of figures of the study; all if empty.
        look : Look, optional
            What is to differ from the figures as they come.
        out : Path, optional
            Where files go; ``figures`` in the folder if not given.

        Returns
        -------
        list of Path
            ``<name>.<format>`` and ``<name>.csv``.

        Raises
        ------
        InputError
            If the study has no figures, or none can be drawn.
        """
        from spikewhen.analysis.figures import draw_one

        study, written, reasons = self.study, [], []
        for name in only:
            if name not in study.figures:
                raise InputError("figure", name, "one of " + ", ".join(study.figures))
        place = self.folder / "figures" if out is None else out
        for name in only or study.figures:
            try:
                module = study.figure(name)
                written += draw_one(place, name, module, self, formats, self.provenance(module.CLAIMS), look)
            except InputError as error:
                reasons.append(f"no {name}: {error}")
                log.warning(reasons[-1])
        if not written:
            allowed = (
                "claims that a figure can show; " + "; ".join(reasons) if reasons else "figures in its study"
            )
            raise InputError(str(self.folder), "no figure", allowed)
        return written


def _whole(table: dict[str, Any]) -> dict[str, Any]:
    """Refuse a table that lacks what `spikewhen study` writes.

    Raises
    ------
    ValueError
    """
    kinds = {
        "study": dict,
        "command": str,
        "seeds": list,
        "software": dict,
        "claims": list,
        "protocols": dict,
    }
    for name, kind in kinds.items():
        if not isinstance(table.get(name), kind):
            raise ValueError(f"no {name} in it")
    needed = {"id", "title", "verdict", "findings", "protocols", "series", "p", "p_holm"}
    if not all(isinstance(entry, dict) and needed <= entry.keys() for entry in table["claims"]):
        raise ValueError("a claim without all its parts")
    if not {"name", "package", "folder", "command", "title"} <= table["study"].keys():
        raise ValueError("a study without all its parts")
    return table
