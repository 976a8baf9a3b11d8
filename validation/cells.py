"""Single cells, uncoupled and without noise: on our engines, and integrated tightly by SciPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from spikewhen.reservoir.network import synapses_from_matrix
from spikewhen.reservoir.neurons import CELL_TYPES, COLUMNS, preset
from spikewhen.reservoir.time_grid import SimulationSpec, TraceSpec, make_grid
from spikewhen.reservoir.types import Cells, Encoders, Network, TimeGrid, Trials

ORDER = {"euler": 1, "heun": 2}
"""Order of convergence of each scheme in theory."""


def quiet_grid(dt_ms: float, scheme: str = "euler") -> TimeGrid:
    """Return a grid without noise and readout steps of 1 ms."""
    simulation = SimulationSpec(dt_ms=dt_ms, scheme=scheme, readout_step_ms=1.0, noise=0.0)
    return make_grid(simulation, TraceSpec(), 0)


def uncoupled(rows: list[dict[str, float]], v_start: np.ndarray) -> Network:
    """Return cells without synapses or inputs.

    Parameters
    ----------
    rows : list of dict
        The nine parameters of every cell.
    v_start : (N,) ndarray, mV
    """
    n = len(rows)
    parameters = {c: np.array([row[c] for row in rows]) for c in COLUMNS}
    nothing = np.zeros((0, n))
    return Network(
        Cells(**parameters, bias=np.zeros(n)),
        synapses_from_matrix(np.zeros((n, n)), 20.0),
        Encoders(nothing, nothing, nothing),
        np.zeros(n, np.int8),
        ("cell",),
        np.asarray(v_start, float),
    )


def injected(current: np.ndarray, dtype=np.float64) -> Trials:
    """Return a segment in which every cell gets its own current, pA, ``(T, N)`` per ms."""
    n_steps = len(current)
    return Trials(
        0,
        0,
        np.zeros((n_steps, 0), dtype),
        np.asarray(current, dtype),
        np.full(n_steps, -1),
        np.zeros((0, 0), dtype),
        False,
    )


def every_type() -> Iterator[tuple[str, str, dict[str, float]]]:
    """Yield preset family, type and parameters of all ten cell types."""
    for form in ("2007", "2003"):
        for name in CELL_TYPES:
            yield form, name, preset(name, form)


def rheobase(cell: dict[str, float]) -> float:
    """Current at which the v-nullcline leaves the u-nullcline, pA (saddle-node; b < k (v_t - v_r))."""
    k, width, b = cell["k"], cell["v_threshold"] - cell["v_rest"], cell["b"]
    return (k * width + b) ** 2 / (4 * k)


class Exact(NamedTuple):
    """A cell integrated to a relative tolerance of 1e-10."""

    v: np.ndarray  # (T,) mV at the end of every ms
    spike_ms: np.ndarray  # times at which v reached the peak


def integrate(cell: dict[str, float], v_start: float, current: np.ndarray) -> Exact:
    """Integrate one cell, spikes located as events, its current constant within every ms.

    Parameters
    ----------
    cell : dict of str to float
    v_start : float, mV
    current : (T,) ndarray, pA
    """
    p = cell
    state, at_ms, spikes = np.array([v_start, 0.0]), np.zeros(len(current)), []

    def slope(t, y, i_now):
        v, u = y
        above = v - p["v_rest"]
        return [
            (p["k"] * above * (v - p["v_threshold"]) - u + i_now) / p["capacitance"],
            p["a"] * (p["b"] * above - u),
        ]

    def peak(t, y, i_now):
        return y[0] - p["v_peak"]

    peak.terminal, peak.direction = True, 1  # type: ignore[attr-defined]
    for t, i_now in enumerate(current):
        now = float(t)
        while now < t + 1:
            found = solve_ivp(
                slope, (now, t + 1.0), state, "DOP853", events=peak, args=(i_now,), rtol=1e-10, atol=1e-10
            )
            now, state = float(found.t[-1]), found.y[:, -1].copy()
            if found.status == 1:
                spikes.append(now)
                state = np.array([p["c"], state[1] + p["d"]])
        at_ms[t] = state[0]
    return Exact(at_ms, np.array(spikes))
