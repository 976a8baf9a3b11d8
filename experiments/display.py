"""How an object shows itself: a title and a few facts, as text and as HTML for notebooks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from html import escape
from typing import Any

from spikewhen.reservoir.errors import lines

Facts = Sequence[tuple[str, str]]
"""Name and text; a fact without a name goes on with the one before."""


def text(title: str, facts: Facts) -> str:
    """Write the facts below the title, in two columns."""
    width = max((len(name) for name, _ in facts), default=0)
    return lines("\n".join([title, *(f"  {name:<{width}}  {value}".rstrip() for name, value in facts)]))


def html(title: str, facts: Facts) -> str:
    """Write the same as a small table."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in facts
    )
    return f"<strong>{escape(title)}</strong><table>{rows}</table>"


class Shown:
    """Shows itself by its `title` and `facts`."""

    def _title(self) -> str:
        raise NotImplementedError

    def _facts(self) -> Facts:
        raise NotImplementedError

    def __repr__(self) -> str:
        return text(self._title(), self._facts())

    def _repr_html_(self) -> str:
        return html(self._title(), self._facts())


def count(n: int, noun: str) -> str:
    """Write a number of things."""
    return f"{n} {noun}" + ("" if n == 1 else "s")


def listed(names: Sequence[object], most: int = 8) -> str:
    """Write names, the first of them if there are many."""
    some = ", ".join(map(str, names[:most]))
    return some if len(names) <= most else f"{some}, ... ({len(names)})"


def changed(spec: Any, lead: str = "") -> str:
    """Write the values of a dataclass that are not its defaults, as far as they fit a line."""
    found = []
    for f in dataclasses.fields(spec):
        value = getattr(spec, f.name)
        default = f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default
        if value != default:
            found.append(f"{f.name}={value if isinstance(value, (bool, int, float, str)) else '...'}")
    text = ", ".join(found) if found else ""
    return lead + (text if len(text) <= 100 else text[:97] + "...") if text else ""
