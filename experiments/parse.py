"""Tables of TOML: read within bounds, and turned into parameter sets, every mistake named in one line."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from spikewhen.experiments.registry import resolve
from spikewhen.reservoir.errors import InputError, nearest
from spikewhen.reservoir.spec import as_declared, hints_of

MOST_BYTES = 4_000_000
"""Of a config file."""
DEEPEST = 16
"""Tables and arrays within each other; no parameter has more than four."""


def read_toml(path: Path) -> dict:
    """Read a TOML file; a byte order mark, as editors on Windows write it, is passed over.

    Raises
    ------
    InputError
    """
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise InputError(str(path), f"{size} bytes", f"a config of at most {MOST_BYTES} bytes")
        return _toml(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(str(path), str(error), "a readable TOML file, in UTF-8") from error
    except OSError as error:
        raise InputError(str(path), str(error), "a readable TOML file") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(str(path), str(error), "valid TOML") from error


def _toml(text: str) -> dict:
    """Parse TOML; a ValueError also where Python's own limits of depth and digits are met."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(f"nested more than {DEEPEST} deep") from error


def refuse_deep(value: Any, where: str = "", depth: int = 0) -> None:
    """Refuse what is nested too deep, and names that are no text, before anything walks over it."""
    if depth > DEEPEST:
        raise InputError(where, "nested", f"tables and arrays at most {DEEPEST} deep")
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise InputError(where or "config", name, "names that are text")
            refuse_deep(item, f"{where}.{name}" if where else name, depth + 1)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            refuse_deep(item, f"{where}[{i}]", depth + 1)


def override(table: dict, overrides: tuple[str, ...]) -> dict:
    """Return a table with some values set, each given as ``"section.name=value"``.

    Raises
    ------
    InputError
    """
    for item in overrides:
        key, sign, text = item.partition("=")
        if not sign or not key.strip():
            raise InputError("--set", item, "section.name=value")
        try:
            value, *more = _toml(f"value = {text}").values()
        except ValueError:
            value, more = text, []  # a bare word is a string
        keys = key.strip().split(".")
        if more or len(keys) > DEEPEST:
            raise InputError("--set", item, "one section.name=value")
        table = _set(table, keys, value)
    return table


def with_values(table: dict, values: Mapping[str, Any]) -> dict:
    """Return a table with some values set, by dotted path.

    Raises
    ------
    InputError
    """
    for path, value in values.items():
        table = _set(table, path.split("."), value)
    return table


def _set(table: dict, keys: list[str], value: Any) -> dict:
    if not isinstance(table, dict):
        raise InputError("--set", ".".join(keys), "a path of tables; set the whole array instead")
    if len(keys) == 1:
        return {**table, keys[0]: value}
    return {**table, keys[0]: _set(table.get(keys[0], {}), keys[1:], value)}


def choose(kind: str, table: Any, key: str, where: str, beside: Path | None) -> Any:
    """Make the rule or the task that a table names under `key`, see `spikewhen.experiments.registry.resolve`.

    Raises
    ------
    InputError
    """
    if not isinstance(table, dict):
        raise InputError(where, table, "a table")
    name = table.get(key, "missing")
    if not isinstance(name, str):
        raise InputError(f"{where}.{key}", name, "a name")
    cls = resolve(kind, name, beside, f"{where}.{key}")
    return parse(cls, _with_paths(cls, {k: v for k, v in table.items() if k != key}, beside), where)


def _with_paths(cls: type, table: dict, beside: Path | None) -> dict:
    """Return a table whose files are looked for beside the config."""
    files = {f.name for f in dataclasses.fields(cls) if f.metadata.get("file")}
    folder = beside or Path.cwd()
    return {k: str(folder / v) if k in files and isinstance(v, str) and v else v for k, v in table.items()}


@cache
def _adapter(cls: type) -> TypeAdapter:
    return TypeAdapter(cls)


def parse(cls: type, table: Any, where: str) -> Any:
    """Make a parameter set of a table; `where` is named in front of a wrong field.

    Raises
    ------
    InputError
    """
    try:
        return _adapter(cls).validate_python(_as_declared(cls, _none(table), where))
    except ValidationError as error:
        raise _first_error(error, cls, where) from error


def _as_declared(hint: Any, value: Any, where: str) -> Any:
    """Hold every value of a table against the type of its field; what is no field is left to pydantic."""
    some = [part for part in typing.get_args(hint) if part is not type(None)]
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        hints, names = hints_of(hint), {f.name for f in dataclasses.fields(hint)}  # type: ignore[arg-type]
        return {
            k: _as_declared(hints.get(k, Any), v, f"{where}.{k}") if k in names else v
            for k, v in value.items()
        }
    if some and dataclasses.is_dataclass(some[0]) and value is not None:
        if typing.get_origin(hint) is tuple and isinstance(value, list | tuple):
            return [_as_declared(some[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
        if typing.get_origin(hint) is not tuple:
            return _as_declared(some[0], value, where)
    return as_declared(hint, value, where)


def _none(value: Any) -> Any:
    """TOML has no null: ``what = "none"`` stands for it."""
    if isinstance(value, dict):
        return {k: None if k == "what" and v == "none" else _none(v) for k, v in value.items()}
    return value


def _first_error(error: ValidationError, cls: type, where: str) -> InputError:
    # A misspelt key also leaves the right one missing: name the misspelling.
    first = min(error.errors(), key=lambda e: e["type"] != "unexpected_keyword_argument")
    path = where + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return cause.within(path)
    if first["type"] == "unexpected_keyword_argument":
        inner = _class_at(cls, first["loc"][:-1])
        names = [f.name for f in dataclasses.fields(inner)] if inner else []
        return InputError(path, first["input"], "no such key" + nearest(str(first["loc"][-1]), names))
    if first["type"] == "missing":
        return InputError(path, "missing", "a value")
    message = first["msg"]
    return InputError(path, first["input"], message[0].lower() + message[1:])


def _class_at(cls: Any, loc: tuple) -> type | None:
    """Follow a location down nested dataclasses."""
    for part in loc:
        if isinstance(part, int):
            continue
        hint = typing.get_type_hints(cls).get(part) if dataclasses.is_dataclass(cls) else None
        while hint is not None and not dataclasses.is_dataclass(hint):
            inner = [a for a in typing.get_args(hint) if a not in (type(None), Ellipsis)]
            hint = inner[0] if inner else None
        cls = hint
    return cls if isinstance(cls, type) and dataclasses.is_dataclass(cls) else None
