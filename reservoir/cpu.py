"""The CPU engine: Numba kernels that equal the reference bit for bit.

A stretch of trials runs in chunks of readout steps. In an open loop a chunk is
simulated once and then every readout learns from its features; with feedback
the same learning step runs inside the loop. Each readout step goes through the
same functions in both.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numba as nb
import numpy as np

from reservoir.canonical import dot
from reservoir.compile import compile_kernel
from reservoir.derived import BLOW_UP_MV, check_finite, derive, start_state
from reservoir.errors import InputError
from reservoir.noise import PURPOSE_MEMBRANE, fill_byte_sums, split_key
from reservoir.rules.identity import learn, predict
from reservoir.traces import write_features
from reservoir.types import Activity, Grid, Network, Readout, State, Teaching, Trials, padded

CHUNK_BYTES = 2**21
"""Features of one chunk stay in the second-level cache or close to it."""


@nb.njit(nogil=True, error_model="numpy")
def _make_drive(drive, d, inputs, current, t, feeds_back, output):
    n = drive.size
    for i in range(n):
        drive[i] = d.bias[i]
    for c in range(inputs.shape[1]):
        amplitude = inputs[t, c]
        if amplitude != 0:
            for i in range(n):
                drive[i] = drive[i] + amplitude * d.encoders[c, i]
    if current.shape[0] > 0:
        for i in range(n):
            drive[i] = drive[i] + current[t, i]
    if feeds_back:
        for k in range(output.size):
            for i in range(n):
                drive[i] = drive[i] + d.feedback[k, i] * output[k]


@nb.njit(nogil=True, error_model="numpy")
def _membrane(
    v, u, current, drive, noise, scale, fired, v_rest, v_threshold, v_peak, k, dt_over_c, a_dt, b, decay
):
    """Euler step of v and u, then decay of the current; marks who reached the peak.

    The decay rides along because the current is at hand: memory traffic binds here.
    """
    for i in range(v.size):
        total = (drive[i] + current[i]) + scale * noise[i]
        above_rest = v[i] - v_rest[i]
        dv = k[i] * above_rest * (v[i] - v_threshold[i]) - u[i] + total
        v_next = v[i] + dt_over_c[i] * dv
        u[i] = u[i] + a_dt[i] * (b[i] * above_rest - u[i])
        v[i] = v_next
        fired[i] = v_next >= v_peak[i]
        current[i] = current[i] * decay[i]


@nb.njit(nogil=True, error_model="numpy")
def _membrane_quiet(v, u, current, drive, fired, v_rest, v_threshold, v_peak, k, dt_over_c, a_dt, b, decay):
    """The same without noise."""
    for i in range(v.size):
        total = drive[i] + current[i]
        above_rest = v[i] - v_rest[i]
        dv = k[i] * above_rest * (v[i] - v_threshold[i]) - u[i] + total
        v_next = v[i] + dt_over_c[i] * dv
        u[i] = u[i] + a_dt[i] * (b[i] * above_rest - u[i])
        v[i] = v_next
        fired[i] = v_next >= v_peak[i]
        current[i] = current[i] * decay[i]


@nb.njit(nogil=True, error_model="numpy")
def _reset(v, u, fired, c, d, v_peak, ids, count):
    """Reset the cells that fired and append their indices, ascending; returns the new count."""
    words = fired.view(np.uint64)  # eight cells at a time; `fired` is padded with zeros
    for w in range(words.size):
        if words[w] != 0:
            for i in range(8 * w, 8 * w + 8):
                if fired[i]:
                    v[i] = c[i] if v[i] - v_peak[i] <= BLOW_UP_MV else np.inf
                    u[i] = u[i] + d[i]
                    ids[count] = i
                    count += 1
    return count


@nb.njit(nogil=True, error_model="numpy")
def _deliver(received, ids, begin, end, indptr, target, weight):
    """Add the spikes ``ids[begin:end]`` to their targets."""
    for e in range(begin, end):
        j = ids[e]
        for p in range(indptr[j], indptr[j + 1]):
            received[target[p]] = received[target[p]] + weight[p]


@nb.njit(nogil=True, error_model="numpy")
def _deliver_late(received, pending, ids, begin, end, step, indptr, target, weight, delay_steps):
    """Add spikes to the slots of their arrival, then what arrives now to the targets."""
    n_slots = pending.shape[0]
    for e in range(begin, end):
        j = ids[e]
        for p in range(indptr[j], indptr[j + 1]):
            slot = (step + delay_steps[p]) % n_slots
            pending[slot, target[p]] = pending[slot, target[p]] + weight[p]
    arriving = pending[step % n_slots]
    for i in range(received.size):
        received[i] = received[i] + arriving[i]
        arriving[i] = 0


@nb.njit(nogil=True, error_model="numpy")
def _advance(d, s, clock, drive, noise, fired, ids, spike_steps, count, step, x):
    """One readout step of the network: m sub-steps, traces, features.

    ``clock`` = (m, noise on, hold, key0, key1, stream). Returns the spike count.
    """
    m, noisy, hold, key0, key1, stream = clock
    n = s.v.size
    # Arrays, not the tuples they stand in, go to the inner functions: each call counts references.
    v, u, current, rise = s.v, s.u, s.current, s.current_rise
    v_rest, v_threshold, v_peak = d.v_rest, d.v_threshold, d.v_peak
    k, dt_over_c, a_dt, b, decay = d.k, d.dt_over_c, d.a_dt, d.b, d.current_decay
    noise_scale, rises, late = d.noise_scale[0], d.rise_decay.size > 0, s.pending.shape[0] > 0
    received = rise if rises else current
    before = count
    for q in range(m):
        if noisy:
            if (step + q) % hold == 0:
                fill_byte_sums(noise, key0, key1, step + q, stream, PURPOSE_MEMBRANE)
            _membrane(v, u, current, drive, noise, noise_scale, fired,
                      v_rest, v_threshold, v_peak, k, dt_over_c, a_dt, b, decay)  # fmt: skip
        else:
            _membrane_quiet(v, u, current, drive, fired,
                            v_rest, v_threshold, v_peak, k, dt_over_c, a_dt, b, decay)  # fmt: skip
        begin = count
        count = _reset(v, u, fired, d.c, d.d, v_peak, ids, count)
        if rises:
            rise_dt = d.rise_dt[0]
            for i in range(n):
                current[i] = current[i] + rise[i] * rise_dt
                rise[i] = rise[i] * d.rise_decay[i]
        for e in range(begin, count):
            spike_steps[e] = step + q
        if late:
            _deliver_late(received, s.pending, ids, begin, count, step + q,
                          d.indptr, d.target, d.weight, d.delay_steps)  # fmt: skip
        elif count > begin:
            _deliver(received, ids, begin, count, d.indptr, d.target, d.weight)
    double = d.trace_rise_jump.size > 0
    keep = d.trace_decay[0]
    if double:
        couple, rise_keep = d.trace_couple[0], d.trace_rise_decay[0]
        for i in range(n):
            s.trace[i] = s.trace[i] * keep + s.trace_rise[i] * couple
            s.trace_rise[i] = s.trace_rise[i] * rise_keep
    else:
        for i in range(n):
            s.trace[i] = s.trace[i] * keep
    for e in range(before, count):
        j = ids[e]
        q = spike_steps[e] - step
        s.trace[j] = s.trace[j] + d.trace_jump[q]
        if double:
            s.trace_rise[j] = s.trace_rise[j] + d.trace_rise_jump[q]
    write_features(s.trace, s.trace_mean, s.trace_variance, s.readouts, d.normalise_rate[0],
                   d.normalise_floor[0], d.trace_scale[0], d.feature_bias[0], x)  # fmt: skip
    return count


def _simulate(d, s, clock, step, inputs, current, drive, noise, fired, ids, spike_steps, xs):
    """Open loop: fill ``xs[t]`` with the features of every readout step."""
    count = 0
    for t in range(inputs.shape[0]):
        _make_drive(drive, d, inputs, current, t, False, s.output)
        count = _advance(d, s, clock, drive, noise, fired, ids, spike_steps, count, step, xs[t])
        step += clock[0]
    return count


simulate = compile_kernel(_simulate)


def _learning_kernels(step_of_rule: Any):
    """Build the learning loop of one rule, alone and inside the simulation."""

    @nb.njit(nogil=True, error_model="numpy")
    def learn_step(constants, state, what_constants, what, total, count, seen, scratch, x, y,
                   target, gate, window, trial_end, outcome, p_hats, clock, learns):  # fmt: skip
        weights = state[0]
        for k in range(y.size):
            y[k] = dot(weights[k], x)
        if window:
            for i in range(x.size):
                total[i] = total[i] + x[i]
            count[0] += 1
        ends = trial_end >= 0
        if learns:
            step_of_rule(constants, state, x, y, target, gate, clock, ends)
        if ends:
            predict(what, total, count, scratch, p_hats[trial_end])
            if learns:
                learn(what_constants, what, seen, scratch, p_hats[trial_end], outcome[trial_end])
            for i in range(total.size):
                total[i] = 0
            count[0] = 0

    def train(constants, state, what_constants, what, total, count, seen, scratch, xs, ys,
              target, gate, window, trial_end, outcome, p_hats, clock, learns):  # fmt: skip
        for t in range(xs.shape[0]):
            learn_step(constants, state, what_constants, what, total, count, seen, scratch, xs[t], ys[t],
                       target[t], gate[t], window[t], trial_end[t], outcome, p_hats, clock + t,
                       learns)  # fmt: skip

    def closed(d, s, grid_clock, step, inputs, current, drive, noise, fired, ids, spike_steps,
               constants, state, what_constants, what, total, count, seen, scratch, x, ys,
               target, gate, window, trial_end, outcome, p_hats, clock, learns):  # fmt: skip
        n_spikes = 0
        for t in range(inputs.shape[0]):
            _make_drive(drive, d, inputs, current, t, True, s.output)
            n_spikes = _advance(d, s, grid_clock, drive, noise, fired, ids, spike_steps, n_spikes, step, x)
            learn_step(constants, state, what_constants, what, total, count, seen, scratch, x, ys[t],
                       target[t], gate[t], window[t], trial_end[t], outcome, p_hats, clock + t,
                       learns)  # fmt: skip
            for k in range(s.output.size):
                s.output[k] = ys[t, k]
            step += grid_clock[0]
        return n_spikes

    return train, closed


@cache
def learning_kernels(step_of_rule: Any):
    """Compiled (train, closed) for a rule's step."""
    train, closed = _learning_kernels(step_of_rule)
    return compile_kernel(train, step_of_rule), compile_kernel(closed, step_of_rule)


