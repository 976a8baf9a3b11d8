"""How often intervals cover what they are of: by simulation, at the numbers of seeds that people use."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from spikewhen.analysis.statistics import effect_size, fraction_interval, mean_interval, median_interval


def two_humps(share):
    """Return draws around 3 with a probability, else around -1."""

    def draw(rng, size):
        return np.where(rng.random(size) < share, 3.0, -1.0) + 0.5 * rng.standard_normal(size)

    return draw


SHAPES = {  # draws and their true mean
    "normal": (lambda rng, size: rng.standard_normal(size), 0.0),
    "exponential": (lambda rng, size: rng.exponential(1.0, size), 1.0),
    "lognormal, sigma 0.5": (lambda rng, size: rng.lognormal(0, 0.5, size), np.exp(0.125)),
    "lognormal, sigma 1": (lambda rng, size: rng.lognormal(0, 1, size), np.exp(0.5)),
    "t with 3 degrees": (lambda rng, size: rng.standard_t(3, size), 0.0),
    "two humps, equal": (two_humps(0.5), 1.0),
    "two humps, one seed in five": (two_humps(0.2), -0.2),
}

PAGE = (Path(__file__).resolve().parents[2] / "docs/statistics.md").read_text(encoding="utf-8")
SEEDS = 3, 5, 10, 20, 50


def covered(shape, n):
    """Return what the table of docs/statistics.md says, in percent."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {shape} |"))
    return float(row.split("|")[2 + SEEDS.index(n)])


def percent(shape, n, draws, interval=mean_interval):
    """Return how often an interval covers the true mean, in percent of many draws of n seeds."""
    draw, true = SHAPES[shape]
    found = [interval(x) for x in draw(np.random.default_rng(n), (draws, n))]
    return 100 * np.mean([i.low <= true <= i.high for i in found])


def slack(expected, draws):
    """Return 4 standard errors of a percentage."""
    return 4 * np.sqrt(expected * (100 - expected) / draws)


@pytest.mark.parametrize("n", [3, 10])
@pytest.mark.parametrize("shape", ["normal", "exponential", "lognormal, sigma 1"])
def test_the_mean_is_covered_as_often_as_the_docs_say(shape, n):
    expected = covered(shape, n)
    assert percent(shape, n, 1000) == pytest.approx(expected, abs=slack(expected, 1000))


@pytest.mark.long
@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_mean_is_covered_as_often_as_the_docs_say_in_many_draws(shape, n):
    expected = covered(shape, n)
    assert percent(shape, n, 10_000) == pytest.approx(expected, abs=slack(expected, 10_000))


@pytest.mark.parametrize("n", [6, 20])
def test_the_median_is_covered_at_every_shape(n):
    rng = np.random.default_rng(n)
    found = [median_interval(x) for x in rng.lognormal(0, 1, (200, n))]
    assert 100 * np.mean([i.low <= 1 <= i.high for i in found]) >= 95 - slack(95, 200)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_fraction_is_covered_at_every_share(share):
    for n in (3, 10, 20):
        found = [fraction_interval(np.arange(n) < k) for k in range(n + 1)]
        chance = binom.pmf(np.arange(n + 1), n, share)
        assert chance[[i.low <= share <= i.high for i in found]].sum() >= 0.95  # exactly, no draws


@pytest.mark.parametrize("d_z", [0.0, 1.0])
def test_an_effect_size_is_covered_where_differences_are_normal(d_z):
    found = [effect_size(x) for x in np.random.default_rng(5).normal(d_z, 1, (500, 8))]
    assert 100 * np.mean([e.low <= d_z <= e.high for e in found]) == pytest.approx(95, abs=slack(95, 500))
