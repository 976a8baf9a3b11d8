"""Normalised LMS, the Kalman filter and ridge regression against numbers known before. Only arrays."""

from dataclasses import replace

import numpy as np
import pytest
from lively import follow

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules import LMS, NLMS, RLS, Gate, Kalman, Ridge, ThreeFactor
from spikewhen.reservoir.types import padded

# excess error over noise


@pytest.mark.parametrize(
    ("rule", "known"),
    [
        (NLMS(eta=0.1, epsilon=1e-12), 0.0658),
        (NLMS(eta=0.5, epsilon=1e-12), 0.4167),
        (LMS(eta=0.01), 0.0532),
        (LMS(eta=0.05), 0.3571),
        (RLS(memory_trials=100, trial_ms=1.0, interval_ms=1.0), 0.0503),
    ],
    ids=["nlms 0.1", "nlms 0.5", "lms 0.01", "lms 0.05", "rls 0.99"],
)
def test_a_rule_has_the_known_misadjustment(rule, known):
    """White Gaussian features, M = 10, squared error of the weights over the variance of the noise.

    Normalised LMS: eta / (2 - eta) M / (M - 2); the textbook's is a fifth too low.
    LMS: eta M / (2 - eta (M + 2)).
    Least squares that forget by lambda a step: M (1 - lambda) / (1 + lambda).
    """
    m, k, n = (10, 4, 3000) if isinstance(rule, RLS) else (10, 12, 4000)
    rng = np.random.default_rng(1)
    true = rng.normal(size=(k, m))
    state, excess = rule.init(k, m, np.float64), []
    state.w[:, :m] = true
    for part in range(n // 100):
        x = rng.normal(size=(100, m))
        follow(rule, state, x, x @ true.T + rng.normal(size=(100, k)), clock=100 * part)
        excess.append(np.sum((state.w[:, :m] - true) ** 2, axis=1).mean())
        if part == 9:
            excess.clear()  # from the true weights it has settled by now
    assert np.mean(excess) == pytest.approx(known, rel=0.1)


@pytest.mark.parametrize("eta", [0.3, 1.0, 1.9, 2.0])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_normalised_lms_is_stable_up_to_a_rate_of_two_whatever_the_features(eta, size):
    """Without noise |w - w*|^2 falls by eta (2 - eta) delta^2 / |x|^2 in every step."""
    rng = np.random.default_rng(2)
    true, rule = rng.normal(size=(1, 20)), NLMS(eta=eta, epsilon=1e-300)
    state = rule.init(1, 20, np.float64)
    for x in size * rng.normal(size=(50, 1, 20)):
        wrong = state.w[0, :20] - true[0]
        follow(rule, state, x, x @ true.T)
        fall = eta * (2 - eta) * float(wrong @ x[0]) ** 2 / float(x[0] @ x[0])
        left = np.sum((state.w[0, :20] - true[0]) ** 2)
        assert left == pytest.approx(np.sum(wrong**2) - fall, rel=1e-9, abs=1e-12)


def test_the_three_factor_rule_without_a_trace_is_normalised_lms():
    rng = np.random.default_rng(3)
    x, target, gate = rng.normal(size=(80, 30)), rng.random((80, 2)), rng.random((80, 2))
    rules = NLMS(eta=0.2, epsilon=0.05), ThreeFactor(eta=0.2, epsilon=0.05)
    a, b = (follow(r, r.init(2, 30, np.float64), x, target, gate).w for r in rules)
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


# Kalman


def dense(tiles, n):
    """Return P as a matrix, from its lower tiles."""
    out, at = np.zeros((padded(n), padded(n))), 0
    for i in range(0, padded(n), 32):
        for j in range(0, i + 1, 32):
            out[i : i + 32, j : j + 32] = tiles[at]
            out[j : j + 32, i : i + 32] = tiles[at].T
            at += 1
    return out[:n, :n]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kalman_without_a_walk_is_least_squares_to_the_bit(dtype):
    rng = np.random.default_rng(4)
    x, target = rng.random((60, 41)).astype(dtype), rng.random((60, 2)).astype(dtype)
    gate = (rng.random((60, 2)) * (rng.random((60, 2)) < 0.7)).astype(dtype)
    rules = Kalman(drift=0.0, alpha=0.3, interval_ms=2.0), RLS(alpha=0.3, interval_ms=2.0)
    a, b = (follow(r, r.init(2, 41, dtype), x, target, gate) for r in rules)
    for name in b._fields:
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
    assert a.w.any()


def test_kalman_is_the_textbook_filter_and_its_doubt_grows_while_nothing_is_taught():
    n, dt, drift, alpha = 40, 0.5, 30.0, 0.4
    rng = np.random.default_rng(5)
    x, target = rng.normal(size=(90, n)), rng.random((90, 2))
    gate = rng.random((90, 2)) * (rng.random((90, 2)) < 0.3)
    rule = Kalman(drift=drift, alpha=alpha, interval_ms=3 * dt)
    state = follow(rule, rule.init(2, n, np.float64), x, target, gate, dt_ms=dt)
    for k in range(2):
        w, p, last = np.zeros(n), np.eye(n) / alpha, 0
        for t in range(0, 90, 3):
            if gate[t, k] > 0:
                p = p + drift * dt / 1000 * (t - last) * np.eye(n)
                last = t
                gain = p @ x[t] / (1 / gate[t, k] + x[t] @ p @ x[t])
                w = w + gain * (target[t, k] - w @ x[t])
                p = (np.eye(n) - np.outer(gain, x[t])) @ p
        np.testing.assert_allclose(state.w[k, :n], w, rtol=0, atol=1e-12)
        waits = state.q[k, : state.pending[k]]
        np.testing.assert_allclose(dense(state.p[k], n) - waits.T[:n] @ waits[:, :n], p, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("ratio", "known"), [(0.01, 0.0951), (0.1, 0.2702), (0.00167, 0.04)])
def test_the_gain_of_one_constant_feature_settles_where_it_should(ratio, known):
    """K = (sqrt(r^2 + 4 r) - r) / 2; at r = .00167 it is the rate .04 of the shipped p-hat."""
    rule = Kalman(drift=1000 * ratio, interval_ms=1.0)
    state = follow(rule, rule.init(1, 1, np.float64), np.ones((400, 1)), np.zeros((400, 1)))
    before = state.w[0, 0]
    follow(rule, state, np.ones((1, 1)), np.array([[before + 1.0]]), clock=400)
    gain = state.w[0, 0] - before
    assert gain == pytest.approx((np.sqrt(ratio**2 + 4 * ratio) - ratio) / 2, rel=1e-9)
    assert gain == pytest.approx(known, abs=2e-4)


# ridge


@pytest.mark.parametrize("gate_of", [None, Gate(kind="none", undelivered="zero")], ids=["each", "shared"])
def test_ridge_is_the_closed_form_at_the_trials_it_is_solved_at(gate_of):
    n, alpha = 40, 0.3
    rng = np.random.default_rng(6)
    x, target = rng.normal(size=(60, n)), rng.random((60, 2))
    gate = rng.random((60, 2)) * (rng.random((60, 2)) < 0.6)
    gate = gate if gate_of is None else np.repeat(gate[:, :1], 2, axis=1)
    rule = Ridge(alpha=alpha, interval_ms=2.0, every_trials=3)
    rule = rule if gate_of is None else replace(rule, gate=gate_of)
    state = rule.init(2, n, np.float64)
    for begin, known in ((0, 0), (10, 0), (20, 30), (30, 30), (40, 30), (50, 60)):
        part = slice(begin, begin + 10)
        follow(rule, state, x[part], target[part], gate[part], clock=begin, trial_end={9})
        told = np.arange(0, known, 2)
        for k in range(2):
            g = gate[told, k]
            gram = (x[told].T * g) @ x[told] + alpha * np.eye(n)
            w = np.linalg.solve(gram, (x[told].T * g) @ target[told, k])
            np.testing.assert_allclose(state.w[k, :n], w, rtol=0, atol=1e-11)
    assert state.trials[0] == 6 and not state.w[:, n:].any()


def test_ridge_is_least_squares_that_forget_nothing():
    rng = np.random.default_rng(7)
    x, target, gate = rng.normal(size=(80, 20)), rng.random((80, 2)), rng.random((80, 2))
    rules = Ridge(alpha=0.5, interval_ms=1.0), RLS(alpha=0.5, interval_ms=1.0)
    a, b = (follow(r, r.init(2, 20, np.float64), x, target, gate, trial_end={79}).w for r in rules)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


def test_ridge_forgets_its_samples_at_a_switch_where_asked():
    rng = np.random.default_rng(8)
    x, target = rng.normal(size=(30, 8)), rng.random((30, 1))
    kept, told = Ridge(), Ridge(reset="switch")
    states = [follow(r, r.init(1, 8, np.float64), x, target, trial_end={29}) for r in (kept, told)]
    new = follow(told, told.init(1, 8, np.float64), -x, target, trial_end={29})
    for rule, state in zip((kept, told), states, strict=True):
        weights = state.w.copy()
        rule.at_switch(state, 8)
        np.testing.assert_array_equal(state.w, weights)
        follow(rule, state, -x, target, trial_end={29})
    np.testing.assert_array_equal(states[1].w, new.w)
    assert np.abs(states[0].w - new.w).max() > 0.1


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: NLMS(eta=2.1), "eta"),
        (lambda: NLMS(epsilon=0.0), "epsilon"),
        (lambda: Kalman(drift=-1.0), "drift"),
        (lambda: Kalman(memory_trials=5.0), "memory_trials"),
        (lambda: Kalman(precision="float32"), "precision"),
        (lambda: Ridge(alpha=0.0), "alpha"),
        (lambda: Ridge(every_trials=0), "every_trials"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(make, field):
    with pytest.raises(InputError, match=f"^{field} = "):
        make()


def test_one_p_serves_all_channels_where_all_see_the_same():
    shared = Kalman(gate=Gate(kind="none", undelivered="zero")).init(3, 40, np.float64)
    assert shared.p.shape[0] == shared.last.size == 1
    assert Kalman().init(3, 40, np.float64).last.size == 3