class CpuBackend:
    """Numba on one core per network; networks run in threads of their own."""

    name = "cpu"

    def load(self, network: Network, grid: Grid) -> CpuEngine:
        """Derive the constants of the loop."""
        return CpuEngine(network, grid)


class CpuEngine:
    """One network on the CPU engine.

    Parameters
    ----------
    network : Network
    grid : Grid
    chunk : int, optional
        Readout steps per kernel call; changes no result.
    """

    def __init__(self, network: Network, grid: Grid, chunk: int | None = None):
        self.network, self.grid = network, grid
        self.derived = d = derive(network, grid)
        n, m, real = network.n_neurons, grid.steps_per_readout, grid.dtype
        self.feeds_back = bool(d.feedback.any())
        self.width = padded(n + 1)
        self.chunk = chunk or max(16, CHUNK_BYTES // (self.width * np.dtype(real).itemsize))
        self._drive = np.zeros(n, real)
        self._noise = np.zeros(padded(n), real)
        self._fired = np.zeros(padded(n), np.uint8)
        # Room for the worst case, every cell in every step: pages are touched only when used.
        self._ids = np.empty(self.chunk * m * n, np.int32)
        self._steps = np.empty(self.chunk * m * n, np.int64)
        self._features = np.zeros((1 if self.feeds_back else self.chunk, self.width), real)
        self._scratch = np.zeros(self.width, real)

    def start(self) -> State:
        """Return the state at time zero."""
        return start_state(self.network, self.grid, self.derived.n_slots)

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Advance state and readouts in place; see `reservoir.types.Engine`."""
        if self.feeds_back and len(readouts) != 1:
            raise InputError("rules", len(readouts), "exactly one readout when its output is fed back")
        grid, n_steps = self.grid, len(trials.inputs)
        when = [np.zeros((n_steps, r.what.shape[0]), grid.dtype) for r in readouts]
        what = [np.zeros((len(trials.outcome), r.what.shape[0]), grid.dtype) for r in readouts]
        ids, at = [], []
        for begin in range(0, n_steps, self.chunk):
            part = slice(begin, min(begin + self.chunk, n_steps))
            count = self._run_chunk(state, trials, part, readouts, teaching, when, what)
            ids.append(self._ids[:count].copy())
            at.append(self._steps[:count].copy())
            end_ms = (trials.first_step + part.stop * grid.steps_per_readout) * grid.dt_ms
            check_finite(state, end_ms)
        empty = [np.zeros(0, np.int64)]
        return Activity(
            np.concatenate(at or empty), np.concatenate(ids or empty).astype(np.int32), when, what
        )

    def _run_chunk(self, state, trials, part, readouts, teaching, when, what) -> int:
        grid, m = self.grid, self.grid.steps_per_readout
        noisy = grid.noise > 0
        key0, key1 = split_key(grid.noise_seed)
        clock = (m, noisy, grid.noise_hold_steps, key0, key1, trials.stream)
        step = trials.first_step + part.start * m
        current = trials.current[part] if len(trials.current) else trials.current
        network = (self.derived, state, clock, step, trials.inputs[part], current,
                   self._drive, self._noise, self._fired, self._ids, self._steps)  # fmt: skip
        count = 0
        if not self.feeds_back:
            features = self._features[: part.stop - part.start]
            count = simulate(*network, features)
        for r, (readout, taught) in enumerate(zip(readouts, teaching, strict=True)):
            train, closed = learning_kernels(readout.rule.step)
            learner = (readout.constants, tuple(readout.state), readout.what_constants, readout.what,
                       readout.mean, readout.count, readout.seen, self._scratch)  # fmt: skip
            lesson = (when[r][part], taught.target[part], taught.gate[part], taught.window[part],
                      trials.trial_end[part], trials.outcome, what[r], step // m, trials.learn)  # fmt: skip
            if self.feeds_back:
                count = closed(*network, *learner, self._features[0], *lesson)
            else:
                train(*learner, features, *lesson)
        return count
