"""The reference engine in plain NumPy: slow, obvious, and the only definition of what is correct.

One readout step is, in this order:

1. drive = bias + inputs x encoders + extra current + feedback x last output;
2. m sub-steps: noise, membrane, reset, decay of currents, spikes delivered in
   ascending presynaptic order (with delays: into the slot of their arrival);
3. traces and features x;
4. outputs y = w . x, then the features of the "what" window are added up;
5. the learning rule;
6. at the end of a trial p_hat = V m and the update of V.

Every other engine equals this one bit for bit. Nothing here but + - x / sqrt,
comparisons and table look-ups, in the run's precision.
"""

from __future__ import annotations

import numpy as np

from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.engine import Activity, Readout
from spikewhen.reservoir.noise import PURPOSE_MEMBRANE, draws
from spikewhen.reservoir.rules.what import learn_reference, predict_reference
from spikewhen.reservoir.step_constants import BLOW_UP_MV, StepConstants, check_finite, derive, start_state
from spikewhen.reservoir.traces import TINY, features_reference, or_zero
from spikewhen.reservoir.types import Network, State, Teaching, TimeGrid, Trials, padded


class ReferenceBackend:
    """The NumPy engine behind the same interface as the fast ones."""

    name = "reference"

    def load(self, network: Network, grid: TimeGrid) -> ReferenceEngine:
        """Return an engine for a network, with the constants of its loop derived."""
        return ReferenceEngine(network, grid)


class ReferenceEngine:
    """One network on the NumPy engine."""

    def __init__(self, network: Network, grid: TimeGrid):
        self.network, self.grid = network, grid
        self.derived = derive(network, grid)

    def start(self) -> State:
        """Return the state at time zero."""
        return start_state(self.network, self.grid, self.derived.n_slots)

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Advance state and readouts in place; see `spikewhen.reservoir.engine.Engine`."""
        d, grid, m = self.derived, self.grid, self.grid.steps_per_readout
        n_steps, n_trials = len(trials.inputs), len(trials.outcome)
        ys = [np.zeros((n_steps, r.v.shape[0]), grid.dtype) for r in readouts]
        p_hats = [np.zeros((n_trials, r.v.shape[0]), grid.dtype) for r in readouts]
        spikes: list[tuple[int, int]] = []
        feeds_back = bool(d.feedback.any())
        for t in range(n_steps):
            drive = _drive(d, trials, t, state.output if feeds_back else None)
            first = trials.first_step + t * m
            fired = []
            for q in range(m):
                ids = _sub_step(d, grid, state, drive, first + q, trials.stream)
                fired += [(q, j) for j in ids]
            spikes += [(first + q, j) for q, j in fired]
            _advance_traces(d, state, fired)
            x = _features(d, state)
            for r, readout in enumerate(readouts):
                y = np.array([dot_reference(w, x) for w in readout.state[0]], grid.dtype)
                ys[r][t] = y
                _learn(readout, x, y, teaching[r], trials, t, first // m, p_hats[r])
                if feeds_back:
                    state.output[:] = y
            check_finite(state, (first + m) * grid.dt_ms)
        step, neuron = np.array(spikes, np.int64).reshape(-1, 2).T
        return Activity(step.copy(), neuron.astype(np.int32), ys, p_hats)


def _drive(d: StepConstants, trials: Trials, t: int, output: np.ndarray | None) -> np.ndarray:
    drive = d.bias
    for c in np.flatnonzero(trials.inputs[t]):
        drive = drive + trials.inputs[t, c] * d.encoders[c]
    if len(trials.current):
        drive = drive + trials.current[t]
    if output is not None:
        for k in range(len(output)):
            drive = drive + d.feedback[k] * output[k]
    return drive


def _sub_step(
    d: StepConstants, grid: TimeGrid, s: State, drive: np.ndarray, step: int, stream: int
) -> np.ndarray:
    noise = s.v.dtype.type(0)
    if grid.noise > 0:
        z = draws(grid.noise_seed, step // grid.noise_hold_steps, stream, PURPOSE_MEMBRANE, s.v.size)
        noise = d.noise_scale[0] * z.astype(grid.dtype)
    decayed = s.current * d.current_factor
    if d.inflow_factor.size:
        decayed = decayed + s.current_inflow * d.inflow_dt[0]
    dv, du = _slopes(d, s.v, s.u, (drive + s.current) + noise)
    v, u = s.v + dv, s.u + du
    if grid.scheme == "heun":
        half = s.v.dtype.type(0.5)
        dv_end, du_end = _slopes(d, v, u, (drive + decayed) + noise)
        v, u = s.v + half * (dv + dv_end), s.u + half * (du + du_end)
    spike = v >= d.v_peak
    s.v[:] = np.where(spike, np.where(v - d.v_peak <= BLOW_UP_MV, d.c, np.inf), v)
    s.u[:] = np.where(spike, u + d.d, u)
    s.current[:] = decayed
    target = s.current
    if d.inflow_factor.size:
        s.current_inflow[:] = s.current_inflow * d.inflow_factor
        target = s.current_inflow
    ids = np.flatnonzero(spike)
    n_slots = len(s.pending)
    for j in ids:
        row = slice(d.indptr[j], d.indptr[j + 1])
        if n_slots:
            slot = (step + d.delay_steps[row]) % n_slots
            s.pending[slot, d.target[row]] = s.pending[slot, d.target[row]] + d.weight[row]
        else:
            target[d.target[row]] = target[d.target[row]] + d.weight[row]
    if n_slots:
        target[:] = target + s.pending[step % n_slots]
        s.pending[step % n_slots] = 0
    return ids


def _slopes(
    d: StepConstants, v: np.ndarray, u: np.ndarray, total: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return dt dv/dt and dt du/dt of the Izhikevich model (2007 form)."""
    above_rest = v - d.v_rest
    dv = d.dt_over_c * (d.k * above_rest * (v - d.v_threshold) - u + total)
    return dv, d.a_dt * (d.b * above_rest - u)


