"""Order of convergence of v below threshold, against SciPy to a relative tolerance of 1e-10.

Without spikes the solution is smooth, so the largest error over a segment must
fall as dt to the power of the scheme's order; a wrong coefficient or a term
taken at the wrong time gives another order, or an error that stays.
"""

from __future__ import annotations

import numpy as np

from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.time_grid import SCHEMES
from spikewhen.validation.cells import (
    ORDER,
    every_type,
    injected,
    integrate,
    quiet_grid,
    rheobase,
    uncoupled,
)
from spikewhen.validation.findings import CheckResult, Context

NEEDS_BRIAN2 = False
DT_MS = (0.25, 0.125, 0.0625, 0.03125, 0.015625)
DURATION_MS = 60
START = 0.4
"""Where v starts between rest and threshold, as a share: the quadratic term counts."""
CURRENT = 0.15
"""Constant current as a share of the rheobase."""
TOLERANCE = {"euler": 0.1, "heun": 0.2}


def errors(backend: str, scheme: str, dt_ms: tuple[float, ...] = DT_MS) -> tuple[list[str], np.ndarray]:
    """Return names of the cell types and their largest errors of v, mV, ``(len(dt_ms), 10)``."""
    names, cells = zip(*((f"{name} {form}", cell) for form, name, cell in every_type()), strict=True)
    start = np.array([cell["v_rest"] + START * (cell["v_threshold"] - cell["v_rest"]) for cell in cells])
    current = np.tile([CURRENT * rheobase(cell) for cell in cells], (DURATION_MS, 1))
    exact = np.stack([integrate(c, v, i).v for c, v, i in zip(cells, start, current.T, strict=True)], axis=1)
    network, worst = uncoupled(list(cells), start), []
    for dt in dt_ms:
        engine = get_backend(backend).load(network, quiet_grid(dt, scheme))
        state, v = engine.start(), np.zeros_like(exact)
        for t in range(DURATION_MS):
            segment = injected(current[t : t + 1])
            if engine.run(state, segment, [], []).spike_step.size:
                raise ArithmeticError("a cell fired below threshold")
            v[t] = state.v
        worst.append(np.abs(v - exact).max(axis=0))
    return list(names), np.array(worst)


def order(dt_ms: tuple[float, ...], worst: np.ndarray) -> np.ndarray:
    """Return the slope of log error over log dt, per column."""
    return np.polyfit(np.log(dt_ms), np.log(worst), 1)[0]


def run(context: Context) -> list[CheckResult]:
    """Measure the order for every cell type, scheme and engine."""
    found = []
    for scheme in SCHEMES:
        for backend in ("reference",) if context.quick else ("reference", "cpu"):
            context.say(f"{scheme}, {backend}")
            names, worst = errors(backend, scheme)
            slopes = dict(zip(names, map(float, order(DT_MS, worst)), strict=True))
            low, high = min(slopes, key=slopes.__getitem__), max(slopes, key=slopes.__getitem__)
            expected, margin = ORDER[scheme], TOLERANCE[scheme]
            least = dict(zip(names, map(float, worst[-1]), strict=True))
            found.append(
                CheckResult(
                    "convergence",
                    f"{scheme}, {backend}: order of v below threshold, 10 cell types",
                    f"{slopes[low]:.3f} ({low}) to {slopes[high]:.3f} ({high})",
                    f"{expected} ± {margin:g}",
                    all(abs(s - expected) <= margin for s in slopes.values()),
                    {"order": slopes, "dt_ms": DT_MS, "error_mv_at_least_dt": least},
                )
            )
    return found
