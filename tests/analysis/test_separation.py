"""The geometry of one block: what is measured, beside chance and ceiling."""

import numpy as np
import pytest

from spikewhen.analysis.geometry import nulls as refits
from spikewhen.analysis.geometry.overlap import BlockActivity
from spikewhen.analysis.geometry.separation import separation, window_means
from spikewhen.analysis.geometry.subspaces import leading
from spikewhen.analysis.targets import bump

WINDOW = (0.0, 150.0)
N_CELLS = 42


def activity(n=60, noise=0.05, seed=0):
    """Two cues with cells of their own, two event probabilities, time cells beside them."""
    rng = np.random.default_rng(seed)
    t = np.arange(-40.0, 1001.0, 20.0)
    cue = rng.integers(0, 2, n)
    x = noise * rng.standard_normal((n, t.size, N_CELLS + 1))
    x[..., :2] += np.eye(2)[cue][:, None, :] * (np.exp(-t / 300) * (t >= 0))[:, None]
    x[..., 2:32] += bump(t[:, None], np.linspace(200, 1000, 30), 50.0)
    x[..., -1] = 0.05
    bumps = np.tile(bump(t[:, None], np.array([300.0, 600.0]), 30.0), (n, 1, 1))
    p = np.array([[0.8, 0.2], [0.2, 0.8]])[cue]
    outcome = np.eye(2)[(rng.random(n) > p[:, 0]).astype(int)]
    return BlockActivity(0, t, x, bumps, outcome, p)


@pytest.fixture(scope="module")
def found():
    a = activity()
    means = window_means(a.features, a.time_ms, WINDOW)
    after = a.time_ms >= 0
    what = refits.fit_what(np.tile(means, (20, 1)), np.tile(a.probability, (20, 1)), eta=0.3)
    when = refits.fit_when(a.features[:, after], a.bumps[:, after], 1e-3)
    other = activity(20, seed=1)
    test = other.features, other.bumps, other.probability
    return separation(what, when, a, WINDOW, test, seed=0, draws=20, halves=10), a


def test_separate_populations_dissociate(found):
    measures, _ = found
    for part in ("when", "what"):
        assert measures[f"{part}_intact"] < 0.3
        assert measures[f"{part}_own"] > 0.6
        assert abs(measures[f"{part}_other"]) < 0.1
    assert measures["overlap"] < 0.05 < 0.5 < min(measures["ceiling_what"], measures["ceiling_when"])


def test_ceilings_are_those_of_refits_to_halves(found):
    """The Gram matrix of one half is taken from that of all; refits to trials know nothing of that."""
    measures, a = found
    x, target = (v[:, a.time_ms >= 0] for v in (a.features, a.bumps))
    rng = np.random.default_rng(5)
    again = refits.split_half(
        lambda rows: refits.fit_when(x[rows], target[rows], measures["penalty"]), len(x), 30, rng
    )
    assert measures["ceiling_when"] == pytest.approx(again.mean(), abs=0.02)
    assert 0 < again.mean() < 1


def test_the_same_seed_gives_the_same_numbers_and_a_given_penalty_is_kept(found):
    _, a = found
    test = a.features, a.bumps, a.probability
    w = np.random.default_rng(0).standard_normal((2, 2, N_CELLS + 1))
    one, two = (separation(*w, a, WINDOW, test, seed=3, draws=3, halves=1, penalty=1e-2) for _ in range(2))
    assert one == two and one["penalty"] == 1e-2


def test_the_leading_direction_is_the_largest_and_has_no_bias():
    rng = np.random.default_rng(0)
    axis = np.zeros(9)
    axis[3], axis[-1] = 2.0, 5.0
    weights = np.outer([1.0, -1.0], axis) + 0.01 * rng.standard_normal((2, 9))
    assert abs(leading(weights)[0, 3]) > 0.99
    assert leading(weights)[0, -1] == 0
