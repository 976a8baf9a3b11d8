"""A file that survives a full disk long enough for HDF5 to close it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


class GuardedFile(io.FileIO):
    """A file that HDF5 can always write to: it remembers the first failure instead.

    HDF5 swallows some failed writes (losing data without a word) and can crash the
    process after others. Here what cannot be written is kept in memory, so that
    HDF5 can close in good order, and `FileSink` raises the failure after each call.
    """

    error: OSError | None = None

    def __init__(self, path: Path):
        super().__init__(path, "w+b")
        self._unwritten: list[tuple[int, bytes]] = []

    def write(self, data: Any) -> int:
        """Write all of `data`, or remember why not."""
        start, view = self.tell(), memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            error.filename = self.name
            self.error = error
        if done < len(view):
            self._unwritten.append((start + done, bytes(view[done:])))
            self.seek(start + len(view))
        return len(view)

    def readinto(self, buffer: Any) -> int:
        """Read what was written, to the file or only to memory."""
        start, view = self.tell(), memoryview(buffer).cast("B")
        n = super().readinto(view) or 0
        view[n:] = bytes(len(view) - n)
        for place, data in self._unwritten:
            first, last = max(start, place), min(start + len(view), place + len(data))
            if first < last:
                view[first - start : last - start] = data[first - place : last - place]
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length, or remember why not."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def check(self) -> None:
        """Raise the first failure."""
        if self.error is not None:
            raise self.error
