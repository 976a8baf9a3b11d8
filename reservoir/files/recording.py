"""A finished run as arrays by path, and how a result file is read into it.

Paths come from `spikewhen.reservoir.files.schema`. Files are written by
`spikewhen.reservoir.files.sinks`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import layout, schema
from spikewhen.reservoir.files.derived import Derived, derive
from spikewhen.reservoir.files.integrity import check_seal
from spikewhen.reservoir.files.schema import run_id as run_id
from spikewhen.reservoir.files.walk import check_heaps, walk


@dataclass(repr=False)
class Recording:
    """A finished run: arrays and attributes by absolute path.

    Attributes
    ----------
    arrays : dict of str to ndarray
        E.g. ``"/readouts/local/probes/y"``, ``(q, T, K)``. What follows from others, such as
        ``prediction``, is not among them, but is given like them (`spikewhen.reservoir.files.derived`).
    attrs : dict of str to dict
        Attributes of groups, data sets and the root ``"/"``; every array with
        a dimension has ``units``.
    sizes : dict of str to int
        Of a file: the dimensions of its arrays by name, see `spikewhen.reservoir.files.layout`.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    attrs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __repr__(self) -> str:
        name = self.attrs.get("/", {}).get("run_id", "without a name")
        return f"<recording {name}: {len(self.arrays)} arrays>"

    def __getitem__(self, path: str) -> np.ndarray:
        if path not in self.arrays and (derived := self._derived(path)) is not None:
            return derived[:]
        return self.arrays[path]

    def __contains__(self, path: str) -> bool:
        return path in self.arrays or self._derived(path) is not None

    def sliced(self, path: str) -> Any:
        """Return an array of which slices will be read; one that stands in an open file is left there."""
        if path not in self.arrays and (derived := self._derived(path)) is not None:
            return derived
        unread = getattr(self.arrays, "unread", None)
        return self[path] if unread is None else unread(path)

    def _derived(self, path: str) -> Derived | None:
        return derive(path, self.arrays, self.attrs, self.sliced)

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
    def holds_all_spikes(self) -> bool:
        """Whether the run kept every spike, and holds them still."""
        return self.attrs.get(schema.spikes("reservoir"), {}).get("subset") == "all"

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

    The file is held against its checksum, and all that is in it against the tables of
    `spikewhen.reservoir.files.layout`, before anything else sees it.

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
            check_heaps(path)
            file = stack.enter_context(h5py.File(path, "r"))
            recording.attrs["/"] = _attributes(file)
            schema.check_version(path, recording.attrs["/"].get("schema_version"))
            nodes: dict[str, h5py.Dataset] = {}
            for name, node in walk(file, path):
                if attributes := _attributes(node):
                    recording.attrs[name] = attributes
                if isinstance(node, h5py.Dataset):
                    nodes[name] = node
            recording.sizes = layout.check(path, nodes, recording.attrs)
            for name, node in nodes.items():
                recording.arrays[name] = node
                if name.startswith(load):
                    recording.arrays[name] = array = node[()]
                    layout.check_values(name, array, recording.sizes)
        except FileNotFoundError as error:
            raise InputError(str(path), "no such file", "an existing result file") from error
        except layout.WrongError as error:
            raise InputError(str(path), *error.args) from error
        except InputError:
            raise
        except Exception as error:  # h5py and HDF5 raise all kinds
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(str(path), reason, "an undamaged HDF5 result file") from error
        yield recording


def _attributes(node: Any) -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, (np.generic, np.ndarray)) else v for k, v in node.attrs.items()}
