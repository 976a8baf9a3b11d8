"""One contract for every learning rule, RLS against linear algebra, and rules in files of their own."""

import importlib.util
import sys
import tracemalloc
from collections import namedtuple
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numba as nb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lively import (
    VARIANTS,
    compiled_step,
    lively_network,
    make_trainer,
    outcome_of,
    outputs,
    small_grid,
    train,
    two_trials,
    waits,
)

from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.cpu.readout import train as train_kernel_of
from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.reference import ReferenceBackend
from spikewhen.reservoir.rules import (
    LMS,
    RLS,
    RULES,
    TD,
    Gate,
    NodePerturbation,
    Retrospective,
    RewardHebbian,
    Ridge,
    TeachingSignal,
    ThreeFactor,
    Unlearn,
    WhatReadout,
)
from spikewhen.reservoir.rules.what import learn, learn_reference, predict, predict_reference
from spikewhen.reservoir.tiles import (
    correct_and_multiply,
    correct_reference,
    correct_twice_and_multiply,
    multiply,
    multiply_reference,
    tile_index,
)
from spikewhen.reservoir.types import LANES, padded

K, FEATURES = 2, 41
PRECISIONS = [np.float64, np.float32]

DEFAULTS = {name: rule() for name, rule in RULES.items()}
EVERY = {**{f"{name} (default)": rule for name, rule in DEFAULTS.items()}, **VARIANTS}


def follows_its_error(rule) -> bool:
    """Whether every step of a rule makes the error of its own sample smaller."""
    others = Ridge, TD, NodePerturbation, RewardHebbian
    return getattr(rule, "teacher", "error") == "error" and not isinstance(rule, others)


def shared(rule) -> bool:
    return getattr(rule, "shares_p", False)


