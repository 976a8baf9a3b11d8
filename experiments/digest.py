"""JSON beside results that says of itself whether it is what was written: a digest of all that is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = "sha256"
"""Name of the digest in a table."""


def with_digest(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of JSON types with the digest of all the rest of it."""
    rest = {name: value for name, value in table.items() if name != KEY}
    rest = json.loads(json.dumps(rest, allow_nan=False))  # as it is read: all names are texts
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**rest, KEY: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()}


def read_table(path: Path) -> dict[str, Any]:
    """Read a table that has a digest.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no such table, or differs from its digest.
    """
    try:
        table = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(table, dict) or KEY not in table:
        raise ValueError("no digest in it")
    if table != with_digest(table):
        raise ValueError("it differs from its digest")
    return table
