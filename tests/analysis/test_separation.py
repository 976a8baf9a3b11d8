"""The geometry of one block: what is measured, beside chance and ceiling."""

from dataclasses import asdict

import numpy as np
import pytest

from spikewhen.analysis.geometry.activity import Activity
from spikewhen.analysis.geometry.nulls import WhatRate, ceiling_of_when, fit_what, fit_when
from spikewhen.analysis.geometry.overlap import BlockReferences, geometry_scores, separation
from spikewhen.analysis.geometry.subspaces import leading, overlap, principal_angles
from spikewhen.analysis.targets import bump
from spikewhen.analysis.views import read_clock
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.rules import WhatReadout
from spikewhen.reservoir.rules.what import learn_reference

ARRAYS = {schema.CONFIG: np.frombuffer(b"{}", np.uint8)}
RULE = asdict(WhatReadout(eta_w=0.3))
WINDOW = (0.0, 150.0)
N_CELLS = 42


def activity(n=60, noise=0.05, seed=0):
    """Two cues with cells of their own, two event probabilities, time cells beside them."""
    rng = np.random.default_rng(seed)
    t = np.arange(-40.0, 1001.0, 20.0)
    cue = rng.integers(0, 2, n)
    x = noise * rng.standard_normal((n, t.size, N_CELLS + 1))
    x[..., :2] += np.eye(2)[cue][:, None, :] * (np.exp(-t / 300) * (t >= 0))[:, None]
    x[..., 2:32] += bump(t[:, None], np.linspace(200, 1000, 30), 50.0)
    x[..., -1] = 0.05
    bumps = np.tile(bump(t[:, None], np.array([300.0, 600.0]), 30.0), (n, 1, 1))
    p = np.array([[0.8, 0.2], [0.2, 0.8]])[cue]
    outcome = np.eye(2)[(rng.random(n) > p[:, 0]).astype(int)]
    return Activity(t, x, bumps, outcome, p)


def learned(a):
    """What and when weights that learned the true p, and the bumps, of some activity."""
    after, means = a.time_ms >= 0, a.window_means(WINDOW)
    what = fit_what(np.tile(means, (20, 1)), np.tile(a.probability, (20, 1)), WhatRate(0.3, 1e-4))
    return what, fit_when(a.features[:, after], a.bumps[:, after], 1e-3)


@pytest.fixture(scope="module")
def found():
    a = activity()
    block = BlockReferences(a, draws=20)
    return separation(*learned(a), block, activity(20, seed=1), RULE, removals=20).as_dict(), a


def test_separate_populations_dissociate(found):
    measures, _ = found
    for part in ("when", "what"):
        assert measures[f"{part}_intact"] < 0.3
        assert measures[f"{part}_own"] > 0.6
        assert abs(measures[f"{part}_other"]) < 0.1
    assert measures["overlap"] < 0.05 < 0.5 < min(measures["ceiling_what"], measures["ceiling_when"])


def test_ceilings_are_those_of_refits_to_halves(found):
    """The Gram matrix of one half is taken from that of all; refits to trials know nothing of that."""
    measures, a = found
    x, target = (v[:, a.time_ms >= 0] for v in (a.features, a.bumps))
    rng, again = np.random.default_rng(5), []
    for _ in range(30):
        order = rng.permutation(len(x))
        halves = (order[: len(x) // 2], order[len(x) // 2 :])
        fits = [fit_when(x[rows], target[rows], measures["penalty"]) for rows in halves]
        again.append(overlap(principal_angles(*fits, bias=True)))
    assert measures["ceiling_when"] == pytest.approx(np.mean(again), abs=0.02)
    fewer = ceiling_of_when(x, target, measures["penalty"], np.random.default_rng(1))
    assert fewer.shape == (10,) and 0 < fewer.min() < 1


def test_the_same_seed_gives_the_same_numbers_and_a_given_penalty_is_kept(found):
    _, a = found
    w = np.random.default_rng(0).standard_normal((2, 2, N_CELLS + 1))
    one, two, other = (
        separation(*w, BlockReferences(a, seed, 1e-2, draws=3), a, RULE, removals=3).as_dict()
        for seed in (3, 3, 4)
    )
    assert {k: np.array_equal(v, two[k]) for k, v in one.items()} == dict.fromkeys(one, True)
    assert one["penalty"] == 1e-2 and one["chance"] != other["chance"]


def test_scores_and_claims_read_one_separation(found):
    """Without removals at random nothing else changes."""
    measures, a = found
    block = BlockReferences(a, draws=20)
    scored = separation(*learned(a), block, activity(20, seed=1), RULE, removals=0)
    kept = geometry_scores(scored)
    assert kept["overlap_chance"] == measures["chance"] and kept["ceiling_what"] == measures["ceiling_what"]
    assert kept["loss_when"] == measures["when_other"] and np.isnan(scored.lost.when.uniform)


def test_readouts_that_learned_at_another_rate_have_chances_of_their_own(found):
    _, a = found
    block = BlockReferences(a, penalty=1e-2, draws=5)
    slow, fast = (block.of(asdict(WhatReadout(eta_w=eta)), (2, 2)) for eta in (0.01, 0.5))
    assert not np.allclose(slow.broken.what, fast.broken.what)
    assert slow.broken.when is fast.broken.when and slow.ceiling_what != fast.ceiling_what


@pytest.mark.parametrize(
    "rule", [WhatReadout(), WhatReadout(anneal=True), WhatReadout(surprise=0.3, surprise_scale=0.2)]
)
def test_what_is_refitted_by_the_rule_that_learned_it(rule):
    rng = np.random.default_rng(0)
    means, outcome = rng.standard_normal((30, 32)), np.eye(3)[rng.integers(0, 3, 30)][:, :2]
    weights, seen, surprise = np.zeros((2, 32)), np.zeros(1), np.zeros(2)
    for m, o in zip(means, outcome, strict=True):
        learn_reference(rule.constants(np.float64), weights, seen, surprise, m, weights @ m, o)
    rate = WhatRate.of(asdict(rule))
    np.testing.assert_allclose(fit_what(means, outcome, rate), weights, atol=1e-12)
    both = fit_what(means, np.array([outcome, outcome[::-1]]), rate)
    np.testing.assert_allclose(both[0], weights, atol=1e-12)
    np.testing.assert_allclose(both[1], fit_what(means, outcome[::-1], rate), atol=1e-12)


@pytest.mark.parametrize("kept", [1, 3, 7])
def test_times_of_features_do_not_depend_on_the_readouts_kept(kept):
    time = np.arange(-49.0, 1001.0)
    of_file = Recording(ARRAYS, {schema.block(): {"before_steps": 50}})
    for recording in (of_file, Recording(ARRAYS)):
        clock = read_clock(recording, time[kept - 1 :: kept])
        np.testing.assert_array_equal(clock.times(105, 10.0), time[9::10])
        np.testing.assert_array_equal(clock.step_of(time[kept - 1 :: kept]), np.arange(kept - 1, 1050, kept))
    np.testing.assert_array_equal(read_clock(of_file, time[[999]]).times(105, 10.0), time[9::10])


def test_the_leading_direction_is_the_largest_and_leaves_out_the_bias():
    rng = np.random.default_rng(0)
    axis = np.zeros(9)
    axis[3], axis[-1] = 2.0, 5.0
    weights = np.outer([1.0, -1.0], axis) + 0.01 * rng.standard_normal((2, 9))
    first = leading(weights, bias=True)
    assert first.shape == (1, 8) and abs(first[0, 3]) > 0.99
    assert abs(leading(weights)[0, -1]) > 0.9  # without being told, the last column is a neuron
