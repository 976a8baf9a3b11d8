"""The CPU engine: Numba kernels that equal the reference bit for bit.

A stretch of trials runs in chunks of readout steps. In an open loop a chunk is
simulated once and then every readout learns from its features; with feedback
the same learning step runs inside the loop. Each readout step goes through the
same functions in both.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from reservoir.compile import compile_kernel
from reservoir.derived import BLOW_UP_MV, Derived, check_finite, derive, start_state
from reservoir.errors import InputError
from reservoir.lanes import add_row, add_scaled, lowest_bit, set_row
from reservoir.learning import learning_step, train
from reservoir.membrane import membrane, pack
from reservoir.noise import PURPOSE_MEMBRANE, fill_draws, quarter, split_key
from reservoir.traces import advance_traces, write_features
from reservoir.types import Activity, Grid, Network, Readout, State, Teaching, Trials, padded

CHUNK_BYTES = 2**21
"""Features of one chunk stay in the second-level cache or close to it."""


PER_NEURON = ("v", "u", "current", "current_rise", "pending", "trace", "trace_rise", "trace_mean",
              "trace_variance")  # fmt: skip
"""Arrays of the state that kernels see padded to whole rows."""


class Tables(NamedTuple):
    """A derived network as the kernels read it; rows of cells are padded to whole lanes."""

    shape: np.ndarray  # rows of v_r, v_t, b, v_peak
    scale: np.ndarray  # rows of k, dt/C, a dt, decay, decay of the rising current
    place: np.ndarray  # (N_pad / 32, 2) int64, where each row of cells stands in them
    c: np.ndarray  # (N,)
    d: np.ndarray  # (N,)
    v_peak: np.ndarray  # (N,)
    bias: np.ndarray  # (N_pad,)
    encoders: np.ndarray  # (C, N_pad)
    feedback: np.ndarray  # (K, N_pad)
    indptr: np.ndarray  # (N+1,) int64
    target: np.ndarray  # (S,) uint32: Numba would look for negative indices
    weight: np.ndarray  # (S,)
    delay_steps: np.ndarray  # (S,)
    jump: np.ndarray  # (m,)
    rise_jump: np.ndarray  # (m,) or (0,)


def tabulate(d: Derived) -> Tables:
    """Arrange a derived network for the kernels."""
    shape, scale, place = pack(d)
    return Tables(
        shape, scale, place, d.c, d.d, d.v_peak, pad(d.bias), pad(d.encoders), pad(d.feedback), d.indptr,
        d.target.astype(np.uint32), d.weight, d.delay_steps, d.trace_jump, d.trace_rise_jump,
    )  # fmt: skip


def pad(array: np.ndarray) -> np.ndarray:
    """Fill the last axis up with zeros to whole rows of 32."""
    n = array.shape[-1]
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, padded(n) - n)])


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def _make_drive(drive, bias, encoders, feedback, inputs, current, t, feeds_back, output):
    for r in range(0, drive.size, 32):
        set_row(drive, r, bias, r)
    for c in range(inputs.shape[1]):
        amplitude = inputs[t, c]
        if amplitude != 0:
            row = encoders[c]
            for r in range(0, drive.size, 32):
                add_scaled(drive, r, row, r, amplitude)
    if current.shape[0] > 0:
        for i in range(current.shape[1]):
            drive[i] = drive[i] + current[t, i]
    if feeds_back:
        for k in range(output.size):
            row = feedback[k]
            for r in range(0, drive.size, 32):
                add_scaled(drive, r, row, r, output[k])


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def _reset(v, u, c, d, v_peak, first, mask, ids, steps, step, count):
    """Reset the cells of a row that fired and append them; returns the new count."""
    while mask != 0:
        i = first + lowest_bit(mask)
        mask &= mask - np.uint32(1)
        v[i] = c[i] if v[i] - v_peak[i] <= BLOW_UP_MV else np.inf
        u[i] = u[i] + d[i]
        ids[count] = i
        steps[count] = step
        count += 1
    return count


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def _deliver(received, ids, begin, end, indptr, target, weight):
    """Add the spikes ``ids[begin:end]`` to their targets."""
    for e in range(begin, end):
        j = ids[e]
        for p in range(indptr[j], indptr[j + 1]):
            received[target[p]] = received[target[p]] + weight[p]


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def _deliver_late(received, pending, ids, begin, end, step, indptr, target, weight, delay_steps):
    """Add spikes to the slots of their arrival, then what arrives now to the targets."""
    n_slots = pending.shape[0]
    for e in range(begin, end):
        j = ids[e]
        for p in range(indptr[j], indptr[j + 1]):
            slot = (step + delay_steps[p]) % n_slots
            pending[slot, target[p]] = pending[slot, target[p]] + weight[p]
    arriving = pending[step % n_slots]
    for r in range(0, received.size, 32):
        add_row(received, r, arriving, r)
    arriving[:] = 0


@cache
def _network_step(scheme: str, noisy: bool, rises: bool) -> Any:
    """Compiled: one readout step of the network, m sub-steps and the traces; returns the spike count."""
    step_of_row = membrane(scheme, noisy, rises)

    @nb.njit(nogil=True, error_model="numpy", _nrt=False)
    def advance(table, s, clock, decays, rise_dt, noise_scale, drive, words, ids, steps, count, step):
        m, hold, key0, key1, stream = clock
        v, u, current, rise, pending = s.v, s.u, s.current, s.current_rise, s.pending
        shape, scale, place = table.shape, table.scale, table.place
        c, d, v_peak = table.c, table.d, table.v_peak
        indptr, target, weight, delay_steps = table.indptr, table.target, table.weight, table.delay_steps
        received = rise if rises else current
        before, half = count, np.uint32(0)
        for q in range(m):
            if noisy:
                draw = (step + q) // hold
                half = np.uint32(16 * (draw & 1))
                # Both draws of a pair are made at once; what is left over from another call is not trusted.
                if (step + q) % (2 * hold) == 0 or q == 0:
                    fill_draws(words, key0, key1, draw >> 1, stream, PURPOSE_MEMBRANE)
            begin = count
            for w in range(place.shape[0]):
                r = 32 * w
                mask = step_of_row(v, r, u, r, current, r, rise, r, drive, r, words, r, shape, place[w, 0],
                                   scale, place[w, 1], half, noise_scale, rise_dt)  # fmt: skip
                if mask != 0:
                    count = _reset(v, u, c, d, v_peak, r, mask, ids, steps, step + q, count)
            if pending.shape[0] > 0:
                _deliver_late(received, pending, ids, begin, count, step + q, indptr, target, weight,
                              delay_steps)  # fmt: skip
            elif count > begin:
                _deliver(received, ids, begin, count, indptr, target, weight)
        advance_traces(s.trace, s.trace_rise, decays, table.jump, table.rise_jump, ids, steps, before, count,
                       step)  # fmt: skip
        return count

    return advance


@cache
def open_loop(scheme: str, noisy: bool, rises: bool) -> Any:
    """Compiled: fill ``xs[t]`` with the features of every readout step."""
    advance = _network_step(scheme, noisy, rises)

    def simulate(table, s, clock, decays, rise_dt, noise_scale, features, step, inputs, current,
                 drive, words, ids, steps, xs):  # fmt: skip
        count, n = 0, table.c.size
        for t in range(inputs.shape[0]):
            _make_drive(
                drive, table.bias, table.encoders, table.feedback, inputs, current, t, False, s.output
            )
            count = advance(
                table, s, clock, decays, rise_dt, noise_scale, drive, words, ids, steps, count, step
            )
            write_features(s.trace, s.trace_mean, s.trace_variance, s.readouts, features, n, xs[t])
            step += clock[0]
        return count

    return compile_kernel(simulate, variant=(scheme, noisy, rises), nrt=False)


@cache
def closed_loop(scheme: str, noisy: bool, rises: bool, step_of_rule: Any) -> Any:
    """Compiled: simulate, read out, learn and feed back."""
    advance, learn_step = _network_step(scheme, noisy, rises), learning_step(step_of_rule)

    def simulate(table, s, clock, decays, rise_dt, noise_scale, features, step, inputs, current,
                 drive, words, ids, steps, xs, readout, ys, target, gate, window, trial_end, outcome, p_hats,
                 readout_clock, learns):  # fmt: skip
        count, n, x = 0, table.c.size, xs[0]
        for t in range(inputs.shape[0]):
            _make_drive(drive, table.bias, table.encoders, table.feedback, inputs, current, t, True, s.output)
            count = advance(
                table, s, clock, decays, rise_dt, noise_scale, drive, words, ids, steps, count, step
            )
            write_features(s.trace, s.trace_mean, s.trace_variance, s.readouts, features, n, x)
            learn_step(readout, x, ys[t], target[t], gate[t], window[t], trial_end[t], outcome, p_hats,
                       readout_clock + t, learns)  # fmt: skip
            for k in range(s.output.size):
                s.output[k] = ys[t, k]
            step += clock[0]
        return count

    return compile_kernel(simulate, step_of_rule, (scheme, noisy, rises), nrt=False)


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
        self.table = tabulate(d)
        n, m, real = network.n_neurons, grid.steps_per_readout, grid.dtype
        self.feeds_back = bool(d.feedback.any())
        self.width = padded(n + 1)
        self.chunk = chunk or max(16, CHUNK_BYTES // (self.width * np.dtype(real).itemsize))
        self.variant = (grid.scheme, grid.noise > 0, bool(d.rise_decay.size))
        self._drive = np.zeros(padded(n), real)
        self._words = np.zeros(4 * quarter(n), np.uint32)
        # Room for the worst case, every cell in every step: pages are touched only when used.
        self._ids = np.empty(self.chunk * m * n, np.int32)
        self._steps = np.empty(self.chunk * m * n, np.int64)
        self._features = np.zeros((1 if self.feeds_back else self.chunk, self.width), real)

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
        work = state._replace(**{k: pad(getattr(state, k)) for k in PER_NEURON})
        for begin in range(0, n_steps, self.chunk):
            part = slice(begin, min(begin + self.chunk, n_steps))
            count = self._run_chunk(work, trials, part, readouts, teaching, when, what)
            ids.append(self._ids[:count].copy())
            at.append(self._steps[:count].copy())
            check_finite(work, (trials.first_step + part.stop * grid.steps_per_readout) * grid.dt_ms)
        for k in PER_NEURON:
            getattr(state, k)[...] = getattr(work, k)[..., : self.network.n_neurons]
        empty = [np.zeros(0, np.int64)]
        return Activity(
            np.concatenate(at or empty), np.concatenate(ids or empty).astype(np.int32), when, what
        )

    def _run_chunk(self, state, trials, part, readouts, teaching, when, what) -> int:
        grid, d, m = self.grid, self.derived, self.grid.steps_per_readout
        step = trials.first_step + part.start * m
        network = (
            self.table, state, (m, grid.noise_hold_steps, *split_key(grid.noise_seed), trials.stream),
            (d.trace_decay[0], d.trace_couple[0], d.trace_rise_decay[0]), d.rise_dt[0], d.noise_scale[0],
            (d.normalise_rate[0], d.normalise_floor[0], d.trace_scale[0], d.feature_bias[0]), step,
            trials.inputs[part], trials.current[part] if len(trials.current) else trials.current,
            self._drive, self._words, self._ids, self._steps, self._features,
        )  # fmt: skip
        lessons = [
            (y[part], taught.target[part], taught.gate[part], taught.window[part], trials.trial_end[part],
             trials.outcome, p_hat, step // m, trials.learn)
            for y, p_hat, taught in zip(when, what, teaching, strict=True)
        ]  # fmt: skip
        if self.feeds_back:
            simulate = closed_loop(*self.variant, readouts[0].rule.step)
            return simulate(*network, readouts[0].arrays(), *lessons[0])
        count = open_loop(*self.variant)(*network)
        for readout, lesson in zip(readouts, lessons, strict=True):
            train(readout.rule.step)(readout.arrays(), self._features[: part.stop - part.start], *lesson)
        return count
