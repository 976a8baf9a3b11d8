"""Each part of a step against the limit: time, bytes, operations, the fraction reached.

A part's time is the difference between two runs of the engine that differ in
that part alone, so nothing here names a kernel. Bytes and operations are what
the equations need, in arrays of N numbers read, or updated (read and
written); what an implementation moves beyond them shows as a lower fraction.
The limit of a part is the longer of the times that its bytes need at the
measured bandwidth of its working set and its operations at the measured rate.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.clock import cores, say
from benchmarks.limits import PRECISIONS, bandwidth
from benchmarks.table import markdown
from spikewhen.experiments.config import load_config
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.network import build_network
from spikewhen.reservoir.rules import RULES
from spikewhen.reservoir.rules.gate import Gate
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.types import Teaching, Trials, padded

CHANNELS = 2
SIZES = (1000, 2000)


class Need(NamedTuple):
    """What one call of a part must move and compute."""

    read: float  # bytes read only
    updated: float  # bytes read and bytes written of what is updated, or written only
    working_set: float
    operations: dict[str, float]  # as `benchmarks.limits` names them


def needs(n: int, size: int, synapses: int) -> dict[str, Need]:
    """Return what every part needs at `n` cells and numbers of `size` bytes."""
    row, m = n * size, padded(n + 1)
    p = (m // 32) * (m // 32 + 1) // 2 * 32 * 32  # entries of the lower tiles
    plain, integer, roots, scattered = (
        "products and sums",
        "64-bit integers",
        "roots with quotients",
        "scattered additions",
    )
    return {
        # Reads drive, k, dt/C, a dt, decay (v_r, v_t, v_peak, b belong to a cell type); updates v, u, I.
        "neuron update": Need(5 * row, 6 * row, 8 * row, {plain: 15 * n}),
        # Threefry: 12 rounds of 6 operations, 16 sums of keys and 4 x 7 for sums of digits, of half the width
        # measured, serve 4 cells twice; a draw is shifted, masked, centred, converted, scaled and added.
        "noise": Need(4 * n, 4 * n, 4 * n, {integer: (44 + 14) / 8 * n, plain: 6 * n}),
        # Per synaptic event: the target, the weight, and the sum at the target.
        "delivery, per event": Need(4 + size, 2 * size, synapses * (4 + size) + row, {scattered: 1}),
        # Two states of the trace, mean and variance updated, feature and drive written, bias read.
        "traces and features": Need(row, 10 * row, 7 * row, {plain: 14 * n, roots: n}),
        "DOT, 2 channels": Need(3 * m * size, 0, 3 * m * size, {plain: 4 * m}),
        # e updated, x read; |e|, |x|; weights of each channel updated by e.
        "local rule, 2 channels": Need(m * size, 6 * m * size, 4 * m * size, {plain: 11 * m}),
        # P read, written by every second update; two products and sums to multiply, one of each to correct.
        "RLS update": Need(p * size / 2, p * size, p * size, {plain: 6 * p}),
    }


class Bench:
    """One engine and what it is driven with; calls return CPU seconds."""

    def __init__(
        self,
        n: int,
        precision: str,
        seconds: float,
        *changes: str,
        step_ms: float = 1.0,
        rule: Any = None,
        readouts: int = 1,
        learns: bool = False,
    ):
        e = load_config(
            "meet.toml",
            (
                f"network.n_neurons={n}",
                f"simulation.precision={precision}",
                f"simulation.readout_step_ms={step_ms}",
                *changes,
            ),
        )
        self.grid = make_grid(e.simulation, e.trace, 0)
        self.network = build_network(e.network, 0, 1, CHANNELS, self.grid.dt_ms)
        self.engine = CpuBackend().load(self.network, self.grid)
        self.rules, real = [rule] * readouts if rule else [], self.grid.dtype
        self.readout_steps = round(seconds * 1000 / step_ms)
        self.steps = self.readout_steps * self.grid.steps_per_readout
        t = self.readout_steps
        self.trials = Trials(
            0,
            0,
            np.zeros((t, 1 + CHANNELS), real),
            np.zeros((0, n), real),
            np.full(t, -1),
            np.zeros((0, CHANNELS), real),
            learns,
        )
        ones = np.ones((t, CHANNELS), real)
        self.teaching = [Teaching(0.5 * ones, ones, np.zeros(t, np.int8))] * len(self.rules)
        self.events = 0.0

    def __call__(self) -> float:
        """Run from the start; the same spikes every time."""
        state = self.engine.start()
        readouts = [Readout(r, CHANNELS, self.network.n_neurons + 1, self.grid) for r in self.rules]
        start = time.process_time()
        activity = self.engine.run(state, self.trials, readouts, self.teaching)
        spent = time.process_time() - start
        self.events = float(np.diff(self.network.synapses.indptr)[activity.spike_neuron].sum())
        return spent


QUIET, UNCONNECTED = "simulation.noise=0.0", "network.out_degree=0"
LIVELY = "network.bias_pa=400.0", "network.weight=0.0"  # many spikes, the same with and without targets


def parts(n: int, precision: str) -> dict[str, tuple[Bench, Bench | None, Callable[[Bench], float]]]:
    """For each part: a run with it, one without, and how often the part was called."""

    def bench(seconds: float, *changes: str, **kw: Any) -> Bench:
        return Bench(n, precision, seconds, *changes, **kw)

    def steps(b: Bench) -> float:
        return b.steps

    def readouts(b: Bench) -> float:
        return b.readout_steps * max(1, len(b.rules))

    gate = Gate(kind="none", undelivered="zero")
    local = RULES["three_factor"](gate=gate)
    rls = RULES["rls"](gate=gate, interval_ms=1.0, precision=precision)
    still = bench(2.0, QUIET, UNCONNECTED, step_ms=100.0)
    coarse, fine = (bench(0.5, step_ms=ms) for ms in (100.0, 0.1))
    # Several readouts at every step, so that they weigh against the simulation.
    silent, taught = (bench(0.5, step_ms=0.1, rule=local, readouts=8, learns=x) for x in (False, True))
    fixed, squares = (bench(0.2, rule=rls, learns=x) for x in (False, True))
    alone, connected = (bench(1.0, *LIVELY, *c, step_ms=100.0) for c in ((UNCONNECTED,), ()))
    return {
        "neuron update": (still, None, steps),
        "noise": (bench(2.0, UNCONNECTED, step_ms=100.0), still, steps),
        "delivery, per event": (connected, alone, lambda b: b.events),
        "traces and features": (fine, coarse, readouts),
        "DOT, 2 channels": (silent, fine, readouts),
        "local rule, 2 channels": (taught, silent, readouts),
        "RLS update": (squares, fixed, readouts),
    }


def measure(limits: dict[str, Any], repeats: int = 7) -> list[dict[str, Any]]:
    """Measure every part at every size and precision."""
    found = []
    with cores(1):
        for n in SIZES:
            for precision in PRECISIONS:
                say(f"parts of a step, N = {n}, {precision}")
                for name, (with_it, without, calls) in parts(n, precision).items():
                    differences = []
                    for _ in range(repeats + 1):
                        spent = with_it()
                        differences.append(spent - (without() if without else 0.0))
                    seconds = statistics.median(differences[1:]) / calls(with_it)
                    need = needs(n, np.dtype(precision).itemsize, with_it.network.synapses.target.size)[name]
                    held = held_against(need, seconds, precision, limits)
                    found.append({"part": name, "n": n, "precision": precision, **held})
    return found


def held_against(need: Need, seconds: float, precision: str, limits: dict[str, Any]) -> dict[str, float]:
    """Compare a time with what its bytes and its operations take at least."""
    move = need.read / bandwidth(limits, "read", precision, need.working_set)
    move += need.updated / bandwidth(limits, "update", precision, need.working_set)
    compute = sum(count / (1e9 * limits[precision][kind]) for kind, count in need.operations.items())
    return {
        "ns": 1e9 * seconds,
        "bytes": need.read + need.updated,
        "operations": sum(need.operations.values()),
        "of_bandwidth": move / seconds,
        "of_compute": compute / seconds,
        "fraction": max(move, compute) / seconds,
    }


def describe(found: list[dict[str, Any]]) -> str:
    """Write it for people."""
    shares = ("of_bandwidth", "of_compute", "fraction")
    rows = [
        (
            r["part"],
            str(r["n"]),
            r["precision"],
            *(f"{r[k]:.3g}" for k in ("ns", "bytes", "operations")),
            *(f"{r[k]:.2f}" for k in shares),
        )
        for r in found
    ]
    header = ("part", "n", "precision", "ns", "bytes", "operations", "of bandwidth", "of compute", "fraction")
    return markdown(header, rows)
