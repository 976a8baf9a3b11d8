"""A finished run as arrays by path, and how a result file is read into it.

Paths come from `spikewhen.reservoir.files.schema`. Files are written by
`spikewhen.reservoir.files.sinks`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.integrity import check_seal

MAX_RATIO = 1100
"""No gzip stream unpacks to more than about 1032 times its size."""


def run_id(config: dict) -> str:
    """Return the first 16 hex digits of the SHA-256 of the canonical resolved config."""
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

    def sliced(self, path: str) -> Any:
        """Return an array of which slices will be read; one that stands in an open file is left there."""
        unread = getattr(self.arrays, "unread", None)
        return self[path] if unread is None else unread(path)

    @property
    def config(self) -> dict:
        """The full resolved config."""
        return json.loads(schema.read_text(self, schema.CONFIG))

    @property
    def software(self) -> dict:
        """The versions of the packages, and the commit, that made the file."""
        return json.loads(schema.read_text(self, schema.SOFTWARE))

    @property
    def run_id(self) -> str:
        """The hash of the config, which is also the file's name."""
        return self.attrs["/"]["run_id"]

    @property
    def labels(self) -> list[str]:
        """The labels of the readouts, in the config's order."""
        return schema.labels(self)


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
    with open_recording(path, only) as recording:
        in_memory = {p: a for p, a in recording.arrays.items() if isinstance(a, np.ndarray)}
        return Recording(in_memory, recording.attrs)


@contextmanager
def open_recording(path: str | Path, load: tuple[str, ...] = ("/",)) -> Iterator[Recording]:
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
            schema.check_version(path, recording.attrs["/"].get("schema_version"))
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
