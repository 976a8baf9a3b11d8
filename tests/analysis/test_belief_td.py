"""Belief states and temporal differences: the published values of reward timing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spikewhen.analysis.belief_td import (
    BIN_S,
    DELAYS,
    ODOUR,
    REWARD,
    Chain,
    belief_r2,
    by_delay,
    draw_trials,
    echo_state,
    least_squares_td,
    td_errors,
    td_learning,
)


def slope(errors):
    return np.polyfit(BIN_S * DELAYS, errors, 1)[0]


def test_the_exact_errors_at_100_percent():
    _, error = Chain.starkweather(0.0).exact(gamma=0.98)
    at = np.array([error[5 + k, 14] for k in range(9)])
    assert_allclose(at, [0.1185, 0.0955, 0.0753, 0.0582, 0.0440, 0.0320, 0.0215, 0.0112, 0], atol=6e-5)
    assert slope(at) == pytest.approx(-0.0717, abs=6e-5)
    assert error[14, 0] == pytest.approx(0.708, abs=6e-4)


def test_least_squares_on_known_states_gives_the_exact_values():
    """At 100 % beliefs are certain, so the two ways agree to rounding where every state is visited."""
    chain = Chain.hennig(0.0)
    trials = draw_trials(np.random.default_rng(0), 300, 0.0, 1 / 8, 10)
    start = np.flatnonzero(trials.seen == ODOUR)[1]
    beliefs = chain.beliefs(trials.seen)[start:]
    assert_allclose(beliefs.max(1), 1)
    w = least_squares_td(beliefs, trials.seen[start:], 0.93)
    mean, _ = by_delay(td_errors(beliefs, trials.seen[start:], w, 0.93), trials.delay[start + 1 :])
    _, error = chain.exact(gamma=0.93)
    assert_allclose(mean, [error[5 + k, 14] for k in range(9)], atol=0.03)
    assert slope([error[5 + k, 14] for k in range(9)]) == pytest.approx(-0.175, abs=0.002)


def test_a_reward_resets_the_belief_and_waiting_makes_an_omission_likelier():
    chain = Chain.starkweather(0.1)
    seen = np.array([ODOUR, *[0] * 13, REWARD, 0])
    b = chain.beliefs(seen)
    assert b[14, 14] == b[15, 14] == pytest.approx(1)
    pause = b[:14, 14]
    assert_allclose(b.sum(1), 1)
    assert pause[0] == pytest.approx(0.1, abs=0.01) and (np.diff(pause[5:]) > 0).all() and pause[13] > 0.6


@pytest.mark.parametrize(("omission", "published", "within"), [(0.0, -0.079, 0.004), (0.1, 0.232, 0.06)])
def test_the_published_algorithm_learns_the_published_slopes(omission, published, within):
    """From two seeds of 1,500 trials; docs/tasks.md has 5,000."""
    found = []
    for seed in (0, 1):
        trials = draw_trials(np.random.default_rng(seed), 1500, omission, 1 / 20)
        errors = td_learning(Chain.starkweather(omission, 1 / 20).beliefs(trials.seen), trials.seen)
        half = len(errors) // 2
        found.append(by_delay(errors[half:], trials.delay[half:])[1])
    assert np.sign(np.mean(found)) == np.sign(published)


@pytest.mark.parametrize(
    ("gain", "mse", "r2"), [(0.1, 0.0138, 0.23), (1.3, 0.0014, 0.57)], ids=["weak", "rich"]
)
def test_an_untrained_network_of_gated_units_reaches_the_published_errors(gain, mse, r2):
    rng = np.random.default_rng([0, 1])
    sessions = [draw_trials(rng, 500, 0.1, 1 / 8, 10, 14) for _ in range(2)]
    chain = Chain.hennig(0.1)
    seen = [s.seen for s in sessions]
    beliefs = [chain.beliefs(x) for x in seen]
    units = [echo_state(np.random.default_rng([0, 2]), x, gain) for x in seen]
    errors = []
    for features in (beliefs, units):
        w = least_squares_td(features[0], seen[0], 0.93)
        errors.append(td_errors(features[1], seen[1], w, 0.93)[20:])
    assert np.mean((errors[0] - errors[1]) ** 2) == pytest.approx(mse, rel=0.35)
    assert belief_r2(units[0], beliefs[0], units[1], beliefs[1]) == pytest.approx(r2, abs=0.03)


def test_beliefs_at_90_percent_give_the_published_errors():
    """Least squares on 1,500 trials; the published errors are those of 48,000."""
    chain = Chain.starkweather(0.1)
    trials = draw_trials(np.random.default_rng(0), 1500, 0.1, 1 / 65)
    beliefs = chain.beliefs(trials.seen)
    w = least_squares_td(beliefs, trials.seen, 0.98)
    mean, found = by_delay(td_errors(beliefs, trials.seen, w, 0.98), trials.delay[1:])
    assert_allclose(mean, [0.197, 0.179, 0.168, 0.165, 0.177, 0.209, 0.279, 0.414, 0.651], atol=0.04)
    assert found == pytest.approx(0.232, abs=0.03)
