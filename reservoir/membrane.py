"""One time step of 32 cells: the Izhikevich equations, as vector code.

Equals `reservoir.reference` up to the reset, bit for bit. Parameters of the
cells come in two tables of rows: `shape` (v_r, v_t, b, v_peak), which cells of
one type share, and `scale` (k, dt/C, a dt, decay, decay of the rising current),
which differ from cell to cell. Rows that are alike are kept once and so stay in
the first-level cache: memory traffic binds here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from reservoir.derived import Derived
from reservoir.lanes import Row, Vector, lane_code
from reservoir.types import LANES, padded


def _slopes(v: Vector, u: Vector, total: Vector, shape: Row, scale: Row) -> tuple[Vector, Vector]:
    """dt dv/dt and dt du/dt: ``C dv/dt = k (v - v_r)(v - v_t) - u + I``, ``du/dt = a (b (v - v_r) - u)``."""
    v_rest, v_threshold, b = shape.row(0), shape.row(1), shape.row(2)
    k, dt_over_c, a_dt = scale.row(0), scale.row(1), scale.row(2)
    above_rest = v - v_rest
    dv = dt_over_c * (k * above_rest * (v - v_threshold) - u + total)
    return dv, a_dt * (b * above_rest - u)


@cache
def membrane(scheme: str, noisy: bool, rises: bool) -> Any:
    """Return the compiled step of a row.

    ``step(v, u, current, rise, drive, words, shape, scale, half, noise_scale, rise_dt)``
    advances v, u and the synaptic current and returns a mask of the cells that
    reached their peak. Arrays are followed by the index of the row.

    Parameters
    ----------
    scheme : {"euler", "heun"}
        Forward Euler, or Heun's method, second order in v, u and the decaying
        current; noise is held over the step.
    noisy : bool
        Whether there is noise: `words` from `reservoir.noise.fill_draws`, `half`
        0 for the even draw of a pair and 16 for the odd one.
    rises : bool
        Whether currents are double-exponential: `rise` and `rise_dt`.
    """

    def step(v: Row, u: Row, current: Row, rise: Row, drive: Row, words: Row, shape: Row, scale: Row,
             half: Vector, noise_scale: Vector, rise_dt: Vector) -> Vector:  # fmt: skip
        def total(synaptic: Vector) -> Vector:
            if not noisy:
                return drive + synaptic
            draw = ((words >> half) & 0xFFFF) - 30
            return (drive + synaptic) + noise_scale * draw.real_like(noise_scale)

        decayed = current * scale.row(3)
        if rises:
            decayed = decayed + rise * rise_dt
        dv, du = _slopes(v, u, total(current), shape, scale)
        v_next, u_next = v + dv, u + du
        if scheme == "heun":
            dv_end, du_end = _slopes(v_next, u_next, total(decayed), shape, scale)
            v_next, u_next = v + (dv + dv_end) * 0.5, u + (du + du_end) * 0.5
        if rises:
            rise.set(rise * scale.row(4))
        current.set(decayed)
        v.set(v_next)
        u.set(u_next)
        return v_next >= shape.row(3)

    return lane_code(step)


def pack(d: Derived) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arrange the parameters of the cells in tables of rows.

    Returns
    -------
    shape, scale : flat ndarrays
        Rows of 32 cells, each kept once. Cells that fill up the last row have
        zeros, so they rest, and a peak they cannot reach.
    place : (N_pad / 32, 2) int64 ndarray
        Where each row of cells begins in `shape` and in `scale`.
    """
    n = d.v_peak.size
    rise_decay = d.rise_decay if d.rise_decay.size else np.zeros(n, d.v_peak.dtype)
    shape, place_of_shape = _rows((d.v_rest, d.v_threshold, d.b, d.v_peak), (0, 0, 0, np.inf))
    scale, place_of_scale = _rows((d.k, d.dt_over_c, d.a_dt, d.current_decay, rise_decay), (0,) * 5)
    return shape, scale, np.stack([place_of_shape, place_of_scale], axis=1)


def _rows(parameters: tuple[np.ndarray, ...], filling: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    n = parameters[0].size
    full = [
        np.pad(p, (0, padded(n) - n), constant_values=f) for p, f in zip(parameters, filling, strict=True)
    ]
    rows = np.stack(full).reshape(len(full), -1, LANES).transpose(1, 0, 2).reshape(-1, len(full) * LANES)
    bits = rows.view(f"u{rows.itemsize}")  # 0 and -0 are not alike
    _, first, which = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return rows[first].ravel(), which.reshape(-1).astype(np.int64) * rows.shape[1]
