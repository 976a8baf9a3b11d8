"""Where a run goes while it runs: into memory, or into a file that is whole or absent.

Both sinks take the same calls from `spikewhen.reservoir.training`, and what they leave
reads as the same `spikewhen.reservoir.files.recording.Recording`.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.integrity import BLOCK, GuardedFile, seal, sync, sync_folder
from spikewhen.reservoir.files.locks import Lock, refuse_other_than_file, same_file
from spikewhen.reservoir.files.recording import Recording


class Sink(Protocol):
    """The calls that a run makes to keep what it produces."""

    def create(self, path: str, shape: tuple[int, ...], dtype: Any, units: str) -> None: ...
    def write(self, path: str, start: int, rows: np.ndarray) -> None: ...
    def append(self, path: str, rows: np.ndarray) -> None: ...
    def put(self, path: str, array: np.ndarray, units: str = "") -> None: ...
    def annotate(self, path: str, **attributes: Any) -> None: ...


CHUNK_BYTES, GROWING_ROWS = 2**18, 65536
"""Of a chunk of whole rows; of an array whose number of rows is not known before."""
WIDEST_ROW = 2**26
"""A longer row is cut: HDF5 takes no chunk of 4 GiB, and holds whole chunks in memory."""


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the shape of the chunks of a data set: whole rows while a row is no longer than `WIDEST_ROW`.

    Parameters
    ----------
    shape : tuple of int
        A first dimension of 0 grows.
    itemsize : int
        Bytes of an element.
    """
    row = itemsize
    for n in shape[1:]:
        row *= max(n, 1)
    if row > WIDEST_ROW:
        room, cut = WIDEST_ROW // itemsize, []
        for n in reversed(shape[1:]):
            cut.append(max(1, min(n, room)))
            room //= cut[-1]
        return (1, *reversed(cut))
    rows = min(shape[0], CHUNK_BYTES // row) if shape[0] else min(GROWING_ROWS, (2**32 - 1) // row)
    return (max(1, rows), *(max(1, n) for n in shape[1:]))


class MemorySink:
    """A sink that collects a run in memory."""

    def __init__(self) -> None:
        self.recording = Recording()

    def create(self, path: str, shape: tuple[int, ...], dtype: Any, units: str) -> None:
        """Make an array of zeros; a first dimension of 0 grows by `append`."""
        self.put(path, np.zeros(shape, dtype), units)

    def write(self, path: str, start: int, rows: np.ndarray) -> None:
        """Write rows from `start` on."""
        self.recording.arrays[path][start : start + len(rows)] = rows

    def append(self, path: str, rows: np.ndarray) -> None:
        """Add rows at the end."""
        old = self.recording.arrays[path]
        self.recording.arrays[path] = np.concatenate([old, rows.astype(old.dtype)])

    def put(self, path: str, array: np.ndarray, units: str = "") -> None:
        """Write a whole array."""
        self.recording.arrays[path] = np.array(array)
        if units:
            self.annotate(path, units=units)

    def annotate(self, path: str, **attributes: Any) -> None:
        """Set attributes of a group or an array."""
        plain = {
            k: v.tolist() if isinstance(v, (np.generic, np.ndarray)) else v for k, v in attributes.items()
        }
        self.recording.attrs.setdefault(path, {}).update(plain)


def _new_file(raw: GuardedFile) -> h5py.File:
    return h5py.File(raw, "w", libver=("v108", "v110"), userblock_size=BLOCK)


class FileSink:
    """A sink that streams a run into a temporary file, which `commit` makes the result.

    Parameters
    ----------
    path : Path
        The result, ``<run_id>.h5``. Until `commit` only a temporary file beside
        it exists; a crash leaves no file under the result's name.
    scratch : Path, optional
        Folder for the temporary file, where the result's is on a slow or distant disk:
        the file is written there, and copied beside the result when it is complete.
    """

    def __init__(self, path: Path, scratch: Path | None = None):
        self.path = Path(path)
        self._beside = self.path.with_suffix(".partial")
        self._temporary = self._beside
        if scratch is not None:  # under a name of its own: the lock is that of the result's folder
            self._temporary = Path(scratch) / f"{self.path.stem}.{secrets.token_hex(8)}.partial"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            refuse_other_than_file(self.path)
            self._lock = Lock(self.path.with_suffix(".lock"), self.path)
        except OSError as error:
            raise InputError(
                "--out", str(self.path.parent), f"a writable folder ({error.strerror})"
            ) from error
        try:
            if refuse_other_than_file(self._temporary):
                self._temporary.unlink()  # a stale one is ours: we hold the lock
            self._raw = GuardedFile(self._temporary)
        except BaseException:
            self._lock.release()
            raise
        try:
            self._file = _new_file(self._raw)
        except BaseException:
            self._let_go()
            raise
        # A data set whose last handle is closed loses its chunk cache: every row written would then
        # unpack and pack again the chunk it belongs to.
        self._open: dict[str, h5py.Dataset] = {}

    def create(self, path: str, shape: tuple[int, ...], dtype: Any, units: str) -> None:
        """Make a data set; a first dimension of 0 grows by `append`."""
        layout: dict[str, Any] = {}
        if shape[0] == 0 or np.prod(shape, dtype=object) > 0:
            layout["chunks"] = chunk_shape(shape, np.dtype(dtype).itemsize)
        if shape[0] == 0:
            layout["maxshape"] = tuple(n or None for n in shape)
        self._file.create_dataset(
            path, shape, dtype, compression="gzip", shuffle=True, fletcher32=True, track_times=False, **layout
        )
        if units:
            self.annotate(path, units=units)

    def write(self, path: str, start: int, rows: np.ndarray) -> None:
        """Write rows from `start` on."""
        self._dataset(path)[start : start + len(rows)] = rows
        self._raw.check()

    def append(self, path: str, rows: np.ndarray) -> None:
        """Add rows at the end."""
        data = self._dataset(path)
        n = data.shape[0]
        data.resize(n + len(rows), axis=0)
        data[n:] = rows
        self._raw.check()

    def put(self, path: str, array: np.ndarray, units: str = "") -> None:
        """Write a whole array."""
        array = np.asarray(array)
        if array.ndim == 0:
            raise ValueError(f"{path}: every data set has a dimension")
        self.create(path, array.shape, array.dtype, units)
        if array.size:
            self._dataset(path)[...] = array
        self._raw.check()

    def take_over(self, file: h5py.File, left_out: Callable[[str], bool]) -> None:
        """Copy what another file holds, but the groups and data sets whose paths are left out."""

        def copy(source: h5py.Group, target: h5py.Group) -> None:
            for name, value in source.attrs.items():
                target.attrs[name] = value
            for name, node in source.items():
                if left_out(node.name):
                    continue
                if isinstance(node, h5py.Group):
                    copy(node, target.create_group(name))
                else:
                    source.copy(node, target, name)
                self._raw.check()

        copy(file, self._file)

    def rewrite(self, copy: Callable[[h5py.File], object]) -> None:
        """Begin the file anew from what it holds so far, which `copy` takes over: HDF5 gives no room back."""
        self._open.clear()
        self._file.close()
        whole = self._raw
        self._temporary.unlink()
        self._raw = GuardedFile(self._temporary)
        try:
            self._file = _new_file(self._raw)
            with h5py.File(whole, "r") as file:
                copy(file)
        finally:
            whole.close()

    def annotate(self, path: str, **attributes: Any) -> None:
        """Set attributes of a group or a data set."""
        node = self._file.require_group(path) if path not in self._file else self._file[path]
        for name, value in attributes.items():
            node.attrs[name] = value

    def _dataset(self, path: str) -> h5py.Dataset:
        if path not in self._open:
            self._open[path] = self._file[path]
        return self._open[path]

    def commit(self) -> None:
        """Close, sync and give the file its name."""
        for data in self._open.values():  # in a fixed order, whoever still reads them
            data.flush()
        self._open.clear()
        self._file.close()
        self._raw.check()
        seal(self._raw)
        self._raw.check()
        sync(self._raw.fileno())
        ours = same_file(self._temporary, self._raw.fileno())
        if ours and self._temporary != self._beside:
            self._copy_beside()
        if not (ours and self._lock.holds()):
            raise InputError(
                str(self._temporary),
                "removed or replaced while it was written",
                "a folder whose temporary files nobody removes; run again",
            )
        os.replace(self._beside, self.path)
        self._raw.close()
        try:
            sync_folder(self.path.parent)
        finally:
            self._lock.release()

    def _copy_beside(self) -> None:
        """Copy the complete file from the scratch folder to where the result will be; it is removed there."""
        if refuse_other_than_file(self._beside):
            self._beside.unlink()  # a stale one is ours: we hold the lock
        with open(self._temporary, "rb") as source, open(self._beside, "xb") as target:
            shutil.copyfileobj(source, target, 2**20)
            target.flush()
            sync(target.fileno())
        self._temporary.unlink()

    def abort(self) -> None:
        """Throw the unfinished file away; nothing where it has its name already."""
        if self._raw.closed:
            return
        self._open.clear()
        try:
            self._file.close()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Remove what is still this run's own, and let others write."""
        try:
            if same_file(self._temporary, self._raw.fileno()):
                self._temporary.unlink()
            if self._temporary != self._beside and self._lock.holds():
                self._beside.unlink(missing_ok=True)
        finally:
            with suppress(OSError):
                self._raw.close()
            self._lock.release()
