"""Selectivity, lesions, components, dissociation and composition on populations that are known."""

import numpy as np
import pytest

from spikewhen.analysis import transfer
from spikewhen.analysis.geometry import components, lesions, removal, selectivity
from spikewhen.analysis.geometry.activity import Activity
from spikewhen.analysis.geometry.nulls import Refits
from spikewhen.analysis.targets import bump

N = 30


def along(*cells):
    """Weights of one channel per cell, on that cell alone."""
    out = np.zeros((len(cells), N + 1))
    out[range(len(cells)), cells] = 1
    return out


class TestDissociation:
    """Cells 0, 1 carry the bumps, cell 5 the probability; nothing else is active but noise."""

    t = np.arange(10.0, 1001.0, 10.0)
    target = np.tile(bump(t[:, None], np.array([300.0, 600.0]), 30.0), (8, 1, 1))

    def judge(self, what, when, draws=20):
        rng = np.random.default_rng(0)
        x = 0.01 * rng.standard_normal((8, self.t.size, N + 1))
        x[..., :2] += self.target
        x[:, self.t <= 150, 5] += 1
        broken = Refits(*rng.standard_normal((2, draws, 2, N + 1)))
        p = np.tile([0.8, 0.2], (8, 1))
        probes = Activity(self.t, x, self.target, np.zeros_like(p), p)
        return removal.dissociate(
            what, when, probes, (0.0, 150.0), broken, np.eye(N), draws, np.random.default_rng(1)
        )

    def test_separate_readouts_lose_their_own_directions_only(self):
        found = self.judge(np.array([[0.8], [0.2]]) * along(5), along(0, 1))
        for loss in found:
            assert loss.intact < 0.1
            assert loss.own == pytest.approx(1, abs=0.15)
            assert abs(loss.other) < 0.02
            assert 0 < loss.uniform < 0.3

    def test_a_shared_direction_is_lost_by_both(self):
        found = self.judge(np.array([[0.8], [0.2]]) * along(5) + 5 * along(0, 1), along(0, 1))
        assert found.when.other > 0.9

    def test_a_readout_that_is_removed_leaves_its_bias(self):
        w = along(0)
        w[:, -1] = 1
        x = np.ones((4, N + 1))
        errors = removal.removal_errors(w, [w, np.zeros((1, N + 1))], x, np.ones((4, 1)))
        np.testing.assert_allclose(errors, [0, 1])


class TestComponents:
    """A grid in which V goes with p and W with latency, or everything with noise."""

    p, latency = (a.ravel() for a in np.meshgrid([0.2, 0.4, 0.6, 0.8], [250.0, 350.0, 450.0], indexing="ij"))

    def vectors(self, noise=0.05, unit=100.0):
        rng = np.random.default_rng(0)
        what = np.outer(self.p, rng.standard_normal(50)) * unit
        when = np.outer(self.latency, rng.standard_normal(60))
        extra = noise * rng.standard_normal((2, self.p.size, 50))
        return components.condition_vectors(what + extra[0] * unit, np.c_[when, 100 * extra[1]])

    def test_the_components_are_the_factors_in_any_unit(self):
        found = components.principal_components(self.vectors(unit=1e4), 2)
        np.testing.assert_allclose(
            found.explained, components.principal_components(self.vectors(unit=1e-4), 2).explained
        )
        rng = np.random.default_rng(1)
        shares = {
            name: [components.factor_share(s, f) for s in found.scores.T]
            for name, f in (("p", self.p), ("latency", self.latency))
        }
        first = int(np.argmax(shares["p"]))
        assert shares["p"][first] > 0.9 and shares["latency"][1 - first] > 0.9
        aligned = components.align(found.scores[:, first], self.p, 500, rng)
        assert aligned.rho > 0.9 and aligned.p < 0.01 and aligned.chance_95 < 0.8
        off = components.align(found.scores[:, first], self.latency, 500, rng)
        assert off.rho < 0.3 and off.p > 0.2

    def test_scaling_gives_each_kind_the_same_variance(self):
        v = self.vectors()
        np.testing.assert_allclose((v[:, :50] ** 2).sum(), (v[:, 50:] ** 2).sum())

    def test_rank_correlation_is_scipys(self):
        from scipy.stats import spearmanr

        rng = np.random.default_rng(0)
        a, b = rng.integers(0, 4, 20), rng.standard_normal(20)
        assert components.rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)

    def test_chance_covers_labels_that_mean_nothing(self):
        rng = np.random.default_rng(0)
        found = [components.align(rng.standard_normal(12), self.p, 200, rng) for _ in range(100)]
        assert 0.01 <= np.mean([f.p <= 0.05 for f in found]) <= 0.1
        assert np.mean([f.rho for f in found]) == pytest.approx(np.mean([f.chance for f in found]), abs=0.05)

    def test_a_path_starts_at_zero_and_ends_at_one(self):
        a, b = np.zeros(3), np.array([1.0, 2.0, 2.0])
        sideways = np.array([0.0, 1.0, -1.0])
        np.testing.assert_allclose(
            components.position_along(np.array([a, 0.5 * b + sideways, b]), a, b), [0, 0.5, 1]
        )