def samples(rule, dtype, n=60, seed=0):
    """Features, targets, gates and clock of `n` readout steps; gates between 0 and 1, a third of them 0."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n, padded(FEATURES)), dtype)
    x[:, : FEATURES - 1] = rng.exponential(0.3, (n, FEATURES - 1)) * (rng.random((n, FEATURES - 1)) < 0.5)
    x[:, FEATURES - 1] = 0.05
    target = rng.random((n, K)).astype(dtype)
    gate = (rng.random((n, K)) * (rng.random((n, K)) < 0.67)).astype(dtype)
    if waits(rule):
        target[np.arange(n) % 10 < 6] = 0
    if shared(rule):
        gate[:, 1:] = gate[:, :1]
    return x, target, gate


def practise(step, rule, state, dtype, rows, n=60, seed=0, trial_every=10):
    x, target, gate = samples(rule, dtype, n, seed)
    constants = rule.constants(1.0, dtype)
    for t in rows:
        y = outputs(state[0], x[t])
        step(constants, tuple(state), x[t], y, target[t], gate[t], t, t % trial_every == trial_every - 1)


def copied(state):
    return type(state)(*[a.copy() for a in state])


def same(a, b) -> bool:
    return all(x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", EVERY)
def test_init_gives_zero_weights_first(name, dtype):
    rule = EVERY[name]
    state = rule.init(K, FEATURES, dtype)
    assert state._fields[0] == "w"
    assert state.w.shape == (K, padded(FEATURES)) and state.w.dtype == dtype
    assert not state.w.any()
    assert all(isinstance(a, np.ndarray) for a in state)
    assert all(np.isfinite(a).all() for a in state)
    again = rule.init(K, FEATURES, dtype)
    assert same(state, again) and not any(np.shares_memory(a, b) for a, b in zip(state, again, strict=True))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_frozen_and_named_as_registered(name):
    rule = RULES[name]()
    assert rule.name == name
    assert isinstance(rule.factored, bool)
    assert rule == RULES[name]()
    with pytest.raises(AttributeError):
        rule.factored = False


@pytest.mark.parametrize("fields", ["when", "w v", "w surprise", "p w"])
def test_a_state_that_a_file_could_not_hold_is_refused(fields):
    """Files and device texts call the weights w; v and surprise beside them are of the "what" readout."""
    State = namedtuple("State", fields)

    class Odd(LMS):
        def init(self, n_channels, n_features, dtype):
            return State(*[np.zeros((n_channels, padded(n_features)), dtype) for _ in State._fields])

    with pytest.raises(InputError, match="first field is w, and none v or surprise"):
        Readout(Odd(), K, FEATURES, small_grid())


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", EVERY)
def test_the_compiled_step_equals_the_reference(name, dtype):
    rule = EVERY[name]
    a, b = rule.init(K, FEATURES, dtype), rule.init(K, FEATURES, dtype)
    practise(compiled_step(rule), rule, a, dtype, range(60))
    practise(rule.reference_step, rule, b, dtype, range(60))
    for field, x, y in zip(a._fields, a, b, strict=True):
        assert x.tobytes() == y.tobytes(), field
    assert np.count_nonzero(a.w) > 20


@pytest.mark.parametrize("which", ["compiled", "reference"])
@pytest.mark.parametrize("name", EVERY)
def test_a_step_writes_only_into_its_state(name, which):
    rule = EVERY[name]
    step = compiled_step(rule) if which == "compiled" else rule.reference_step
    state = rule.init(K, FEATURES, np.float64)
    x, target, _ = samples(rule, np.float64, 8)
    given_ = [x[7], outputs(state[0], x[7]), target[7], np.full(K, 0.5)]
    before = [a.copy() for a in given_]
    constants = rule.constants(1.0, np.float64)
    for clock in range(20):  # one step is not enough for all rules to learn
        step(constants, tuple(state), *given_, clock, clock % 5 == 4)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(given_, before, strict=True))
    assert constants == rule.constants(1.0, np.float64)
    assert state.w.any()
    assert not state.w[:, FEATURES:].any(), "padding learns nothing"


@pytest.mark.parametrize("which", ["compiled", "reference"])
@pytest.mark.parametrize("name", EVERY)
def test_a_closed_gate_leaves_the_weights_alone(name, which):
    rule = EVERY[name]
    step = compiled_step(rule) if which == "compiled" else rule.reference_step
    state = rule.init(K, FEATURES, np.float64)
    practise(rule.reference_step, rule, state, np.float64, range(30))
    if hasattr(state, "learning") and state.learning.size:
        state.learning[:] = state.w  # consolidation has nothing left to move
    if hasattr(state, "fresh"):
        state.fresh[:] = 0  # and ridge nothing to solve
    before = copied(state)
    x, target, _ = samples(rule, np.float64)
    constants = rule.constants(1.0, np.float64)
    for t in range(30, 60):
        step(constants, tuple(state), x[t], outputs(state[0], x[t]), target[t], np.zeros(K), t, t == 59)
    assert state.w.tobytes() == before.w.tobytes()
    if hasattr(state, "p"):
        assert state.p.tobytes() == before.p.tobytes()


@pytest.mark.parametrize("name", [n for n, r in EVERY.items() if not shared(r)])
def test_only_the_gated_channel_learns(name):
    rule = EVERY[name]
    state = rule.init(K, FEATURES, np.float64)
    x, target, _ = samples(rule, np.float64)
    constants = rule.constants(1.0, np.float64)
    for t in range(20):
        y = outputs(state[0], x[t])
        rule.reference_step(constants, tuple(state), x[t], y, target[t], np.array([0.0, 1.0]), t, t % 5 == 4)
    assert not state.w[0].any() and state.w[1].any()


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(
    "name", [n for n, r in EVERY.items() if follows_its_error(r) and "unlearns" not in n]
)
def test_the_error_falls_on_a_repeated_sample(name, dtype):
    rule = EVERY[name]
    state = rule.init(K, FEATURES, dtype)
    x, _, _ = samples(rule, dtype, 1)
    target = np.array([0.8, -0.3], dtype)
    errors = []
    constants = rule.constants(1.0, dtype)
    for t in range(300):
        y = outputs(state[0], x[0])
        errors.append(np.abs(target - y))
        rule.reference_step(constants, tuple(state), x[0], y, target, np.ones(K, dtype), t, True)
    assert np.all(np.diff(errors, axis=0) <= 1e-5)
    assert np.all(errors[-1] < 0.5 * errors[0])


@pytest.mark.parametrize("which", ["compiled", "reference"])
@pytest.mark.parametrize("name", EVERY)
def test_a_saved_state_continues_identically(name, which, tmp_path):
    """Everything a rule remembers is in its state: parameters and saved arrays are enough to go on."""
    rule = EVERY[name]
    step = compiled_step(rule) if which == "compiled" else rule.reference_step
    whole = rule.init(K, FEATURES, np.float32)
    practise(step, rule, whole, np.float32, range(60))
    half = rule.init(K, FEATURES, np.float32)
    practise(step, rule, half, np.float32, range(27))
    np.savez(tmp_path / "state.npz", *half)
    with np.load(tmp_path / "state.npz") as file:
        restored = type(half)(*[file[f"arr_{i}"] for i in range(len(half))])
    practise(step, replace(rule), restored, np.float32, range(27, 60))
    assert same(restored, whole)


@pytest.mark.parametrize("name", EVERY)
def test_with_learning_off_nothing_changes_but_the_outputs(name):
    grid = small_grid()
    rule = EVERY[name]
    for backend in (CpuBackend(), ReferenceBackend()):
        trials = two_trials(grid, n_steps=20, learn=False)
        left = outcome_of(backend.load(lively_network(), grid), [rule], trials)
        start = rule.keyed(rule.init(2, FEATURES, grid.dtype), grid.noise_seed)
        for field, array in start._asdict().items():
            assert left[f"0.{field}"].tobytes() == array.tobytes(), field
        assert not left["0.V"].any() and left["0.seen"][0] == 0


# the three factors


def test_consolidation_moves_the_speaking_weights_at_trial_ends_only():
    rule = ThreeFactor(eta=0.1, consolidation=0.25)
    state = rule.init(1, FEATURES, np.float64)
    x, target, _ = samples(rule, np.float64)
    constants = rule.constants(1.0, np.float64)
    for t in range(9):
        rule.reference_step(constants, state, x[t], np.zeros(1), target[t, :1], np.ones(1), t, False)
    assert not state.w.any() and state.learning.any()
    rule.reference_step(constants, state, x[9], np.zeros(1), target[9, :1], np.ones(1), 9, True)
    np.testing.assert_array_equal(state.w, 0.25 * state.learning)


@pytest.mark.parametrize("tau_ms", [30.0, 0.7])
def test_eligibility_is_a_low_pass_of_the_features(tau_ms):
    rule = ThreeFactor(eligibility_ms=tau_ms)
    state = rule.init(1, FEATURES, np.float64)
    x, _, _ = samples(rule, np.float64)
    constants = rule.constants(1.0, np.float64)
    e = np.zeros_like(x[0])
    for t in range(60):
        rule.reference_step(constants, state, x[t], np.zeros(1), np.zeros(1), np.zeros(1), t, False)
        e += (1 - np.exp(-1 / tau_ms)) * (x[t] - e)
    np.testing.assert_allclose(state.eligibility, e, rtol=1e-12, atol=1e-15)


def test_a_missed_expectation_takes_its_share_of_the_weights_at_the_end_of_the_trial():
    """Of squares 0.36 + 0.04 missed against 0.25 expected, 1.6: (1.6 - 0.4) / 2 of the weights go."""
    rule = ThreeFactor(eta=0.0, unlearn=Unlearn(above=0.4, all_at=2.4, after=1))
    state = rule.init(2, FEATURES, np.float64)
    state.w[:] = w = np.random.default_rng(0).normal(size=state.w.shape)
    constants, x = rule.constants(1.0, np.float64), np.ones(w.shape[1])

    def trial():
        for y, s, end in ((0.6, 0.0, False), (0.7, 0.5, False), (-1.0, 0.0, True)):
            said, told = np.array([y, y]), np.array([s, s])
            rule.reference_step(constants, state, x, said, told, np.array([1.0, 0.0]), 0, end)

    trial()
    np.testing.assert_array_equal(state.w, w)  # the first delivery surprises nobody
    trial()
    np.testing.assert_allclose(state.w[0], 0.4 * w[0], rtol=1e-12)
    np.testing.assert_array_equal(state.w[1], w[1])
    assert state.came.tolist() == [2, 0] and not state.missed.any() and not state.expected.any()


def test_an_omission_surprises_no_channel():
    rule = ThreeFactor(
        eta=0.0, unlearn=Unlearn(above=0.1, all_at=0.2, after=0), gate=Gate(undelivered="zero")
    )
    state = rule.init(1, FEATURES, np.float64)
    state.w[:] = 1.0
    constants, x = rule.constants(1.0, np.float64), np.ones(state.w.shape[1])
    for end in (False, True):
        rule.reference_step(constants, state, x, np.array([3.0]), np.zeros(1), np.ones(1), 0, end)
    assert np.all(state.w == 1.0)


def test_the_online_loss_is_proportional_to_the_excess():
    rule = ThreeFactor(eta=0.0, unlearn=Unlearn(rate=0.5, error=0.3))
    state = rule.init(2, FEATURES, np.float64)
    state.w[:] = 1.0
    said, told = np.array([0.9, 0.7]), np.array([0.2, 0.5])
    rule.reference_step(
        rule.constants(1.0, np.float64), state, np.ones(state.w.shape[1]), said, told, np.ones(2), 0, False
    )
    np.testing.assert_allclose(state.w[0], 1 - 0.5 * 0.4, rtol=1e-12)
    np.testing.assert_array_equal(state.w[1], 1.0)


def test_the_event_subtracts_what_was_predicted_too_early():
    """Until the event nothing changes; its onset takes the late trace of the delivered channel, once."""
    rule = Retrospective(eta=0.0, epsilon=0.1, back=0.3, trace_ms=20.0, late_ms=2.0)
    state = rule.init(2, FEATURES, np.float64)
    x = samples(rule, np.float64, 6)[0]
    state.w[:] = w = np.random.default_rng(0).normal(size=state.w.shape)
    constants, trace = rule.constants(1.0, np.float64), np.zeros_like(w)
    said = np.array([[0.2, 0.5], [-0.4, 0.1], [0.9, 0.9], [0.3, 0.3], [0.0, 0.0], [0.0, 0.0]])
    for t in range(6):
        told = np.array([0.0, 1.0]) * (t >= 4)
        rule.reference_step(constants, state, x[t], said[t], told, np.ones(2), t, False)
        if t == 3:
            np.testing.assert_array_equal(state.w, w)
    for q in (0, 1):  # what is later than two steps before the event's onset is not in it
        trace = np.exp(-1 / 20) * trace + np.maximum(said[q], 0)[:, None] * x[q] / (0.1 + x[q] @ x[q])
    np.testing.assert_allclose(state.w[1], w[1] - 0.3 * trace[1], rtol=1e-12)
    np.testing.assert_array_equal(state.w[0], w[0])


def test_after_the_event_the_retrospective_rule_is_the_local_rule():
    late, local = Retrospective(eta=0.2, epsilon=0.05), ThreeFactor(eta=0.2, epsilon=0.05)
    a, b = late.init(2, FEATURES, np.float64), local.init(2, FEATURES, np.float64)
    x, target, gate = samples(local, np.float64, 9)
    gate = np.maximum(gate, 0.1)
    for rule, state in ((late, a), (local, b)):
        for t in range(9):
            y = outputs(state.w, x[t])
            rule.reference_step(
                rule.constants(1.0, np.float64), state, x[t], y, target[t], gate[t], t, t == 8
            )
    np.testing.assert_allclose(a.w, b.w, rtol=1e-12)


def test_no_target_is_known_before_the_event_and_every_channel_waits():
    signal = np.random.default_rng(0).random((6, 2)) + 0.1
    time_ms = np.array([-100.0, 0.0, 100.0, 200.0, 300.0, 400.0])
    gate = Gate(kind="expectation", baseline=0.4, half_width_ms=150.0)
    target, level = gate.teach(TeachingSignal(time_ms, signal, 1, np.array([300.0, 200.0])))
    np.testing.assert_array_equal(level, [[0, 0], [1, 1], [1, 1], [0, 1], [0, 1], [0, 0.4]])
    np.testing.assert_array_equal(target[:, 1], [0, 0, 0, *signal[3:, 1]])
    assert not target[:, 0].any()
    target, level = gate.teach(TeachingSignal(time_ms, signal, -1, np.array([300.0, 200.0])))
    assert not target.any() and np.all(level[1:] == 1) and not level[0].any()


def test_the_local_update_is_the_formula():
    rule = ThreeFactor(eta=0.2, epsilon=0.05)
    state = rule.init(1, FEATURES, np.float64)
    x, _, _ = samples(rule, np.float64)
    x = x[0]
    rule.reference_step(
        rule.constants(1.0, np.float64), state, x, np.array([0.1]), np.array([0.7]), np.array([0.5]), 0, False
    )
    expected = 0.2 * 0.5 * (0.7 - 0.1) * x / (0.05 + np.linalg.norm(x) ** 2)
    np.testing.assert_allclose(state.w[0], expected, rtol=1e-14)


@pytest.mark.parametrize("consolidation", [0.0, 0.5])
def test_without_the_error_a_weight_grows_by_its_target_whatever_the_output_is(consolidation):
    rule = ThreeFactor(eta=0.2, epsilon=0.05, teacher="target", consolidation=consolidation)
    state = rule.init(1, FEATURES, np.float64)
    x = samples(rule, np.float64)[0][0]
    step, constants = 0.2 * 0.5 * 0.7 * x / (0.05 + np.linalg.norm(x) ** 2), rule.constants(1.0, np.float64)
    for n, y in enumerate((0.1, 5.0, -3.0), 1):
        rule.reference_step(constants, state, x, np.array([y]), np.array([0.7]), np.array([0.5]), n, False)
        learned = state.learning if consolidation else state.w
        np.testing.assert_allclose(learned[0], n * step, rtol=1e-13)


# what: the offline readout


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("anneal", [False, True])
@pytest.mark.parametrize("surprise", [0.0, 0.3])
@pytest.mark.parametrize("restart", [0.0, 0.1])
def test_identity_learns_the_same_compiled(dtype, anneal, surprise, restart):
    rng = np.random.default_rng(2)
    restart = restart * anneal
    what = WhatReadout(
        anneal=anneal, surprise=surprise, surprise_scale=0.12, restart=restart, restart_after=2
    )
    constants = what.constants(dtype)
    s_a, s_b = np.zeros((2, K), dtype)
    shares = []
    m = padded(FEATURES)
    a, b = np.zeros((K, m), dtype), np.zeros((K, m), dtype)
    seen_a, seen_b, scratch = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(m, dtype)
    for trial in range(30):
        total, count = rng.random(m).astype(dtype), np.array([trial % 4])  # 0: a window that was empty
        outcome = np.eye(K, dtype=dtype)[trial % K] * (trial % 5 > 0)
        p_a = np.zeros(K, dtype)
        predict(a, total, count, scratch, p_a)
        learn(constants, a, seen_a, s_a, scratch, p_a, outcome)
        mean, p_b = predict_reference(b, total, count)
        shares.append(np.max(s_b**2) / 0.12**2)
        learn_reference(constants, b, seen_b, s_b, mean, p_b, outcome)
        assert p_a.tobytes() == p_b.tobytes() and scratch.tobytes() == mean.tobytes()
    assert a.tobytes() == b.tobytes() and a.any()
    assert s_a.tobytes() == s_b.tobytes()
    assert restart or (min(shares[2:]) < 0.8 and max(shares) > 1.2), (
        "some trials surprise in part, some wholly"
    )
    assert seen_a[0] == seen_b[0] and (seen_a[0] < 30) == (restart > 0)


def test_an_annealed_identity_readout_counts():
    """With rate 1/n and the same features in each trial p-hat is the running frequency."""
    rng = np.random.default_rng(3)
    rule = WhatReadout(eta_w=0.0, anneal=True, epsilon=0.0)
    mean = np.zeros(32)
    mean[:5] = 1.0
    what, seen = np.zeros((1, 32)), np.zeros(1, np.int64)
    outcomes = (rng.random(50) < 0.7).astype(float)
    for n, outcome in enumerate(outcomes):
        m, p = predict_reference(what, mean, np.ones(1, np.int64))
        assert p[0] == pytest.approx(outcomes[:n].mean() if n else 0)
        learn_reference(rule.constants(np.float64), what, seen, np.zeros(1), m, p, np.array([outcome]))


def frequencies(rule, outcomes):
    """p-hat before each trial and the rate of each trial, the features the same in all; outcomes (n, K)."""
    what, mean = np.zeros((outcomes.shape[1], 32)), np.zeros(32)
    mean[:4] = 0.5  # of length 1
    seen, s = np.zeros(1, np.int64), np.zeros(outcomes.shape[1])
    p_hat, rate = np.zeros((2, *outcomes.shape))
    for n, outcome in enumerate(outcomes):
        m, p_hat[n] = predict_reference(what, mean, np.ones(1, np.int64))
        before = what.copy()
        learn_reference(rule.constants(np.float64), what, seen, s, m, p_hat[n], outcome)
        with np.errstate(invalid="ignore"):
            rate[n] = (what - before) @ mean / (outcome - p_hat[n])
    return p_hat, rate


def test_without_surprise_the_rate_is_constant_to_the_bit():
    outcomes = np.eye(2)[(np.random.default_rng(0).random(60) < 0.3).astype(int)]
    off = WhatReadout(eta_w=0.05, surprise_scale=0.01, surprise_rate=0.7)
    what, plain, mean = np.zeros((2, 32)), np.zeros((2, 32)), np.full(32, 0.1)
    seen, s = np.zeros(1, np.int64), np.zeros(2)
    for outcome in outcomes:
        m, p = predict_reference(what, mean, np.ones(1, np.int64))
        learn_reference(off.constants(np.float64), what, seen, s, m, p, outcome)
        for k in range(2):
            plain[k] = plain[k] + (0.05 * (outcome[k] - p[k]) / (1e-4 + dot_reference(m, m))) * m
    assert what.tobytes() == plain.tobytes() and np.abs(s).max() > 0.1


def test_the_surprised_rate_is_the_formula():
    outcomes = np.array([[1.0], [1.0], [0.0]])
    rule = WhatReadout(eta_w=0.1, epsilon=0.0, surprise=0.4, surprise_scale=0.5, surprise_rate=0.2)
    p_hat, rate = frequencies(rule, outcomes)
    p, s = 0.0, 0.0
    for n, o in enumerate(outcomes[:, 0]):
        assert p_hat[n, 0] == pytest.approx(p)
        s += 0.2 * (o - p - s)
        eta = 0.1 + 0.4 * min(1.0, s * s / 0.25)
        assert rate[n, 0] == pytest.approx(eta)
        p += eta * (o - p)


def test_a_lasting_surprise_restarts_the_annealed_rate_once():
    """Half a block of p = 1, then of p = 0: the rate is 1/n, then 1/3, 1/4, ... from the trial that tells."""
    outcomes = np.repeat([1.0, 0.0], 30)[:, None]
    rule = WhatReadout(
        eta_w=0.04, epsilon=0.0, anneal=True, surprise_rate=0.1, restart=0.35, restart_trials=3
    )
    rate = frequencies(rule, outcomes)[1][:, 0]
    (told,) = np.flatnonzero(np.isclose(rate, 1 / 3))
    assert 30 < told < 40
    np.testing.assert_allclose(rate[30:told], np.maximum(0.04, 1 / np.arange(31, told + 1)), rtol=1e-9)
    np.testing.assert_allclose(rate[told:], np.maximum(0.04, 1 / np.arange(3, 63 - told)), rtol=1e-9)


def test_surprise_is_of_any_channel_and_never_adds_more_than_all():
    """Channel 0 never comes and is known; channel 1 always does."""
    outcomes = np.tile([0.0, 1.0], (12, 1))
    rule = WhatReadout(eta_w=0.0, epsilon=0.0, surprise=0.25, surprise_scale=0.3, surprise_rate=1.0)
    _, rate = frequencies(rule, outcomes)
    assert rate[:4, 1] == pytest.approx(0.25)
    assert np.all(np.diff(rate[8:, 1]) < 0), "as p-hat comes near, the rate falls"
    assert WhatReadout(surprise=0.3, anneal=True).surprise == 0.3


def test_a_surprised_readout_is_as_steady_as_a_slow_one_and_faster_after_a_switch():
    """400 learners, p .8, then .2: SD before the switch against distance from .2 thirty trials after it."""
    rng = np.random.default_rng(1000)
    p = np.repeat([0.8, 0.2], [100, 40])

    def course(rule):
        runs = [frequencies(rule, (rng.random(140) < p)[:, None].astype(float))[0] for _ in range(400)]
        found = np.array(runs)[:, :, 0]
        return found[:, 60:100].std(), abs(found[:, 125].mean() - 0.2)

    surprised = course(WhatReadout(eta_w=0.02, epsilon=0.0, surprise=0.3))
    slow = course(WhatReadout(eta_w=0.05, epsilon=0.0))
    assert surprised[0] < 1.15 * slow[0]
    assert surprised[1] < 0.4 * slow[1]


def test_surprise_and_annealing_take_the_faster_rate():
    outcomes = (np.random.default_rng(1).random((40, 1)) < 0.5).astype(float)
    options = dict(eta_w=0.02, epsilon=0.0, surprise=0.3)
    p_hat, rate = frequencies(WhatReadout(anneal=True, **options), outcomes)
    s = 0.0
    for n, o in enumerate(outcomes[:, 0]):
        s += 0.1 * (o - p_hat[n, 0] - s)
        expected = max(0.02 + 0.3 * min(1, s * s / 0.25), 1 / (n + 1))
        assert np.isnan(rate[n, 0]) or rate[n, 0] == pytest.approx(expected)


# RLS


def tiles_of(matrix):
    n = len(matrix) // LANES
    blocks = matrix.reshape(n, LANES, n, LANES).swapaxes(1, 2)
    return np.stack([blocks[i, j] for i in range(n) for j in range(i + 1)])


def dense(tiles):
    n = int(np.sqrt(2 * len(tiles)))
    out = np.zeros((n, n, LANES, LANES), tiles.dtype)
    for i in range(n):
        for j in range(i + 1):
            out[i, j] = tiles[tile_index(i, j)]
            out[j, i] = tiles[tile_index(i, j)].T
    return out.swapaxes(1, 2).reshape(n * LANES, n * LANES)


def symmetric_tiles(n_tiles, dtype, seed):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n_tiles * LANES, n_tiles * LANES)) * 10.0 ** rng.integers(-4, 4)
    return tiles_of((a + a.T).astype(dtype))


def settled(state, gain=1.0):
    """P with the corrections that are still to come."""
    p = state.p.copy()
    for tiles, q, pending in zip(p, state.q, state.pending, strict=True):
        for row in q[:pending]:
            correct_reference(tiles, row, p.dtype.type(gain))
    return p


@pytest.mark.parametrize("dtype", PRECISIONS)
@given(
    n=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
    tiny=st.booleans(),
    gain=st.sampled_from([1.0, 1 / 0.99, 2.0]),
)
def test_one_pass_over_the_tiles_corrects_and_multiplies_as_defined(dtype, n, seed, tiny, gain):
    rng = np.random.default_rng(seed)
    p, q, x = symmetric_tiles(n, dtype, seed), *rng.standard_normal((2, n * LANES)).astype(dtype)
    x[rng.random(x.size) < 0.3] = 0
    q[rng.random(x.size) < 0.3] = 0
    if tiny:  # products below the smallest normal number
        p *= dtype(np.finfo(dtype).tiny)
        q *= dtype(np.sqrt(np.finfo(dtype).tiny))
    a, b, out = p.copy(), p.copy(), np.empty_like(x)
    correct_and_multiply(a, q, dtype(gain), x, out)
    correct_reference(b, q, dtype(gain))
    assert a.tobytes() == b.tobytes()
    assert out.tobytes() == multiply_reference(b, x).tobytes()
    diagonal = a[[tile_index(i, i) for i in range(n)]]
    assert np.array_equal(diagonal, diagonal.swapaxes(1, 2))
    if not tiny:
        full = (dense(p).astype(np.float64) - np.outer(q, q).astype(np.float64)) * gain
        scale = np.abs(full).max()
        np.testing.assert_allclose(dense(a), full, rtol=1e-5, atol=1e-5 * scale)
        close = 50 * np.finfo(dtype).eps * (np.abs(dense(a)) @ np.abs(x.astype(np.float64)))
        assert np.all(np.abs(out - dense(a).astype(np.float64) @ x.astype(np.float64)) <= close)


@pytest.mark.parametrize("dtype", PRECISIONS)
@given(n=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_two_corrections_and_none_in_one_pass_are_as_defined(dtype, n, seed):
    rng = np.random.default_rng(seed)
    p, (q, s, x) = symmetric_tiles(n, dtype, seed), rng.standard_normal((3, n * LANES)).astype(dtype)
    a, b, out = p.copy(), p.copy(), np.empty_like(x)
    multiply(a, x, out)
    assert a.tobytes() == p.tobytes()
    assert out.tobytes() == multiply_reference(p, x).tobytes()
    correct_twice_and_multiply(a, q, s, x, out)
    for row in (q, s):
        correct_reference(b, row, dtype(1))
    assert a.tobytes() == b.tobytes()
    assert out.tobytes() == multiply_reference(b, x).tobytes()


@pytest.mark.parametrize("memory, waiting", [(0.0, [1, 2, 1, 2, 1]), (5.0, [1, 1, 1, 1, 1])])
def test_without_forgetting_every_second_update_writes_p(memory, waiting):
    """Two corrections wait at most; with those that wait P is the inverse of what was seen."""
    rule = RLS(alpha=0.5, interval_ms=1.0, memory_trials=memory, gate=Gate(kind="none", undelivered="zero"))
    state, constants = rule.init(1, 31, np.float64), rule.constants(1.0, np.float64)
    rng, inverse, ones, kept = np.random.default_rng(0), 0.5 * np.eye(31), np.ones(1), state.p.copy()
    found = []
    for t in range(5):
        x = np.append(rng.standard_normal(31), 0)
        rule.reference_step(constants, state, x, 0 * ones, ones, ones, t, False)
        inverse = rule.forgetting * inverse + np.outer(x[:31], x[:31])
        assert np.array_equal(state.p, kept) == ((memory == 0 and t % 2 == 1) or t == 0)
        kept, _ = state.p.copy(), found.append(int(state.pending[0]))
        whole = dense(settled(state, 1 / rule.forgetting)[0])[:31, :31]
        np.testing.assert_allclose(whole @ inverse, np.eye(31), atol=1e-11)
    assert found == waiting


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_without_a_correction_p_keeps_its_bits(dtype):
    p = symmetric_tiles(3, dtype, 0)
    p[0, :3] = dtype(-0.0)
    kept, out = p.copy(), np.empty(3 * LANES, dtype)
    none, ones = np.zeros(3 * LANES, dtype), np.ones(3 * LANES, dtype)
    correct_and_multiply(p, none, dtype(1), ones, out)
    correct_twice_and_multiply(p, none, none, ones, out)
    assert p.tobytes() == kept.tobytes()


@pytest.mark.parametrize("name", ["rls", "rls_shared", "rls_memory", "rls_float32"])
def test_p_stays_symmetric_and_positive_definite(name):
    rule = VARIANTS[name]
    state = rule.init(K, FEATURES, np.float64)
    practise(compiled_step(rule), rule, state, np.float64, range(400), n=400)
    for tiles in settled(state, 1 / rule.forgetting):
        p = dense(tiles)
        assert np.array_equal(p, p.T)
        assert not p[FEATURES:].any()
        assert np.linalg.eigvalsh(p[:FEATURES, :FEATURES].astype(np.float64)).min() > 0


@pytest.mark.parametrize("memory", [0.0, 0.05])
@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("which", ["compiled", "reference"])
def test_rls_reaches_the_ridge_solution(which, share, memory):
    """Weights and P of a linear problem with weighted samples, computed once more with numpy.linalg."""
    gate_of = Gate(kind="none", undelivered="zero") if share else Gate(kind="epoch")
    rule = RLS(alpha=0.7, interval_ms=1.0, memory_trials=memory, gate=gate_of)
    assert rule.forgetting == (1.0 if memory == 0 else 1 - 1 / 50)
    step = compiled_step(rule) if which == "compiled" else rule.reference_step
    state = rule.init(K, FEATURES, np.float64)
    assert len(state.p) == (1 if share else K)
    x, target, gate = samples(rule, np.float64, 200)
    constants = rule.constants(1.0, np.float64)
    for t in range(200):
        step(constants, tuple(state), x[t], outputs(state[0], x[t]), target[t], gate[t], t, False)
    x, forget = x[:, :FEATURES], rule.forgetting
    for k in range(K):
        # An update divides P by lambda after it has added its sample; a closed gate makes none.
        used = np.flatnonzero(gate[:, k] > 0)
        age = np.arange(used.size)[::-1]
        weight = gate[used, k] * forget**age
        a = x[used].T @ (weight[:, None] * x[used]) + 0.7 * forget**used.size * np.eye(FEATURES)
        ridge = np.linalg.solve(a, x[used].T @ (weight * target[used, k]))
        np.testing.assert_allclose(state.w[k, :FEATURES], ridge, rtol=1e-6, atol=1e-8)
        p = dense(settled(state, 1 / forget)[0 if share else k])[:FEATURES, :FEATURES]
        np.testing.assert_allclose(p, np.linalg.inv(a), rtol=1e-6, atol=1e-7)


def test_rls_updates_every_interval_only():
    rule = RLS(interval_ms=4.0)
    state = rule.init(1, FEATURES, np.float64)
    x, target, _ = samples(rule, np.float64)
    constants = rule.constants(2.0, np.float64)  # every second readout step
    changed = []
    for t in range(8):
        before = state.w.copy()
        rule.reference_step(constants, state, x[t], np.zeros(1), target[t, :1], np.ones(1), t, False)
        changed.append(not np.array_equal(before, state.w))
    assert changed == [True, False] * 4
    with pytest.raises(InputError, match="interval_ms = 3"):
        RLS(interval_ms=3.0).constants(2.0, np.float64)


@pytest.mark.parametrize("reset", ["never", "switch"])
def test_a_reset_returns_p_to_its_start_and_keeps_the_weights(reset):
    rule = RLS(reset=reset, alpha=0.5)
    state = rule.init(K, FEATURES, np.float64)
    practise(rule.reference_step, rule, state, np.float64, range(20))
    before = copied(state)
    after = rule.at_switch(state, FEATURES)
    assert after.w.tobytes() == before.w.tobytes()
    start = rule.init(K, FEATURES, np.float64).p
    assert settled(after).tobytes() == (start if reset == "switch" else settled(before)).tobytes()
    assert np.array_equal(dense(start[0])[:FEATURES, :FEATURES], 2.0 * np.eye(FEATURES))


def test_least_squares_holds_its_matrix_once_while_it_is_made_and_reset():
    """P of a large network is most of the memory of a run."""
    rule, grid = RLS(reset="switch"), small_grid(np.float32)
    tracemalloc.start()
    readout = Readout(rule, 1, 1501, grid)
    readout.switch()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * readout.state.p.nbytes


def test_after_a_reset_the_compiled_step_still_equals_the_reference():
    """No correction from before the reset may reach the new P."""
    rule = RLS(reset="switch")
    states = rule.init(K, FEATURES, np.float64), rule.init(K, FEATURES, np.float64)
    for step, state in zip((compiled_step(rule), rule.reference_step), states, strict=True):
        practise(step, rule, state, np.float64, range(20))
        rule.at_switch(state, FEATURES)
        practise(step, rule, state, np.float64, range(20, 40))
    assert same(*states)


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"rls"}))
def test_other_rules_ignore_a_switch(name):
    rule = EVERY[name]
    state = rule.init(K, FEATURES, np.float64)
    practise(rule.reference_step, rule, state, np.float64, range(20))
    before = copied(state)
    assert same(rule.at_switch(state, FEATURES), before)


@pytest.mark.parametrize(
    "make, field",
    [
        (lambda: RLS(alpha=0), "alpha"),
        (lambda: RLS(precision="float32", memory_trials=5), "precision"),
        (lambda: RLS(precision="float16"), "precision"),
        (lambda: RLS(memory_trials=0.001), "memory_trials"),
        (lambda: RLS(reset="sometimes"), "reset"),
        (lambda: ThreeFactor(eta=-1), "eta"),
        (lambda: ThreeFactor(eta=float("nan")), "eta"),
        (lambda: ThreeFactor(consolidation=1.5), "consolidation"),
        (lambda: LMS(eta=float("inf")), "eta"),
        (lambda: WhatReadout(eta_w=3), "eta_w"),
        (lambda: WhatReadout(eta_w=1, surprise=1.5), "surprise"),
        (lambda: WhatReadout(surprise_scale=0), "surprise_scale"),
        (lambda: WhatReadout(surprise_rate=0), "surprise_rate"),
        (lambda: WhatReadout(restart=0.3), "restart"),
        (lambda: Unlearn(above=0.4, all_at=0.4), "all_at"),
        (lambda: Gate(kind="expectation", undelivered="zero"), "undelivered"),
        (lambda: Retrospective(gate=Gate()), "gate.kind"),
        (lambda: Retrospective(late_ms=1e9), "late_ms"),
        (lambda: Retrospective(late_ms=7.0).constants(2.0, np.float64), "late_ms"),
        (lambda: Retrospective(unlearn=Unlearn(rate=0.1)), "unlearn.rate"),
        (lambda: Gate(kind="open"), "kind"),
        (lambda: Gate(half_width_ms=0), "half_width_ms"),
    ],
)
def test_bad_parameters_are_named(make, field):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value).startswith(f"{field} = ") and "\n" not in str(caught.value)


# rules in files of their own

RULE = '''
"""A delta rule that counts its steps."""
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
import numba as nb
import numpy as np
from spikewhen.reservoir.rules import Gate, WhatReadout
from spikewhen.reservoir.spec import Spec, param
from spikewhen.reservoir.types import padded
{preamble}

class CountingState(NamedTuple):
    w: np.ndarray
    steps: np.ndarray

@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    w, steps = state
    steps[0] += 1
    for k in range(w.shape[0]):
        c = constants[0] * gate[k] * (target[k] - y[k]) {factor}
        for i in range(x.size):
            w[k, i] = w[k, i] + c * x[i]

def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    w, steps = state
    steps[0] += 1
    for k in range(len(w)):
        w[k] = w[k] + (constants[0] * gate[k] * (target[k] - y[k]) {factor}) * x

@dataclass(frozen=True)
class Counting(Spec):
    name: ClassVar[str] = "counting"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    eta: float = param(0.1, "learning rate", gt=0)
    factored: bool = param(True, "p_hat times y")
    gate: Gate = param(help="gate", factory=lambda: Gate(half_width_ms=20.0))
    what: WhatReadout | None = param(help="identity", factory=lambda: WhatReadout(window_end_ms=35.0))

    def init(self, n_channels, n_features, dtype):
        return CountingState(np.zeros((n_channels, padded(n_features)), dtype), np.zeros(1, np.int64))

    def constants(self, readout_step_ms, dtype):
        return (np.dtype(dtype).type(self.eta),)

    def at_switch(self, state, n_features):
        return state
'''


def load(path, name="a_rule_of_my_own") -> ModuleType:
    """Import a file as it is now, past Python's own cache of compiled files."""
    module = ModuleType(name)
    module.__spec__ = importlib.util.spec_from_file_location(name, path)
    module.__file__ = str(path)
    sys.modules[name] = module
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    return module


