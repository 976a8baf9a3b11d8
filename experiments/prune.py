"""Drop from result files what the same command would compute again, to save disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from spikewhen.experiments.digest import read_table, with_digest
from spikewhen.experiments.reuse import check_identity
from spikewhen.experiments.sidecar import KEY
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.integrity import checksum_of, write_whole
from spikewhen.reservoir.files.recording import Recording, open_recording
from spikewhen.reservoir.files.sinks import FileSink

SPIKES = [schema.spikes("reservoir", name) for name in ("step", "node_ids")]
SPIKES += [schema.spikes("probes", name) for name in ("step", "node_ids", "probe")]

PARTS: dict[str, str] = {
    "spikes": "spikes of trials and probes: features, geometry, and training further rules on them",
    "trials": "what readouts said in training trials; probes stay",
    "cells": "states of single cells",
}
"""What can be dropped, and what it is. Scores, probes, weights, the network and the config always stay."""


class Pruned(NamedTuple):
    """What was done to a file."""

    path: Path
    before: int  # bytes
    after: int
    dropped: tuple[str, ...]  # what was there of what was to go


def prune(path: str | Path, parts: Collection[str] = tuple(PARTS), write: bool = True) -> Pruned:
    """Drop parts of a finished run from its file, which is replaced as a whole.

    The file keeps its name, for the run is still that of its config; its attribute ``pruned`` says what
    was dropped, and every reader takes it for a run that never kept those parts. To have them again,
    remove the file and run the config.

    Parameters
    ----------
    path : path
        Of a result file.
    parts : collection of str
        Of `PARTS`.
    write : bool
        False only says what would be saved; `after` is then an estimate.

    Returns
    -------
    Pruned

    Raises
    ------
    InputError
        If a part is unknown, or the file is damaged, none of ours, or being written. It is then as it was.
    """
    path = Path(path)
    if unknown := sorted(set(parts) - PARTS.keys()):
        raise InputError("parts", ", ".join(unknown), ", ".join(PARTS))
    with open_recording(path, (schema.CONFIG,)) as recording:
        check_identity(recording, path)
        gone, dropped = _arrays_of(recording, parts)
    before = path.stat().st_size
    if not dropped:
        return Pruned(path, before, before, ())
    if not write:
        return Pruned(path, before, before - _stored(path, gone), dropped)
    old_sum, sink = checksum_of(path), FileSink(path)
    try:
        with h5py.File(path, "r") as file:
            sink.take_over(file, gone.__contains__)
            if "spikes" in dropped:
                _leave_no_spikes(sink, file)
            sink.annotate("/", pruned=sorted({*recording.attrs["/"].get("pruned", []), *dropped}))
        sink.commit()
    except BaseException:
        sink.abort()
        raise
    _tell_sidecar(path, old_sum)
    return Pruned(path, before, path.stat().st_size, dropped)


def _arrays_of(recording: Recording, parts: Collection[str]) -> tuple[set[str], tuple[str, ...]]:
    """Return the paths that go, and the parts of which there is anything."""
    paths = set(recording.arrays)
    belongs: dict[str, Callable[[str], bool]] = {
        "spikes": lambda p: p in SPIKES and recording.arrays[p].shape[0] > 0,
        "trials": lambda p: p.startswith(schema.readout()) and "/trials/" in p,
        "cells": lambda p: p.startswith(f"{schema.cells()}/"),
    }
    found = {part: {p for p in paths if belongs[part](p)} for part in parts}
    gone = set().union(*found.values())
    return gone, tuple(part for part in PARTS if found.get(part))


def _stored(path: Path, gone: Collection[str]) -> int:
    with h5py.File(path, "r") as file:
        return sum(file[name].id.get_storage_size() for name in gone)


def _leave_no_spikes(sink: FileSink, file: h5py.File) -> None:
    """Leave what a run leaves that keeps none."""
    for name in SPIKES:
        sink.create(name, (0,), file[name].dtype, file[name].attrs["units"])
    for which in ("reservoir", "probes"):
        sink.annotate(schema.spikes(which), recorded=np.zeros(0, np.int64), subset="none")


def _tell_sidecar(path: Path, old_sum: str) -> None:
    """Let the JSON beside the file name its new checksum, if it was that of the old one."""
    beside = path.with_suffix(".json")
    try:
        table: dict[str, Any] = read_table(beside)
        if table[KEY]["checksum"] != old_sum:
            return
    except (OSError, ValueError, KeyError, TypeError):
        return  # tables then read the file itself
    table[KEY]["checksum"] = checksum_of(path)
    write_whole(beside, json.dumps(with_digest(table)) + "\n")