class TestSelectivity:
    def activity(self, cells_with_label, n=60, bins=10, seed=0):
        rng = np.random.default_rng(seed)
        labels = np.arange(n) % 2
        x = rng.standard_normal((n, bins, 100))
        x[:, 3, :cells_with_label] += 2.0 * labels[:, None]
        return x, labels

    def test_cells_that_carry_the_label_are_found_and_the_rest_at_chance(self):
        x, labels = self.activity(30)
        found = selectivity.label_selectivity(x, labels, 100, np.random.default_rng(1))
        assert found.cells[:30].all()
        assert found.cells[30:].mean() < 0.15
        assert found.chance < 0.15

    def test_cells_that_follow_time_are_found(self):
        x, _ = self.activity(0)
        x[..., :20] += 2 * bump(np.arange(10.0)[:, None], np.linspace(0, 9, 20), 1.0)
        found = selectivity.time_selectivity(x, 100, np.random.default_rng(1))
        assert found.cells[:20].mean() > 0.9
        assert found.cells[20:].mean() < 0.15

    def test_readouts_that_share_cells_are_told_from_those_that_do_not(self):
        rng = np.random.default_rng(0)
        a, b = np.abs(rng.standard_normal((2, 500)))
        same = selectivity.shared_cells(a, a + 0.1 * b, 200, rng)
        apart = selectivity.shared_cells(a, b, 200, rng)
        assert same.correlation > 0.9 and same.top > 0.7 and same.top_p < 0.01
        assert abs(apart.correlation) < apart.correlation_chance_95 + 0.05
        assert apart.top_chance == pytest.approx(0.1, abs=0.02) and apart.top < 0.3

    def test_effective_cells_counts_them(self):
        assert selectivity.effective_cells(along(3)) == 1
        assert selectivity.effective_cells(along(3, 4, 5)) == pytest.approx(3)
        assert selectivity.effective_cells(along(3) * 2 + along(4)) == pytest.approx(25 / 17)
        assert np.isnan(selectivity.effective_cells(np.zeros((1, N + 1))))

    def test_both_is_held_against_independence(self):
        a, b = np.arange(100) < 40, np.arange(100) % 2 == 0
        assert selectivity.mixed(a, b) == {"first": 0.4, "second": 0.5, "both": 0.2, "both_independent": 0.2}

    def test_bins_average_time(self):
        x = np.arange(12.0).reshape(1, 6, 2)
        np.testing.assert_array_equal(selectivity.binned(x, 3)[0, :, 0], [1, 5, 9])