def _advance_traces(d: StepConstants, s: State, fired: list[tuple[int, int]]) -> None:
    decayed = s.trace * d.trace_factor[0]
    if d.trace_inflow_jump.size:
        decayed = decayed + s.trace_inflow * d.trace_couple[0]
        s.trace_inflow[:] = or_zero(s.trace_inflow * d.trace_inflow_factor[0], TINY)
    s.trace[:] = or_zero(decayed, TINY)
    for q, j in fired:
        s.trace[j] += d.trace_jump[q]
        if d.trace_inflow_jump.size:
            s.trace_inflow[j] += d.trace_inflow_jump[q]


def _features(d: StepConstants, s: State) -> np.ndarray:
    """Return x: the features of the traces, the bias, and zeros up to a multiple of 32, ``(M,)``."""
    x = np.zeros(padded(s.trace.size + 1), s.trace.dtype)
    features_reference(
        s.trace,
        s.trace_mean,
        s.trace_variance,
        s.readouts,
        d.normalise_rate[0],
        d.normalise_floor[0],
        d.trace_scale[0],
        d.feature_bias[0],
        x,
    )
    return x


def _learn(readout: Readout, x, y, teaching: Teaching, trials: Trials, t: int, clock: int, p_hats) -> None:
    if teaching.window[t]:
        readout.window_sum[:] = readout.window_sum + x
        readout.count[0] += 1
    i = trials.trial_end[t]
    if trials.learn:
        readout.rule.reference_step(
            readout.constants, readout.state, x, y, teaching.target[t], teaching.gate[t], clock, i >= 0
        )
    if i >= 0:
        mean, p_hats[i] = predict_reference(readout.v, readout.window_sum, readout.count)
        if trials.learn:
            learn_reference(
                readout.what_constants,
                readout.v,
                readout.seen,
                readout.surprise,
                mean,
                p_hats[i],
                trials.outcome[i],
            )
        readout.window_sum[:] = 0
        readout.count[0] = 0
