"""A config, every value resolved, with its unit, meaning and range."""

from __future__ import annotations

import dataclasses
import textwrap
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple

from spikewhen.experiments.config import CONFIGS, Experiment
from spikewhen.reservoir.spec import allowed


class Value(NamedTuple):
    """One resolved value."""

    path: str
    value: Any
    unit: str
    meaning: str
    allowed: str


def values(experiment: Experiment) -> Iterator[Value]:
    """Yield every value of an experiment, nested ones by dotted path."""
    for field in dataclasses.fields(experiment):
        part = getattr(experiment, field.name)
        if field.name == "rules":
            for label, rule in part.items():
                yield Value(f"rules.{label}.rule", rule.name, "1", "which rule it is", "")
                yield from _inside(f"rules.{label}", rule)
        else:
            if field.name == "paradigm":
                yield Value("paradigm.name", part.name, "1", "which task it is", "")
            yield from _inside(field.name, part)


def _inside(where: str, spec: Any) -> Iterator[Value]:
    for field in dataclasses.fields(spec):
        value, path = getattr(spec, field.name), f"{where}.{field.name}"
        if dataclasses.is_dataclass(value):
            yield from _inside(path, value)
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            for i, item in enumerate(value):
                yield from _inside(f"{path}[{i}]", item)
        else:
            m = field.metadata
            limits = (
                allowed(m) if m and (m["choices"] or any(v is not None for v in m["bounds"].values())) else ""
            )
            yield Value(
                path, value, m.get("unit", "1"), m.get("help", ""), limits.removeprefix("a finite number ")
            )


def describe(experiment: Experiment, width: int = 80) -> str:
    """Write every value and its meaning for a person, at most `width` wide where that is possible."""
    lines, section = [], None
    for v in values(experiment):
        head = v.path.rsplit(".", 1)[0]
        if head != section:
            lines += ["", f"[{head}]"]
            section = head
        unit = "" if v.unit == "1" else f" {v.unit}"
        left = f"{v.path.rsplit('.', 1)[1]} = {_plain(v.value)}{unit}"
        note = v.meaning + (f" ({v.allowed})" if v.allowed and v.allowed not in v.meaning else "")
        room = max(width - 38, 30)
        wrapped = textwrap.wrap(note, room) or [""]
        if len(left) > 36:
            lines.append(left)
            left = ""
        lines += [f"{left if i == 0 else '':<36}  {part}".rstrip() for i, part in enumerate(wrapped)]
    return "\n".join(lines[1:])


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_plain, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_plain(v)}" for k, v in value.items()) + "}"
    return '"none"' if value is None else str(value)


def shipped() -> list[tuple[str, str]]:
    """Names of the shipped configs, each with the first sentence of its opening comment."""
    found = []
    for path in sorted(CONFIGS.glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        tomllib.loads(text)
        comment = text.split("\n\n", 1)[0].replace("\n", " ").replace("# ", "")
        found.append((path.name, comment.split(". ")[0].rstrip(".")))
    return found
