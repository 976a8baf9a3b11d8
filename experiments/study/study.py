"""A study: claims, figures and seeds that belong together, in a folder that anyone can write."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import keyword
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from spikewhen.experiments.study.claim import Claim
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.experiments.tables import parse_seeds
from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.config import Experiment
    from spikewhen.experiments.study.result import StudyResult

SHIPPED = "spikewhen.examples"
FILE = "study.py"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Study:
    """Claims that are run, measured, judged and drawn together.

    Attributes
    ----------
    name : str
        ``__package__`` in the ``study.py`` of a folder; any word in a script. The last part
        of a dotted name is kept.
    title : str
    claims : sequence of Claim
        In the order in which they are reported.
    figures : mapping of str to str
        By the name of its file, the module that draws it, as in an import statement. Such a
        module has ``CLAIMS``, the ids of the claims it shows, ``draw(result)``, which returns a
        `spikewhen.analysis.figures.sheet.Sheet`, and ``caption(result)``.
    seeds, quick_seeds : str
        Taken when none are named, and with ``--quick``.
    config : str
        Of protocols that name none: a file beside ``study.py``, or a shipped one.
    overrides : tuple of str
        Changes to the config of every protocol, before its own.
    command : str
        That runs a shipped study, where it has a command of its own.

    Raises
    ------
    InputError
        If two claims have one id, or an id cannot be the name of a folder.
    """

    name: str
    title: str = ""
    claims: Sequence[Claim] = ()
    figures: Mapping[str, str] = field(default_factory=dict)
    seeds: str = "0-19"
    quick_seeds: str = "0-2"
    config: str = "meet.toml"
    overrides: tuple[str, ...] = ()
    command: str = ""
    package: str = field(default="", repr=False)  # the importable name, where there is one

    def __post_init__(self) -> None:
        known: set[str] = set()
        for claim in self.claims:
            if not _NAME.fullmatch(claim.id):
                raise InputError("claims", claim.id, "ids of letters, digits, dots, dashes and underscores")
            if claim.id.lower() in known:
                raise InputError("claims", claim.id, "an id of its own for every claim")
            known.add(claim.id.lower())
        package = self.package or (self.name if f"{self.name}.study" in sys.modules else "")
        object.__setattr__(self, "package", package)
        object.__setattr__(self, "name", self.name.rpartition(".")[2])
        own = self.command if package.startswith(f"{SHIPPED}.") else ""
        object.__setattr__(self, "command", own or f"spikewhen study {self.name}")

    @property
    def folder(self) -> Path | None:
        """Where its ``study.py`` stands; None for a study that a script made."""
        module = sys.modules.get(self.package)
        return Path(next(iter(module.__path__))) if hasattr(module, "__path__") else None  # type: ignore[union-attr]

    def choose(self, names: Sequence[str] = ()) -> list[Claim]:
        """Return the claims of some ids, in the study's order; all by default. Case does not matter.

        Raises
        ------
        InputError
            Naming the nearest id.
        """
        known = {claim.id.lower(): claim for claim in self.claims}
        if not known:
            raise InputError("claims", "none", f"at least one claim in the study {self.name}")
        for name in names:
            if name.lower() not in known:
                close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
                hint = f"; did you mean {known[close[0]].id}?" if close else ""
                raise InputError("CLAIM", name, "one of " + ", ".join(c.id for c in self.claims) + hint)
        wanted = {name.lower() for name in names} or set(known)
        return [claim for name, claim in known.items() if name in wanted]

    def seeds_of(self, text: str | None = None, quick: bool = False) -> tuple[int, ...]:
        """Read seeds such as ``"0-19"`` or ``"0,3,7-9"``; without any, return the study's own.

        Raises
        ------
        InputError
        """
        if quick and text is not None:
            raise InputError(
                "--seeds", text, f"either --seeds or --quick, which is --seeds {self.quick_seeds}"
            )
        return parse_seeds(text or (self.quick_seeds if quick else self.seeds))

    def experiment(self, protocol: Protocol) -> Experiment:
        """Load what a protocol runs; a config beside the study comes before a shipped one."""
        name = protocol.config or self.config
        beside = self.folder / name if self.folder is not None else Path(name)
        return protocol.experiment(str(beside) if beside.is_file() else name, self.overrides)

    def figure(self, name: str) -> ModuleType:
        """Import the module that draws a figure.

        Raises
        ------
        InputError
            If there is no such module, or it does not draw.
        """
        module = _import(self.figures[name], f"figures.{name}")
        for part in ("CLAIMS", "draw", "caption"):
            if not hasattr(module, part):
                raise InputError(f"figures.{name}", self.figures[name], f"a module with {part}")
        return module

    def run(
        self,
        claims: Sequence[str] = (),
        *,
        seeds: str | None = None,
        quick: bool = False,
        out: str | Path | None = None,
        backend: str = "cpu",
        threads: int | None = None,
    ) -> StudyResult:
        """Run what is not there yet, measure, judge and report.

        Parameters
        ----------
        claims : sequence of str
            Their ids; all by default.
        seeds : str, optional
            Such as ``"0-19"``; by default the study's own.
        quick : bool
            Take the study's `quick_seeds`.
        out : path, optional
            Folder to write into; by default ``results/<name>``.
        backend : {"cpu", "gpu"}
        threads : int, optional
            Runs at once, each in a process of its own. A script that asks for more than one
            has to stand under ``if __name__ == "__main__":``, since processes import it.

        Returns
        -------
        StudyResult

        Raises
        ------
        InputError
        RunError
            Where a run or a measure failed; the other claims have been reported by then.
        """
        from spikewhen.experiments.study.conclude import conclude
        from spikewhen.experiments.study.run import carry_out, make_plan

        folder = Path("results", self.name) if out is None else Path(out)
        plan = make_plan(self, self.choose(claims), self.seeds_of(seeds, quick), folder)
        return conclude(plan, carry_out(plan, backend, threads))


def load_study(place: str | Path) -> Study:
    """Load a study.

    Parameters
    ----------
    place : str or Path
        A folder with a ``study.py``, the name of a shipped study, or a package as it is imported.

    Raises
    ------
    InputError
        In one line: what is missing there, or why the folder cannot be imported.
    """
    folder = Path(place)
    if folder.is_dir():
        return _study_of(_package_of(folder.resolve()), str(place))
    for package in (f"{SHIPPED}.{place}", str(place)):
        if all(part.isidentifier() for part in package.split(".")) and _is_there(f"{package}.study"):
            return _study_of(package, str(place))
    allowed = f"a folder with a {FILE}, or one of the shipped {', '.join(shipped())}"
    close = difflib.get_close_matches(str(place), shipped(), n=1, cutoff=0.5)
    raise InputError("PATH", str(place), allowed + (f"; did you mean {close[0]}?" if close else ""))


def shipped() -> list[str]:
    """Return the names of the studies that come with this package."""
    folders = importlib.import_module(SHIPPED).__path__
    return sorted(file.parent.name for folder in folders for file in Path(folder).glob(f"*/{FILE}"))


def origin(study: Study, out: Path) -> dict[str, Any]:
    """Say where a study can be found again, as seen from the folder of its results."""
    entry: dict[str, Any] = {"name": study.name, "title": study.title, "command": study.command}
    if study.package.startswith(f"{SHIPPED}.") or study.folder is None:
        return entry | {"package": study.package or None, "folder": None}
    return entry | {"package": None, "folder": Path(os.path.relpath(study.folder, out.resolve())).as_posix()}


def check_name(name: str, where: str) -> None:
    """Refuse the name of a folder that cannot be imported.

    Raises
    ------
    InputError
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(where, name, "a folder named like a Python module: letters, digits, underscores")


