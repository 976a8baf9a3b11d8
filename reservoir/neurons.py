"""Izhikevich cell types, and populations of them that differ from cell to cell.

``C dv/dt = k (v - v_r)(v - v_t) - u + I``, ``du/dt = a (b (v - v_r) - u)``;
at ``v >= v_peak``: ``v <- c``, ``u <- u + d`` (Izhikevich 2007, *Dynamical
Systems in Neuroscience*, ch. 8). Units: pF, nS/mV, mV, 1/ms, nS, pA.
"""

from __future__ import annotations

import math

import numpy as np

from spikewhen.reservoir.elementary import exp, log, normal, single, uniform
from spikewhen.reservoir.types import Cells

COLUMNS = ("capacitance", "k", "v_rest", "v_threshold", "v_peak", "a", "b", "c", "d")

PRESETS_2007: dict[str, tuple[float, ...]] = {
    #       C    k    v_r   v_t   v_peak a    b    c    d
    "RS": (100, 0.7, -60, -40, 35, 0.03, -2, -50, 100),
    "IB": (150, 1.2, -75, -45, 50, 0.01, 5, -56, 130),
    "CH": (50, 1.5, -60, -40, 25, 0.03, 1, -40, 150),
    # The book lets v_peak and c of LTS depend on u and caps u; here they are constant.
    "LTS": (100, 1.0, -56, -42, 40, 0.03, 8, -53, 20),
    # The book gives FS a cubic u-nullcline with a = .2, c = -45, d = 0; here it is linear.
    "FS": (20, 1.0, -55, -40, 25, 0.15, 8, -55, 200),
}

PRESETS_2003: dict[str, tuple[float, float, float, float]] = {
    #       a    b     c    d      (Izhikevich 2003, IEEE Trans. Neural Netw. 14)
    "RS": (0.02, 0.2, -65, 8),
    "IB": (0.02, 0.2, -55, 4),
    "CH": (0.02, 0.2, -50, 2),
    "LTS": (0.02, 0.25, -65, 2),
    "FS": (0.1, 0.2, -65, 2),
}

CELL_TYPES = tuple(PRESETS_2007)


def from_2003(a: float, b: float, c: float, d: float) -> tuple[float, ...]:
    """Write the 2003 model in the 2007 form.

    ``v' = .04 v^2 + 5 v + 140 - u + I`` is the 2007 form with ``C = 1``,
    ``k = .04``, ``v_peak = 30``, ``v_r`` the lower root of
    ``.04 v^2 + (5 - b) v + 140 = 0``, ``v_t = -125 - v_r`` and ``u`` shifted by
    ``b v_r``; currents keep the 2003 scale.

    Returns
    -------
    tuple of float
        In the order of `COLUMNS`.
    """
    v_rest = (-(5 - b) - math.sqrt((5 - b) * (5 - b) - 4 * 0.04 * 140)) / (2 * 0.04)
    return (1.0, 0.04, v_rest, -125.0 - v_rest, 30.0, a, b, c, d)


def preset(name: str, form: str = "2007") -> dict[str, float]:
    """Return the parameters of one cell type by name, e.g. ``preset("RS")``."""
    row = PRESETS_2007[name] if form == "2007" else from_2003(*PRESETS_2003[name])
    return dict(zip(COLUMNS, map(float, row), strict=True))


def population(
    type_names: list[str],
    bias: np.ndarray,
    form: str,
    spread: float,
    excitatory: np.ndarray,
    slow_a: tuple[float, float] | None,
    rng: np.random.Generator,
) -> Cells:
    """Draw a heterogeneous population, in numbers that float32 can hold.

    Parameters
    ----------
    type_names : list of str, length N
        Cell type of every neuron.
    bias : (N,) ndarray
        Constant current, pA.
    form : {"2007", "2003"}
        Preset family.
    spread : float
        SD of the logarithm of the factor put on C, k, a and d of every cell.
    excitatory : (N,) bool ndarray
    slow_a : (low, high) or None
        Replace `a` of excitatory cells by a log-uniform draw in this range,
        1/ms: slow adaptation carries time.
    rng : numpy.random.Generator
    """
    table = np.array([[preset(t, form)[c] for c in COLUMNS] for t in type_names])
    p = {c: table[:, i].copy() for i, c in enumerate(COLUMNS)}
    n = len(type_names)
    for name in ("capacitance", "k", "a", "d"):
        p[name] *= exp(spread * normal(rng, n))
    if slow_a is not None:
        low, high = log(np.array(slow_a))
        p["a"] = np.where(excitatory, exp(uniform(rng, low, high, n)), p["a"])
    return Cells(**{c: single(x) for c, x in p.items()}, bias=np.asarray(bias, np.float64))
