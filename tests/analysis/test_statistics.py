"""Intervals and tests: coverage, exactness, degenerate cases."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from spikewhen.analysis.statistics import holm, mean_interval, paired_difference, sign_flip

numbers = st.floats(-10, 10).map(lambda x: round(x, 3))


class TestInterval:
    def test_the_interval_covers_the_mean_about_as_often_as_it_says(self):
        rng = np.random.default_rng(0)
        draws = rng.exponential(1.0, (200, 20))
        hits = [i.low <= 1 <= i.high for i in (mean_interval(x, resamples=999) for x in draws)]
        assert 0.86 <= np.mean(hits) <= 0.98

    def test_it_leans_further_towards_the_long_tail_than_percentiles_do(self):
        x = np.random.default_rng(0).exponential(1.0, 20)
        plain = bootstrap(
            (x,), np.mean, method="percentile", rng=np.random.default_rng(0)
        ).confidence_interval
        found = mean_interval(x)
        assert found.high > plain.high and found.low > plain.low

    def test_equal_data_give_equal_intervals(self):
        x = np.random.default_rng(1).standard_normal(10)
        assert mean_interval(x) == mean_interval(x)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([], (np.nan, np.nan, np.nan, 0)),
            ([np.nan], (np.nan, np.nan, np.nan, 0)),
            ([2.0, np.nan], (2, np.nan, np.nan, 1)),
            ([0.1, 0.1, 0.1], (0.1, 0.1, 0.1, 3)),
            ([1.0, np.inf], (np.inf, np.nan, np.nan, 2)),
        ],
        ids=["nothing", "undefined", "one value", "all equal", "never reached"],
    )
    def test_degenerate_cases_are_as_stated(self, values, expected):
        np.testing.assert_allclose(mean_interval(values), expected)

    @settings(deadline=None, max_examples=25)
    @given(st.lists(numbers, min_size=2, max_size=12))
    def test_the_interval_holds_the_mean(self, values):
        found = mean_interval(values, resamples=499)
        assert found.low <= found.mean + 1e-9 and found.high >= found.mean - 1e-9


class TestSignFlip:
    @given(st.lists(numbers, min_size=1, max_size=6))
    def test_it_equals_the_enumeration_of_all_signs(self, d):
        sums = [
            abs(sum(s * x for s, x in zip(signs, d, strict=True)))
            for signs in product((1, -1), repeat=len(d))
        ]
        assert sign_flip(d) == pytest.approx(np.mean(np.array(sums) >= abs(sum(d)) - 1e-9))

    @given(st.lists(numbers, min_size=1, max_size=10), st.floats(0.1, 10))
    def test_neither_exchange_nor_scale_of_the_two_sides_matters(self, d, c):
        assert sign_flip(d) == sign_flip(-np.array(d)) == sign_flip(c * np.array(d))

    def test_a_consistent_difference_has_the_smallest_p(self):
        assert sign_flip(np.ones(10)) == 2 / 2**10

    def test_beyond_sixteen_pairs_it_samples_and_agrees(self):
        d = np.random.default_rng(0).normal(0.3, 1, 17)
        bits = np.arange(2**17)[:, None] >> np.arange(17) & 1
        exact = np.mean(np.abs((1 - 2 * bits) @ d) >= abs(d.sum()) - 1e-9)
        assert sign_flip(d) == pytest.approx(exact, abs=0.005)
        assert sign_flip(np.ones(40)) == pytest.approx(1e-5)

    def test_without_pairs_it_is_undefined(self):
        assert np.isnan(sign_flip([np.nan]))

    def test_false_alarms_are_as_rare_as_promised(self):
        rng = np.random.default_rng(0)
        alarms = [sign_flip(x) <= 0.05 for x in rng.standard_normal((400, 8))]
        assert np.mean(alarms) <= 0.08


class TestHolm:
    def test_it_steps_down(self):
        np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])

    def test_undefined_p_values_do_not_count(self):
        np.testing.assert_allclose(holm([0.02, np.nan, 0.02]), [0.04, np.nan, 0.04])

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
    def test_it_keeps_the_order_and_never_lowers(self, p):
        adjusted = holm(p)
        assert np.all(adjusted >= p)
        assert np.all(adjusted <= 1)
        assert np.all(np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0)


def test_pairing_removes_what_seeds_share():
    rng = np.random.default_rng(0)
    seeds = rng.normal(0, 10, 12)
    found = paired_difference(seeds + 1 + 0.1 * rng.standard_normal(12), seeds)
    assert 0.8 < found.low < 1 < found.high < 1.2
    assert found.p < 0.001


def test_a_pair_with_an_undefined_side_is_left_out():
    found = paired_difference([1, 2, np.nan, np.inf], [0, np.nan, 1, np.inf])
    assert (found.mean, found.n) == (1, 1)
