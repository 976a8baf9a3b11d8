"""The network's compiled loops: one readout step, a stretch in the open loop, a stretch in the closed loop.

They equal `spikewhen.reservoir.reference` bit for bit; see there for the order of operations.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.compile import compile_kernel
from spikewhen.reservoir.cpu import layout
from spikewhen.reservoir.cpu.membrane import membrane, membrane_and_trace
from spikewhen.reservoir.cpu.readout import learning_step, read_out
from spikewhen.reservoir.noise import PURPOSE_MEMBRANE, fill_draws
from spikewhen.reservoir.simd import add_row, lowest_bit, set_row, sum_scaled
from spikewhen.reservoir.step_constants import BLOW_UP_MV
from spikewhen.reservoir.traces import decay_row, feature_row, next_weight

STRIDE = layout.STRIDE
U, CURRENT, DRIVE, RISE, TRACE_RISE = (
    32 * f for f in (layout.U, layout.CURRENT, layout.DRIVE, layout.RISE, layout.TRACE_RISE)
)
"""Where the fields of a row of cells stand, from its first v on."""


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def _make_drive(cells, table, inputs, current, output, n_feedback):
    """Add up what goes into the cells from outside: bias, inputs, extra current, feedback, in this order.

    Returns False, with nothing written, if there is only the bias.
    """
    bias, place, encoders, feedback = table.bias, table.place, table.encoders, table.feedback
    rows, fresh = place.shape[0], True
    n = 32 * rows
    for c in range(inputs.size):
        if inputs[c] != 0:
            for w in range(rows):
                at = w * STRIDE + DRIVE
                if fresh:
                    sum_scaled(cells, at, bias, place[w, 2], encoders, c * n + 32 * w, inputs[c])
                else:
                    sum_scaled(cells, at, cells, at, encoders, c * n + 32 * w, inputs[c])
            fresh = False
    if current.size > 0:
        for w in range(rows):
            at = w * STRIDE + DRIVE
            if fresh:
                set_row(cells, at, bias, place[w, 2])
            add_row(cells, at, current, 32 * w)
        fresh = False
    for k in range(n_feedback):
        for w in range(rows):
            at = w * STRIDE + DRIVE
            if fresh:
                sum_scaled(cells, at, bias, place[w, 2], feedback, k * n + 32 * w, output[k])
            else:
                sum_scaled(cells, at, cells, at, feedback, k * n + 32 * w, output[k])
        fresh = False
    return not fresh


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def _fire(s, table, ids, steps, step, count, jump, rise_jump, double):
    """Reset the cells that reached their peak, leave their traces, append them to the spikes in order."""
    cells, trace, fired = s.cells, s.trace, s.fired
    for w in range(fired.size):
        mask = fired[w]
        while mask != 0:
            lane = lowest_bit(mask)
            mask &= mask - np.uint32(1)
            i, at = 32 * w + lane, w * STRIDE + lane
            exploded = cells[at] - table.v_peak[i] > BLOW_UP_MV
            cells[at] = np.inf if exploded else table.c[i]
            cells[at + U] = cells[at + U] + table.d[i]
            trace[i] = trace[i] + jump
            if double:
                cells[at + TRACE_RISE] = cells[at + TRACE_RISE] + rise_jump
            ids[count] = i
            steps[count] = step
            count += 1
    return count


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def _turning(i, rows, step):
    """Row of a pass: forward in even steps, backward in odd ones.

    What the first-level cache still holds of the last pass is what the next one needs first;
    always forward, nothing of a network just larger than the cache would ever be found there.
    """
    return rows - 1 - i if step & 1 else i


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def _deliver(cells, ids, begin, end, indptr, target, weight):
    """Add the spikes ``ids[begin:end]`` to their targets."""
    for e in range(begin, end):
        j = ids[e]
        for p in range(indptr[j], indptr[j + 1]):
            cells[target[p]] = cells[target[p]] + weight[p]


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def _deliver_late(cells, received, pending, ids, begin, end, step, table):
    """Add spikes to the slots of their arrival, then what arrives now to the targets."""
    n_slots, target, weight = pending.shape[0], table.target, table.weight
    for e in range(begin, end):
        j = ids[e]
        for p in range(table.indptr[j], table.indptr[j + 1]):
            slot = (step + table.delay_steps[p]) % n_slots
            pending[slot, target[p]] = pending[slot, target[p]] + weight[p]
    arriving = pending[step % n_slots]
    for w in range(table.place.shape[0]):
        add_row(cells, w * STRIDE + received, arriving, 32 * w)
    arriving[:] = 0


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def _pass_on(cells, received, pending, ids, begin, end, step, table):
    """Deliver the spikes of a step."""
    if pending.shape[0] > 0:
        _deliver_late(cells, received, pending, ids, begin, end, step, table)
    elif end > begin:
        _deliver(cells, ids, begin, end, table.indptr, table.target, table.weight)


@cache
def _network_step(scheme: str, noisy: bool, rises: bool) -> Any:
    """Compiled: one readout step of the network, m sub-steps and the features; returns the spike count."""
    alike, one_shape, all_different = (
        membrane(scheme, noisy, rises, a) for a in ((True, True), (True, False), (False, False))
    )
    received = RISE if rises else CURRENT

    @nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
    def advance(table, s, constants, clock, step, inputs, current, feeds_back, words, ids, steps, count, x):
        decays, features, noise_scale, rise_dt = constants
        m, hold, key0, key1, stream = clock
        cells, shape, scale, bias, place = s.cells, table.shape, table.scale, table.bias, table.place
        jump, rise_jump, double = table.jump, table.rise_jump, table.rise_jump.size > 0
        rows = place.shape[0]
        changed = _make_drive(cells, table, inputs, current, s.output, s.output.size if feeds_back else 0)
        for w in range(rows):
            at = w * STRIDE
            decay_row(s.trace, 32 * w, cells, at + TRACE_RISE, decays, double)
            if not changed:
                set_row(cells, at + DRIVE, bias, place[w, 2])
        half, rise_left = np.uint32(0), noise_scale
        for q in range(m):
            if noisy:
                draw = (step + q) // hold
                half = np.uint32(16 * (draw & 1))
                # Both draws of a pair are made at once; what another call left in `words` is not trusted.
                if (step + q) % (2 * hold) == 0 or q == 0:
                    fill_draws(words, key0, key1, draw >> 1, stream, PURPOSE_MEMBRANE)
            begin = count
            if double:
                rise_left = rise_jump[q]
            any_fired = np.uint32(0)
            for i in range(rows):
                w = _turning(i, rows, step + q)
                at, kind = w * STRIDE, place[w, 3]
                if kind == 2:
                    mask = alike(
                        cells,
                        at,
                        cells,
                        at + DRIVE,
                        words,
                        32 * w,
                        shape,
                        place[w, 0],
                        scale,
                        place[w, 1],
                        half,
                        noise_scale,
                        rise_dt,
                    )
                elif kind == 1:
                    mask = one_shape(
                        cells,
                        at,
                        cells,
                        at + DRIVE,
                        words,
                        32 * w,
                        shape,
                        place[w, 0],
                        scale,
                        place[w, 1],
                        half,
                        noise_scale,
                        rise_dt,
                    )
                else:
                    mask = all_different(
                        cells,
                        at,
                        cells,
                        at + DRIVE,
                        words,
                        32 * w,
                        shape,
                        place[w, 0],
                        scale,
                        place[w, 1],
                        half,
                        noise_scale,
                        rise_dt,
                    )
                s.fired[w] = mask
                any_fired |= mask
            if any_fired != 0:
                count = _fire(s, table, ids, steps, step + q, count, jump[q], rise_left, double)
            _pass_on(cells, received, s.pending, ids, begin, count, step + q, table)
        weight = next_weight(features[0], s.readouts)
        for r in range(0, 32 * rows, 32):
            feature_row(s.trace, r, s.mean, r, s.variance, r, weight, features, x, r)
        x[table.c.size] = features[3]
        return count

    return advance


@cache
def _single_step(scheme: str, noisy: bool, rises: bool, double: bool) -> Any:
    """Compiled: the same in a closed loop where every step is read out from traces as they are.

    Each field is touched once per step; the features are the traces, with the bias after them.
    """
    alike, all_different = (membrane_and_trace(scheme, noisy, rises, (a, a), double) for a in (True, False))
    received = RISE if rises else CURRENT

    @nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
    def advance(table, s, constants, clock, step, inputs, current, words, ids, steps, count):
        (keep, couple, rise_keep), (rate, _, _, bias_feature), noise_scale, rise_dt = constants
        _, hold, key0, key1, stream = clock
        cells, shape, scale, bias, place = s.cells, table.shape, table.scale, table.bias, table.place
        feedback, last, trace = table.feedback, s.output.size - 1, s.trace
        rows = place.shape[0]
        changed = _make_drive(cells, table, inputs, current, s.output, last)
        half, output = np.uint32(0), s.output[last]
        if noisy:
            half = np.uint32(16 * (step // hold & 1))
            fill_draws(words, key0, key1, step // hold >> 1, stream, PURPOSE_MEMBRANE)
        begin, jump = count, table.jump[0]
        rise_left = table.rise_jump[0] if double else jump
        next_weight(rate, s.readouts)
        total, any_fired = cells if changed else bias, np.uint32(0)
        for w in range(rows):  # always forward, as the output is summed up between two passes
            r, at = 32 * w, w * STRIDE
            drive = at + DRIVE if changed else place[w, 2]
            fed = (last * rows + w) * 32
            if place[w, 3] == 2:
                mask = alike(
                    cells,
                    at,
                    total,
                    drive,
                    words,
                    r,
                    shape,
                    place[w, 0],
                    scale,
                    place[w, 1],
                    feedback,
                    fed,
                    trace,
                    r,
                    half,
                    noise_scale,
                    rise_dt,
                    output,
                    keep,
                    couple,
                    rise_keep,
                )
            else:
                mask = all_different(
                    cells,
                    at,
                    total,
                    drive,
                    words,
                    r,
                    shape,
                    place[w, 0],
                    scale,
                    place[w, 1],
                    feedback,
                    fed,
                    trace,
                    r,
                    half,
                    noise_scale,
                    rise_dt,
                    output,
                    keep,
                    couple,
                    rise_keep,
                )
            s.fired[w] = mask
            any_fired |= mask
        if any_fired != 0:
            count = _fire(s, table, ids, steps, step, count, jump, rise_left, double)
        trace[table.c.size] = bias_feature
        _pass_on(cells, received, s.pending, ids, begin, count, step, table)
        return count

    return advance


class Variant(NamedTuple):
    """What decides the code of a network's loop."""

    scheme: str
    noisy: bool
    rises: bool  # synaptic currents
    double: bool  # traces
    single: bool  # every step is read out from traces as they are