class TestLesions:
    t = np.arange(10.0, 1001.0, 10.0)

    def probes(self, seed=0):
        rng = np.random.default_rng(seed)
        latency = np.tile([300.0, 600.0], (6, 1))
        s = bump(self.t[:, None], latency[:, None], 30.0)
        x = 0.01 * rng.standard_normal((6, self.t.size, N + 1))
        x[..., :2] += s
        means = np.zeros((6, N + 1))
        means[:, 5] = 1
        p = np.tile([0.8, 0.2], (6, 1))
        return lesions.Probes(x, means, p[:, None] * s, p, latency, self.t)

    def test_a_lesion_costs_what_the_cells_carried(self):
        probes = self.probes()
        what, when = np.array([[0.8], [0.2]]) * along(5), along(0, 1)
        intact = lesions.probe_readout(what, when, probes)
        assert intact.error < 0.15 and intact.timing_ms < 10 and intact.p_error == pytest.approx(0)
        no_cells = np.zeros(N, bool)
        assert lesions.probe_readout(lesions.without(what, no_cells), when, probes) == intact
        blind = lesions.probe_readout(what, lesions.without(when, np.arange(N) == 0), probes)
        assert blind.error > 0.9 and blind.p_error == intact.p_error
        mute = lesions.probe_readout(lesions.without(what, np.arange(N) == 5), when, probes)
        assert mute.error == 1 and mute.p_error == pytest.approx(0.5) and np.isnan(mute.timing_ms)

    def test_a_refit_uses_the_cells_that_remain(self):
        probes = self.probes()
        x = probes.features.reshape(-1, N + 1)
        x = np.c_[x[:, :-1], np.ones(len(x))]
        s = (probes.target / probes.probability[:, None]).reshape(len(x), 2)
        x[:, 10:12] = x[:, :2]  # two cells that know the same
        lost = np.arange(N) < 2
        w = lesions.refit_without(x.T @ x, x.T @ s, 1e-6, lost)
        assert not w[:, :2].any()
        assert np.sqrt(np.mean((x @ w.T - s) ** 2)) < 0.02
        w = lesions.refit_without(x.T @ x, x.T @ s, 1e-6, lost | (np.arange(N) // 2 == 5))
        assert np.sqrt(np.mean((x @ w.T - s) ** 2)) > 0.1

    def test_controls_match_what_they_say(self):
        rng = np.random.default_rng(0)
        rate = rng.exponential(5, 1000)
        cells = rate > 8
        assert lesions.same_number(cells, rng).sum() == cells.sum()
        control = lesions.same_rate(cells, rate, rng)
        assert rate[control].sum() == pytest.approx(rate[cells].sum(), rel=0.02)
        assert control.sum() > cells.sum()
        assert (~lesions.keep_random(1000, 100, rng)).sum() == 100

    def test_thirds_are_ordered_and_leave_out_what_has_no_value(self):
        values = np.array([3.0, np.nan, 1.0, 2.0, 5.0, 4.0, 6.0])
        low, middle, high = lesions.split_in_thirds(values)
        assert [sorted(values[m]) for m in (low, middle, high)] == [[1, 2], [3, 4], [5, 6]]


class TestTransfer:
    """Perfect readouts of each condition on a 2 x 2 grid."""

    t = np.arange(10.0, 1001.0, 10.0)

    def grid(self):
        p = np.array([[0.8, 0.2], [0.8, 0.2], [0.2, 0.8], [0.2, 0.8]])
        latency = np.array([[300.0, 600.0], [450.0, 750.0]] * 2)
        s = bump(self.t[:, None], latency[:, None], 30.0)
        target = p[:, None] * s
        y, merged = (np.repeat(a[:, None], 3, axis=1) for a in (s, target))
        return y, np.repeat(p[:, None], 3, axis=1), merged, p, latency, target, self.t

    def test_perfect_parts_compose_and_whole_readouts_do_not(self):
        found = transfer.transfer(*self.grid())
        for name in ("direct", "composed", "merged_direct", "merged_known", "merged_best"):
            np.testing.assert_allclose(getattr(found, name), 0, atol=1e-12)
        np.testing.assert_allclose(found.merged_as_is, np.sqrt(2 * 0.36 / 0.68))
        np.testing.assert_allclose(found.wrong_what, found.merged_as_is)
        assert found.wrong_when.min() > 1

    def test_a_part_that_knows_its_partner_does_not_compose(self):
        y, p_hat, *rest = self.grid()
        y = y * np.array([1, 0.5, 0.2, 1])[:, None, None, None]
        found = transfer.transfer(y, p_hat, *rest)
        assert found.composed[0] == pytest.approx(0.8)

    def test_the_best_gain_is_the_regression(self):
        z = np.random.default_rng(0).standard_normal((3, 5, 2))
        np.testing.assert_allclose(transfer.best_gain(z, z * [2.0, -1.0]), [2, 0])

    def test_moved_is_relative_to_what_was(self):
        before = np.array([[3.0, 4.0], [0.0, 0.0]])
        np.testing.assert_allclose(transfer.relative_change(before, before * 1.1, (1,)), [0.1, np.nan])
