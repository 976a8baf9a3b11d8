"""Where a name stands, what may stand for it: shipped, installed, or a file of one's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.own_code import find
from spikewhen.reservoir.rules.base import Rule

SHIPPED = {
    "rule": ("spikewhen.reservoir.rules", "RULES"),
    "paradigm": ("spikewhen.paradigms", "PARADIGMS"),
    "score": ("spikewhen.analysis.score_run", "SCORERS"),
    "figure": ("spikewhen.analysis.figures", "FIGURES"),
}
"""Module and table of what is shipped of each kind; loaded when asked for. Claims belong to a study."""


def shipped(kind: str) -> Mapping[str, Any]:
    """Return what the project offers of a kind, by name."""
    module, table = SHIPPED.get(kind, (None, ""))
    return getattr(import_module(module), table) if module else {}


def resolve(kind: str, name: str, beside: str | Path | None = None, where: str = "") -> Any:
    """Return the class, function or module that a name stands for.

    Parameters
    ----------
    kind : {"rule", "paradigm", "score", "figure", "claim"}
    name : str
        A shipped name, the name of an entry point (`spikewhen.reservoir.own_code.GROUPS`) of an
        installed package, or ``"module:attribute"``.
    beside : path, optional
        Folder of the file that names it: looked in first.
    where : str, optional
        Field or option that is named in an error.

    Raises
    ------
    InputError
        In one line: nothing of that name, a module that does not import, or something else
        than a rule or a task.
    """
    found = find(kind, name, shipped(kind), beside, where)
    if kind == "rule" and not (isinstance(found, type) and issubclass(found, Rule)):
        raise InputError(where or kind, name, f"a class with base Rule, not {_what(found)}")
    if kind == "paradigm" and not (isinstance(found, type) and callable(getattr(found, "plan", None))):
        raise InputError(where or kind, name, f"a task: a class with a method plan, not {_what(found)}")
    if kind in ("rule", "paradigm"):
        if not dataclasses.is_dataclass(found):
            raise InputError(where or kind, name, "a class with @dataclass(frozen=True) above it")
        if not isinstance(getattr(found, "name", None), str):
            raise InputError(where or kind, name, 'a class with a name: name: ClassVar[str] = "..."')
    return found


def dotted(cls: type) -> str:
    """Return the path by which `resolve` finds a class again, ``"module:Class"``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def _what(found: Any) -> str:
    return f"class {found.__qualname__}" if isinstance(found, type) else type(found).__name__
