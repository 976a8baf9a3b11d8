"""Selection of graded cells: as published on made-up responses, and at its level without any."""

import numpy as np
import pytest
from scipy import stats

from spikewhen.analysis.omission_cells import chance, responses, select, signed_rank, spearman
from spikewhen.analysis.score_omission import Stream, by_preference, graded

SHARE = np.array([0.75, 0.0, 0.95, 0.1, 0.2, 0.05, 0.9, 0.85])


def noise(n=300, m=25, seed=0):
    return np.random.default_rng(seed).normal(size=(n, SHARE.size, m))


def test_tests_are_those_of_scipy():
    rng = np.random.default_rng(1)
    x = rng.integers(-3, 4, (20, 100)).astype(float)  # many ties and zeros
    rank = rng.integers(0, 8, 100)
    r, p = spearman(x, rank)
    expected = [stats.spearmanr(row, rank) for row in x]
    np.testing.assert_allclose(r, [e.statistic for e in expected], rtol=1e-12)
    np.testing.assert_allclose(p, [e.pvalue for e in expected], rtol=1e-9)
    z = signed_rank(x)
    expected = [stats.wilcoxon(row, zero_method="wilcox", correction=False, method="asymptotic") for row in x]
    np.testing.assert_allclose(2 * stats.norm.sf(np.abs(z)), [e.pvalue for e in expected], rtol=1e-9)


def test_a_cell_that_never_answers_is_not_selected():
    x = np.zeros((2, SHARE.size, 25))
    assert not select(x, SHARE).selected.any() and not chance(x, SHARE, np.random.default_rng(0), 5).any()


@pytest.mark.parametrize("side", [1, -1])
def test_graded_cells_are_found_with_their_preferred_tone(side):
    x = noise() + 2 * (SHARE if side > 0 else 1 - SHARE)[:, None]
    found = select(x, SHARE)
    assert found.selected.mean() > 0.99 and (found.preferred == side).all()


def test_cells_without_an_answer_pass_as_rarely_as_two_tests_let_them():
    """5 % with an answer that is not graded; 1.2 % without, as both tests see the same odd trials."""
    x = noise(4000)
    assert select(x, SHARE).selected.mean() == pytest.approx(0.0122, abs=0.005)
    assert select(x + 1, SHARE).selected.mean() == pytest.approx(0.05, abs=0.012)


def test_exchanged_labels_keep_what_drifts_from_block_to_block():
    """Cells with a level of their own in each block pass more often; chance says so."""
    drift = np.random.default_rng(2).normal(size=(300, SHARE.size, 1))
    by_chance = chance(noise() + drift, SHARE, np.random.default_rng(0), 50)
    assert by_chance.mean() > 0.3 and select(noise() + drift, SHARE).selected.mean() < np.quantile(
        by_chance, 0.99
    )
    assert chance(noise(), SHARE, np.random.default_rng(0), 50).mean() < 0.02


def test_the_identity_among_the_exchanges_is_the_selection_itself():
    class Same:
        def permutation(self, x):
            return x

    x = noise() + 0.4 * SHARE[:, None]
    assert chance(x, SHARE, Same(), 1)[0] == select(x, SHARE).selected.mean()


def test_a_response_is_the_rate_after_the_onset_less_that_before():
    time = np.array([80.0, 100.0, 107.0, 150.0, 260.0, 310.0])
    cell = np.array([0, 1, 0, 0, 1, 1])
    found = responses(time, cell, 3, np.array([100.0, 250.0]))
    after, before = 1000 / 114, 1000 / 29
    np.testing.assert_allclose(found[0], [2 * after - before, 0])
    np.testing.assert_allclose(found[1], [-before, 2 * after])
    assert not found[2].any()


def test_even_trials_say_whether_selected_cells_are_graded_and_selective():
    rng, n = np.random.default_rng(3), 50
    block = np.repeat(np.arange(8), 4 * n)
    item = np.tile(np.repeat([-1, 0, 1, 1], n), 8)
    response = rng.normal(size=(200, block.size)) * 0.1
    response[:100] += (item < 0) * np.where(SHARE[block] > 0.5, SHARE[block], 0)
    response[:100] += (item == 1) * (1 - SHARE[block])
    stream = Stream(SHARE, item, block, response)
    found = select(stream.odd_omissions(), SHARE)
    assert found.selected[:100].all() and not found.selected[100:].all()
    said = graded(stream, found._replace(selected=np.arange(200) < 100))
    assert said["omission_rho"] > 0.8 and said["tone_rho"] < -0.8 and said["omission_selective"] > 0.8
    nothing = graded(stream, found._replace(selected=np.zeros(200, bool)))
    assert all(np.isnan(value) for value in nothing.values())


def test_sides_are_sorted_by_the_share_of_the_preferred_tone():
    values = np.stack([SHARE, 0.95 - SHARE])
    sorted_ = by_preference(values, SHARE, np.array([1, -1]))
    assert (np.diff(sorted_, axis=1) > 0).all()
