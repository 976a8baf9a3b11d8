"""Targets, error, timing, amplitude and the ladder, on predictions known in advance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spikewhen.analysis.baselines import combine, equal_share, replaced_errors, ridge_ceiling, winner_take_all
from spikewhen.analysis.geometry.activity import Activity
from spikewhen.analysis.scores import amplitude, error, error_parts, error_per_channel, timing
from spikewhen.analysis.targets import bump, expected_bump, hazard_target, marginal_target

T = np.arange(-49.0, 1001.0)
P = np.array([0.8, 0.2])
LATENCY = np.array([300.0, 600.0])
FIXED = np.zeros(2)
SIGMA = 30.0
TARGET = marginal_target(T, P, LATENCY, FIXED, SIGMA)
BUMPS = bump(T[:, None], LATENCY, SIGMA)


class TestTargets:
    def test_jitter_averages_the_bump_over_the_truncated_latencies(self):
        rng = np.random.default_rng(0)
        z = rng.standard_normal(400_000)
        latency = 300 + 40 * z[np.abs(z) <= 2]
        t = np.array([150.0, 260.0, 300.0, 350.0])
        drawn = [bump(x, latency, SIGMA).mean() for x in t]
        np.testing.assert_allclose(expected_bump(t, 300.0, 40.0, SIGMA), drawn, atol=2e-3)

    @given(st.floats(-200, 1200), st.floats(100, 900), st.floats(0.01, 0.5))
    def test_vanishing_jitter_is_a_fixed_latency(self, t, latency, sd):
        np.testing.assert_allclose(
            expected_bump(t, latency, sd, SIGMA), expected_bump(t, latency, 0.0, SIGMA), atol=1e-3
        )

    def test_an_event_that_never_comes_needs_no_latency(self):
        target = marginal_target(T, np.array([0.8, 0.0]), np.array([300.0, np.nan]), FIXED, SIGMA)
        assert np.all(target[:, 1] == 0)
        assert target.max() == pytest.approx(0.8)

    def test_once_a_has_passed_empty_b_is_certain(self):
        hazard = hazard_target(T, P, LATENCY, FIXED, SIGMA)
        assert hazard[T == 599, 1] == pytest.approx(1.0, abs=1e-3)
        assert np.all(hazard[T > 300, 0] == 0)
        np.testing.assert_allclose(hazard[T < 300], TARGET[T < 300])

    def test_with_omissions_b_is_raised_only_to_its_share(self):
        hazard = hazard_target(T, np.array([0.5, 0.2]), LATENCY, FIXED, SIGMA)
        assert hazard[T == 600, 1] == pytest.approx(0.4)

    @pytest.mark.parametrize(("p", "t"), [(0.6, 320.0), (1.0, 390.0)])
    def test_hazard_with_jitter_is_the_mean_over_sessions_in_which_nothing_came(self, p, t):
        rng = np.random.default_rng(1)
        z = rng.standard_normal(400_000)
        a = 300 + 60 * z[np.abs(z) <= 2]
        comes = rng.random(a.size) < p
        silent = ~comes | (a >= t)
        expected = (bump(t, a, SIGMA) * (comes & (a >= t)))[silent].mean()
        found = hazard_target(np.array([t]), np.array([p]), np.array([300.0]), np.array([60.0]), SIGMA)
        assert found.item() == pytest.approx(expected, abs=3e-3)

    @pytest.mark.parametrize("sd", [0.0, 40.0])
    def test_an_event_with_two_times_is_expected_at_both(self, sd):
        """Against sessions drawn one by one: A at 300 or, three times in ten, at 500 ms; B at 600 ms."""
        rng = np.random.default_rng(2)
        n, t = 200_000, np.array([250.0, 310.0, 420.0, 500.0, 560.0])
        z = rng.standard_normal((n, 8))
        z = z[np.arange(n), np.argmax(np.abs(z) <= 2, axis=1)]
        a = np.where(rng.random(n) < 0.3, 500.0, 300.0) + sd * z
        u = rng.random(n)
        come, b = np.stack([u < 0.6, (u >= 0.6) & (u < 0.9)]), np.full(n, 600.0)
        table = (np.array([0.6, 0.3]), np.array([300.0, 600.0]), np.array([sd, 0.0]), SIGMA)
        late = (np.array([500.0, 600.0]), np.array([0.3, 0.0]))
        marginal, hazard = (f(t, *table, *late) for f in (marginal_target, hazard_target))
        for i, x in enumerate(t):
            s = np.stack([bump(x, a, SIGMA), bump(x, b, SIGMA)]) * come
            assert marginal[i] == pytest.approx(s.mean(1), abs=4e-3)
            nothing_yet = ~((come[0] & (a < x)) | (come[1] & (b < x)))
            still = s[:, nothing_yet] * (np.stack([a, b])[:, nothing_yet] >= x)
            assert hazard[i] == pytest.approx(still.mean(1), abs=8e-3)

    def test_a_share_of_nothing_changes_no_bit(self):
        for of in (marginal_target, hazard_target):
            plain = of(T, P, LATENCY, FIXED, SIGMA)
            assert np.array_equal(of(T, P, LATENCY, FIXED, SIGMA, LATENCY + 99, FIXED), plain)
            mixed = of(T, P, LATENCY, FIXED, SIGMA, np.array([350.0, np.nan]), np.array([0.4, 0.0]))
            assert np.isfinite(mixed).all()
            if of is marginal_target:
                assert np.array_equal(mixed[:, 1], plain[:, 1]) and not np.array_equal(mixed, plain)

    def test_leading_axes_are_conditions(self):
        p = np.array([[0.8, 0.2], [0.1, 0.3]])
        both = marginal_target(T, p, LATENCY, FIXED, SIGMA)
        np.testing.assert_array_equal(both[1], marginal_target(T, p[1], LATENCY, FIXED, SIGMA))


class TestError:
    @pytest.mark.parametrize(
        ("z", "expected"),
        [
            (TARGET, 0.0),
            (0 * TARGET, 1.0),
            (TARGET * [1, 0], 0.24),
            (combine(winner_take_all(P), BUMPS), 0.34),
            (combine(equal_share(P), BUMPS), 0.51),
            (marginal_target(T, P, LATENCY + 15, FIXED, SIGMA), 0.35),
        ],
        ids=["perfect", "silence", "B ignored", "winner takes all", "equal p", "15 ms late"],
    )
    def test_known_mistakes_have_known_errors(self, z, expected):
        assert error(z, TARGET, T) == pytest.approx(expected, abs=0.006)

    def test_times_before_the_cue_do_not_count(self):
        z = TARGET + (T < 0)[:, None] * 5.0
        assert error(z, TARGET, T) == 0

    def test_an_all_omission_target_is_undefined(self):
        assert np.isnan(error(TARGET, 0 * TARGET, T))
        assert np.isnan(error_per_channel(TARGET, TARGET * [1, 0], T)[1])

    def test_channels_are_scored_on_their_own(self):
        np.testing.assert_allclose(error_per_channel(TARGET * [1, 0], TARGET, T), [0, 1])

    def test_each_probe_is_scored_against_its_own_target(self):
        targets = np.stack([TARGET, 0.5 * TARGET])
        np.testing.assert_allclose(error(np.stack([TARGET, TARGET]), targets, T), [0, 1])

    def test_where_restricts_the_times(self):
        z = TARGET * (T < 300)[:, None]
        assert error(z, TARGET, T, T[:, None] < LATENCY * [1, 0]) == 0
        assert error(z, TARGET, T, T[:, None] >= 300 + 0 * LATENCY) == 1

    @settings(deadline=None, max_examples=50)
    @given(arrays(float, (20, 2), elements=st.floats(-2, 2)), st.floats(0.01, 100))
    def test_scaling_prediction_and_target_together_changes_nothing(self, z, c):
        t, target = T[300:360:3], TARGET[300:360:3]
        assert error(c * z, c * target, t) == pytest.approx(error(z, target, t))

    @given(st.floats(0, 3))
    def test_a_scaled_perfect_prediction_errs_by_its_scale(self, c):
        assert error(c * TARGET, TARGET, T) == pytest.approx(abs(1 - c), abs=1e-12)

    def test_bias_and_spread_add_up_in_squares(self):
        rng = np.random.default_rng(0)
        z = 0.7 * TARGET + 0.1 * rng.standard_normal((10, *TARGET.shape))
        bias, spread = error_parts(z, TARGET, T)
        assert bias**2 + spread**2 == pytest.approx(np.mean(error(z, TARGET, T) ** 2))
        assert error_parts(np.stack([0.7 * TARGET] * 4), TARGET, T) == pytest.approx((0.3, 0))


class TestTiming:
    def test_a_late_bump_is_late_by_its_shift(self):
        z = marginal_target(T, P, LATENCY + [10, -25], FIXED, SIGMA)
        found = timing(z, TARGET, T, LATENCY)
        np.testing.assert_allclose(found.error_ms, [10, 25])
        np.testing.assert_array_equal(found.detected, [1, 1])
        np.testing.assert_allclose(found.half_width_ms, 2 * np.sqrt(2 * np.log(2)) * SIGMA, atol=1.5)

    def test_a_weak_peak_is_not_detected_and_has_no_time(self):
        found = timing(TARGET * [0.24, 0.26], TARGET, T, LATENCY)
        np.testing.assert_array_equal(found.detected, [0, 1])
        np.testing.assert_array_equal(np.isnan(found.error_ms), [True, False])
        np.testing.assert_array_equal(np.isnan(found.half_width_ms), [True, False])

    def test_nothing_expected_is_neither_detected_nor_missed(self):
        found = timing(TARGET, TARGET * [1, 0], T, LATENCY)
        assert np.isnan(found.detected[1]) and np.isnan(found.error_ms[1])

    def test_a_peak_before_the_cue_is_not_a_prediction(self):
        z = TARGET + bump(T, -30.0, 5.0)[:, None]
        np.testing.assert_array_equal(timing(z, TARGET, T, LATENCY).error_ms, 0)

    def test_a_single_time_has_a_peak_without_a_width(self):
        one = np.array([300.0])
        found = timing(np.ones((1, 2)), np.ones((1, 2)), one, LATENCY)
        np.testing.assert_array_equal(found.error_ms, [0, 300])
        assert np.isnan(found.half_width_ms).all()

    def test_probes_are_scored_as_if_alone(self):
        rng = np.random.default_rng(0)
        z = TARGET + 0.1 * rng.standard_normal((5, *TARGET.shape))
        together = timing(z, np.stack([TARGET] * 5), T, np.stack([LATENCY] * 5))
        alone = [timing(a, TARGET, T, LATENCY) for a in z]
        for name in together._fields:
            np.testing.assert_array_equal(getattr(together, name), [getattr(a, name) for a in alone])

    def test_a_perfect_prediction_has_93_percent_of_p(self):
        np.testing.assert_allclose(amplitude(TARGET, T, LATENCY), 0.93 * P, atol=0.003)


class TestLadder:
    def test_replaced_probabilities_reproduce_the_published_ladder(self):
        found = replaced_errors(BUMPS[None], P[None], TARGET[None], T)
        assert found["true_p"].item() == 0
        assert found["winner"].item() == pytest.approx(0.34, abs=0.006)
        assert found["equal_p"].item() == pytest.approx(0.51, abs=0.006)

    def test_equal_share_keeps_the_rate_of_omissions(self):
        np.testing.assert_allclose(equal_share(np.array([0.5, 0.1])), [0.3, 0.3])

    def test_combine_clips_the_probability_and_rectifies_the_timing(self):
        z = combine(np.array([1.5, -0.1]), np.array([[1.0, 1.0], [-1.0, -1.0]]))
        np.testing.assert_array_equal(z, [[1, 0], [0, 0]])

    def test_the_ridge_ceiling_is_nearly_perfect_without_noise(self):
        assert self._ceiling(noise=1e-3) < 0.03

    def test_noise_in_the_activity_raises_the_ceiling(self):
        clean, noisy = (self._ceiling(noise) for noise in (0.05, 0.5))
        assert clean < 0.7 * noisy < 0.7

    @staticmethod
    def _ceiling(noise):
        """40 trials and 10 probes of time cells on a coarse grid."""
        rng = np.random.default_rng(0)
        t = T[9::10]
        cells = bump(t[:, None], np.linspace(0, 1000, 60), 40.0)
        trials, probes = (cells + noise * rng.standard_normal((n, *cells.shape)) for n in (40, 10))
        s = np.stack([bump(t[:, None], LATENCY, SIGMA)] * 40)
        target = np.stack([marginal_target(t, P, LATENCY, FIXED, SIGMA)] * 10)
        taught, probed = (
            Activity(t, x, s[: len(x)], np.zeros((len(x), 2)), np.stack([P] * len(x)))
            for x in (trials, probes)
        )
        return ridge_ceiling(taught, probed, target).error.mean()