def _package_of(folder: Path) -> str:
    """Make a folder importable under its own name, and return that name."""
    name = folder.name
    if not (folder / FILE).is_file():
        raise InputError("PATH", str(folder), f"a folder with a {FILE}")
    for place in importlib.import_module(SHIPPED).__path__:
        if folder.parent == Path(place).resolve():
            return f"{SHIPPED}.{name}"
    check_name(name, "PATH")
    parent = str(folder.parent)
    added = parent not in sys.path
    if added:
        sys.path.append(parent)  # at the end: what lies beside the folder hides nothing
        importlib.invalidate_caches()
    known = sys.modules.get(name)
    spec = importlib.util.find_spec(name) if known is None else known.__spec__
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if [Path(place).resolve() for place in places] != [folder]:
        if added:
            sys.path.remove(parent)
        taken = (places or [getattr(spec, "origin", None) or "built in"])[0]
        raise InputError("PATH", name, f"a folder name that no other module has: it is taken by {taken}")
    return name


def _study_of(package: str, place: str) -> Study:
    study = getattr(_import(f"{package}.study", place), "STUDY", None)
    if not isinstance(study, Study):
        raise InputError(f"{place}/{FILE}", study, "STUDY = Study(...)")
    return replace(study, name=package.rpartition(".")[2], package=package)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _import(name: str, where: str) -> ModuleType:
    """Import a module of a study; a missing one is named in one line."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None:
            raise
        raise InputError(where, f"no module {error.name}", f"a module that {name} can import") from error
