"""How numbers, times, seeds and tables are written for people: on the terminal, in Markdown, in HTML."""

from __future__ import annotations

import html
import itertools
import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spikewhen.reservoir.errors import InputError


class Table(NamedTuple):
    """A table of short texts, to be written in whichever form is wanted."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self, width: int = 80) -> str:
        """Lay it out in columns; where it is too wide, headings go over several lines."""
        for most in range(max(map(len, self.head)), 0, -1):
            heads = [textwrap.wrap(cell, max([most, *map(len, cell.split())])) or [""] for cell in self.head]
            lines = align([*itertools.zip_longest(*heads, fillvalue=""), *self.rows])
            if max(map(len, lines.splitlines())) <= width:
                return lines
        return align([self.head, *self.rows])

    def markdown(self) -> str:
        """Write it as GitHub's Markdown."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join(f"| {' | '.join(_no_bars(cell) for cell in line)} |" for line in lines) + "\n"

    def html(self) -> str:
        """Write it for a notebook."""
        body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in self.rows)
        return f"<table><thead><tr>{_cells('th', self.head)}</tr></thead><tbody>{body}</tbody></table>"


def _no_bars(cell: str) -> str:
    return cell.replace("|", "\\|")


def _cells(tag: str, row: Iterable[str]) -> str:
    return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)


def align(rows: Sequence[Sequence[str]], gap: str = "  ") -> str:
    """Lay rows out in columns, the last one ragged."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(gap.join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def number(x: float | None, form: str = "{:.3g}") -> str:
    """Write a number, or a dash where there is none."""
    return "-" if x is None or not math.isfinite(x) else form.format(x)


def interval(mean: float | None, low: float | None, high: float | None, form: str = "{:.3g}") -> str:
    """Write a mean with its interval, as far as they are there."""
    if number(mean) == "-" or number(low) == "-" or number(high) == "-":
        return number(mean, form)
    return f"{number(mean, form)} [{number(low, form)}, {number(high, form)}]"


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read seeds: ``"0-19"``, ``"0,3,7-9"``. Repeated ones count once.

    Raises
    ------
    InputError
    """
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?", part, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < first + 100_000:
            raise InputError(
                "--seeds", text, "numbers >= 0 and ascending ranges, such as 3 or 0-19 or 0,3,7-9"
            )
        seeds |= dict.fromkeys(range(first, last + 1))
    return tuple(seeds)


def format_seeds(seeds: Iterable[int]) -> str:
    """Write seeds as briefly as `parse_seeds` reads them."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def duration(seconds: float) -> str:
    """Write a time in two units at most."""
    if not seconds < 3e8:
        return f"{seconds / 31557600:.3g} years" if math.isfinite(seconds) else "time without end"
    s = round(seconds)
    if s > 2 * 86400:
        return f"{s / 86400:.0f} days"
    if s < 60:
        return f"{s} s"
    return f"{s // 60} min {s % 60:02d} s" if s < 3600 else f"{s // 3600} h {s % 3600 // 60:02d} min"


def estimated(seconds: float, disk: float, memory: float | None = None) -> str:
    """Say what something takes."""
    needs = [duration(seconds), *([] if memory is None else [f"{size(memory)} of memory"])]
    return f"estimated, within a factor of 2: {', '.join(needs)}, {size(disk)} of disk"


def size(n_bytes: float) -> str:
    """Write a number of bytes."""
    if not math.isfinite(n_bytes):
        return "bytes without end"
    for unit, name in ((1e18, "EB"), (1e15, "PB"), (1e12, "TB"), (1e9, "GB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.4g} {name}" if unit > 1e9 else f"{n_bytes / unit:.1f} {name}"
    return f"{max(n_bytes, 1e5) / 1e6:.1f} MB"
