"""What the rows of a card say, for people and for benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.gpu_all.record import BEGUN, DIFFERENT, FAILED, OK, SKIPPED, Record

Lines = dict[str, dict[str, Any]]


def describe(rows: Lines) -> str:
    """Return a table of speeds, what went wrong, and how many rows ended how."""
    card = rows.get("card", {})
    speeds = [
        f"| {name.removeprefix('speed: ')} | {r.get('R', 1)} | {r['times_life']} | "
        f"{_share(r, card, 'issued')} | {_share(r, card, 'moved')} |"
        for name, r in rows.items()
        if "times_life" in r
    ]
    head = ["| what | R | times life, each | instructions | bytes |", "|---|---|---|---|---|"]
    wrong = [f"{r['state']}: {n}: {_first(r)}" for n, r in rows.items() if r["state"] in (DIFFERENT, FAILED)]
    counts = {s: sum(r["state"] == s for r in rows.values()) for s in (OK, DIFFERENT, FAILED, SKIPPED, BEGUN)}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return "\n".join([*((head + speeds) if speeds else []), *wrong, said or "nothing was done"])


def status(rows: Lines) -> int:
    """Return the exit status: 0 if something was done and nothing went wrong."""
    states = [r["state"] for r in rows.values()]
    return int(OK not in states or any(s in (DIFFERENT, FAILED, BEGUN) for s in states))


def collect(record: Record, path: Path) -> int:
    """Write the rows as one JSON file, of paths the names only; returns the exit status."""
    rows = record.rows()
    path.write_text(json.dumps(_names_of_paths(rows), indent=1) + "\n", encoding="utf-8")
    print(describe(rows))
    return status(rows)


def _names_of_paths(value: Any) -> Any:
    """Leave out the folders of a machine."""
    if isinstance(value, dict):
        return {key: _names_of_paths(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_names_of_paths(held) for held in value]
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value


def _share(row: dict[str, Any], card: dict[str, Any], what: str) -> str:
    counted, possible = row.get(f"{what}_per_s"), card.get(what)
    return f"{counted / possible:.0%}" if counted and possible else ""


def _first(row: dict[str, Any]) -> str:
    return str(row.get("error", "")).strip().splitlines()[-1][:300] if row.get("error") else ""