@pytest.fixture
def rule_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path / "a_rule_of_my_own.py"
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def weights(rule, backend=None):
    recording = train(rules={"mine": rule}, backend=backend)
    return recording[schema.rule_state("mine", "w")]


def test_a_rule_in_a_file_of_its_own_runs_and_is_never_stale(rule_file):
    rule_file.write_text(RULE.format(preamble="", factor=""))
    first = load(rule_file).Counting()
    recording = train(rules={"mine": first, "lms": LMS(eta=0.1, gate=first.gate, what=first.what)})
    assert recording[schema.rule_state("mine", "w")].any()
    assert np.array_equal(recording[schema.rule_state("mine", "w")], recording[schema.rule_state("lms", "w")])
    assert recording[schema.rule_state("mine", "steps")][0] > 500

    rule_file.write_text(RULE.format(preamble="", factor="* 0.5"))
    second = load(rule_file).Counting()
    changed = weights(second)
    assert np.array_equal(changed, weights(second, ReferenceBackend()))
    assert not np.array_equal(changed, recording[schema.rule_state("mine", "w")])


HELPER = """
import numba as nb

@nb.njit(nogil=True)
def shrink(x):
    return x * {factor}
"""


@pytest.mark.parametrize(
    "preamble, call",
    [
        ("from my_helper import shrink", "* shrink(1.0)"),
        ("import my_helper", "* my_helper.shrink(1.0)"),
        ("from my_helper import FACTOR", "* FACTOR"),
    ],
)
def test_a_change_in_a_file_that_the_rule_imports_is_noticed(rule_file, preamble, call):
    """The rule's own text stays the same; a kernel keyed by it alone would be stale."""
    rule_file.write_text(RULE.format(preamble=preamble, factor=call))
    helper = rule_file.with_name("my_helper.py")
    found = []
    for factor in (1.0, 0.25):
        helper.write_text(HELPER.format(factor=factor) + f"\nFACTOR = {factor}\n")
        load(helper, "my_helper")
        found.append(weights(load(rule_file).Counting()))
    helper.write_text(HELPER.format(factor=0.25) + "\nFACTOR = 0.25\n")
    rule_file.write_text(RULE.format(preamble="", factor="* 0.25"))
    assert np.array_equal(found[1], weights(load(rule_file).Counting()))
    assert not np.array_equal(found[0], found[1])


