"""Ideal observers: they count, they forget at the right moment, they are proper averages."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import norm

from spikewhen.analysis.observers import (
    HAZARD,
    NEVER,
    RESOLUTION_MS,
    Hazard,
    Seen,
    even_prior,
    expected_probability,
    latency_starts,
    observe,
    probability_starts,
)
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
    z = observe(switch, [100], [0], T, 30.0, 2, hazard=NEVER)[0]
    share = np.mean(switch.event[:100] == 0)
    assert z[T == 300, 0].item() == pytest.approx(share * 100 / 101, abs=0.01)


@pytest.mark.parametrize(("hazard", "most"), [(NEVER, 0.08), (HAZARD, 0.13)])
def test_both_observers_learn_a_stable_block(hazard, most):
    """A frequency from 100 trials is off by .04 (SD), which makes E .055; to expect changes costs .045."""
    runs = [draw(100, P, (300.0, 600.0), np.random.default_rng(seed)) for seed in range(16)]
    assert np.mean([e(seen, 1, (300, 600), hazard) for seen in runs]) > 0.3
    assert np.mean([e(seen, 100, (300, 600), hazard) for seen in runs]) < most


def test_only_the_change_point_observer_follows_a_switch_of_timing(switch):
    assert e(switch, 110, (450, 750), HAZARD) < 0.45
    assert e(switch, 110, (450, 750), NEVER) > 0.9
    assert e(switch, 200, (450, 750), NEVER) > 0.6


def test_a_switch_of_timing_leaves_the_probabilities_known(switch):
    """What kept the observer behind that let everything change at once: only A's latency is new here."""
    starts = list(probability_starts(switch, even_prior(2), HAZARD.probability))
    assert starts[105][90:].sum() < 0.15
    times = np.repeat((300.0, 450.0), 10)
    found = list(latency_starts(times, np.full(20, 0.01), 1000.0, 1 / 3))
    assert found[10][0] > 0.99 and found[13].argmax() == 10 and found[13][10] > 0.9


def test_a_switch_of_probability_is_found_more_slowly():
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        seen = join(draw(100, P, (300.0, 600.0), rng), draw(60, P[::-1], (300.0, 600.0), rng))
        found.append([e(seen, 100 + n, (300, 600), HAZARD, P[::-1]) for n in (2, 20, 60)])
    at_2, at_20, at_60 = np.mean(found, axis=0)
    assert at_2 > 0.8 > at_20 > at_60 and at_20 < 0.2


def test_a_change_concerns_all_cues_and_cues_stay_apart():
    rng = np.random.default_rng(2)
    one, two = draw(40, (1.0, 0.0), (300, 600), rng), draw(40, (0.0, 1.0), (300, 600), rng, cue=1)
    z = observe(join(one, two), [80, 80], [0, 1], T, 30.0, 2, NEVER)
    assert z[0, T == 300, 0] > 0.9 > 0.1 > z[0, T == 600, 1]
    assert z[1, T == 600, 1] > 0.9 > 0.1 > z[1, T == 300, 0]


def test_omissions_lower_the_expectation():
    seen = Seen(np.zeros(10, int), np.array([0, -1] * 5), np.array([300.0, np.nan] * 5))
    z = observe(seen, [10], [0], T, 30.0, 2, NEVER)[0]
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
def test_posteriors_and_probabilities_add_up_to_one(trials, hazard):
    cue, event, time = map(np.array, zip(*trials, strict=True))
    seen = Seen(cue, event, np.where(event < 0, np.nan, time))
    starts = list(probability_starts(seen, even_prior(2), hazard))
    np.testing.assert_allclose([s.sum() for s in starts], 1)
    # The omission as a third event, and known never to come by another name.
    named, prior = seen._replace(event=np.where(event < 0, 2, event)), np.append(even_prior(2), 0)
    again = list(probability_starts(named, prior, hazard))[-1]
    for c in (0, 1):
        p = expected_probability(again, named, c, prior)
        np.testing.assert_allclose(p[:2], expected_probability(starts[-1], seen, c, even_prior(2)))
        assert p.sum() == pytest.approx(1)
    delivered = time[event == 0]
    for s in latency_starts(delivered, np.full(delivered.size, hazard), 1000.0, 1 / 3):
        assert s.sum() == pytest.approx(1)


