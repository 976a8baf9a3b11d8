"""Ideal observers: they count, they forget at the right moment, they are proper averages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from spikewhen.analysis.observers import HAZARD, Seen, observe, run_starts, trial_weights
from spikewhen.analysis.scores import error
from spikewhen.analysis.targets import marginal_target

T = np.arange(0.0, 1001.0, 5.0)
P = np.array([0.8, 0.2])


def draw(n, p, latency, rng, cue=0):
    event = np.where(rng.random(n) < p[0], 0, np.where(rng.random(n) < p[1] / max(1 - p[0], 1e-9), 1, -1))
    time = np.where(event < 0, np.nan, np.asarray(latency)[np.maximum(event, 0)])
    return Seen(np.full(n, cue), event, time)


def join(*parts):
    return Seen(*(np.concatenate(a) for a in zip(*parts, strict=True)))


@pytest.fixture(scope="module")
def switch():
    """100 trials at 300 and 600 ms, then 100 at 450 and 750 ms."""
    rng = np.random.default_rng(0)
    return join(draw(100, P, (300.0, 600.0), rng), draw(100, P, (450.0, 750.0), rng))


def e(seen, after, latency, hazard, p=P):
    z = observe(seen, [after], [0], T, 30.0, 2, hazard)[0]
    return float(error(z, marginal_target(T, np.asarray(p), np.asarray(latency), np.zeros(2), 30.0), T))


def test_the_counting_observer_is_the_mean_of_what_it_saw(switch):
    z = observe(switch, [100], [0], T, 30.0, 2, hazard=0)[0]
    share = np.mean(switch.event[:100] == 0)
    assert z[T == 300, 0].item() == pytest.approx(share * 100 / 101, abs=0.01)


def test_both_observers_learn_a_stable_block():
    """A frequency from 100 trials is off by .04 (SD), which makes E .055 on average."""
    runs = [draw(100, P, (300.0, 600.0), np.random.default_rng(seed)) for seed in range(8)]
    for hazard in (0, HAZARD):
        assert np.mean([e(seen, 1, (300, 600), hazard) for seen in runs]) > 0.3
        assert np.mean([e(seen, 100, (300, 600), hazard) for seen in runs]) < 0.09


def test_only_the_change_point_observer_follows_a_switch_of_timing(switch):
    assert e(switch, 110, (450, 750), HAZARD) < 0.45
    assert e(switch, 110, (450, 750), 0) > 0.9
    assert e(switch, 200, (450, 750), 0) > 0.6


def test_the_switch_is_found_at_its_trial(switch):
    starts = list(run_starts(switch, 2, 1000.0, HAZARD))
    assert starts[104].argmax() == 100
    assert starts[99][0] > 0.8


def test_a_switch_of_probability_is_found_more_slowly():
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        seen = join(draw(100, P, (300.0, 600.0), rng), draw(60, P[::-1], (300.0, 600.0), rng))
        found.append([e(seen, 100 + n, (300, 600), HAZARD, P[::-1]) for n in (2, 20, 60)])
    at_2, at_20, at_60 = np.mean(found, axis=0)
    assert at_2 > 0.8 > at_20 > 0.3 > 0.2 > at_60


def test_a_change_concerns_all_cues_and_cues_stay_apart():
    rng = np.random.default_rng(2)
    one, two = draw(40, (1.0, 0.0), (300, 600), rng), draw(40, (0.0, 1.0), (300, 600), rng, cue=1)
    z = observe(join(one, two), [80, 80], [0, 1], T, 30.0, 2, 0)
    assert z[0, T == 300, 0] > 0.9 > 0.1 > z[0, T == 600, 1]
    assert z[1, T == 600, 1] > 0.9 > 0.1 > z[1, T == 300, 0]


def test_omissions_lower_the_expectation():
    seen = Seen(np.zeros(10, int), np.array([0, -1] * 5), np.array([300.0, np.nan] * 5))
    z = observe(seen, [10], [0], T, 30.0, 2, 0)[0]
    assert z[T == 300, 0].item() == pytest.approx(5 / 11, abs=0.01)


def test_before_any_trial_everything_is_equally_likely():
    seen = Seen(np.zeros(1, int), np.zeros(1, int), np.array([300.0]))
    z = observe(seen, [0], [0], T, 30.0, 2)[0]
    assert np.ptp(z) == 0
    np.testing.assert_allclose(z.sum() * 5 / (30 * np.sqrt(2 * np.pi)), 2 / 3, rtol=0.01)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(-1, 1), st.floats(100, 900)), min_size=1, max_size=15),
    st.floats(0, 0.5),
)
def test_posterior_and_weights_add_up_to_one(trials, hazard):
    cue, event, time = map(np.array, zip(*trials, strict=True))
    seen = Seen(cue, event, np.where(event < 0, np.nan, time))
    starts = list(run_starts(seen, 2, 1000.0, hazard))
    np.testing.assert_allclose([s.sum() for s in starts], 1)
    for c in (0, 1):
        weights, unseen = trial_weights(starts[-1], cue, c)
        assert weights.sum() + unseen == pytest.approx(1)
        assert np.all(weights[cue != c] == 0)


def test_the_posterior_equals_a_sum_over_all_partitions():
    """Brute force: every set of change points of a short run, weighted by its probability."""
    rng = np.random.default_rng(3)
    seen = draw(6, (0.5, 0.3), (300, 600), rng)._replace(cue=np.array([0, 1, 0, 0, 1, 0]))
    hazard, truth = 0.2, np.zeros(7)
    for pattern in range(2**6):
        weight, start = 1.0, 0
        for n in range(6):
            change = bool(pattern >> n & 1)  # before trial n + 1
            weight *= predictive(seen, start, n) * (hazard if change else 1 - hazard)
            start = n + 1 if change else start
        truth[start] += weight
    np.testing.assert_allclose(list(run_starts(seen, 2, 1000.0, hazard))[6], truth / truth.sum())


def predictive(seen, start, n):
    """Density of trial n's outcome after trials start..n-1 of its regime."""
    omission, trials = seen.event[n] < 0, 1
    total = 1 / 3 * (1 if omission else 1 / 1000)
    for i in range(start, n):
        if seen.cue[i] != seen.cue[n]:
            continue
        trials += 1
        if seen.event[i] == seen.event[n]:
            total += 1 if omission else norm.pdf(seen.time_ms[n], seen.time_ms[i], 10)
    return total / trials
