"""Lines of JSON, one for each row as it begins and as it ends, so a cut loses nothing that was found."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

BEGUN, OK, DIFFERENT, FAILED, SKIPPED = "begun", "ok", "different", "failed", "skipped"


class Record:
    """A file of rows.

    Parameters
    ----------
    path : Path
        Created if it is not there; lines are appended.
    """

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def put(self, row: str, state: str, **found: Any) -> None:
        """Append a line, on the disk when this returns, and say it."""
        line = json.dumps({"row": row, "state": state, **found}, default=_plain)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        if state != BEGUN:
            print(f"{state:<9} {row}: {line}"[:600], flush=True)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the last line of each row, in the order in which rows began."""
        lines: dict[str, dict[str, Any]] = {}
        for text in self.path.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:  # the machine went away while it was written
                continue
            lines[line["row"]] = line
        return lines


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers, and whatever else JSON does not know, into what it does."""
    return value.item() if hasattr(value, "item") else str(value)
