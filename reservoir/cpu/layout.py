"""How the kernels see a network and its state: in rows of 32 cells.

All that changes of 32 cells stands together, one field after the other: a step
goes through memory once and in order, and no two fields compete for the same
place in the cache (separate arrays cost up to twice the time). Parameters stand
in tables in which rows that are alike are kept once, so that they stay in the
first-level cache: memory traffic binds here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spikewhen.reservoir.step_constants import StepConstants
from spikewhen.reservoir.types import LANES, State, aligned, aligned_zeros, padded

FIELDS = ("v", "u", "current", "drive", "current_inflow", "trace_inflow")
"""What stands together; `drive` is scratch, the rest are fields of the state.

Six, not eight: at a distance that is a power of two rows would share a few places of the cache.
"""

V, U, CURRENT, DRIVE, INFLOW, TRACE_INFLOW = range(len(FIELDS))
STRIDE = LANES * len(FIELDS)
"""Elements from one row of cells to the next."""


class Tables(NamedTuple):
    """The constants of a network as the kernels read them."""

    shape: np.ndarray  # rows of v_r, v_t, b, v_peak
    scale: np.ndarray  # rows of k, dt/C, a dt, decay, decay of the rising current
    bias: np.ndarray  # rows of constant currents
    place: np.ndarray  # (rows, 4) int64: where a row of cells stands in the tables; how alike it is
    c: np.ndarray  # (N,)
    d: np.ndarray  # (N,)
    v_peak: np.ndarray  # (N,)
    encoders: np.ndarray  # (C * N_pad,)
    feedback: np.ndarray  # (K * N_pad,)
    jump: np.ndarray  # (m,)
    inflow_jump: np.ndarray  # (m,) or (0,)


class Work(NamedTuple):
    """The state of a network as the kernels change it."""

    cells: np.ndarray  # (rows * STRIDE,)
    trace: np.ndarray  # (N_pad,), this and the next two apart, because they are needed once per readout step
    mean: np.ndarray  # (N_pad,)
    variance: np.ndarray  # (N_pad,)
    fired: np.ndarray  # (2, rows) uint32, a bit for each cell of a row that reached its peak, in even and odd
    # steps: a thread that is a step ahead spoils nothing; scratch
    pending: np.ndarray  # (D, N_pad)
    readouts: np.ndarray  # (1,) int64
    output: np.ndarray  # (K,)


def tabulate(d: StepConstants) -> Tables:
    """Arrange the constants of a network in tables.

    Cells that fill up the last row have zeros, so they rest, and a peak they
    cannot reach.
    """
    inflow_factor = d.inflow_factor if d.inflow_factor.size else np.zeros_like(d.v_peak)
    shape, shape_at = _rows((d.v_rest, d.v_threshold, d.b, d.v_peak), (0, 0, 0, np.inf))
    scale, scale_at = _rows((d.k, d.dt_over_c, d.a_dt, d.current_factor, inflow_factor), (0,) * 5)
    bias, bias_at = _rows((d.bias,), (0,))
    # 2: the cells have one shape and one scale; 1: one shape; 0: neither
    alike = _alike(shape, shape_at, 4) * (1 + _alike(scale, scale_at, 5))
    return Tables(
        aligned(shape),
        aligned(scale),
        aligned(bias),
        np.stack([shape_at, scale_at, bias_at, alike], axis=1),
        d.c,
        d.d,
        d.v_peak,
        pad(d.encoders).ravel(),
        pad(d.feedback).ravel(),
        d.trace_jump,
        d.trace_inflow_jump,
    )


def positions(neuron: np.ndarray, field: int) -> np.ndarray:
    """Return where a field of each neuron stands in ``Work.cells``."""
    return neuron // LANES * STRIDE + field * LANES + neuron % LANES


def pad(array: np.ndarray) -> np.ndarray:
    """Fill the last axis up with zeros to whole rows of 32."""
    n = array.shape[-1]
    out = aligned_zeros((*array.shape[:-1], padded(n)), array.dtype)
    out[..., :n] = array
    return out


def arrange(state: State) -> Work:
    """Copy a state into rows."""
    rows = padded(state.v.size) // LANES
    cells = aligned(np.zeros((rows, len(FIELDS), LANES), state.v.dtype))
    for p, name in enumerate(FIELDS):
        if name != "drive":
            cells[:, p] = pad(getattr(state, name)).reshape(rows, LANES)
    return Work(
        cells.ravel(),
        pad(state.trace),
        pad(state.trace_mean),
        pad(state.trace_variance),
        np.zeros((2, rows), np.uint32),
        pad(state.pending),
        state.readouts,
        state.output,
    )


def write_back(work: Work, state: State) -> None:
    """Copy rows into the state they came from."""
    n = state.v.size
    cells = work.cells.reshape(-1, len(FIELDS), LANES)
    for p, name in enumerate(FIELDS):
        if name != "drive":
            getattr(state, name)[:] = cells[:, p].ravel()[:n]
    state.trace[:], state.trace_mean[:], state.trace_variance[:] = (
        a[:n] for a in (work.trace, work.mean, work.variance)
    )
    state.pending[:] = work.pending[:, :n]


def _rows(parameters: tuple[np.ndarray, ...], filling: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows, flat, and where each row of cells finds its own."""
    n = parameters[0].size
    full = [
        np.pad(p, (0, padded(n) - n), constant_values=f) for p, f in zip(parameters, filling, strict=True)
    ]
    rows = np.stack(full).reshape(len(full), -1, LANES).transpose(1, 0, 2).reshape(-1, len(full) * LANES)
    bits = rows.view(f"u{rows.itemsize}")  # 0 and -0 are not alike
    _, first, which = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return rows[first].ravel(), which.reshape(-1).astype(np.int64) * rows.shape[1]


def _alike(table: np.ndarray, place: np.ndarray, n: int) -> np.ndarray:
    rows = table.reshape(-1, n, LANES)
    return (rows == rows[:, :, :1]).all(axis=(1, 2))[place // (n * LANES)].astype(np.int64)
