"""Per-step constants, derived once in float64 and cast once to the run's precision.

Every backend multiplies by these very numbers, so no backend ever calls exp; they are made with
`spikewhen.reservoir.elementary`, so every processor has the same.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from spikewhen.reservoir.elementary import exp, log
from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.network_check import check_network
from spikewhen.reservoir.noise import UNIT_SCALE
from spikewhen.reservoir.types import Network, State, TimeGrid

BLOW_UP_MV = 10_000.0
"""A step that ends so far above v_peak is an explosion of the integration, not a spike: v becomes inf."""


class StepConstants(NamedTuple):
    """A network on a grid, ready for the loop; arrays in the run's precision."""

    dt_over_c: np.ndarray  # (N,) dt / C, ms/pF
    k: np.ndarray
    v_rest: np.ndarray
    v_threshold: np.ndarray
    v_peak: np.ndarray
    a_dt: np.ndarray  # (N,) a dt
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray
    bias: np.ndarray  # (N,) pA
    current_factor: np.ndarray  # (N,) factor of the current per dt: its decay, or with an inflow its rise
    inflow_factor: np.ndarray  # (N,) decay per dt of what flows into it; (0,) = single exponential
    inflow_dt: np.ndarray  # (1,) dt in the run's precision
    indptr: np.ndarray  # (N+1,) int64
    target: np.ndarray  # (S,) int32
    weight: np.ndarray  # (S,)
    delay_steps: np.ndarray  # (S,) int32; (0,) = no delays
    encoders: np.ndarray  # (C, N) cues, then events, then the drive where there is one
    feedback: np.ndarray  # (K, N)
    noise_scale: np.ndarray  # (1,) pA per unit of the byte sum
    trace_factor: np.ndarray  # (1,) factor of the trace per readout step, as of the current
    trace_couple: np.ndarray  # (1,) from trace_inflow to trace per readout step
    trace_inflow_factor: np.ndarray  # (1,) decay of the inflow per readout step
    trace_jump: np.ndarray  # (m,) what a spike in sub-step q adds to the trace
    trace_inflow_jump: np.ndarray  # (m,) and to its inflow; (0,) = single exponential
    trace_scale: np.ndarray  # (1,)
    feature_bias: np.ndarray  # (1,)
    normalise_rate: np.ndarray  # (1,) least weight of a new value in the running mean; 0 = off
    normalise_floor: np.ndarray  # (1,)

    @property
    def n_slots(self) -> int:
        """The length of the ring of pending spikes; 0 without delays."""
        return int(self.delay_steps.max()) + 1 if self.delay_steps.size else 0


def derive(network: Network, grid: TimeGrid) -> StepConstants:
    """Turn a network and a grid into the numbers of the loop.

    Double-exponential synapses and traces follow the published FORCE code
    (Nicola & Clopath 2017): ``s <- s exp(-dt/tau_rise) + h dt``,
    ``h <- h exp(-dt/tau_decay)``, a spike adds ``w / (tau_rise tau_decay)`` to
    ``h``, so a spike carries the charge ``w`` (in ms times its unit).
    """
    network = check_network(network)  # here, where every backend takes it: the loops check no index
    real, dt = grid.dtype, grid.dt_ms
    cells, syn, enc = network.cells, network.synapses, network.encoders
    n = network.n_neurons

    def cast(x) -> np.ndarray:
        return np.ascontiguousarray(np.atleast_1d(np.asarray(x, np.float64)), dtype=real)

    weight = np.asarray(syn.weight, np.float64)
    decay = exp(-dt / np.asarray(syn.decay_ms, np.float64))
    current_factor = decay
    inflow_factor: np.ndarray = np.zeros(0)
    if syn.rise_ms > 0:
        weight = weight / (syn.rise_ms * np.asarray(syn.decay_ms)[syn.target])
        current_factor, inflow_factor = np.full(n, exp(-dt / syn.rise_ms)), decay
    jump, inflow_jump, tables = trace_tables(grid)
    derived = StepConstants(
        dt_over_c=cast(dt / cells.capacitance),
        k=cast(cells.k),
        v_rest=cast(cells.v_rest),
        v_threshold=cast(cells.v_threshold),
        v_peak=cast(cells.v_peak),
        a_dt=cast(cells.a * dt),
        b=cast(cells.b),
        c=cast(cells.c),
        d=cast(cells.d),
        bias=cast(cells.bias),
        current_factor=cast(current_factor),
        inflow_factor=cast(inflow_factor),
        inflow_dt=cast(dt),
        indptr=np.ascontiguousarray(syn.indptr, np.int64),
        target=np.ascontiguousarray(syn.target, np.int32),
        weight=cast(weight),
        delay_steps=np.ascontiguousarray(
            syn.delay_steps if np.any(syn.delay_steps) else np.zeros(0), np.int32
        ),
        encoders=np.ascontiguousarray(np.concatenate([enc.cue, enc.event, enc.drive]), real),
        feedback=np.ascontiguousarray(enc.feedback, real),
        noise_scale=cast(grid.noise / math.sqrt(dt * grid.noise_hold_steps) * UNIT_SCALE),
        trace_factor=cast(tables[0]),
        trace_couple=cast(tables[1]),
        trace_inflow_factor=cast(tables[2]),
        trace_jump=cast(jump),
        trace_inflow_jump=cast(inflow_jump) if grid.trace_rise_ms > 0 else cast(np.zeros(0)),
        trace_scale=cast(grid.trace_scale or 1.0 / math.sqrt(n)),
        feature_bias=cast(grid.feature_bias),
        normalise_rate=cast(normalise_rate(grid)),
        normalise_floor=cast(normalise_floor(grid)),
    )
    for name, array in zip(StepConstants._fields, derived, strict=True):
        if not np.all(np.isfinite(array)):
            where = np.unravel_index(np.argmin(np.isfinite(array)), array.shape)
            raise InputError(f"network {name}{list(map(int, where))}", float(array[where]), "finite numbers")
    return derived


