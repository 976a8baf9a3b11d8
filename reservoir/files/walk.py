"""A walk over a file of HDF5 that ends, whatever somebody has put into it."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spikewhen.reservoir.errors import InputError

MAX_RATIO = 1100
"""No gzip stream unpacks to more than about 1032 times its size."""
MOST_OBJECTS, DEEPEST = 10_000, 8
"""Groups and arrays of a file, and groups within each other."""


_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
_HEAP = b"GCOL\1\0\0\0"


def check_heaps(path: Path) -> None:
    """Refuse a file in which HDF5 would look for a text for ever.

    HDF5 keeps texts of any length in heaps, and steps from one to the next by the sizes
    that stand there. Where a step is 0 it never ends (seen with HDF5 2.0).

    Raises
    ------
    InputError
    OSError, ValueError
        If the file cannot be read, or is empty.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_HEAP)
        while at >= 0:
            place, end = at + 16, at + int.from_bytes(data[at + 8 : at + 16], "little")
            sound = place <= end <= len(data)
            while sound and end - place >= 16:
                size = int.from_bytes(data[place + 8 : place + 16], "little")
                used = data[place : place + 2] != b"\0\0"  # else the space that is left
                place += 16 + -(-size // 8) * 8 if used else size
                sound = place <= end and (used or size >= 16)
            if not sound:
                raise InputError(str(path), "a heap without an end", "an undamaged HDF5 result file")
            at = data.find(_HEAP, at + 8)


def walk(file: h5py.File, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield every group and array of a file with its path, each object once.

    Raises
    ------
    InputError
        For links that are not hard, a second link to one object, data outside the file, types
        that are no numbers, and more than a file of this size can hold.
    """
    room = MAX_RATIO * os.path.getsize(path)
    seen = {_address(file)}
    places: set[int] = set()  # of the parts of arrays

    def inside(group: h5py.Group, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
        nonlocal room
        for name in group:
            full = f"{prefix}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise InputError(str(path), full, "hard links only")
            node = group[name]
            if (address := _address(node)) in seen:
                raise InputError(str(path), full, "every group and array under one name only")
            seen.add(address)
            if len(seen) > MOST_OBJECTS or depth > DEEPEST:
                most = f"at most {MOST_OBJECTS} groups and arrays, {DEEPEST} deep"
                raise InputError(str(path), full, most)
            if isinstance(node, h5py.Dataset):
                room -= _bytes(node, full, path, room)
                _check_chunks(node, full, path, places)
            elif not isinstance(node, h5py.Group):
                raise InputError(str(path), full, "groups and arrays only")
            yield full, node
            if isinstance(node, h5py.Group):
                yield from inside(node, full, depth + 1)

    yield from inside(file, "", 1)


def _check_chunks(data: h5py.Dataset, name: str, path: Path, places: set[int]) -> None:
    """Every part of an array is there, with its checksum, and in a place of its own.

    HDF5 gives zeros for a part whose entry is lost, and reads another array's part without a word.
    """
    if data.chunks is None:
        return
    found: list[Any] = []
    data.id.chunk_iter(found.append)
    expected = math.prod(-(-n // size) for n, size in zip(data.shape, data.chunks, strict=True))
    offsets = {part.chunk_offset for part in found}
    inside = all(
        at < n and at % size == 0
        for offset in offsets
        for at, n, size in zip(offset, data.shape, data.chunks, strict=True)
    )
    own = {part.byte_offset for part in found}
    if len(found) != expected or len(offsets) != expected or len(own) != expected or not inside:
        raise InputError(str(path), f"{name} lacks a part", "an undamaged HDF5 result file")
    if any(part.filter_mask for part in found) or own & places:
        raise InputError(str(path), f"{name} with a part of another", "an undamaged HDF5 result file")
    places |= own


def _address(node: Any) -> tuple[int, int]:
    info = h5py.h5o.get_info(node.id)
    return info.fileno, info.addr


def _bytes(data: h5py.Dataset, name: str, path: Path, room: int) -> int:
    layout = data.id.get_create_plist()
    if data.is_virtual or layout.get_external_count():
        raise InputError(str(path), name, "data inside the file itself")
    for i in range(layout.get_nfilters()):
        code, _, values, _ = layout.get_filter(i)
        if code not in _FILTERS or (code == h5py.h5z.FILTER_SHUFFLE and values[:1] != (data.dtype.itemsize,)):
            raise InputError(str(path), name, "numbers packed by shuffle, gzip and Fletcher-32")
    if data.dtype.hasobject:
        raise InputError(str(path), name, "numbers and bytes only")
    size = int(np.prod(data.shape or (), dtype=object)) * data.dtype.itemsize
    if size > room:
        raise InputError(
            str(path), f"{name} claims {size} bytes", f"at most {MAX_RATIO} times the file's size in all"
        )
    return size
