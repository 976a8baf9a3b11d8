"""Ready-set-go: how far Bayesian estimators regress to the middle of their prior."""

import numpy as np
import pytest

from spikewhen.analysis.interval_estimators import estimate, regression
from spikewhen.reservoir.errors import InputError

PRIORS = {(494, 847): 11, (671, 1023): 11, (847, 1200): 11, (480, 800): 5, (800, 1200): 5}
"""Ends in ms, and how many intervals are shown."""

SLOPES = {
    (494, 847): ((0.888, 0.958), (0.699, 0.890), (0.510, 0.806)),
    (671, 1023): ((0.842, 0.943), (0.594, 0.849), (0.393, 0.741)),
    (847, 1200): ((0.793, 0.927), (0.502, 0.806), (0.308, 0.679)),
    (480, 800): ((0.851, None), (0.661, None), (0.476, None)),
    (800, 1200): ((0.806, None), (0.564, None), (0.370, None)),
}
"""By prior, and Weber fractions of .05, .10, .15: Bayes least squares, maximum a posteriori."""

INDIFFERENCE = {(494, 847): 668, (671, 1023): 846, (847, 1200): 1023, (480, 800): 636, (800, 1200): 998}


def shown(prior):
    return np.linspace(*prior, PRIORS[prior])


@pytest.mark.parametrize("prior", SLOPES)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_slopes_of_the_mean_estimate(prior, place):
    weber = (0.05, 0.10, 0.15)[place]
    for kind, wanted in zip(("bls", "map"), SLOPES[prior][place], strict=True):
        if wanted is not None:
            found = regression(*prior, weber, kind, shown(prior)).slope
            assert found == pytest.approx(wanted, abs=0.002), kind


@pytest.mark.parametrize("prior", INDIFFERENCE)
def test_the_interval_that_is_estimated_right(prior):
    found = regression(*prior, 0.10, "bls", shown(prior)).indifference_ms
    assert found == pytest.approx(INDIFFERENCE[prior], abs=1.0)


@pytest.mark.parametrize(("weber", "slope"), [(0.05, 0.998), (0.10, 0.990), (0.15, 0.978)])
def test_the_likeliest_interval_hardly_regresses(weber, slope):
    for prior in PRIORS:
        assert regression(*prior, weber, "ml", shown(prior)).slope == pytest.approx(slope, abs=0.002)


@pytest.mark.parametrize(
    ("prior", "slope"), [((494, 847), 0.755), ((671, 1023), 0.660), ((847, 1200), 0.570)]
)
def test_the_estimator_at_a_noiseless_sample_is_steeper(prior, slope):
    t = shown(prior)
    found = np.polyfit(t, estimate(t, *prior, 0.10, "bls"), 1)[0]
    assert found == pytest.approx(slope, abs=0.002)


@pytest.mark.parametrize(
    ("change", "where"),
    [(dict(kind="mean"), "kind"), (dict(low_ms=900.0), "low_ms"), (dict(weber=0.0), "weber")],
)
def test_a_mistake_is_named(change, where):
    values = dict(sample_ms=600.0, low_ms=494.0, high_ms=847.0, weber=0.1, kind="bls")
    with pytest.raises(InputError, match=where):
        estimate(**{**values, **change})
