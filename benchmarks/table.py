"""Rows of the table: ours, a peer, the ratio and the target."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison. Seconds are CPU seconds per second of biological time unless `work` says otherwise."""

    work: str
    n: int
    precision: str
    ours_s: float
    peer: str
    peer_s: float
    ratio: float
    low: float
    high: float
    target: float | None
    met: bool | None


def compare(
    work: str,
    n: int,
    precision: str,
    ours: Sequence[float],
    peer: str,
    theirs: Sequence[float],
    target: float | None = None,
) -> Row:
    """Compare interleaved measurements: ``ours[i]`` and ``theirs[i]`` were taken one after the other.

    The ratio is the median of the ratios of the pairs: what slows both sides of
    a pair cancels, and one disturbed pair moves nothing. ``low`` and ``high``
    are the smallest and the largest of them.
    """
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    return Row(
        work,
        n,
        precision,
        statistics.median(ours),
        peer,
        statistics.median(theirs),
        ratio,
        min(ratios),
        max(ratios),
        target,
        None if target is None else ratio >= target,
    )


HEADER = ("work", "n", "precision", "ours, s", "peer", "peer, s", "ratio", "(range)", "target", "met")


def cells(row: Row) -> tuple[str, ...]:
    """Write a row for people."""
    return (
        row.work,
        str(row.n),
        row.precision,
        f"{row.ours_s:.3g}",
        row.peer,
        f"{row.peer_s:.3g}",
        f"{row.ratio:.3g}",
        f"({row.low:.3g}-{row.high:.3g})",
        "" if row.target is None else f"{row.target:g}",
        "" if row.met is None else "yes" if row.met else "NO",
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table that is readable as it stands and as Markdown."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * w for w in widths], *rows]
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines
    )
