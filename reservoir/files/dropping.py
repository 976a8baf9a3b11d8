"""What can be dropped of a run that is scored, since its config would compute it again."""

from __future__ import annotations

from collections.abc import Callable, Collection

import h5py
import numpy as np

from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.sinks import FileSink

SPIKES = [schema.spikes("reservoir", name) for name in ("step", "node_ids")]
SPIKES += [schema.spikes("probes", name) for name in ("step", "node_ids", "probe")]

PARTS: dict[str, str] = {
    "spikes": "spikes of trials and probes: features, geometry, and training further rules on them",
    "trials": "what readouts said in training trials; probes stay",
    "cells": "states of single cells",
    "probes": "what readouts said in every step of probes: their time courses",
}
"""What can be dropped, and what it is. Scores, weights, the network and the config always stay."""

USUAL = ("spikes", "trials", "cells")
"""What is dropped where nothing else is asked for: tables, comparisons and most figures do without."""


def drop_parts(sink: FileSink, parts: Collection[str]) -> None:
    """Drop parts of a run that is scored and not yet committed; leaves what `prune` leaves.

    Parameters
    ----------
    sink : FileSink
    parts : collection of str
        Of `PARTS`.
    """
    _, dropped = find_parts(sink._file, parts)
    if dropped:
        sink.rewrite(lambda file: copy_without(sink, file, parts))


def copy_without(sink: FileSink, file: h5py.File, parts: Collection[str]) -> None:
    """Take over a run without some parts, and say so in it."""
    gone, dropped = find_parts(file, parts)
    sink.take_over(file, gone.__contains__)
    if "spikes" in dropped:
        _leave_no_spikes(sink, file)
    sink.annotate("/", pruned=sorted({*file.attrs.get("pruned", []), *dropped}))


def find_parts(file: h5py.File, parts: Collection[str]) -> tuple[set[str], tuple[str, ...]]:
    """Return the paths that go, and the parts of which there is anything."""
    rows: dict[str, int] = {}

    def note(_: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            rows[node.name] = len(node)

    file.visititems(note)
    paths = set(rows)
    belongs: dict[str, Callable[[str], bool]] = {
        "spikes": lambda p: p in SPIKES and rows[p] > 0,
        "trials": lambda p: p.startswith(schema.readout()) and "/trials/" in p,
        "cells": lambda p: p.startswith(f"{schema.cells()}/"),
        "probes": lambda p: p.startswith(schema.readout()) and p.endswith("/probes/y"),
    }
    found = {part: {p for p in paths if belongs[part](p)} for part in parts}
    gone = set().union(*found.values())
    return gone, tuple(part for part in PARTS if found.get(part))


def _leave_no_spikes(sink: FileSink, file: h5py.File) -> None:
    """Leave what a run leaves that keeps none."""
    for name in SPIKES:
        sink.create(name, (0,), file[name].dtype, file[name].attrs["units"])
    for which in ("reservoir", "probes"):
        sink.annotate(schema.spikes(which), recorded=np.zeros(0, np.int64), subset="none")
