"""A finding as a picture the size of a word: its mean and interval, and where the requirement is met."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

WIDTH, HEIGHT, PAD = 120.0, 16.0, 5.0
"""In units of CSS pixels."""


def interval_plot(f: Mapping[str, Any]) -> str:
    """Return a finding as an element ``svg``; nothing where there is no finite number.

    A band marks the values that are required, a bar the interval, a dot the mean, and a grey
    line zero, where it is in view. An interval without an end has an arrow's place at the edge.

    Parameters
    ----------
    f : mapping
        A finding of claims.json: mean, low, high, required, verdict.
    """
    mean, low, high = (_number(f[name]) for name in ("mean", "low", "high"))
    least, most = required_range(f["required"])
    shown = [x for x in (mean, low, high, least, most) if math.isfinite(x)]
    if not math.isfinite(mean):
        return ""
    first, last = min(shown), max(shown)
    if f["required"] == "" and first > 0:
        first = 0.0  # a number alone is read against zero
    room = 0.12 * (last - first) or 0.5 * abs(first) or 1.0
    first, last = first - room, last + room

    def x(value: float) -> float:
        inside = min(max(value, first), last) if math.isfinite(value) else (first if value < 0 else last)
        return round(PAD + (WIDTH - 2 * PAD) * (inside - first) / (last - first), 1)

    parts = []
    if f["required"]:
        a, b = x(least), x(most)
        parts.append(
            f'<rect class="met" x="{a}" y="1" width="{max(1.0, b - a):.1f}" height="{HEIGHT - 2:g}"/>'
        )
    if first < 0 < last:
        parts.append(f'<path class="zero" d="M{x(0.0)} 1V{HEIGHT - 1:g}"/>')
    middle = HEIGHT / 2
    if not (math.isnan(low) or math.isnan(high)):
        parts.append(f'<path class="bar" d="M{x(low)} {middle:g}H{x(high)}"/>')
    parts.append(f'<circle cx="{x(mean)}" cy="{middle:g}" r="3"/>')
    return f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" aria-hidden="true">{"".join(parts)}</svg>'


def required_range(text: str) -> tuple[float, float]:
    """Return the least and the greatest value that a requirement such as ">= 0 and < 1" allows."""
    least, most = -math.inf, math.inf
    for sign, bound in re.findall(r"([<>]=?) (\S+)", text):
        if sign.startswith(">"):
            least = max(least, float(bound))
        else:
            most = min(most, float(bound))
    return least, most


def _number(value: Any) -> float:
    """Return a number of claims.json, where None is undefined and infinity is a word."""
    return math.nan if value is None else float(value)
