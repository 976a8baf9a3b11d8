"""Angles, projections, nulls and ceilings on weights whose geometry is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewhen.analysis.geometry import nulls
from spikewhen.analysis.geometry.removal import removal_errors
from spikewhen.analysis.geometry.subspaces import (
    basis,
    duty_cycle_angle,
    leading,
    overlap,
    overlaps,
    principal_angles,
    project_out,
    random_angles,
    root,
)
from spikewhen.analysis.ridge import fit_ridge
from spikewhen.analysis.targets import bump

N = 12
RATE = nulls.WhatRate(0.3, 1e-4)
seeds = st.integers(0, 2**32 - 1)


def axes(*indices):
    """Weights along coordinate axes, with a bias that must not matter."""
    out = np.zeros((len(indices), N + 1))
    out[range(len(indices)), indices] = 1
    out[:, -1] = 7
    return out


def rows(rng, k=2):
    return rng.standard_normal((k, N + 1))


class TestAngles:
    def test_known_planes_have_known_angles(self):
        tilted = axes(0, 1)
        tilted[1, 2] = np.sqrt(3)
        np.testing.assert_allclose(principal_angles(axes(0, 1), tilted, bias=True), [0, 60], atol=1e-6)
        np.testing.assert_allclose(principal_angles(axes(0, 1), axes(2, 3), bias=True), [90, 90])

    @settings(deadline=None, max_examples=40)
    @given(seeds)
    def test_a_change_of_basis_or_sides_changes_nothing(self, seed):
        rng = np.random.default_rng(seed)
        a, b, mix = rows(rng), rows(rng), rng.standard_normal((2, 2)) + 3 * np.eye(2)
        found = principal_angles(a, b, bias=True)
        np.testing.assert_allclose(principal_angles(mix @ a, b, bias=True), found, atol=1e-5)
        np.testing.assert_allclose(principal_angles(b, a, bias=True), found, atol=1e-6)

    @settings(deadline=None, max_examples=40)
    @given(seeds)
    def test_a_rotation_of_both_changes_nothing(self, seed):
        rng = np.random.default_rng(seed)
        a, b = rows(rng), rows(rng)
        q = np.eye(N + 1)
        q[:N, :N] = np.linalg.qr(rng.standard_normal((N, N)))[0]
        turned = principal_angles(a @ q, b @ q, bias=True)
        np.testing.assert_allclose(turned, principal_angles(a, b, bias=True), atol=1e-5)

    def test_in_the_metric_of_the_activity_the_cosine_is_the_correlation_of_outputs(self):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((5000, N)) @ rng.standard_normal((N, N))
        a, b = rows(rng, 1), rows(rng, 1)
        r = np.corrcoef(x @ a[0, :-1], x @ b[0, :-1])[0, 1]
        angle = principal_angles(a, b, root(np.cov(x.T)), bias=True)
        assert np.cos(np.deg2rad(angle)).item() == pytest.approx(abs(r), abs=1e-9)

    def test_parallel_rows_make_a_line_and_zero_weights_nothing(self):
        line = np.outer([1.0, -2.0], np.arange(N + 1.0)).astype(np.float32)
        assert basis(line).shape[1] == 1
        assert principal_angles(np.zeros((2, N + 1)), axes(0)).size == 0
        assert random_angles(N, 1, 0, 3, np.random.default_rng(0)).shape == (3, 0)
        assert np.isnan(overlap(np.empty(0)))

    def test_every_column_counts_unless_the_last_is_called_a_bias(self):
        last = np.eye(N)[[-1]]
        np.testing.assert_allclose(principal_angles(last, last), [0], atol=1e-6)
        assert principal_angles(last, last, bias=True).size == 0
        rng = np.random.default_rng(0)
        a, b = rng.standard_normal((2, 2, N))
        padded = np.pad(np.stack([a, b]), ((0, 0), (0, 0), (0, 1)), constant_values=9)
        np.testing.assert_allclose(principal_angles(a, b), principal_angles(*padded, bias=True))
        np.testing.assert_allclose(project_out(a, b), project_out(*padded, bias=True)[:, :-1])

    @given(st.lists(st.floats(0, 90), min_size=1, max_size=3))
    def test_the_overlap_lies_between_orthogonal_and_contained(self, angles):
        assert 0 <= overlap(angles) <= 1
        assert overlap(0 * np.array(angles)) == 1
        assert overlap(0 * np.array(angles) + 90) == pytest.approx(0, abs=1e-12)

    @pytest.mark.parametrize("in_metric", [False, True])
    def test_many_pairs_at_once_overlap_as_each_does(self, in_metric):
        rng = np.random.default_rng(8)
        a, b = rng.standard_normal((6, 2, N + 1)), rng.standard_normal((6, 3, N + 1))
        a[1] = 0  # no readout
        b[2, 1:] = b[2, :1] * [[2.0], [0.0]]  # one direction in three rows
        b[3, :2] = a[3]  # one contains the other
        of_activity = root(np.cov(rng.standard_normal((N, 50)))) if in_metric else None
        each = [overlap(principal_angles(x, y, of_activity, bias=True)) for x, y in zip(a, b, strict=True)]
        assert np.isnan(each[1]) and each[3] == pytest.approx(1)
        np.testing.assert_allclose(overlaps(a, b, of_activity, bias=True), each, atol=1e-12)
        first = [overlap(principal_angles(leading(x), y)) for x, y in zip(a[2:], b[2:], strict=True)]
        np.testing.assert_allclose(overlaps(leading(a[2:]), b[2:]), first, atol=1e-12)


class TestProjection:
    @settings(deadline=None, max_examples=40)
    @given(seeds, st.booleans())
    def test_what_is_projected_out_is_orthogonal_in_the_metric(self, seed, euclidean):
        rng = np.random.default_rng(seed)
        a, b, x = rows(rng), rows(rng), rng.standard_normal((N, 2 * N))
        metric = None if euclidean else x @ x.T
        left = project_out(a, b, metric, bias=True)
        cross = left[:, :-1] @ (np.eye(N) if euclidean else metric) @ b[:, :-1].T
        np.testing.assert_allclose(cross, 0, atol=1e-8)
        np.testing.assert_allclose(project_out(left, b, metric, bias=True), left, atol=1e-9)

    def test_the_loss_is_what_the_shared_direction_carried(self):
        x = np.eye(N + 1)[:4]
        target = x @ axes(0, 1).T
        nothing = np.zeros((1, N + 1))
        errors = removal_errors(axes(0, 1), [nothing, axes(2, 3), axes(1)], x, target)
        np.testing.assert_allclose(errors, [0, 0, np.sqrt(0.5)], atol=1e-12)

    def test_nothing_to_project_out_loses_nothing(self):
        np.testing.assert_array_equal(project_out(axes(0, 1), np.zeros((2, N + 1))), axes(0, 1))


class TestNulls:
    def test_two_random_axes_in_a_thousand_dimensions_are_at_least_86_degrees_apart(self):
        angles = random_angles(1000, 1, 1, 1000, np.random.default_rng(0))
        assert 86 < np.quantile(angles, 0.05) < 87

    def test_weights_matched_to_three_dimensions_overlap_as_in_three(self):
        """The mean squared cosine of random axes is one over the dimension."""
        rng = np.random.default_rng(0)
        narrow = root(np.diag([1.0] * 3 + [1e-6] * 97))
        assert overlap(random_angles(100, 1, 1, 1000, rng, narrow)) == pytest.approx(1 / 3, abs=0.04)
        assert overlap(random_angles(100, 1, 1, 1000, rng)) == pytest.approx(1 / 100, abs=0.003)


class TestRefits:
    """Two cues with populations of their own, time cells beside them."""

    @staticmethod
    def activity(n=40, noise=0.05, seed=0):
        rng = np.random.default_rng(seed)
        t = np.arange(10.0, 1001.0, 20.0)
        cue = rng.integers(0, 2, n)
        identity = np.eye(2)[cue][:, None, :] * np.exp(-t / 300)[:, None]
        cells = np.broadcast_to(bump(t[:, None], np.linspace(0, 1000, 30), 50.0), (n, t.size, 30))
        x = np.concatenate([identity, cells, np.full((n, t.size, 1), 0.05)], axis=2)
        x = x + noise * rng.standard_normal(x.shape)
        target = np.stack([bump(t[:, None], np.array([300.0, 600.0]), 30.0)] * n)
        return t, x, target, x[:, t <= 150].mean(1), np.eye(2)[cue]

    def test_the_delta_rule_learns_which_cue_it_is(self):
        _, _, _, means, outcome = self.activity(200)
        weights = nulls.fit_what(means, outcome, RATE)
        np.testing.assert_allclose((means @ weights.T)[-20:], outcome[-20:], atol=0.2)

    def test_ridge_learns_the_bumps_and_held_out_trials_choose_the_penalty(self):
        _, x, target, _, _ = self.activity(noise=0.01)
        fit = fit_ridge(x, target)
        assert np.sqrt(np.mean((x @ fit.weights.T - target) ** 2)) < 0.05
        noise = np.random.default_rng(0).standard_normal(target.shape)
        assert fit_ridge(x, noise).penalty >= 1 > fit.penalty
        np.testing.assert_allclose(nulls.fit_when(x, target, fit.penalty), fit.weights)

    @staticmethod
    def chance(x, target, means, outcome, penalty, draws, seed=0):
        rng = np.random.default_rng(seed)
        when = nulls.shifted_when(x, target, penalty, draws, rng)
        return nulls.Refits(nulls.permuted_what(means, outcome, RATE, draws, rng), when).overlaps()

    def test_chance_is_centred_on_refits_and_the_ceiling_is_above_it(self):
        _, x, target, means, outcome = self.activity()
        chance = self.chance(x, target, means, outcome, 1e-3, 20)
        again = nulls.ceiling_of_when(x, target, 1e-3, np.random.default_rng(0))
        assert chance.shape == (20,)
        assert 0 <= chance.min() <= chance.max() < again.min() <= 1
        same = nulls.ceiling_of_what(means, outcome, RATE, np.random.default_rng(0))
        assert chance.max() < same.min() <= same.max() <= 1

    @pytest.mark.parametrize(("n", "ways"), [(20, 10), (6, 10), (5, 3), (4, 3), (3, 1), (2, 1)])
    def test_every_halving_uses_all_trials_and_leaves_no_half_empty(self, n, ways):
        groups, found = nulls.halvings(n, np.random.default_rng(0))
        assert sorted(np.concatenate(groups)) == list(range(n)) and len(found) == ways
        for way in found:
            assert sorted(way[0] + way[1]) == list(range(len(groups)))
            assert all(sum(groups[g].size for g in half) for half in way)

    def test_the_null_shifts_the_targets(self):
        """One cell per time, what along the cell of the target's time: contained, unless shifted."""
        n_times, at = 25, 10
        x = np.tile(np.eye(n_times, n_times + 1), (6, 1, 1))
        target = np.tile(np.eye(n_times)[:, [at]], (6, 1, 1))
        chance = self.chance(x, target, x[:, at], np.ones((6, 1)), 1e-9, 20)
        np.testing.assert_allclose(chance, 0, atol=1e-9)

    def test_each_shift_is_the_fit_to_its_shifted_targets(self):
        _, x, target, _, _ = self.activity(10)
        found = nulls.shifted_when(x, target, 1e-3, 8, np.random.default_rng(3))
        shifts = np.random.default_rng(3).integers(1, target.shape[1], 8)
        for weights, shift in zip(found, shifts, strict=True):
            wanted = nulls.fit_when(x, np.roll(target, shift, axis=1), 1e-3)
            np.testing.assert_allclose(weights, wanted, atol=1e-8)

    def test_the_null_permutes_the_outcomes(self):
        """Two cells, one per cue; when and what read the first one, until outcomes are permuted."""
        cue = np.arange(40) % 2
        means = np.eye(2, 3)[cue]
        x, outcome = np.repeat(means[:, None], 5, axis=1), (cue == 0)[:, None].astype(float)
        target = np.repeat(outcome[:, None], 5, axis=1)
        chance = self.chance(x, target, means, outcome, 1e-9, 20)
        assert 0.3 < chance.mean() < 0.7

    def test_the_null_changes_with_its_draws_and_keeps_its_seed(self):
        _, x, target, means, outcome = self.activity(20)
        one, two = (self.chance(x, target, means, outcome, 1e-3, 4, 1) for _ in "ab")
        np.testing.assert_array_equal(one, two)
        assert np.ptp(one) > 0


class TestDutyCycle:
    def test_one_bump_follows_the_closed_form(self):
        t = np.arange(1.0, 1001.0)
        expected = np.rad2deg(np.arccos(np.sqrt(2 * np.sqrt(np.pi) * 30 / 1000)))
        assert duty_cycle_angle(bump(t, 500.0, 30.0)[:, None]) == pytest.approx(expected, abs=0.01)

    def test_it_predicts_the_angle_of_a_constant_what_and_a_perfect_when(self):
        """Cells of which one is constant: V along it, W exact by least squares."""
        rng = np.random.default_rng(0)
        t = np.arange(1.0, 1001.0, 5.0)
        s = bump(t[:, None], np.array([300.0, 600.0]), 30.0)
        x = np.column_stack([np.ones_like(t), s @ rng.standard_normal((2, 5)) + 0.3])
        what, when = np.zeros((1, 7)), np.zeros((2, 7))
        what[0, 0] = 1
        when[:, :-1] = np.linalg.lstsq(x, s, rcond=None)[0].T
        found = principal_angles(what, when, root(x.T @ x), bias=True)
        assert found[0] == pytest.approx(duty_cycle_angle(s), abs=1e-4)
