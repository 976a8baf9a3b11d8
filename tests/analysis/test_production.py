"""Intervals produced after set: crossings of half the peak, regression to the mean, misses."""

import numpy as np
import pytest
from planned import planned_run

from spikewhen.analysis.interval_estimators import estimate, regression
from spikewhen.analysis.score_production import produced, score_production
from spikewhen.paradigms.base import bump
from spikewhen.paradigms.ready_set_go import ReadySetGo
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

TIME = np.arange(-49.0, 1401.0)
TASK = ReadySetGo(trials_per_block=4, probes_every=4, probe_repeats=20)


def test_a_production_is_where_the_prediction_rises_above_half_of_its_mean_peak():
    set_ms = np.array([300.0, 400.0, 300.0])
    z = np.stack([bump(TIME, at, 30.0)[:, 0] for at in (600.0, 800.0, 650.0)])
    z[2] *= 0.3  # never reaches half of the mean peak
    crossing, peak = produced(z, TIME, set_ms, np.zeros(3, int))
    level = z.max(1).mean() / 2
    early = 30 * np.sqrt(-2 * np.log(level))
    np.testing.assert_allclose(crossing[:2], [300 - early, 400 - early], atol=0.01)
    assert peak[:2].tolist() == [300, 400] and np.isnan(crossing[2]) and np.isnan(peak[2])


def test_what_comes_before_set_and_after_the_end_does_not_count():
    z = bump(TIME, 100.0, 30.0)[:, 0] + bump(TIME, 600.0, 30.0)[:, 0]
    z[1200:] = np.nan
    crossing, peak = produced(z[None], TIME, np.array([300.0]), np.zeros(1, int))
    assert peak[0] == 300 and crossing[0] == pytest.approx(300 - 30 * np.sqrt(2 * np.log(2)), abs=0.1)


def made_up(slope, noise, seed=0):
    """A run whose predictions peak where an estimator of that slope says, with some noise."""
    session = TASK.plan(0, 1.0)
    interval, share = (session.blocks[name][0] for name in ("interval_ms", "p_interval"))
    rng = np.random.default_rng(seed)
    b, c = session.probes.block, session.probes.condition
    t = interval[b, c]
    middle = (interval * share).sum(1)[b]
    said = middle + slope * (t - middle) + noise * t * rng.standard_normal(t.size)
    z = bump(session.time_ms, t + said, 30.0).T[..., None]
    return score_production(planned_run(session, probes__y=z, probes__prediction=z))["local"]


@pytest.mark.parametrize("slope", [1.0, 0.6])
def test_the_slope_of_productions_is_found(slope):
    found = made_up(slope, 1e-6)
    np.testing.assert_allclose(found["production_slope"], slope, atol=0.01)
    np.testing.assert_allclose(found["production_slope_peak"], slope, atol=0.01)
    assert not found["production_missed"].any() and (found["production_cv"] < 1e-3).all()
    if slope < 1:
        np.testing.assert_allclose(found["indifference_ms"], [320, 500], atol=1)


def test_noise_of_productions_says_how_far_an_ideal_observer_would_regress():
    found = made_up(1.0, 0.1)
    np.testing.assert_allclose(found["production_cv"], 0.1, atol=0.03)
    expected = regression(240, 400, float(found["production_cv"][0]), "bls", np.linspace(240, 400, 5)).slope
    assert found["production_slope_bls"][0] == pytest.approx(expected)
    assert found["production_slope_bls"][1] < 0.9


def test_scores_of_another_task_are_refused():
    session = TASK.plan(0, 1.0)
    z = np.zeros((session.probes.block.size, session.time_ms.size, 1))
    run = planned_run(session, probes__y=z, probes__prediction=z)
    del run.arrays[schema.block("p_interval")]
    with pytest.raises(InputError, match="p_interval"):
        score_production(run)


def test_the_mean_estimate_lies_between_the_ends_of_the_prior():
    t = np.linspace(240, 400, 5)
    assert np.all((estimate(t, 240, 400, 0.2, "bls") > 240) & (estimate(t, 240, 400, 0.2, "bls") < 400))