@cache
def open_loop(variant: Variant) -> Any:
    """Compiled: fill ``xs[t]`` with the features of every readout step."""
    advance = _network_step(variant.scheme, variant.noisy, variant.rises)

    def simulate(table, s, constants, clock, step, inputs, current, words, ids, steps, xs):
        count = 0
        for t in range(inputs.shape[0]):
            extra = current[t if current.shape[0] else 0]
            count = advance(
                table, s, constants, clock, step, inputs[t], extra, False, words, ids, steps, count, xs[t]
            )
            step += clock[0]
        return count

    return compile_kernel(simulate, variant=variant, nrt=False)


@cache
def closed_loop(variant: Variant, step_of_rule: Any) -> Any:
    """Compiled: simulate, read out, learn and feed back; ``xs`` is (1, M)."""
    learn_step = learning_step(step_of_rule)
    if variant.single:
        single = _single_step(variant.scheme, variant.noisy, variant.rises, variant.double)

        @nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
        def advance(
            table, s, constants, clock, step, inputs, current, feeds_back, words, ids, steps, count, x
        ):
            return single(table, s, constants, clock, step, inputs, current, words, ids, steps, count)

    else:
        advance = _network_step(variant.scheme, variant.noisy, variant.rises)
    traces_are_features = variant.single

    def simulate(
        table,
        s,
        constants,
        clock,
        step,
        inputs,
        current,
        words,
        ids,
        steps,
        xs,
        readout,
        ys,
        target,
        gate,
        window,
        trial_end,
        outcome,
        p_hats,
        readout_clock,
        learns,
    ):
        count = 0
        x = s.trace if traces_are_features else xs[0]
        for t in range(inputs.shape[0]):
            extra = current[t if current.shape[0] else 0]
            count = advance(
                table, s, constants, clock, step, inputs[t], extra, True, words, ids, steps, count, x
            )
            read_out(readout[1][0], x, ys[t])
            learn_step(
                readout,
                x,
                ys[t],
                target[t],
                gate[t],
                window[t],
                trial_end[t],
                outcome,
                p_hats,
                readout_clock + t,
                learns,
            )
            for k in range(s.output.size):
                s.output[k] = ys[t, k]
            step += clock[0]
        return count

    return compile_kernel(simulate, step_of_rule, variant, nrt=False)
