"""RLS that forgets: finite in directions that nothing excites, weighted least squares in the others."""

from dataclasses import replace

import numpy as np
import pytest
from lively import VARIANTS, compiled_step

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules import RLS, Gate
from spikewhen.reservoir.tiles import correct_reference, tile_index
from spikewhen.reservoir.types import LANES, padded

FEATURES, MEMORY = 40, 25.0
RULE = RLS(
    alpha=0.5,
    interval_ms=1.0,
    memory_trials=MEMORY,
    trial_ms=1.0,
    gate=Gate(kind="none", undelivered="zero"),
    what=None,
    factored=False,
)
LIMIT = RULE.growth_limit / RULE.alpha


def dense(state, rule=RULE) -> np.ndarray:
    """P with the correction that is still to come."""
    tiles, q = state.p[0].copy(), state.q[0, 0]
    correct_reference(tiles, q, 1 / rule.forgetting if state.pending[0] else 1.0)
    n = q.size // LANES
    p = np.zeros((n, LANES, n, LANES))
    for i in range(n):
        for j in range(i + 1):
            p[i, :, j] = tiles[tile_index(i, j)]
            p[j, :, i] = tiles[tile_index(i, j)].T
    return p.reshape(q.size, q.size)[:FEATURES, :FEATURES]


def follow(features, target, rule=RULE, step=None):
    """Let the rule see features (n, F); returns its state, and what it said before each update."""
    step = step or compiled_step(rule)
    state, constants = rule.init(1, FEATURES, np.float64), rule.constants(1.0, np.float64)
    said, x = np.zeros(len(features)), np.zeros(padded(FEATURES))
    for t, row in enumerate(features):
        x[:FEATURES] = row
        y = state.w @ x
        said[t] = y[0]
        step(constants, tuple(state), x, y, target[t : t + 1], np.ones(1), t, False)
    return state, said


def least_squares(features, target, ridge=0.0):
    """Exponentially weighted least squares of a whole sequence, by numpy.linalg."""
    age = np.arange(len(features))[::-1]
    weight = RULE.forgetting**age
    a = features.T @ (weight[:, None] * features) + ridge * np.eye(features.shape[1])
    return np.linalg.solve(a, features.T @ (weight * target))


def drifting(n, excited, seed=0):
    """Features of which only the first are ever excited, and a target that drifts."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n, FEATURES))
    x[:, :excited] = rng.standard_normal((n, excited)) / np.sqrt(FEATURES)
    mix = np.stack([np.cos(np.arange(n) / 100), np.sin(np.arange(n) / 100)], 1)
    return x, (x[:, :2] * mix).sum(1) + 0.01 * rng.standard_normal(n)


@pytest.mark.parametrize("which", ["compiled", "reference"])
def test_silent_cells_take_nothing_from_the_others(which):
    """After 320 memories the weights of cells that fire are the weighted least squares of their own."""
    n = 8000 if which == "compiled" else 1500
    x, target = drifting(n, excited=6)
    state, said = follow(x, target, step=None if which == "compiled" else RULE.reference_step)
    assert np.isfinite(said).all() and all(np.isfinite(a).all() for a in state)
    np.testing.assert_allclose(state.w[0, :6], least_squares(x[:, :6], target), rtol=1e-9, atol=1e-12)
    assert not state.w[0, 6:].any()
    p = dense(state)
    assert LIMIT / 100 / 2 < p[6:, 6:].diagonal().min() and p.diagonal().max() <= LIMIT / RULE.forgetting
    assert np.linalg.eigvalsh(p).min() > 0


def test_a_direction_that_nothing_excites_takes_nothing_from_the_others():
    """All cells fire, but in five patterns only: the other directions of P are no cell's own."""
    rng = np.random.default_rng(1)
    n, patterns = 6000, rng.standard_normal((5, FEATURES)) / np.sqrt(FEATURES)
    strength = rng.standard_normal((n, 5))
    target = strength[:, 0] * np.cos(np.arange(n) / 100) + 0.1 * rng.standard_normal(n)
    x = strength @ patterns
    state, said = follow(x, target)
    assert np.isfinite(said).all() and dense(state).diagonal().max() <= LIMIT / RULE.forgetting
    expected = least_squares(strength[:-1], target[:-1])
    assert said[-1] == pytest.approx(expected @ strength[-1], abs=1e-6)
    _, said = follow(x, target, replace(RULE, growth_limit=1e300))
    assert not np.isfinite(said).all()  # as it was without the limit


def test_where_all_is_excited_the_limit_changes_no_bit():
    x, target = drifting(3000, excited=FEATURES)
    limited, _ = follow(x, target)
    free, _ = follow(x, target, replace(RULE, growth_limit=1e300))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(limited, free, strict=True))


def test_no_run_can_reach_the_limit_within_twenty_memories():
    """P grows by 1 / lambda per update at most: the runs of meet.toml, of 16 memories, keep their bits."""
    x, target = drifting(int(20 * MEMORY), excited=6)
    limited, _ = follow(x, target)
    free, _ = follow(x, target, replace(RULE, growth_limit=1e300))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(limited, free, strict=True))


def test_a_cell_that_fires_after_a_long_silence_is_learned_at_once():
    x, target = drifting(6000, excited=FEATURES)
    x[:, 6:] *= (np.arange(6000) % 2000 > 1990)[:, None]
    _, said = follow(x, target)
    assert np.isfinite(said).all() and abs(said).max() < 10 * abs(target).max()


def test_what_is_done_at_the_limit_is_a_sample_of_that_cell_alone():
    """1 / P_ii rises by the weight of the sample; the inverse of P changes in that one place."""
    x, target = drifting(200, excited=FEATURES)
    before, _ = follow(x, target, replace(RULE, growth_limit=1e300))
    p = dense(before)
    at = int(p.diagonal().argmax())
    rest = np.delete(p.diagonal(), at).max()
    assert p[at, at] > rest
    rule = replace(RULE, growth_limit=RULE.alpha * (p[at, at] + rest) / 2)
    after = rule.init(1, FEATURES, np.float64)
    for old, new in zip(before, after, strict=True):
        new[:] = old
    silence = np.zeros(padded(FEATURES))
    rule.reference_step(
        rule.constants(1.0, np.float64), after, silence, np.zeros(1), np.zeros(1), np.ones(1), 0, 0
    )
    changed = np.linalg.inv(dense(after, rule)) / rule.forgetting - np.linalg.inv(p)
    left = 0.01 * rule.growth_limit / rule.alpha
    expected = np.zeros_like(p)
    expected[at, at] = 1 / left - 1 / p[at, at]
    np.testing.assert_allclose(changed, expected, atol=1e-6 / left)
    assert after.w.tobytes() == before.w.tobytes()


def test_the_variant_of_the_contract_tests_meets_its_limit():
    """So that reference, compiled code and the GPU's text are compared where the limit is at work."""
    rule = VARIANTS["rls_limited"]
    x, target = drifting(80, excited=6)
    limited, _ = follow(x, target, rule)
    free, _ = follow(x, target, replace(rule, growth_limit=1e300))
    assert limited.p.tobytes() != free.p.tobytes()


def test_a_limit_below_the_start_is_refused():
    with pytest.raises(InputError, match=r"growth_limit = 1\.0: a finite number > 1"):
        RLS(growth_limit=1.0)
