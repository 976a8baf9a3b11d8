"""One time step of 32 cells: the Izhikevich equations, as vector code.

Equals `spikewhen.reservoir.reference` up to the reset, bit for bit. State and parameters
come in rows of 32, arranged as in reservoir/cpu/layout.py.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from spikewhen.reservoir.cpu.layout import CURRENT, RISE, TRACE_RISE, U, V
from spikewhen.reservoir.simd import Row, Vector, simd_function
from spikewhen.reservoir.traces import decay


def _slopes(v: Vector, u: Vector, total: Vector, shape: list, scale: list) -> tuple[Vector, Vector]:
    """dt dv/dt and dt du/dt: ``C dv/dt = k (v - v_r)(v - v_t) - u + I``, ``du/dt = a (b (v - v_r) - u)``."""
    v_rest, v_threshold, b, _ = shape
    k, dt_over_c, a_dt, *_ = scale
    above_rest = v - v_rest
    dv = dt_over_c * (k * above_rest * (v - v_threshold) - u + total)
    return dv, a_dt * (b * above_rest - u)


def _integrate(scheme, v, u, current, rise, drive, noise, shape, scale, rise_dt) -> Vector:
    """Advance 32 cells by a step; returns who reached the peak.

    `rise` is None for single-exponential currents, `noise` without noise. Heun's
    method is second order in v, u and the decaying current; noise is held over the step.
    """

    def total(synaptic: Vector) -> Vector:
        return drive + synaptic if noise is None else (drive + synaptic) + noise

    decayed = current * scale[3]
    if rise is not None:
        decayed = decayed + rise * rise_dt
    dv, du = _slopes(v, u, total(current), shape, scale)
    v_next, u_next = v + dv, u + du
    if scheme == "heun":
        dv_end, du_end = _slopes(v_next, u_next, total(decayed), shape, scale)
        v_next, u_next = v + (dv + dv_end) * 0.5, u + (du + du_end) * 0.5
    if rise is not None:
        rise.set(rise * scale[4])
    current.set(decayed)
    v.set(v_next)
    u.set(u_next)
    return v_next >= shape[3]


def _parameters(table: Row, n: int, alike: bool) -> list:
    """One number for 32 cells that are alike, else 32."""
    return [table.row(p).lane(0) if alike else table.row(p) for p in range(n)]


def _noise(noisy: bool, words: Row, half: Vector, noise_scale: Vector) -> Vector | None:
    """Scale the draw of bits 0-15 (half 0) or 16-31 (half 16); see `spikewhen.reservoir.noise.fill_draws`."""
    return noise_scale * (((words >> half) & 0xFFFF) - 30).real_like(noise_scale) if noisy else None


@cache
def membrane(scheme: str, noisy: bool, rises: bool, alike: tuple[bool, bool]) -> Any:
    """Return the compiled step of a row of 32 cells.

    ``step(cells, drive, words, shape, scale, half, noise_scale, rise_dt)`` returns a mask
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
        cells: Row,
        drive: Row,
        words: Row,
        shape: Row,
        scale: Row,
        half: Vector,
        noise_scale: Vector,
        rise_dt: Vector,
    ) -> Vector:
        return _integrate(
            scheme,
            cells.row(V),
            cells.row(U),
            cells.row(CURRENT),
            cells.row(RISE) if rises else None,
            drive,
            _noise(noisy, words, half, noise_scale),
            _parameters(shape, 4, alike[0]),
            _parameters(scale, 5, alike[1]),
            rise_dt,
        )

    return simd_function(step)


@cache
def membrane_and_trace(scheme: str, noisy: bool, rises: bool, alike: tuple[bool, bool], double: bool) -> Any:
    """Return the compiled step of a row, with the last feedback channel before it and its traces after it.

    So all of it is touched once: ``step(cells, drive, words, shape, scale, feedback, trace, half,
    noise_scale, rise_dt, output, keep, couple, rise_keep)``.
    """

    def step(
        cells: Row,
        drive: Row,
        words: Row,
        shape: Row,
        scale: Row,
        feedback: Row,
        trace: Row,
        half: Vector,
        noise_scale: Vector,
        rise_dt: Vector,
        output: Vector,
        keep: Vector,
        couple: Vector,
        rise_keep: Vector,
    ) -> Vector:
        mask = _integrate(
            scheme,
            cells.row(V),
            cells.row(U),
            cells.row(CURRENT),
            cells.row(RISE) if rises else None,
            drive + feedback * output,
            _noise(noisy, words, half, noise_scale),
            _parameters(shape, 4, alike[0]),
            _parameters(scale, 5, alike[1]),
            rise_dt,
        )
        decay(trace, cells.row(TRACE_RISE) if double else None, keep, couple, rise_keep)
        return mask

    return simd_function(step)
