"""Least squares that resets itself: where, when and to what; elsewhere it is plain least squares."""

from types import SimpleNamespace

import numpy as np
import pytest

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules import RLS, Gate, RLSSurprise
from spikewhen.reservoir.types import padded

FEATURES, STEPS = 41, 40


def session(rule, dtype=np.float64):
    """Return the rule's state, and a function that delivers event 0 at a step of a trial."""
    state, constants = rule.init(2, FEATURES, dtype), rule.constants(1.0, dtype)
    x = np.zeros((STEPS, padded(FEATURES)), dtype)
    x[:, :FEATURES] = np.random.default_rng(0).exponential(0.3, (STEPS, FEATURES))
    clock = iter(range(10**6))

    def deliver(at, channel=0):
        target = np.zeros((STEPS, 2), dtype)
        target[:, channel] = np.exp(-0.5 * ((np.arange(STEPS) - at) / 3) ** 2)
        gate = np.eye(2, dtype=dtype)[channel]
        for t in range(STEPS):
            y = x[t] @ state.w.T
            rule.reference_step(constants, state, x[t], y, target[t], gate, next(clock), t == STEPS - 1)

    return SimpleNamespace(state=state, deliver=deliver)


def test_a_surprised_channel_starts_anew_and_keeps_its_weights():
    rule = RLSSurprise(alpha=0.5, interval_ms=1.0, surprise_above=0.35, surprise_after=3)
    run = session(rule)
    state = run.state
    start = state.p.copy()
    for _ in range(4):
        run.deliver(10)
        run.deliver(25, channel=1)
    assert not state.resets.any() and state.came.tolist() == [4, 4]
    other, old = state.p[1].copy(), state.w[0].copy()
    run.deliver(30)
    assert state.resets.tolist() == [1, 0] and state.came.tolist() == [0, 4]
    np.testing.assert_array_equal(state.p[0], start[0])
    np.testing.assert_array_equal(state.p[1], other)
    assert not state.q[0].any() and state.pending[0] == 0 and state.pending[1] > 0
    assert np.abs(state.w[0] - old).max() > 0 and np.linalg.norm(state.w[0]) > 0.1 * np.linalg.norm(old)


@pytest.mark.parametrize(("after", "resets"), [(3, 1), (4, 0)])
def test_a_channel_that_has_just_begun_is_not_surprised(after, resets):
    run = session(RLSSurprise(alpha=0.5, interval_ms=1.0, surprise_above=0.35, surprise_after=after))
    for at in (10, 10, 10, 30):
        run.deliver(at)
    assert run.state.resets.tolist() == [resets, 0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_where_nothing_surprises_it_is_least_squares_to_the_bit(dtype):
    options = {"alpha": 0.3, "interval_ms": 2.0, "memory_trials": 0.5}
    plain, other = session(RLS(**options), dtype), session(RLSSurprise(**options, surprise_above=1e9), dtype)
    for at in (10, 30, 20):
        plain.deliver(at)
        other.deliver(at)
    for a, b in zip(plain.state, other.state, strict=False):
        assert a.tobytes() == b.tobytes()


def test_one_p_for_all_channels_cannot_be_reset_for_one():
    with pytest.raises(InputError, match=r"gate\.undelivered = 'zero'"):
        RLSSurprise(gate=Gate(kind="none", undelivered="zero"))
