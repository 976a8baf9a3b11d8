"""One time step of 32 cells: the Izhikevich equations, as vector code.

Equals `spikewhen.reservoir.reference` up to the reset, bit for bit. State and parameters
come in rows of 32, arranged as in reservoir/cpu/layout.py.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from spikewhen.reservoir.cpu.layout import CURRENT, DRIVE, INFLOW, U, V
from spikewhen.reservoir.simd import simd_function
from spikewhen.reservoir.vector import ArrayRow, Vector


def _slopes(v: Vector, u: Vector, total: Vector, shape: list, scale: list) -> tuple[Vector, Vector]:
    """Return dt dv/dt and dt du/dt.

    ``C dv/dt = k (v - v_r)(v - v_t) - u + I``, ``du/dt = a (b (v - v_r) - u)`` (Izhikevich 2007).
    """
    v_rest, v_threshold, b, _ = shape
    k, dt_over_c, a_dt, *_ = scale
    above_rest = v - v_rest
    dv = dt_over_c * (k * above_rest * (v - v_threshold) - u + total)
    return dv, a_dt * (b * above_rest - u)


def _integrate(scheme, v, u, current, inflow, drive, noise, shape, scale, inflow_dt) -> Vector:
    """Advance 32 cells by a step; returns who reached the peak.

    `inflow` is None for single-exponential currents, `noise` without noise. Heun's
    method is second order in v, u and the decaying current; noise is held over the step.
    """

    def total(synaptic: Vector) -> Vector:
        return drive + synaptic if noise is None else (drive + synaptic) + noise

    decayed = current * scale[3]
    if inflow is not None:
        decayed = decayed + inflow * inflow_dt
    dv, du = _slopes(v, u, total(current), shape, scale)
    v_next, u_next = v + dv, u + du
    if scheme == "heun":
        dv_end, du_end = _slopes(v_next, u_next, total(decayed), shape, scale)
        v_next, u_next = v + (dv + dv_end) * 0.5, u + (du + du_end) * 0.5
    if inflow is not None:
        inflow.set(inflow * scale[4])
    current.set(decayed)
    v.set(v_next)
    u.set(u_next)
    return v_next >= shape[3]


def _parameters(table: ArrayRow, n: int, alike: bool) -> list:
    """Return the parameters of a row: one number each where its 32 cells are alike, else 32."""
    return [table.row(p).lane(0) if alike else table.row(p) for p in range(n)]


def _noise(noisy: bool, words: ArrayRow, half: Vector, noise_scale: Vector) -> Vector | None:
    """Scale the draw of bits 0-15 (half 0) or 16-31 (half 16) of what `fill_draws` wrote."""
    return noise_scale * (((words >> half) & 0xFFFF) - 30).real_like(noise_scale) if noisy else None


@cache
def membrane(scheme: str, noisy: bool, rises: bool, alike: tuple[bool, bool]) -> Any:
    """Return the compiled step of a row of 32 cells.

    ``step(cells, words, shape, scale, half, noise_scale, inflow_dt)`` returns a mask
    of the cells that reached their peak. Arrays are followed by the index of the row.

    Parameters
    ----------
    scheme : {"euler", "heun"}
    noisy, rises : bool
        Whether there is noise, whether currents are double-exponential.
    alike : tuple of two bool
        Whether all cells of the row have one `shape`, one `scale`.
    """

    def step(
        cells: ArrayRow,
        words: ArrayRow,
        shape: ArrayRow,
        scale: ArrayRow,
        half: Vector,
        noise_scale: Vector,
        inflow_dt: Vector,
    ) -> Vector:
        return _integrate(
            scheme,
            cells.row(V),
            cells.row(U),
            cells.row(CURRENT),
            cells.row(INFLOW) if rises else None,
            cells.row(DRIVE),
            _noise(noisy, words, half, noise_scale),
            _parameters(shape, 4, alike[0]),
            _parameters(scale, 5, alike[1]),
            inflow_dt,
        )

    return simd_function(step)
