"""What keeps files whole: a checksum over all of a result, a file that survives a full disk, one rename.

HDF5's own checksums cover data, not all of its tables: one wrong byte there can
end the process inside the library. So a file is compared with its checksum
before HDF5 sees it. The checksum stands in the user block that HDF5 leaves in
front of a file; other readers of HDF5 pass over it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

BLOCK = 512
"""Bytes of the user block, the least that HDF5 allows."""

TITLE = b"spikewhen result; SHA-256 of the bytes after this block: "


OLD_TITLE = b"whatwhen result; "
"""How files of version 2 and before begin; they are refused by their version, not as damaged."""


def _block(file: io.RawIOBase) -> bytes:
    """Return the block that belongs in front of what a file holds."""
    file.seek(BLOCK)
    digest = hashlib.sha256()
    while part := file.read(2**20):
        digest.update(part)
    return (TITLE + digest.hexdigest().encode() + b"\n").ljust(BLOCK, b"\0")


def seal(file: io.RawIOBase) -> None:
    """Write the checksum of a file that is complete."""
    block = _block(file)
    file.seek(0)
    file.write(block)


def check_seal(path: Path) -> None:
    """Compare a file with its checksum.

    Raises
    ------
    InputError
        If there is none or it differs.
    FileNotFoundError, OSError
    """
    with open(path, "rb", buffering=0) as file:
        found = file.read(BLOCK)
        if found.startswith(OLD_TITLE):
            schema.check_version(path, 2)
        if not found.startswith(TITLE):
            raise InputError(str(path), "no checksum in front", "an undamaged HDF5 result file")
        if found != _block(file):
            raise InputError(str(path), "its checksum is another", "an undamaged HDF5 result file")


def checksum_of(path: Path) -> str:
    """Return the checksum that stands in front of a file, which is not read any further.

    Raises
    ------
    ValueError
        If there is none.
    OSError
    """
    with open(path, "rb") as file:
        found = file.read(BLOCK)
    if not found.startswith(TITLE):
        raise ValueError("no checksum in front")
    return found[len(TITLE) :].split(b"\n")[0].decode("ascii")


class GuardedFile(io.FileIO):
    """A file that HDF5 can always write to: it remembers the first failure instead.

    HDF5 swallows some failed writes (losing data without a word) and can crash the
    process after others. Here what cannot be written is kept in memory, so that
    HDF5 can close in good order, and `FileSink` raises the failure after each call.
    """

    error: OSError | None = None

    def __init__(self, path: Path):
        super().__init__(path, "x+b")  # new, so that no link is followed
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
        """Raise the first failure that was remembered."""
        if self.error is not None:
            raise self.error


def sync(handle: int) -> None:
    """Force an open file or folder onto the disk, where its file system can."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP):
            raise


def sync_folder(folder: Path) -> None:
    """Force the names in a folder onto the disk, where it can be read and its file system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        sync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: str | bytes) -> Path:
    """Write a file so that it is there whole or not at all; text is UTF-8.

    Of several that write one file at a time, each writes a temporary file of its own.

    Raises
    ------
    OSError
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        try:
            return _write(path, data)
        except FileNotFoundError:  # `sweep_small` came before we had locked it
            return _write(path, data)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # nobody knows the other name


def _write(path: Path, data: str | bytes) -> Path:
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.partial")
    try:
        with open(temporary, "xb") as file:
            with suppress(OSError):  # where there are locks, nobody takes it for left behind
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            sync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return path
