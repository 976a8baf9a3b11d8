"""Intervals and tests: exactness and degenerate cases. Coverage is in test_coverage.py."""

from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewhen.analysis.statistics import (
    effect_size,
    equivalence,
    fewest_pairs,
    fraction_interval,
    holm,
    mean_interval,
    median_interval,
    paired_difference,
    sign_flip,
    smallest_p,
)

numbers = st.floats(-10, 10).map(lambda x: round(x, 3))


class TestMean:
    def test_two_values_have_students_interval(self):
        found = mean_interval([1.0, 2.0])
        assert (found.low, found.high) == pytest.approx(scipy.stats.t.interval(0.95, 1, 1.5, 0.5))

    def test_it_is_students_where_values_are_symmetric(self):
        x = np.array([-3.0, -1, 0, 1, 3])
        expected = scipy.stats.t.interval(0.95, 4, 0, scipy.stats.sem(x))
        assert mean_interval(x)[1:3] == pytest.approx(expected)

    @settings(max_examples=50)
    @given(st.lists(numbers, min_size=2, max_size=12).filter(lambda x: np.ptp(x) > 0.01))
    def test_it_is_never_narrower_than_students(self, values):
        found = mean_interval(values)
        low, high = scipy.stats.t.interval(0.95, len(values) - 1, np.mean(values), scipy.stats.sem(values))
        assert found.low <= low + 1e-9 and found.high >= high - 1e-9

    @given(st.lists(numbers, min_size=3, max_size=12).filter(lambda x: np.ptp(x) > 0.01))
    def test_a_mirror_and_a_scale_carry_over(self, values):
        a, b = mean_interval(values), mean_interval(-10 * np.array(values))
        assert (a.low, a.high) == pytest.approx((-b.high / 10, -b.low / 10), rel=1e-6, abs=1e-6)

    def test_it_reaches_further_into_the_long_tail(self):
        found = mean_interval(np.random.default_rng(0).exponential(1.0, 20))
        assert found.high - found.mean > 1.2 * (found.mean - found.low)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([], (np.nan, np.nan, np.nan, 0)),
            ([np.nan], (np.nan, np.nan, np.nan, 0)),
            ([2.0, np.nan], (2, np.nan, np.nan, 1)),
            ([0.1, 0.1, 0.1], (0.1, np.nan, np.nan, 3)),
            ([1.0, np.inf], (np.inf, np.nan, np.nan, 2)),
        ],
        ids=["nothing", "undefined", "one value", "all equal", "never reached"],
    )
    def test_what_bounds_nothing_has_no_interval(self, values, expected):
        np.testing.assert_allclose(mean_interval(values), expected)


class TestMedianAndFraction:
    def test_a_median_of_five_has_no_interval_and_of_six_the_whole_range(self):
        assert np.isnan(median_interval(range(5)).low)
        assert median_interval([3, 1, 2, np.inf, 5, 4])[1:3] == (1, np.inf)

    def test_all_of_three_seeds_may_be_less_than_a_third_of_all_seeds(self):
        assert fraction_interval([1, 1, 1])[:3] == pytest.approx((1, 0.025 ** (1 / 3), 1))

    def test_a_fraction_of_other_values_is_refused(self):
        with pytest.raises(ValueError, match="0 or 1"):
            fraction_interval([0.5, 1])


class TestEquivalence:
    def test_a_small_difference_is_within_its_margin_and_a_noisy_one_is_not_shown(self):
        rng = np.random.default_rng(0)
        close, p = equivalence(0.001 * rng.standard_normal(10), 0.01)
        assert -0.01 < close.low < close.high < 0.01 and p < 0.001
        noisy, p = equivalence(rng.standard_normal(10), 0.01)
        assert noisy.high > 0.01 and p > 0.05

    def test_p_is_that_of_two_one_sided_t_tests(self):
        x = np.random.default_rng(1).normal(0.2, 1, 12)
        greater = scipy.stats.ttest_1samp(x, -0.5, alternative="greater").pvalue
        less = scipy.stats.ttest_1samp(x, 0.5, alternative="less").pvalue
        assert equivalence(x, 0.5)[1] == pytest.approx(max(greater, less))


class TestEffectSize:
    def test_its_ends_are_those_whose_t_distributions_leave_two_and_a_half_percent(self):
        d = np.random.default_rng(2).normal(1, 1, 10)
        found = effect_size(d)
        t = found.d_z * np.sqrt(10)
        assert found.d_z == pytest.approx(d.mean() / d.std(ddof=1))
        assert scipy.stats.nct.cdf(t, 9, found.low * np.sqrt(10)) == pytest.approx(0.975)
        assert scipy.stats.nct.cdf(t, 9, found.high * np.sqrt(10)) == pytest.approx(0.025)

    def test_equal_differences_have_none(self):
        assert np.isnan(effect_size([1.0, 1.0, 1.0])).all()


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
        assert sign_flip(np.ones(10)) == 2 / 2**10 == smallest_p(10)

    def test_the_floor_says_how_many_pairs_a_table_takes(self):
        assert (fewest_pairs(), fewest_pairs(20)) == (6, 10)
        assert 20 * smallest_p(9) >= 0.05 > 20 * smallest_p(10)

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
