"""Settings in which runs differ, and what people call them: ``weight 4``, not a hash."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

SEEDS = ("seed", "seeds")


def varied(configs: Sequence[dict]) -> list[dict[str, Any]]:
    """Return of each config the values, by dotted path, in which not all agree; seeds left out."""
    flat = [dict(_leaves({k: v for k, v in c.items() if k not in SEEDS})) for c in configs]
    values: dict[str, list] = {}
    for config in flat:
        for path, value in config.items():
            known = values.setdefault(path, [])
            if value not in known:
                known.append(value)
    return [{path: value for path, value in config.items() if len(values[path]) > 1} for config in flat]


def _leaves(part: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        for name, inside in part.items():
            yield from _leaves(inside, f"{where}.{name}" if where else name)
    else:
        yield where, part


def of_rule(values: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Leave out settings that are of other rules."""
    return {k: v for k, v in values.items() if not k.startswith("rules.") or k.startswith(f"rules.{label}.")}


def in_order(values: Mapping[str, Any]) -> list[tuple]:
    """Return what sorts settings: numbers by size, before texts."""
    return [
        (0, value, "") if isinstance(value, int | float) else (1, 0, json.dumps(value))
        for value in values.values()
    ]


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Return the shortest end of each dotted path that no other has: ``network.weight`` is ``weight``."""
    every = list(dict.fromkeys(paths))
    found = {}
    for path in every:
        parts = path.split(".")
        ends = (".".join(parts[-n:]) for n in range(1, len(parts) + 1))
        found[path] = next(
            end for end in ends if sum(p == end or p.endswith(f".{end}") for p in every) == 1 or end == path
        )
    return found


def setting_name(values: Mapping[str, Any], short: Mapping[str, str] | None = None) -> str:
    """Write settings for people: ``weight 4, connectivity delay_line``; long ones are cut."""
    names = short_names(values) if short is None else short
    return ", ".join(f"{names[path]} {_word(value)}" for path, value in values.items())


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else f"{text[:21]}..."
