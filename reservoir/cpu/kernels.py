"""The network's compiled loops: one readout step, a segment in the open loop, a segment in the closed loop.

They equal `spikewhen.reservoir.reference` bit for bit; see there for the order of operations. Each
thread of a network runs the same loop over its share of it (`spikewhen.reservoir.cpu.shares`), and
meets the others once per step, after the membranes. In the closed loop the first one reads out and
learns, and the others wait.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.compile import compile_kernel
from spikewhen.reservoir.cpu import layout
from spikewhen.reservoir.cpu.barrier import meet
from spikewhen.reservoir.cpu.membrane import membrane
from spikewhen.reservoir.cpu.noise import fill_draws
from spikewhen.reservoir.cpu.readout import learning_step, read_out
from spikewhen.reservoir.cpu.traces import decay_row, feature_row, next_weight
from spikewhen.reservoir.noise import PURPOSE_MEMBRANE
from spikewhen.reservoir.simd import add_row, lowest_bit, set_row, sum_scaled
from spikewhen.reservoir.step_constants import BLOW_UP_MV

STRIDE = layout.STRIDE
U, CURRENT, DRIVE, INFLOW, TRACE_INFLOW = (
    32 * f for f in (layout.U, layout.CURRENT, layout.DRIVE, layout.INFLOW, layout.TRACE_INFLOW)
)
"""Where the fields of a row of cells stand, from its first v on."""


@nb.njit(nogil=True, error_model="numpy", _nrt=False, inline="always")
def _add_signal(cells, table, own, currents, c, amplitude, fresh):
    """Add the current of signal `c` to the drive of own cells; a fresh drive begins with the bias."""
    bias, place = table.bias, table.place
    rows = place.shape[0]
    for w in own:
        at, own = w * STRIDE + DRIVE, 32 * (c * rows + w)
        if fresh:
            sum_scaled(cells, at, bias, place[w, 2], currents, own, amplitude)
        else:
            sum_scaled(cells, at, cells, at, currents, own, amplitude)


@nb.njit(nogil=True, error_model="numpy", _nrt=False, inline="always")
def _make_drive(cells, table, own, inputs, current, output, feeds_back):
    """Add up what goes into the cells from outside: bias, inputs, extra current, feedback, in this order.

    Returns False, with nothing written, if there is only the bias.
    """
    fresh = True
    for c in range(inputs.size):
        if inputs[c] != 0:
            _add_signal(cells, table, own, table.encoders, c, inputs[c], fresh)
            fresh = False
    if current.size > 0:
        for w in own:
            at = w * STRIDE + DRIVE
            if fresh:
                set_row(cells, at, table.bias, table.place[w, 2])
            add_row(cells, at, current, 32 * w)
        fresh = False
    if feeds_back:
        for k in range(output.size):
            _add_signal(cells, table, own, table.feedback, k, output[k], fresh)
            fresh = False
    return not fresh


@nb.njit(nogil=True, error_model="numpy", _nrt=False, inline="always")
def _fire(s, table, share, fired, ids, steps, step, count, jump, inflow_jump, double):
    """Append the cells that reached their peak to the spikes, in order; reset own ones, with their traces."""
    cells, trace, noted = s.cells, s.trace, share.noted[step & 1]
    for part in range(noted.shape[1]):
        rows = noted[0, part]
        for other in range(1, share.size):
            rows |= noted[other, part]
        while rows != 0:
            w = 32 * part + lowest_bit(rows)
            rows &= rows - np.uint32(1)
            mask, own = fired[w], share.owner[w] == share.me
            while mask != 0:
                lane = lowest_bit(mask)
                mask &= mask - np.uint32(1)
                i, at = 32 * w + lane, w * STRIDE + lane
                if own:
                    exploded = cells[at] - table.v_peak[i] > BLOW_UP_MV
                    cells[at] = np.inf if exploded else table.c[i]
                    cells[at + U] = cells[at + U] + table.d[i]
                    trace[i] = trace[i] + jump
                    if double:
                        cells[at + TRACE_INFLOW] = cells[at + TRACE_INFLOW] + inflow_jump
                ids[count] = i
                steps[count] = step
                count += 1
    return count


@nb.njit(nogil=True, error_model="numpy", _nrt=False, inline="always")
def _turning(i, rows, step):
    """Return the row at place `i` of a pass, which goes forward in even steps and backward in odd ones.

    What the first-level cache still holds of the last pass is what the next one needs first;
    always forward, nothing of a network just larger than the cache would ever be found there.
    """
    return rows - 1 - i if step & 1 else i


@nb.njit(nogil=True, error_model="numpy", _nrt=False, inline="always")
def _deliver(cells, ids, begin, end, indptr, target, weight):
    """Add the spikes ``ids[begin:end]`` to their targets."""
    for e in range(begin, end):
        j = ids[e]
        for p in range(indptr[j], indptr[j + 1]):
            cells[target[p]] = cells[target[p]] + weight[p]


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def _deliver_late(cells, received, pending, ids, begin, end, step, share):
    """Add spikes to the slots of their arrival, then what arrives now to the targets."""
    n_slots, target, weight = pending.shape[0], share.target, share.weight
    for e in range(begin, end):
        j = ids[e]
        for p in range(share.indptr[j], share.indptr[j + 1]):
            slot = (step + share.delay_steps[p]) % n_slots
            pending[slot, target[p]] = pending[slot, target[p]] + weight[p]
    arriving = pending[step % n_slots]
    for w in share.rows:
        add_row(cells, w * STRIDE + received, arriving, 32 * w)
        arriving[32 * w : 32 * w + 32] = 0


@nb.njit(nogil=True, error_model="numpy", _nrt=False, inline="always")
def _pass_on(cells, received, pending, ids, begin, end, step, share):
    """Deliver the spikes of a step, at once or into the slots of their arrival."""
    if pending.shape[0] > 0:
        _deliver_late(cells, received, pending, ids, begin, end, step, share)
    elif end > begin:
        _deliver(cells, ids, begin, end, share.indptr, share.target, share.weight)


@cache
def _network_step(scheme: str, noisy: bool, rises: bool) -> Any:
    """Return the compiled readout step of a network: m sub-steps, then the features.

    The step returns the number of spikes so far.
    """
    alike, one_shape, different = (
        membrane(scheme, noisy, rises, a) for a in ((True, True), (True, False), (False, False))
    )
    received = INFLOW if rises else CURRENT

    @nb.njit(nogil=True, error_model="numpy", _nrt=False, inline="always")
    def advance(
        table, share, s, constants, clock, step, inputs, current, feeds_back, words, ids, steps, count, x
    ):
        decays, features, noise_scale, inflow_dt = constants
        m, hold, key0, key1, stream = clock
        cells, shape, scale, bias, place = s.cells, table.shape, table.scale, table.bias, table.place
        jump, inflow_jump, double = table.jump, table.inflow_jump, table.inflow_jump.size > 0
        own = share.rows
        changed = _make_drive(cells, table, own, inputs, current, s.output, feeds_back)
        for w in own:
            at = w * STRIDE
            decay_row(s.trace, 32 * w, cells, at + TRACE_INFLOW, decays, double)
            if not changed:
                set_row(cells, at + DRIVE, bias, place[w, 2])
        half, inflow_left = np.uint32(0), noise_scale
        for q in range(m):
            if noisy:
                draw = (step + q) // hold
                half = np.uint32(16 * (draw & 1))
                # Both draws of a pair are made at once; what another call left in `words` is not trusted.
                if (step + q) % (2 * hold) == 0 or q == 0:
                    first, last = share.groups
                    fill_draws(words, first, last, key0, key1, draw >> 1, stream, PURPOSE_MEMBRANE)
            if share.me != 0:  # only the first thread keeps the spikes; the others only deliver them
                count = np.int64(0)
            begin, fired, noted = count, s.fired[(step + q) & 1], share.noted[(step + q) & 1, share.me]
            if double:
                inflow_left = inflow_jump[q]
            any_fired = np.uint32(0)
            for part in range(noted.size):
                if noted[part] != 0:
                    noted[part] = 0
            for turn in range(own.size):
                w = own[_turning(turn, own.size, step + q)]
                at, i, j, kind = w * STRIDE, place[w, 0], place[w, 1], place[w, 3]
                if kind == 2:
                    mask = alike(cells, at, words, 32 * w, shape, i, scale, j, half, noise_scale, inflow_dt)
                elif kind == 1:
                    mask = one_shape(
                        cells, at, words, 32 * w, shape, i, scale, j, half, noise_scale, inflow_dt
                    )
                else:
                    mask = different(
                        cells, at, words, 32 * w, shape, i, scale, j, half, noise_scale, inflow_dt
                    )
                if mask != 0:
                    fired[w] = mask
                    noted[w >> 5] |= np.uint32(1) << np.uint32(w & 31)
                    any_fired = mask
            if share.size > 1:
                meet(share.counter, share.meetings, share.size)
            if any_fired != 0 or share.size > 1:
                count = _fire(
                    s, table, share, fired, ids, steps, step + q, count, jump[q], inflow_left, double
                )
            _pass_on(cells, received, s.pending, ids, begin, count, step + q, share)
        weight = next_weight(features[0], s.readouts)
        for w in own:
            r = 32 * w
            feature_row(s.trace, r, s.mean, r, s.variance, r, weight, features, x, r)
        x[table.c.size] = features[3]
        return count

    return advance


class Variant(NamedTuple):
    """The options that decide the code of a network's loop."""

    scheme: str
    noisy: bool
    rises: bool  # synaptic currents are double exponential


