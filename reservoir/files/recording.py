"""Result files: one run, one HDF5 file, written once and whole.

`FileSink` and `MemorySink` take the same calls from `spikewhen.reservoir.training`; a
`Recording` is what either of them ends as. The layout is in docs/format.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.guarded import GuardedFile
from spikewhen.reservoir.files.integrity import BLOCK, check_seal, seal

SCHEMA_VERSION = 2
MAX_RATIO = 1100
"""No gzip stream unpacks to more than about 1032 times its size."""


def run_id(config: dict) -> str:
    """First 16 hex digits of the SHA-256 of the canonical resolved config."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class Recording:
    """A finished run: arrays and attributes by absolute path.

    Attributes
    ----------
    arrays : dict of str to ndarray
        E.g. ``"/readouts/local/probes/prediction"``, ``(q, T, K)``.
    attrs : dict of str to dict
        Attributes of groups, data sets and the root ``"/"``; every array with
        a dimension has ``units``.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    attrs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __getitem__(self, path: str) -> np.ndarray:
        return self.arrays[path]

    def __contains__(self, path: str) -> bool:
        return path in self.arrays

    @property
    def config(self) -> dict:
        """The full resolved config."""
        return json.loads(self._text("/config"))

    @property
    def software(self) -> dict:
        """Versions and commit."""
        return json.loads(self._text("/software"))

    def _text(self, path: str) -> str:
        return bytes(self.arrays[path]).decode()

    @property
    def run_id(self) -> str:
        """Hash of the config, also the file's name."""
        return self.attrs["/"]["run_id"]

    @property
    def labels(self) -> list[str]:
        """Labels of the readouts, in the config's order."""
        found = {p.split("/")[2] for p in self.arrays if p.startswith("/readouts/")}
        return [label for label in self.config.get("rules", {}) if label in found]


def equal(a: Recording, b: Recording) -> bool:
    """Whether two recordings hold the same arrays, bit for bit, and attributes."""
    return (
        json.dumps(a.attrs, sort_keys=True) == json.dumps(b.attrs, sort_keys=True)
        and a.arrays.keys() == b.arrays.keys()
        and all(
            x.dtype == b.arrays[p].dtype
            and x.shape == b.arrays[p].shape
            and x.tobytes() == b.arrays[p].tobytes()
            for p, x in a.arrays.items()
        )
    )


class Sink(Protocol):
    """Where a run goes while it runs."""

    def create(self, path: str, shape: tuple[int, ...], dtype: Any, units: str) -> None: ...
    def write(self, path: str, start: int, rows: np.ndarray) -> None: ...
    def append(self, path: str, rows: np.ndarray) -> None: ...
    def put(self, path: str, array: np.ndarray, units: str = "") -> None: ...
    def annotate(self, path: str, **attributes: Any) -> None: ...


class MemorySink:
    """Collects a run in memory."""

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