def _powers(factor: Any, most: int) -> np.ndarray:
    """Return the powers 0 to `most` of a factor, each from the one before: the C library's may differ."""
    return np.multiply.accumulate(np.array([1.0] + [factor] * most))


def trace_tables(grid: TimeGrid):
    """Return powers of the per-dt trace update, gathered over one readout step, in float64.

    Without a spike the trace after ``m`` steps is a linear map of the trace
    before; a spike in sub-step ``q`` is carried through the remaining
    ``m - 1 - q`` steps by the same map. So traces cost one update per readout
    step and one addition per spike, and equal in value (not in rounding) what
    an update every dt gives.
    """
    dt, m = grid.dt_ms, grid.steps_per_readout
    slow = _powers(exp(-dt / grid.trace_decay_ms), m)
    if grid.trace_rise_ms <= 0:
        return slow[m - 1 :: -1], np.zeros(m), (slow[m], 0.0, 0.0)
    fast = _powers(exp(-dt / grid.trace_rise_ms), m)
    jump = 1.0 / (grid.trace_rise_ms * grid.trace_decay_ms)
    # couple[n]: what a unit of the rising state leaves in the trace n steps later
    couple = np.zeros(m + 1)
    for i in range(1, m + 1):
        couple[i] = couple[i - 1] * fast[1] + slow[i - 1] * dt
    return couple[m - 1 :: -1] * jump, slow[m - 1 :: -1] * jump, (fast[m], couple[m], slow[m])


def normalise_rate(grid: TimeGrid) -> float:
    """Return 1 - exp(-readout step / memory), or 0 without normalisation."""
    return 1.0 - float(exp(-grid.readout_step_ms / grid.normalise_ms)) if grid.normalise_ms > 0 else 0.0


def normalise_floor(grid: TimeGrid) -> float:
    """Return the floor of the running SD in units of the trace: a share of one spike's peak."""
    rise, decay = grid.trace_rise_ms, grid.trace_decay_ms
    if rise <= 0:
        return grid.normalise_floor
    if abs(rise - decay) < 1e-6 * decay:
        return grid.normalise_floor / (math.e * decay)
    at = log(decay / rise) * decay * rise / (decay - rise)
    return grid.normalise_floor * (exp(-at / decay) - exp(-at / rise)) / (decay - rise)


def start_state(network: Network, grid: TimeGrid, n_slots: int) -> State:
    """Return the state at time zero: v as drawn, everything else 0."""
    n, real = network.n_neurons, grid.dtype
    zero = np.zeros(n, real)
    return State(
        v=np.array(network.v_start, real),
        u=zero.copy(),
        current=zero.copy(),
        current_inflow=zero.copy(),
        pending=np.zeros((n_slots, n), real),
        trace=zero.copy(),
        trace_inflow=zero.copy(),
        trace_mean=zero.copy(),
        trace_variance=zero.copy(),
        readouts=np.zeros(1, np.int64),
        output=np.zeros(network.encoders.feedback.shape[0], real),
    )


def check_finite(state: State, time_ms: float) -> None:
    """Raise `ActivityError` naming the first value that is not finite."""
    for name in ("v", "u", "current"):
        array = getattr(state, name)
        finite = np.isfinite(array)
        if not finite.all():
            j = int(np.argmin(finite))
            raise ActivityError(name, j, time_ms, float(array[j]))
