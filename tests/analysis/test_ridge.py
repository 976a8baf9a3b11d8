"""Ridge regression with all its penalties at once equals the plain solution of each."""

from __future__ import annotations

import numpy as np
import pytest

from spikewhen.analysis.ridge import PENALTIES, _solve_all, fit_ridge, solve_ridge


def sums(n: int, m: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return X^T X and X^T Y of n samples whose features differ in size by a factor of 1,000."""
    rng = np.random.default_rng(n + m + k)
    x = rng.standard_normal((n, m)) * np.logspace(0, -3, m)
    return x.T @ x, x.T @ rng.standard_normal((n, k))


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize(("n", "m"), [(9, 1), (9, 2), (9, 3), (200, 40), (20, 40), (300, 130)])
def test_every_penalty_has_the_plain_solution(n, m, k):
    gram, cross = sums(n, m, k)
    found = _solve_all(gram, cross, PENALTIES)
    assert found.shape == (len(PENALTIES), k, m)
    for weights, penalty in zip(found, PENALTIES, strict=True):
        plain = solve_ridge(gram, cross, penalty)
        np.testing.assert_allclose(weights, plain, atol=1e-6 * np.abs(plain).max(), rtol=0)


def test_silent_features_get_no_weight():
    assert not _solve_all(np.zeros((6, 6)), np.zeros((6, 2)), PENALTIES).any()
    gram, cross = sums(50, 6, 2)
    gram[2], gram[:, 2], cross[2] = 0, 0, 0  # one cell is silent
    weights = _solve_all(gram, cross, PENALTIES)
    assert np.abs(weights[:, :, 2]).max() < 1e-6 * np.abs(weights).max()


def test_the_penalty_is_the_one_with_the_least_error_on_trials_left_out():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((15, 7, 30))
    y = x[:, :, :2] + rng.standard_normal((15, 7, 2))

    def loss(penalty: float) -> float:
        total = 0.0
        for f in range(5):
            kept = np.arange(15) % 5 != f
            a, b = x[kept].reshape(-1, 30), y[kept].reshape(-1, 2)
            w = solve_ridge(a.T @ a, a.T @ b, penalty)
            total += np.sum((x[~kept] @ w.T - y[~kept]) ** 2)
        return total

    assert fit_ridge(x, y).penalty == min(PENALTIES, key=loss)


def test_numbers_that_are_not_finite_are_refused():
    x = np.ones((6, 3, 4))
    x[2, 1, 3] = np.nan
    with pytest.raises(ValueError, match="infs or NaNs"):
        fit_ridge(x, np.ones((6, 3, 1)))
