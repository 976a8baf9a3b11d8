"""A checksum over a whole result file, in the user block that HDF5 leaves in front of it.

HDF5's own checksums cover data, not all of its tables: one wrong byte there can
end the process inside the library. So a file is compared with its checksum
before HDF5 sees it. Other readers of HDF5 pass over the block.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from spikewhen.reservoir.errors import InputError

BLOCK = 512
"""Bytes of the user block, the least that HDF5 allows."""

TITLE = b"spikewhen result; SHA-256 of the bytes after this block: "


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
        if not found.startswith(TITLE):
            raise InputError(str(path), "no checksum in front", "an undamaged HDF5 result file")
        if found != _block(file):
            raise InputError(str(path), "its checksum is another", "an undamaged HDF5 result file")
