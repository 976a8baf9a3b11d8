"""What a check hands back, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple


class CheckResult(NamedTuple):
    """One line of the table."""

    check: str
    what: str
    measured: str
    bound: str
    ok: bool | None  # None = reported, nothing is required
    numbers: dict[str, Any]  # the same for machines, JSON types

    @property
    def verdict(self) -> str:
        """One word."""
        return "reported" if self.ok is None else "ok" if self.ok else "FAILED"


class Context(NamedTuple):
    """What a check is given."""

    quick: bool
    out: Path | None = None  # folder for figures
    say: Callable[[str], None] = lambda text: None  # progress
    threads: int = 1

    def each(self, items: Any, text: str) -> Iterator[Any]:
        """Go through items and say how far."""
        items = list(items)
        for i, item in enumerate(items):
            self.say(f"{text} {i + 1}/{len(items)}")
            yield item
