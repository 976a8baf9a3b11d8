"""What and when associated without an error: the null that tells what the error is for."""

import numpy as np
from lively import compiled_step

from spikewhen.analysis.geometry.nulls import WhatRate, fit_what, hebbian_what, hebbian_when
from spikewhen.analysis.geometry.subspaces import leading, overlap, principal_angles
from spikewhen.reservoir.rules import ThreeFactor
from spikewhen.reservoir.types import padded

TRIALS, TIMES, CELLS, EVENTS = 40, 30, 24, 2


def lessons(seed=0):
    """Features with one pattern that is always there, targets of what was delivered, gates."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(CELLS)
    course = rng.standard_normal((TIMES, CELLS))
    x = common + course + 0.3 * rng.standard_normal((TRIALS, TIMES, CELLS))
    event = rng.integers(0, EVENTS, TRIALS)
    outcome = np.eye(EVENTS)[event]
    s = np.exp(-0.5 * ((np.arange(TIMES)[:, None] - np.array([12, 22])) / 2.0) ** 2)
    gate = np.where(s > 0.1, 1.0, 0.4)[None] * outcome[:, None, :]
    return x, np.repeat(s[None], TRIALS, 0) * outcome[:, None, :], gate, outcome


def test_when_is_what_the_rule_without_an_error_learns():
    x, target, gate, _ = lessons()
    rule = ThreeFactor(teacher="target", eta=1.0)
    state, step = rule.init(EVENTS, CELLS, np.float64), compiled_step(rule)
    row, known = np.zeros(padded(CELLS)), []
    for i in range(TRIALS):
        for t in range(TIMES):
            row[:CELLS] = x[i, t]
            step(
                rule.constants(1.0, np.float64),
                tuple(state),
                row,
                state.w @ row,
                target[i, t],
                gate[i, t],
                t,
                False,
            )
        known.append(state.w[:, :CELLS].copy())
    np.testing.assert_allclose(hebbian_when(x, target, gate, rule.epsilon), known, rtol=1e-10, atol=1e-12)


def test_what_is_the_first_step_of_the_delta_rule_on_every_trial():
    x, *_, outcome = lessons()
    means = x[:, :6].mean(1)
    rate = WhatRate(1.0, 1e-4)
    one_by_one = [fit_what(means[i : i + 1], outcome[i : i + 1], rate) for i in range(TRIALS)]
    np.testing.assert_allclose(hebbian_what(means, outcome, 1e-4), np.cumsum(one_by_one, 0), rtol=1e-12)


def test_an_error_takes_away_what_association_shares():
    """Features share a pattern at all times; both Hebbian readouts point along it, delta rules do not."""
    x, target, gate, outcome = lessons()
    means = x[:, :6].mean(1)
    v, w = hebbian_what(means, outcome, 1e-4)[-1], hebbian_when(x, target, gate, 0.02)[-1]
    learned = np.zeros((EVENTS, CELLS))
    for i in range(TRIALS):
        for t in range(TIMES):
            wrong = target[i, t] - learned @ x[i, t]
            learned += (0.2 * gate[i, t] * wrong / (x[i, t] @ x[i, t]))[:, None] * x[i, t]
    by_error = fit_what(means, outcome, WhatRate(0.04, 1e-4, anneal=True))

    def shared(what, when):
        return overlap(principal_angles(leading(what), when))

    assert shared(v, w) > 0.3 > 5 * shared(by_error, learned)