@cache
def open_loop(variant: Variant) -> Any:
    """Return the compiled open loop: it fills ``xs[t]`` with the features of every readout step."""
    advance = _network_step(variant.scheme, variant.noisy, variant.rises)

    def simulate(table, share, s, constants, clock, step, inputs, current, words, ids, steps, xs):
        count = np.int64(0)
        for t in range(inputs.shape[0]):
            extra = current[t if current.shape[1] else 0]
            count = advance(
                table,
                share,
                s,
                constants,
                clock,
                step,
                inputs[t],
                extra,
                False,
                words,
                ids,
                steps,
                count,
                xs[t],
            )
            step += clock[0]
        return count

    return compile_kernel(simulate, variant=variant, nrt=False)


@cache
def closed_loop(variant: Variant, step_of_rule: Any) -> Any:
    """Return the compiled closed loop: simulate, read out, learn and feed back; ``xs`` is (1, M)."""
    learn_step = learning_step(step_of_rule)
    advance = _network_step(variant.scheme, variant.noisy, variant.rises)

    def simulate(
        table,
        share,
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
        count = np.int64(0)
        x = xs[0]
        for t in range(inputs.shape[0]):
            extra = current[t if current.shape[1] else 0]
            count = advance(
                table, share, s, constants, clock, step, inputs[t], extra, True, words, ids, steps, count, x
            )
            step += clock[0]
            if share.size > 1:
                meet(share.counter, share.meetings, share.size)
            if share.me != 0:
                meet(share.counter, share.meetings, share.size)
                continue
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
            if share.size > 1:
                meet(share.counter, share.meetings, share.size)
        return count

    return compile_kernel(simulate, step_of_rule, variant, nrt=False)
