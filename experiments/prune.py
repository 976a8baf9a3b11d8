"""Drop from result files what the same command would compute again, to save disk."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from spikewhen.experiments.digest import read_table, with_digest
from spikewhen.experiments.reuse import check_identity
from spikewhen.experiments.sidecar import KEY
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.dropping import PARTS, USUAL, copy_without, find_parts
from spikewhen.reservoir.files.integrity import checksum_of, write_whole
from spikewhen.reservoir.files.recording import open_recording
from spikewhen.reservoir.files.sinks import FileSink


class Pruned(NamedTuple):
    """What was done to a file."""

    path: Path
    before: int  # bytes
    after: int
    dropped: tuple[str, ...]  # what was there of what was to go


def prune(path: str | Path, parts: Collection[str] = USUAL, write: bool = True) -> Pruned:
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
    with h5py.File(path, "r") as file:
        gone, dropped = find_parts(file, parts)
    before = path.stat().st_size
    if not dropped:
        return Pruned(path, before, before, ())
    if not write:
        return Pruned(path, before, before - _stored(path, gone), dropped)
    old_sum, sink = checksum_of(path), FileSink(path)
    try:
        with h5py.File(path, "r") as file:
            copy_without(sink, file, parts)
        sink.commit()
    except BaseException:
        sink.abort()
        raise
    _tell_sidecar(path, old_sum)
    return Pruned(path, before, path.stat().st_size, dropped)


def _stored(path: Path, gone: Collection[str]) -> int:
    with h5py.File(path, "r") as file:
        return sum(file[name].id.get_storage_size() for name in gone)


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