SHORT = Seen(np.zeros(4, int), np.array([0, 1, 0, -1]), np.array([300.0, 600.0, 312.0, np.nan]))


@pytest.mark.parametrize("seen", [SHORT, SHORT._replace(cue=np.array([0, 0, 1, 0]))], ids=["one cue", "two"])
def test_the_prediction_equals_a_sum_over_all_sets_of_change_points(seen):
    """Brute force: probabilities, the latency of A and that of B may each change before every trial."""
    hazard, n, prior = Hazard(0.2, 0.3), 4, 1 / 3
    total, weighted = 0.0, np.zeros((T.size, 2))
    for patterns in product(product((0, 1), repeat=n), repeat=3):
        weight = 1.0
        for changes, h in zip(patterns, (hazard.probability, hazard.latency, hazard.latency), strict=True):
            weight *= np.prod(np.where(changes, h, 1 - h))
        segments = [np.cumsum((0, *changes)) for changes in patterns]  # of every trial and of the next
        weight *= likelihood_of_outcomes(seen, segments[0])
        here = (segments[0][:n] == segments[0][n]) & (seen.cue == 0)
        expected = np.zeros((T.size, 2))
        for k in (0, 1):
            of_cue = {c: (seen.cue == c) & (seen.event == k) for c in (0, 1)}
            # Another cue's latency has change points of its own, which sum to one factor for all patterns.
            weight *= likelihood_of_times(seen.time_ms[of_cue[0]], segments[1 + k][:n][of_cue[0]], prior)
            held = of_cue[0] & (segments[1 + k][:n] == segments[1 + k][n])
            bumps = sum((np.exp(-0.5 * ((T - t) / 30) ** 2) for t in seen.time_ms[held]), np.zeros(T.size))
            anywhere = prior * 30 * np.sqrt(2 * np.pi) / 1000
            p = ((seen.event[here] == k).sum() + prior) / (here.sum() + 1)
            expected[:, k] = p * (bumps + anywhere) / (held.sum() + prior)
        total, weighted = total + weight, weighted + weight * expected
    np.testing.assert_allclose(observe(seen, [n], [0], T, 30.0, 2, hazard)[0], weighted / total, rtol=1e-10)


def likelihood_of_outcomes(seen, segment):
    """Of a Dirichlet-multinomial distribution for every segment and cue."""
    found = 0.0
    for s, c in product(np.unique(segment), (0, 1)):
        events = seen.event[(segment[:-1] == s) & (seen.cue == c)]
        counts = np.array([(events == k).sum() for k in (-1, 0, 1)])
        found += (gammaln(counts + 1 / 3) - gammaln(1 / 3)).sum() - gammaln(counts.sum() + 1)
    return np.exp(found)


def likelihood_of_times(times, segment, prior):
    found = 1.0
    for j, time in enumerate(times):
        before = times[:j][segment[:j] == segment[j]]
        density = prior / 1000 + norm.pdf(time, before, RESOLUTION_MS).sum()
        found *= density / (prior + before.size)
    return found


LEVELS = np.array([0.8, 0.2, 0.6, 0.9, 0.3])


@pytest.mark.parametrize(
    ("trials", "repeats", "hazard", "rmse"), [(100, 1, 0.01, 0.133), (20, 4, 0.05, 0.212)]
)
def test_probability_is_followed_as_well_as_a_matched_observer_can(trials, repeats, hazard, rmse):
    """RMSE over runs of levels; SE .004. An observer for which latencies change too has .22 and .28."""
    truth, prior = np.repeat(np.tile(LEVELS, repeats), trials), np.array([1.0, 1.0, 0.0])
    found = []
    for seed in range(12):
        event = np.where(np.random.default_rng([7, seed]).random(truth.size) < truth, 0, 1)
        seen = Seen(np.zeros(truth.size, int), event, np.where(event == 0, 300.0, 600.0))
        starts = zip(range(truth.size), probability_starts(seen, prior, hazard), strict=False)
        p = np.array([expected_probability(s, seen, 0, prior)[0] for _, s in starts])
        found.append(np.sqrt(np.mean((p - truth) ** 2)))
    assert np.mean(found) == pytest.approx(rmse, abs=0.012)
