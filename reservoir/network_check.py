"""Networks from outside, checked once: made by hand, or read from a file."""

from __future__ import annotations

import numpy as np

from spikewhen.reservoir.arrays import check_name, checked, number
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.types import Cells, Encoders, Network, Synapses

PENDING_BYTES = 2**32
"""Room for spikes on their way: a number for each cell and each step of the longest delay."""


def longest_delay(n_neurons: int) -> int:
    """Return the largest delay in steps that a network of `n_neurons` may have."""
    return min(PENDING_BYTES // (8 * max(n_neurons, 1)), 2**31 - 1) - 1


def check_network(network: Network, n_cues: int | None = None, n_channels: int | None = None) -> Network:
    """Check a network from outside: kinds, shapes, ranges and the order of targets.

    Parameters
    ----------
    network : Network
        Made by hand, or read from a file.
    n_cues, n_channels : int, optional
        Number of encoders of each kind; by default as many as there are.

    Returns
    -------
    Network
        With the types that `build_network` gives, so that equal networks have equal bytes.

    Raises
    ------
    InputError
        Naming the array, the index and the value.
    """
    for where, part, kind in (
        ("", network, Network),
        (".cells", getattr(network, "cells", None), Cells),
        (".synapses", getattr(network, "synapses", None), Synapses),
        (".encoders", getattr(network, "encoders", None), Encoders),
    ):
        if not isinstance(part, kind):
            raise InputError(f"network{where}", type(part).__name__, f"a {kind.__name__}")
    v_start = checked("network.v_start", network.v_start, (None,))
    n = v_start.size
    if n == 0:
        raise InputError("network.v_start", (0,), "at least one cell")
    cells = Cells(
        **{
            k: checked(f"network.cells.{k}", a, (n,), above=0 if k == "capacitance" else -np.inf)
            for k, a in network.cells._asdict().items()
        }
    )
    if (cells.c >= cells.v_peak).any():
        at = int(np.argmax(cells.c >= cells.v_peak))
        peak = float(cells.v_peak[at])
        raise InputError(f"network.cells.v_peak[{at}]", peak, f"above the reset c[{at}] = {cells.c[at]:g}")
    names = network.type_names
    if not isinstance(names, (tuple, list)) or not names:
        raise InputError("network.type_names", names, "at least one name")
    for i, one in enumerate(names):
        if check_name(f"network.type_names[{i}]", one) in names[:i]:
            raise InputError(f"network.type_names[{i}]", one, "each name once")
    kinds = checked("network.cell_type", network.cell_type, (n,), np.int64, 0, len(names) - 1)
    encoders = check_encoders(network.encoders, n, n_cues, n_channels)
    return Network(
        cells,
        _check_synapses(network.synapses, n),
        encoders,
        kinds.astype(np.int8 if len(names) <= 128 else np.int32),
        tuple(names),
        v_start,
    )


def check_encoders(encoders: Encoders, n: int, n_cues: int | None, n_channels: int | None) -> Encoders:
    """Check that each cue and channel reaches `n` cells; returns the encoders in float64."""
    rows = {"cue": n_cues, "event": n_channels, "feedback": n_channels}
    given = encoders._asdict()
    found = {k: checked(f"network.encoders.{k}", given[k], (rows[k], n)) for k in rows}
    drive = encoders.drive if np.size(encoders.drive) else np.zeros((0, n))
    drive = checked("network.encoders.drive", drive, (None, n))
    if len(drive) > 1:
        raise InputError(
            "network.encoders.drive", drive.shape, f"one current for each cell, (1, {n}), or none"
        )
    return Encoders(**found, drive=drive)


def _check_synapses(synapses: Synapses, n: int) -> Synapses:
    where = "network.synapses"
    target = checked(f"{where}.target", synapses.target, (None,), np.int32, 0, n - 1)
    size = target.size
    indptr = checked(f"{where}.indptr", synapses.indptr, (n + 1,), np.int64)
    for at, right in ((0, 0), (n, size)):
        if indptr[at] != right:
            allowed = f"{right}: rows begin at 0 and add up to {size} synapses"
            raise InputError(f"{where}.indptr[{at}]", int(indptr[at]), allowed)
    if (np.diff(indptr) < 0).any():
        at = int(np.argmax(np.diff(indptr) < 0)) + 1
        before = int(indptr[at - 1])
        raise InputError(f"{where}.indptr[{at}]", int(indptr[at]), f"at least {before}, as the one before")
    rows = np.repeat(np.arange(n), np.diff(indptr))
    wrong = np.diff(rows * n + target) <= 0
    if wrong.any():
        at = int(np.argmax(wrong)) + 1
        raise InputError(f"{where}.target[{at}]", int(target[at]), "targets of a cell ascending, each once")
    return Synapses(
        indptr,
        target,
        checked(f"{where}.weight", synapses.weight, (size,)),
        checked(f"{where}.delay_steps", synapses.delay_steps, (size,), np.int32, 0, longest_delay(n)),
        checked(f"{where}.decay_ms", synapses.decay_ms, (n,), above=0),
        number(f"{where}.rise_ms", synapses.rise_ms, low=0),
    )
