"""What a run meets on another machine: the same checks, whichever engine brought it there."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spikewhen.experiments import provenance
from spikewhen.experiments.cli.errors import RunError
from spikewhen.experiments.provenance import ROOT, software
from spikewhen.experiments.workers import Tick, portable
from spikewhen.reservoir.files.locks import Busy
from spikewhen.reservoir.own_code import installed

PACKAGES = ("analysis", "examples", "experiments", "gpu", "paradigms", "reservoir", "spikewhen", "validation")

POLL_S = 2.0
"""Between two looks at what another process is to bring."""

PATIENCE_S = 60.0
"""How long a run that another process is writing is waited for, beside twice its estimate."""

_seen: dict[Path, str] = {}
"""The hash of each of the user's own modules when this process first saw it loaded."""

_of_packages: set[str] = set()
"""Files of modules that are installed: there are thousands, and each run asks."""


class OtherCode(RunError):
    """A task found other code on its machine than the command that submitted it was made of."""


def code_hash() -> str:
    """Return a hash of all code of the package, as it is on disk now."""
    checkout = (ROOT / "pyproject.toml").is_file()
    digest = hashlib.sha256()
    for place in [ROOT / package for package in PACKAGES] if checkout else [ROOT]:
        for path in sorted(place.rglob("*")):
            if path.suffix in (".py", ".cu", ".h", ".toml"):
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


LOADED = code_hash()
"""The code that this process is made of. A process that lives long may outlive what is on disk."""


@dataclass(frozen=True)
class Parcel:
    """Work and items on their way to another machine.

    Attributes
    ----------
    payload : bytes
        The pickled work and items; unpickled when the path is that of the command.
    path : sequence of str
        Where the command found its modules, a user's own rules and tasks among them.
    code : str
        Hash of the package's code that the command is made of.
    software : dict of str to str
        Versions and commit of the command, which stand in every result.
    """

    payload: bytes = field(repr=False)
    path: Sequence[str]
    code: str
    software: dict[str, str]

    @classmethod
    def of(cls, work: Any, items: Sequence[Any]) -> Parcel:
        """Pack work and items of this process."""
        return cls(pickle.dumps((work, list(items))), tuple(sys.path), LOADED, software())

    def open(self) -> tuple[Any, list[Any]]:
        """Unpack work and items, where the code is the command's.

        Raises
        ------
        OtherCode
            If it is not, or a library has another version.
        """
        sys.path += [place for place in self.path if place not in sys.path]
        here = software()
        for found, when in ((code_hash(), "now"), (LOADED, "in the worker, which has to be started again")):
            if found != self.code:
                commits = f"commit {self.software['commit']} then, {here['commit']} {when}"
                raise OtherCode(f"the code changed after it was submitted ({commits}); submit it again")
        for name, version in self.software.items():
            if name != "commit" and here[name] != version:
                raise OtherCode(f"{name} is {here[name]} on this machine and {version} in the command")
        provenance.same_code_as(self.software["commit"])
        refuse_stale()
        unpacked = pickle.loads(self.payload)
        refuse_stale()
        return unpacked


def refuse_stale() -> None:
    """Refuse to go on in a process that has loaded a module of the user's that differs from its file.

    Raises
    ------
    OtherCode
    """
    places = installed()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py") or file in _of_packages:
            continue
        path = Path(file).resolve()
        if any(place in path.parents for place in places):
            _of_packages.add(file)
            continue
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            continue
        if _seen.setdefault(path, found) != found:
            raise OtherCode(f"{path} changed after a worker loaded it as {name}; start the workers again")


def do(work: Any, item: Any, tick: Tick | None = None) -> tuple[str, Any, int]:
    """Carry out one item, and say whether it was done or failed, what came of it, and how many ticks.

    A run that another process is writing is waited for: where a machine is only taken for dead, its run
    goes on there, and the same run elsewhere is no failure.
    """
    ticks: list[int] = []

    def count(n: int) -> None:
        ticks.append(n)
        if tick is not None:
            tick(n)

    until = time.monotonic() + PATIENCE_S + 2 * seconds_of(item)
    while True:
        try:
            return "done", work(item, count), sum(ticks)
        except Busy as error:
            if time.monotonic() > until:
                return "failed", portable(error), sum(ticks)
            time.sleep(POLL_S)
            count(0)
        except Exception as error:
            return "failed", portable(error), sum(ticks)


def seconds_of(item: Any) -> float:
    """Return the estimated time of an item; 0 where it has none."""
    return float(getattr(getattr(item, "estimate", None), "seconds", 0.0))


def on_scratch(item: Any, scratch: str) -> Any:
    """Return a run that writes into a folder of the machine it is on, from which the result is moved."""
    if not scratch or not hasattr(item, "scratch"):
        return item
    folder = os.path.expandvars(scratch)
    if "$" in folder or not Path(folder).is_dir():
        raise RunError(f"--engine-set scratch={scratch}: no folder {folder} on this machine")
    return replace(item, scratch=Path(folder))


def ended(outcome: tuple[str, Any, int], tick: Tick) -> Future:
    """Return what `do` returned as a future that is done.

    Raises
    ------
    OtherCode
        If the task refused its runs: so would all others, and the command is to end.
    """
    kind, value, ticks = outcome
    if isinstance(value, OtherCode):
        raise value
    tick(ticks)
    return failed(value) if kind == "failed" else _with(value)


def _with(value: Any) -> Future:
    future: Future = Future()
    future.set_result(value)
    return future


def failed(error: Exception) -> Future:
    """Return a future that failed."""
    future: Future = Future()
    future.set_exception(error)
    return future
