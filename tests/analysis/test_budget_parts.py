"""The noise budget finds the parts of errors that were put together from known ones."""

import numpy as np
import pytest

from spikewhen.analysis.noise_budget import (
    components,
    error_budget,
    mean_of_budgets,
    participation_ratio,
    reliability,
    shared_reliability,
)
from spikewhen.reservoir.errors import InputError

H, G, R, T, K = 8, 5, 6, 300, 2
PARTS = dict(state=0.5, interval=0.3, noise=0.8, together=0.4, all_three=0.6)
"""Standard deviations of the parts."""


def made_up(rng, bias=0.5):
    """Outputs that are the sum of independent parts; returns them and their target."""
    target = rng.random((T, K)) + 1

    def part(name, *shape):
        return PARTS[name] * rng.standard_normal((*shape, T, K))

    y = target + bias + part("state", H, 1, 1) + part("interval", 1, G, 1) + part("noise", 1, 1, R)
    return y + part("together", H, 1, R) + part("all_three", H, G, R), target


def test_parts_of_known_size_are_found():
    y, target = made_up(np.random.default_rng(0))
    found, scale = error_budget(y, target), (target**2).mean()
    for name in ("state", "interval", "noise"):
        assert getattr(found, name) == pytest.approx(PARTS[name] ** 2 / scale, rel=0.12), name
    both = PARTS["together"] ** 2 + PARTS["all_three"] ** 2
    assert found.interaction == pytest.approx(both / scale, rel=0.06)
    assert found.bias == pytest.approx(0.25 / scale, rel=0.2)


def test_the_parts_add_up_to_the_measured_error():
    rng = np.random.default_rng(1)
    for shape in ((H, G, R), (H, 1, R), (1, 1, R), (2, 2, 2), (1, 1, 1)):
        y, target = rng.standard_normal((*shape, 7, K)), 1 + rng.random((7, K))
        found = error_budget(y, target)
        assert sum(found[:-1]) == pytest.approx(found.total)
        assert found.total == pytest.approx(((y - target) ** 2).mean() / (target**2).mean())


def test_the_estimates_have_no_bias_however_few_runs_there_are():
    rng, t, parts = np.random.default_rng(2), 4000, []
    for _ in range(20):
        y = 1 + rng.standard_normal((2, 1, 1, t, 1)) + 2 * rng.standard_normal((1, 1, 3, t, 1))
        parts.append(error_budget(y, np.ones((t, 1))))
    found = mean_of_budgets(parts)
    np.testing.assert_allclose([found.state, found.noise], [1, 4], rtol=0.05)
    np.testing.assert_allclose([found.bias, found.interval, found.interaction], 0, atol=0.05)


def test_a_factor_of_one_level_adds_nothing():
    found = components(np.random.default_rng(3).standard_normal((4, 1, 3, 2)), 3)
    assert len(found) == 7 and all(v.shape == (2,) for v in found.values())
    for some, variance in found.items():
        assert (1 in some) == (not variance.any())


def test_what_does_not_fit_is_refused():
    y = np.zeros((2, 2, 2, 5, 1))
    with pytest.raises(InputError, match="output"):
        error_budget(y, np.ones((4, 1)))
    with pytest.raises(InputError, match="target"):
        error_budget(y, np.zeros((5, 1)))


def test_the_dimension_of_equal_directions_is_their_number():
    t = np.arange(200) / 200
    waves = np.stack([f(2 * np.pi * k * t) for k in (1, 2, 3) for f in (np.sin, np.cos)], axis=1)
    mixed = waves @ np.linalg.qr(np.random.default_rng(4).standard_normal((50, 50)))[0][:6]
    assert participation_ratio(waves) == pytest.approx(6)
    assert participation_ratio(mixed + 3) == pytest.approx(6)
    assert participation_ratio(mixed[:, :3].T @ mixed) <= 3
    assert participation_ratio(np.ones((10, 4))) == 0


def test_the_reliability_of_a_feature_is_its_share_of_signal():
    rng, runs, t = np.random.default_rng(5), 12, 400
    signal = np.sin(np.arange(t) / 7)[:, None] * np.array([0.0, 1.0, 2.0, 1.0])
    noise = np.array([1.0, 1.0, 1.0, 0.0])
    x = signal + noise * rng.standard_normal((runs, t, 4))
    mean, variance = x.mean(axis=0), x.var(axis=0, ddof=1)
    share = signal.var(axis=0) / (signal.var(axis=0) + noise**2)
    np.testing.assert_allclose(reliability(mean, variance, runs), share, atol=0.02)
    together = signal.var(axis=0).sum() / (signal.var(axis=0) + noise**2).sum()
    assert shared_reliability(mean, variance, runs) == pytest.approx(together, abs=0.02)
    assert np.isnan(reliability(np.ones((t, 1)), np.zeros((t, 1)), 2)).all()