def test_a_kernel_is_keyed_by_what_was_loaded_not_by_what_the_file_says_later(rule_file):
    """Edited between import and first use: the old kernel must not be stored under the new text."""
    old, new = RULE.format(preamble="", factor="* 2"), RULE.format(preamble="", factor="* 3")
    rule_file.write_text(old)
    loaded = load(rule_file).Counting()
    rule_file.write_text(new)
    before = weights(loaded)
    after = weights(load(rule_file).Counting())
    rule_file.write_text(old)
    assert np.array_equal(before, weights(load(rule_file).Counting()))
    assert not np.array_equal(before, after)


def test_an_unchanged_rule_is_read_from_the_disk_cache(rule_file):
    rule_file.write_text(RULE.format(preamble="", factor="* 0.75"))
    weights(load(rule_file).Counting())
    again = load(rule_file).Counting()
    weights(again)
    train_kernel = train_kernel_of(again.step)
    assert sum(train_kernel.stats.cache_hits.values()) > 0
    assert sum(train_kernel.stats.cache_misses.values()) == 0


def test_a_rule_that_closes_over_a_value_is_compiled_anew():
    """Two steps with the same text and different values must not share a kernel."""

    def make(factor):
        @nb.njit(nogil=True, error_model="numpy")
        def step(constants, state, x, y, target, gate, clock, trial_end):
            for k in range(y.size):
                for i in range(x.size):
                    state[0][k, i] = state[0][k, i] + factor * gate[k] * (target[k] - y[k]) * x[i]

        @dataclass(frozen=True)
        class Closing(LMS):
            pass

        Closing.step = staticmethod(step)
        return Closing(gate=Gate(half_width_ms=20.0), what=WhatReadout(window_end_ms=35.0))

    a, b, again = weights(make(0.1)), weights(make(0.05)), weights(make(0.1))
    assert not np.array_equal(a, b)
    assert np.array_equal(a, again)


def test_a_rule_without_an_identity_readout_predicts_nothing_and_stores_zeros():
    rule = ThreeFactor(eta=0.1, factored=False, what=None, gate=Gate(undelivered="zero", half_width_ms=20.0))
    trainer = make_trainer(rules={"merged": rule})
    trainer.run()
    recording: Any = trainer.sink.recording
    assert not recording[schema.readout("merged", "probes", "p_hat")].any()
    y = recording[schema.readout("merged", "probes", "y")]
    assert (
        np.array_equal(recording[schema.readout("merged", "probes", "prediction")], np.maximum(y, 0))
        and y.any()
    )
