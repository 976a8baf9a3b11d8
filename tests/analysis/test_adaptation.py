"""Calibration, adaptation to a switch, and fits of a free run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewhen.analysis.adaptation import overshoot, residual, savings, trials_to_criterion
from spikewhen.analysis.calibration import brier, fit_line
from spikewhen.analysis.free_run import fit_sinusoid, rmse
from spikewhen.analysis.targets import marginal_target

T = np.arange(0.0, 1001.0)
LEVELS = np.linspace(0, 1, 11)


class TestCalibration:
    def test_the_product_has_the_slope_of_its_amplitude_and_timing_has_none(self):
        line = fit_line(LEVELS, np.stack([0.93 * LEVELS, np.full(11, 0.9)]))
        np.testing.assert_allclose(line.slope, [0.93, 0], atol=1e-12)
        assert line.r[0] == pytest.approx(1)
        assert np.isnan(line.r[1])

    def test_seeds_are_fitted_alone_so_offsets_do_not_blur_the_line(self):
        offsets = np.array([-1.0, 0.0, 1.0])[:, None]
        per_seed = fit_line(LEVELS, LEVELS + offsets)
        np.testing.assert_allclose(per_seed.r, 1)
        np.testing.assert_allclose(per_seed.slope, 1)
        assert fit_line(np.tile(LEVELS, 3), (LEVELS + offsets).ravel()).r < 0.5

    def test_undefined_levels_are_left_out_and_one_level_has_no_line(self):
        value = np.where(LEVELS == 0, np.nan, 2 * LEVELS)
        assert fit_line(LEVELS, value).slope == pytest.approx(2)
        assert np.isnan(fit_line([0.8, 0.8], [0.7, 0.9]).slope)

    def test_the_true_p_has_the_best_brier_score_on_average(self):
        event = np.where(np.random.default_rng(0).random(20_000) < 0.8, 0, 1)

        def score(p):
            return brier(np.tile(p, (event.size, 1)), event)

        assert score([0.8, 0.2]) == pytest.approx(0.32, abs=0.01)
        assert score([0.8, 0.2]) < min(score([0.5, 0.5]), score([1, 0]), score([0.7, 0.3]))

    def test_an_omission_is_an_outcome_of_zeros(self):
        assert brier(np.array([[0.5, 0.5]]), np.array([-1])) == 0.5
        assert np.isnan(brier(np.empty((0, 2)), np.empty(0)))


class TestAdaptation:
    TRIAL = np.array([1, 2, 5, 10, 20])
    ERROR = np.array([1.0, 0.8, 0.54, 0.5, 0.5])

    def test_the_criterion_is_reached_within_ten_percent(self):
        assert trials_to_criterion(self.TRIAL, self.ERROR, 0.5) == 5
        assert trials_to_criterion(self.TRIAL, self.ERROR, 0.48) == 10

    def test_never_is_infinite_and_no_reference_is_undefined(self):
        assert trials_to_criterion(self.TRIAL, self.ERROR, 0.1) == np.inf
        assert np.isnan(trials_to_criterion(self.TRIAL, self.ERROR, np.nan))

    def test_the_residual_is_what_is_left_at_the_old_latency(self):
        fixed = np.zeros(1)
        old, new = np.array([300.0]), np.array([450.0])
        z = 0.3 * marginal_target(T, np.ones(1), old, fixed, 30.0) + marginal_target(
            T, np.ones(1), new, fixed, 30.0
        )
        assert residual(z, T, old, new, np.array([0.93]), 30.0).item() == pytest.approx(0.3, abs=0.01)

    @pytest.mark.parametrize(("new", "before"), [(350.0, 0.9), (300.0, 0.9), (450.0, 0.0)])
    def test_without_a_gap_or_an_old_response_there_is_no_residual(self, new, before):
        z = np.ones((T.size, 1))
        assert np.isnan(residual(z, T, np.array([300.0]), np.array([new]), np.array([before]), 30.0)).item()

    @given(st.floats(-1, 1), st.floats(-1, 1).filter(lambda x: abs(x) > 0.1), st.floats(0, 1))
    def test_the_overshoot_is_relative_to_the_step_in_either_direction(self, start, step, beyond):
        path = start + step * np.array([0.1, 0.9, 1 + beyond, 1.0])
        assert overshoot(path, start, start + step) == pytest.approx(beyond, abs=1e-9)

    def test_a_monotonic_approach_does_not_overshoot_and_no_step_is_undefined(self):
        path = np.array([[0.1, 0.5], [0.6, 0.9], [0.8, 0.7]])
        np.testing.assert_allclose(overshoot(path, np.array([0.0, 0.71]), path[-1]), [0, np.nan])

    def test_savings_compare_with_the_first_time(self):
        assert savings(20, 5) == 0.75
        assert savings(5, 20) == -3
        assert np.isnan(savings(np.inf, 5))


class TestFreeRun:
    @settings(deadline=None, max_examples=20)
    @given(st.floats(4.2, 5.8), st.floats(0.1, 3), st.floats(-3, 3), st.floats(-2, 2))
    def test_a_sinusoid_near_the_target_is_recovered(self, f, size, phase, offset):
        t = np.arange(0, 3000.0, 4)
        fit = fit_sinusoid(size * np.sin(2 * np.pi * f * t / 1000 + phase) + offset, t, 5.0)
        assert fit.frequency_hz == pytest.approx(f, abs=1e-3)
        assert fit.amplitude == pytest.approx(size, rel=1e-3)
        assert fit.residual < 2e-3

    def test_drift_ruins_the_raw_error_and_not_the_fit(self):
        t = np.arange(0, 10_000.0, 5)
        signal = np.sin(2 * np.pi * 5.05 * t / 1000)
        assert rmse(signal, np.sin(2 * np.pi * 5 * t / 1000)) > 0.9
        assert fit_sinusoid(signal, t, 5.0).residual < 1e-3

    def test_noise_is_the_residual_and_a_flat_signal_has_no_amplitude(self):
        t = np.arange(0, 4000.0, 2)
        noisy = 2 * np.sin(2 * np.pi * 5 * t / 1000) + 0.2 * np.random.default_rng(0).standard_normal(t.size)
        assert fit_sinusoid(noisy, t, 5.0).residual == pytest.approx(0.1, rel=0.1)
        assert fit_sinusoid(np.zeros(t.size), t, 5.0).residual == np.inf