class FileSink:
    """Streams a run into a temporary file; `commit` makes it the result.

    Parameters
    ----------
    path : Path
        The result, ``<run_id>.h5``. Until `commit` only a temporary file beside
        it exists; a crash leaves no file under the result's name.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise InputError(
                "--out", str(self.path.parent), f"a writable folder ({error.strerror})"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its owner may have removed the file before we had the lock: then it locks nothing.
            if not os.path.samestat(os.fstat(self._lock), os.stat(self.path.with_suffix(".lock"))):
                raise FileNotFoundError
        except OSError as error:
            os.close(self._lock)
            raise InputError("--out", str(self.path), "a run that no other process is writing") from error
        self._temporary = self.path.with_suffix(".partial")  # a stale one is ours: we hold the lock
        self._raw = GuardedFile(self._temporary)
        self._file = h5py.File(self._raw, "w", libver=("v108", "v110"), userblock_size=BLOCK)

    def create(self, path: str, shape: tuple[int, ...], dtype: Any, units: str) -> None:
        """Make a data set; a first dimension of 0 grows by `append`."""
        grows = shape[0] == 0
        layout: dict[str, Any] = {}
        if grows:
            layout = dict(maxshape=(None, *shape[1:]), chunks=(65536, *shape[1:]))
        elif np.prod(shape) > 0:
            row = int(np.prod(shape[1:], dtype=np.int64)) * np.dtype(dtype).itemsize
            layout = dict(chunks=(max(1, min(shape[0], 2**18 // max(row, 1))), *shape[1:]))
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

    def annotate(self, path: str, **attributes: Any) -> None:
        """Set attributes of a group or a data set."""
        node = self._file.require_group(path) if path not in self._file else self._file[path]
        for name, value in attributes.items():
            node.attrs[name] = value

    def _dataset(self, path: str) -> h5py.Dataset:
        return self._file[path]

    def commit(self) -> None:
        """Close, sync and give the file its name."""
        self._file.close()
        self._raw.check()
        seal(self._raw)
        self._raw.check()
        os.fsync(self._raw.fileno())
        self._raw.close()
        os.replace(self._temporary, self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._unlock()

    def abort(self) -> None:
        """Throw the unfinished file away."""
        try:
            self._file.close()
        finally:
            self._raw.close()
            self._temporary.unlink(missing_ok=True)
            self._unlock()

    def _unlock(self) -> None:
        self.path.with_suffix(".lock").unlink(missing_ok=True)
        os.close(self._lock)


def read_run(path: str | Path, only: tuple[str, ...] = ("/",)) -> Recording:
    """Read a result file.

    Parameters
    ----------
    path : path
    only : tuple of str
        Beginnings of the paths of arrays to load; attributes are always read.

    Raises
    ------
    InputError
        If the file is missing, damaged or not one of ours; names the part.
    """
    with open_run(path, only) as recording:
        in_memory = {p: a for p, a in recording.arrays.items() if isinstance(a, np.ndarray)}
        return Recording(in_memory, recording.attrs)


@contextmanager
def open_run(path: str | Path, load: tuple[str, ...] = ("/",)) -> Iterator[Recording]:
    """Read a result file, but leave large arrays in it, to be read by slices.

    Follows hard links only, refuses external and virtual storage, and bounds
    every array by the file's size before it is allocated.

    Parameters
    ----------
    path : path
    load : tuple of str
        Beginnings of the paths of arrays to load; the others are open data sets
        until the end of the ``with`` block.

    Raises
    ------
    InputError
        As `read_run`.
    """
    path = Path(path)
    recording = Recording()
    with ExitStack() as stack:
        try:
            check_seal(path)
            file = stack.enter_context(h5py.File(path, "r"))
            recording.attrs["/"] = _attributes(file)
            version = recording.attrs["/"].get("schema_version")
            if version != SCHEMA_VERSION:
                raise InputError(
                    str(path), f"schema_version {version}", f"a result file of version {SCHEMA_VERSION}"
                )
            for name, node in _walk(file, path):
                attributes = _attributes(node)
                if attributes:
                    recording.attrs[name] = attributes
                if isinstance(node, h5py.Dataset):
                    _check(node, name, path)
                    recording.arrays[name] = node[()] if name.startswith(load) else node
        except FileNotFoundError as error:
            raise InputError(str(path), "no such file", "an existing result file") from error
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
            if isinstance(error, InputError):
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(str(path), reason, "an undamaged HDF5 result file") from error
        yield recording


def _attributes(node: Any) -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, (np.generic, np.ndarray)) else v for k, v in node.attrs.items()}


def _walk(group: h5py.Group, path: Path, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in group:
        full = f"{prefix}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise InputError(str(path), full, "hard links only")
        node = group[name]
        yield full, node
        if isinstance(node, h5py.Group):
            yield from _walk(node, path, full)


def _check(data: h5py.Dataset, name: str, path: Path) -> None:
    layout = data.id.get_create_plist()
    if data.is_virtual or layout.get_external_count():
        raise InputError(str(path), name, "data inside the file itself")
    if data.dtype.hasobject:
        raise InputError(str(path), name, "numbers and bytes only")
    size = int(np.prod(data.shape, dtype=object)) * data.dtype.itemsize
    if size > MAX_RATIO * os.path.getsize(path):
        raise InputError(
            str(path), f"{name} claims {size} bytes", f"at most {MAX_RATIO} times the file's size"
        )
