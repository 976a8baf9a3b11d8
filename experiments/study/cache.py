"""What was measured of a run for a claim, kept as JSON under a hash of the code that measured it."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.analysis.bands import jsonable
from spikewhen.experiments.provenance import write_whole
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

VERSION = 1
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("spikewhen.analysis", "spikewhen.examples.yamada_chao_2026.claims")
"""Whose files decide a measure, besides the one the claim stands in; an edit of them measures again."""


class Wanted(NamedTuple):
    """One measure of one run."""

    claim: str
    protocol: str
    run_id: str
    seed: int
    measure: Callable[[str, Recording], dict[str, Any]]
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


def keep(wanted: Wanted, recording: Recording) -> None:
    """Measure a run and write what was found, with what it cost."""
    clock, cpu = time.perf_counter(), time.thread_time()
    values = jsonable(wanted.measure(wanted.protocol, recording))
    cost = {
        "wall_seconds": round(time.perf_counter() - clock, 3),
        "cpu_seconds": round(time.thread_time() - cpu, 3),
    }
    entry = {"key": wanted.key(), "values": values, "warnings": warnings_of(recording), "cost": cost}
    write_whole(wanted.path, json.dumps(entry, allow_nan=False) + "\n")


def warnings_of(recording: Recording) -> list[str]:
    """Return what a run says of its network's health, beyond the line on rates."""
    return schema.health_messages(recording)[1]


def kept(wanted: Wanted) -> dict[str, Any]:
    """Read what was kept; KeyError where it is missing or of other code."""
    try:
        entry = json.loads(wanted.path.read_bytes())
    except (FileNotFoundError, ValueError):
        raise KeyError(str(wanted.path)) from None
    if not isinstance(entry, dict) or entry.get("key") != wanted.key():
        raise KeyError(str(wanted.path))
    return entry


def is_kept(wanted: Wanted) -> bool:
    """Whether it was measured, by the present code."""
    try:
        kept(wanted)
    except KeyError:
        return False
    return True


def source_hash(measure: Callable) -> str:
    """Hash the file a measure stands in and the files of `PACKAGES` it leads to."""
    digest = hashlib.sha256()
    for path in sorted(_reached(Path(inspect.getfile(measure)).resolve())):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _reached(first: Path) -> set[Path]:
    """Follow imports, those inside functions too."""
    found, todo = {first}, [first]
    while todo:
        for path in _imported(todo.pop().read_bytes()):
            if path not in found:
                found.add(path)
                todo.append(path)
    return found


@cache
def _imported(source: bytes) -> tuple[Path, ...]:
    files = []
    for name in _names(ast.parse(source)):
        if name.startswith(tuple(f"{package}." for package in PACKAGES)):
            file = ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")
            if file.is_file():
                files.append(file)
    return tuple(files)


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield dotted names that a file imports, taking every imported name for a module as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
