"""Density, hazard and between: published values, what is taught on average, scores, the figure."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import spikewhen as sw
from spikewhen.analysis.calibration import fit_line
from spikewhen.analysis.expectations import (
    blurred_hazard,
    delivered_hazard,
    density_target,
    hazard_of_times,
    hazards,
    probability_blurred,
)
from spikewhen.analysis.figures import FIGURES
from spikewhen.analysis.figures.collisions import collisions
from spikewhen.analysis.figures.sheet import paper
from spikewhen.analysis.score_run import score_run
from spikewhen.analysis.score_times import reaction_times
from spikewhen.paradigms.event_times import Times
from spikewhen.paradigms.reward_timing import RewardTiming
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.network import NetworkSpec
from spikewhen.reservoir.rules import Gate, ThreeFactor, WhatReadout
from spikewhen.reservoir.rules.gate import TeachingSignal

TIMES, WEIGHTS = RewardTiming(scale=1.0).times().table(1.0)
DISTRIBUTIONS = {
    "uniform": ((0.061, 0.105, 0.400), (0.45, 0.98, 1.36, 1.62, 1.50)),
    "exponential": ((0.141, 0.146, 0.162), (0.94, 1.67, 1.75, 1.61, 1.26)),
    "flipped": ((0.018, 0.062, 0.607), (0.16, 0.48, 1.00, 1.54, 1.62)),
}
SHORT = RewardTiming(scale=0.1, trials_per_block=40, probes_every=20, probe_repeats=2, sigma_ms=10.0)


def test_the_hazard_of_the_reward_is_as_published():
    published = [0.0477, 0.0877, 0.1434, 0.2128, 0.2929, 0.3824, 0.4870, 0.6365, 1]
    assert_allclose(hazards(WEIGHTS), published, atol=6e-5)


@pytest.mark.parametrize("density", DISTRIBUTIONS)
def test_the_hazards_of_go_are_as_published(density):
    """Plain ones to their last digit; behind a clock of 26 % to what a grid of 10 ms gives."""
    times, weights = Times(density).table(1.0)
    plain, blurred = DISTRIBUTIONS[density]
    assert_allclose(hazards(weights, 10 / 11)[[0, 7, 14]], plain, atol=6e-4)
    grid, found = blurred_hazard(times, weights, 10 / 11, phi=0.26)
    assert_allclose(np.interp([400, 650, 900, 1150, 1400], grid, found), blurred, atol=0.03)


def test_a_clock_that_is_sharper_where_the_event_is_likely_keeps_the_order_of_the_density():
    times, weights = Times("exponential").table(1.0)
    assert (np.diff(probability_blurred(times, weights))[:10] < 0).all()


def test_targets_of_one_time_are_a_bump_that_ends_at_its_time():
    t = np.arange(1.0, 400)
    args = (t, np.array([0.7]), np.array([[200.0]]), np.array([[1.0]]), 30.0)
    whole = density_target(*args)[:, 0]
    assert whole.max() == pytest.approx(0.7)
    for target in (hazard_of_times, delivered_hazard):
        found = target(*args)[:, 0]
        assert_allclose(found[t <= 200], whole[t <= 200])
        assert not found[t > 200].any()


def test_the_hazard_counts_every_event_and_the_delivered_one_only_its_own():
    t = np.arange(1.0, 400)
    p, times = np.array([0.5, 0.5]), np.array([[100.0], [300.0]])
    args = (t, p, times, np.ones((2, 1)), 20.0)
    at = np.searchsorted(t, 290.0)
    assert density_target(*args)[at, 1] == pytest.approx(0.5 * np.exp(-0.125))
    assert hazard_of_times(*args)[at, 1] == pytest.approx(np.exp(-0.125))
    assert delivered_hazard(*args)[at, 1] == pytest.approx(0.5 * np.exp(-0.125))


CASES = {
    "factored, through": (dict(), True, density_target),
    "factored, stopped": (dict(stop_at_event=True), True, delivered_hazard),
    "merged, through": (dict(undelivered="zero"), False, density_target),
    "merged, stopped": (dict(undelivered="zero", stop_at_event=True), False, hazard_of_times),
}


@pytest.mark.parametrize("p", [1.0, 0.9])
@pytest.mark.parametrize("case", CASES)
def test_what_a_gate_teaches_on_average_without_any_network(case, p):
    """A readout with one feature per time learns the mean target where its gate is open: four cases."""
    options, factored, expected = CASES[case]
    gate, sigma = Gate(kind="epoch", **options), 100.0
    time = np.arange(10.0, 3000, 20)  # no step ends at a delay
    taught, heard = np.zeros(time.size), np.zeros(time.size)
    for delay, weight in [*zip(TIMES, p * WEIGHTS, strict=True), (np.nan, 1 - p)]:
        event = 0 if np.isfinite(delay) else -1
        bump = np.nan_to_num(np.exp(-((time[:, None] - delay) ** 2) / (2 * sigma**2)))
        target, open_ = gate.teach(TeachingSignal(time, bump, event, np.array([delay])))
        taught += weight * (open_ * target)[:, 0]
        heard += weight * open_[:, 0]
    learned = (p if factored else 1.0) * taught / np.where(heard > 1e-9, heard, np.inf)
    wanted = expected(time, np.array([p]), TIMES[None], WEIGHTS[None], sigma)[:, 0]
    assert_allclose(learned, wanted, atol=1e-9)


def test_published_slopes_of_the_four_cases():
    """Slope of 1 minus the expectation, per s, with bumps of half a step."""

    def slope(target, p):
        z = target(TIMES, np.array([p]), TIMES[None], WEIGHTS[None], 100.0)[:, 0]
        return float(fit_line(TIMES / 1000, 1 - z).slope)

    assert slope(density_target, 1.0) == pytest.approx(0, abs=1e-9)
    assert slope(delivered_hazard, 1.0) == pytest.approx(slope(hazard_of_times, 1.0))
    assert slope(delivered_hazard, 1.0) == pytest.approx(-0.534, abs=0.001)
    assert slope(delivered_hazard, 0.9) == pytest.approx(-0.481, abs=0.001)
    assert slope(hazard_of_times, 0.9) == pytest.approx(-0.199, abs=0.001)


def test_reaction_times_of_a_readout_that_follows_the_density_are_told_from_those_of_the_hazard():
    times, weights = (a[None, None] for a in Times("exponential", 400, 1400, 15).table(1.0))
    p = np.array([[0.9]])
    for target, first_wins in ((density_target, True), (hazard_of_times, False)):
        said = np.stack([target(times[0, 0], p[0], times[0], weights[0], 5.0)[:, 0]])[None]
        density, hazard = reaction_times(said, p, times, weights)
        assert (density > hazard).all() == first_wins
    nothing = reaction_times(np.zeros((1, 1, 2)), p, times[..., :2], weights[..., :2])
    assert np.isnan(nothing).all(), "too few times for a line"


@pytest.fixture(scope="module")
def run():
    """Two readouts of one short run: taught through the trial, and until the reward."""
    gates = {"local": Gate(kind="epoch"), "stopped": Gate(kind="epoch", stop_at_event=True)}
    what = WhatReadout(window_end_ms=100.0)
    experiment = sw.Experiment(
        network=NetworkSpec(n_neurons=60, out_degree=10),
        paradigm=SHORT,
        rules={label: ThreeFactor(gate=gate, what=what) for label, gate in gates.items()},
    )
    return sw.run(experiment, progress=False)


def test_every_readout_is_held_against_three_expectations(run):
    for label in ("local", "stopped"):
        s = run.scores(label)
        assert np.isfinite([s[f"error{name}"] for name in ("", "_hazard", "_delivered")]).all()
        assert s["block"].tolist() == [0, 0, 1, 1] and s["trial"].tolist() == [20, 40, 20, 40]
        assert s["slope_surprise"].shape == s["shape_density"].shape == (4, 1)
        np.testing.assert_allclose(s["error_hazard"][:2], s["error_delivered"][:2], rtol=1e-6)
        assert (np.abs(s["error_hazard"][2:] - s["error_delivered"][2:]) > 1e-3).all()


def test_a_run_without_the_tables_is_refused(run):
    without = {k: v for k, v in run.arrays.items() if k != schema.block("weights")}
    with pytest.raises(InputError, match="weights"):
        score_run(Recording(without, run.attrs))


def test_the_figure_shows_every_rule_and_block(run):
    module = FIGURES["event_times"]
    with paper():
        sheet = module.draw([run])
        assert collisions(sheet.figure) == []
    drawn = {(row["panel"], row["series"]) for row in sheet.rows}
    for panel in "abcd":
        assert {(panel, name) for name in ("density", "hazard", "delivered hazard", "prediction")} <= drawn
    assert "delivered hazard" in module.caption([run])


@pytest.mark.parametrize(
    ("study", "reaction_ms", "hazard", "density"),
    [("Trillenberg", (337, 274, 290), 0.986, 0.485), ("Salet", (361.8, 330.4, 328.9), 0.843, 0.216)],
)
def test_reaction_times_of_three_foreperiods_are_nearer_to_the_hazard(study, reaction_ms, hazard, density):
    """Foreperiods of 1.3, 1.95 and 2.6 s with weights 1:5:1 and one catch trial; r^2 of published means."""
    weights = np.array([1, 5, 1]) / 7
    found = [np.corrcoef(-u, reaction_ms)[0, 1] ** 2 for u in (hazards(weights, 7 / 8), weights)]
    assert found == pytest.approx([hazard, density], abs=0.001)
