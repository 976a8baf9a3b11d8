"""The compiled readout step of one readout, around the step of its rule."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba as nb

from spikewhen.reservoir.compile import compile_kernel
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.own_rules import named, safe
from spikewhen.reservoir.rules.what import learn, predict
from spikewhen.reservoir.simd import add_row, dot


@nb.njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
def read_out(weights, x, y):
    """Write the outputs ``y_k = w_k . x``."""
    for k in range(y.size):
        y[k] = dot(weights[k], x)


@cache
def learning_step(step_of_rule: Any) -> Any:
    """Return the compiled step of a readout after its output: "what" window, rule, end of a trial.

    Counting references of arrays costs more than a small network's step, so only the
    rule, which may allocate, is compiled with it. ``readout`` is `spikewhen.reservoir.engine.Readout.arrays`.
    `learn_step` is inlined by Numba, so that no machine code is made of it alone, which takes long.
    """
    step = safe(step_of_rule)

    @nb.njit(nogil=True, error_model="numpy", _nrt=True, forceinline=True)
    def rule_and_end(readout, x, y, target, gate, trial_end, outcome, p_hats, clock, learns):
        constants, state, what_constants, v, window_sum, count, seen, surprise, scratch = readout
        ends = trial_end >= 0
        if learns:
            step(constants, state, x, y, target, gate, clock, ends)
        if ends:
            predict(v, window_sum, count, scratch, p_hats[trial_end])
            if learns:
                learn(what_constants, v, seen, surprise, scratch, p_hats[trial_end], outcome[trial_end])
            window_sum[:] = 0
            count[0] = 0

    @nb.njit(nogil=True, error_model="numpy", _nrt=False, inline="always")
    def learn_step(readout, x, y, target, gate, window, trial_end, outcome, p_hats, clock, learns):
        window_sum, count = readout[4], readout[5]
        if window:
            for r in range(0, x.size, 32):
                add_row(window_sum, r, x, r)
            count[0] += 1
        if learns or trial_end >= 0:
            rule_and_end(readout, x, y, target, gate, trial_end, outcome, p_hats, clock, learns)

    return learn_step


@cache
def train(step_of_rule: Any) -> Any:
    """Return the compiled open loop of a readout: it learns from features ``xs`` (T, M)."""
    learn_step = learning_step(step_of_rule)

    def follow(readout, xs, ys, target, gate, window, trial_end, outcome, p_hats, clock, learns):
        for t in range(xs.shape[0]):
            read_out(readout[1][0], xs[t], ys[t])
            learn_step(
                readout,
                xs[t],
                ys[t],
                target[t],
                gate[t],
                window[t],
                trial_end[t],
                outcome,
                p_hats,
                clock + t,
                learns,
            )

    return compile_kernel(follow, step_of_rule, nrt=False)


def learn_from(readout: Readout, *segment: Any) -> None:
    """Let a readout learn from features in the open loop; `segment` is what `train` takes after a readout.

    Raises
    ------
    InputError
        If the step of a user's rule fails, naming the rule.
    """
    with named(f"rules.{readout.label}.step"):
        train(readout.step)(readout.arrays(), *segment)
