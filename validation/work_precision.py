"""Work and precision: spike-time error against cost, per cell type, step and scheme.

Two inputs: a constant current, where an error of every interval adds up, and a
fluctuating one, which resets it, as synaptic input does. The first spikes are
compared one by one with those of SciPy's DOP853 at a relative tolerance of 1e-10.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.errors import ActivityError
from spikewhen.reservoir.neurons import CELL_TYPES, preset
from spikewhen.reservoir.time_grid import SCHEMES
from spikewhen.validation import work_precision_figure
from spikewhen.validation.cells import (
    Exact,
    injected,
    integrate,
    quiet_grid,
    rheobase,
    uncoupled,
)
from spikewhen.validation.findings import CheckResult, Context

NEEDS_BRIAN2 = False
DT_MS = (1.0, 0.5, 0.25, 0.1, 0.05, 0.025, 0.0125)
DEFAULT = ("euler", 0.1)
DURATION_MS, SPIKES = 500, 10
CONSTANT = 1.5
"""Constant current as a share of the rheobase."""
MEAN, SD, TAU_MS, REALISATIONS = 1.0, 0.7, 5.0, 4
"""The fluctuating one: an Ornstein-Uhlenbeck process sampled every ms, as shares of the rheobase."""
TIMED_CELLS, TIMED_MS, TIMED_REPEATS = 1000, 500, 15


class Point(NamedTuple):
    """One cell type, one kind of input, one scheme, one step."""

    cell: str
    input: str  # constant or fluctuating
    scheme: str
    dt_ms: float
    error_ms: float  # median over spikes; inf = lost spikes, or an explosion
    rate_error: float  # number of spikes over that of the exact solution, minus 1
    cost_ns: float  # measured, per neuron and ms


def currents(cell: dict[str, float], seed: int) -> dict[str, list[np.ndarray]]:
    """Return the input currents of a cell by kind, each ``(DURATION_MS,)`` pA."""
    scale, rng = rheobase(cell), np.random.default_rng(seed)
    keep = np.exp(-1 / TAU_MS)
    fluctuating = []
    for _ in range(REALISATIONS):
        x, z = np.zeros(DURATION_MS), rng.standard_normal(DURATION_MS)
        for t in range(1, DURATION_MS):
            x[t] = keep * x[t - 1] + np.sqrt(1 - keep**2) * z[t]
        fluctuating.append(scale * (MEAN + SD * x))
    return {"constant": [np.full(DURATION_MS, CONSTANT * scale)], "fluctuating": fluctuating}


def spike_times(cell: dict[str, float], current: np.ndarray, scheme: str, dt_ms: float) -> np.ndarray:
    """Return when a cell fires, ms: the ends of its steps; empty after an explosion."""
    engine = CpuBackend().load(uncoupled([cell], np.array([cell["v_rest"]])), quiet_grid(dt_ms, scheme))
    try:
        activity = engine.run(engine.start(), injected(current[:, None]), [], [])
    except ActivityError:
        return np.zeros(0)
    return (activity.spike_step + 1) * dt_ms


def spike_errors(times: np.ndarray, exact: Exact) -> np.ndarray:
    """Return |t - t_exact| of the first spikes, inf where a spike is missing."""
    wanted = exact.spike_ms[:SPIKES]
    found = np.full(wanted.size, np.inf)
    n = min(wanted.size, times.size)
    found[:n] = np.abs(times[:n] - wanted[:n])
    return found


def cost_ns(context: Context) -> dict[tuple[str, float], float]:
    """Measure CPU time per neuron and ms of every scheme and step, least of interleaved repeats."""
    cells = [preset(CELL_TYPES[i % len(CELL_TYPES)]) for i in range(TIMED_CELLS)]
    network = uncoupled(cells, np.array([c["v_rest"] for c in cells]))
    segment = injected(np.tile([CONSTANT * rheobase(c) for c in cells], (TIMED_MS, 1)))
    settings = [(scheme, dt) for scheme in SCHEMES for dt in DT_MS]
    engines = {s: CpuBackend().load(network, quiet_grid(s[1], s[0])) for s in settings}
    taken: dict[tuple[str, float], list[float]] = {s: [] for s in settings}
    for _ in context.each(range(1 + TIMED_REPEATS), "timing"):
        for setting, engine in engines.items():
            state, began = engine.start(), time.thread_time()
            engine.run(state, segment, [], [])
            taken[setting].append((time.thread_time() - began) / TIMED_CELLS / TIMED_MS * 1e9)
    return {setting: min(values[1:]) for setting, values in taken.items()}  # the first compiles


def points(context: Context) -> Iterator[Point]:
    """Yield every point of the figure."""
    costs = cost_ns(context)
    for number, name in enumerate(context.each(CELL_TYPES, "cell type")):
        cell = preset(name)
        for kind, inputs in currents(cell, number).items():
            exact = [integrate(cell, cell["v_rest"], current) for current in inputs]
            for scheme in SCHEMES:
                for dt in DT_MS:
                    times = [spike_times(cell, current, scheme, dt) for current in inputs]
                    errors = np.concatenate(list(map(spike_errors, times, exact)))
                    n, n_exact = sum(t.size for t in times), sum(e.spike_ms.size for e in exact)
                    yield Point(
                        name,
                        kind,
                        scheme,
                        dt,
                        float(np.median(errors)),
                        n / n_exact - 1,
                        costs[scheme, dt],
                    )


def run(context: Context) -> list[CheckResult]:
    """Measure, draw if there is a folder, report."""
    found = list(points(context))
    if context.out is not None:
        work_precision_figure.write(context.out, found, DEFAULT)
    rows = []
    for scheme, dt in (DEFAULT, *((s, d) for s in SCHEMES for d in (0.25, 0.1, 0.025) if (s, d) != DEFAULT)):
        here = [p for p in found if (p.scheme, p.dt_ms) == (scheme, dt)]
        parts = []
        for kind in ("fluctuating", "constant"):
            of = {p.cell: p for p in here if p.input == kind}
            parts.append(kind + " " + ", ".join(f"{c} {p.error_ms:.2g}" for c, p in of.items()))
        rows.append(
            CheckResult(
                "work-precision",
                f"{scheme}, dt {dt:g} ms: median spike-time error, ms",
                "; ".join(parts) + f"; {here[0].cost_ns:.1f} ns per neuron and ms",
                "none" if (scheme, dt) != DEFAULT else "fluctuating: below the readout step, 1 ms",
                None
                if (scheme, dt) != DEFAULT
                else all(p.error_ms < 1 for p in here if p.input == "fluctuating"),
                {"points": [p._asdict() for p in here]},
            )
        )
    return rows
