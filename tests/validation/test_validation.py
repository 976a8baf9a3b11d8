"""The checks of `spikewhen validate`: that they measure what they say, and find planted faults."""

from __future__ import annotations

import json

import numpy as np
import pytest
import small
from lively import assert_same_bits, lively_network, small_grid, two_trials
from scipy.stats import kstest

from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.neurons import preset
from spikewhen.reservoir.noise import PURPOSE_MEMBRANE, draws
from spikewhen.validation import activity, cells, convergence, noise, oracle, small_meet, work_precision
from spikewhen.validation import run as command
from spikewhen.validation.draws import membrane_draws, unit_draws
from spikewhen.validation.equivalence import equivalence, ks_p
from spikewhen.validation.findings import CheckResult, Context
from spikewhen.validation.idiomatic import horizon_ms

# equivalence


def samples(difference, n=40, spread=0.2):
    rng = np.random.default_rng(3)
    seeds = rng.normal(10, 3, n)  # what both share
    return seeds + rng.normal(0, spread, n) + difference, seeds + rng.normal(0, spread, n)


def test_equal_means_are_equivalent_although_seeds_differ_by_far_more_than_the_margin():
    assert equivalence(*samples(0.0), margin=0.3).equivalent


@pytest.mark.parametrize("planted", [0.3, -0.3, 2.0])
def test_a_planted_difference_of_the_margin_is_not_equivalent(planted):
    found = equivalence(*samples(planted), margin=0.3)
    assert not found.equivalent
    assert found.low < planted < found.high


def test_few_or_noisy_seeds_show_no_equivalence_although_no_test_finds_a_difference():
    a, b = samples(0.0, n=4, spread=3.0)
    assert not equivalence(a, b, margin=0.3).equivalent
    assert ks_p(a, b) > 0.2


def test_undefined_values_are_never_equivalent():
    assert not equivalence([1.0, np.nan], [1.0, 1.0], 5.0).equivalent
    assert not equivalence([1.0], [1.0], 5.0).equivalent


def test_two_one_sided_tests_err_at_their_level():
    """Samples that differ by exactly the margin pass in 5 % of cases."""
    rng = np.random.default_rng(5)
    passed = [
        equivalence(rng.normal(1, 2, 30), rng.normal(0, 2, 30), margin=1.0).equivalent for _ in range(2000)
    ]
    assert 0.03 < np.mean(passed) < 0.07


# statistics of activity


def test_regular_cells_have_no_cv_and_poisson_cells_have_one():
    rng = np.random.default_rng(0)
    regular = np.arange(100.0, 100_000, 100.0)
    poisson = np.cumsum(rng.exponential(100.0, 1000))
    for times, cv in ((regular, 0.0), (poisson, 1.0)):
        both = np.sort(np.concatenate([times, times]))
        s = activity.statistics(both, np.tile([0, 1], times.size), 2, 0.0, float(times[-1]))
        assert s.cv == pytest.approx(cv, abs=0.08)
        assert s.rate_hz == pytest.approx(10, rel=0.1)
    assert s.correlation == pytest.approx(1.0)  # the same spikes twice


def test_independent_cells_do_not_correlate():
    rng = np.random.default_rng(1)
    times, cell = np.sort(rng.uniform(0, 60_000, 12_000)), rng.integers(0, 20, 12_000)
    assert abs(activity.statistics(times, cell, 20, 0.0, 60_000.0).correlation) < 0.02


def test_the_horizon_is_the_first_spike_that_only_one_has():
    a = oracle.Activity(np.array([3, 5, 9]), np.array([0, 1, 0]), {})
    assert horizon_ms(a, a) == np.inf
    assert horizon_ms(a, a._replace(spike_neuron=np.array([0, 2, 0]))) == pytest.approx(0.6)
    shorter = oracle.Activity(a.spike_step[:2], a.spike_neuron[:2], {})
    assert horizon_ms(a, shorter) == horizon_ms(shorter, a) == pytest.approx(1.0)


# single cells


@pytest.mark.parametrize("scheme", ["euler", "heun"])
def test_order_of_convergence_below_threshold(scheme):
    dt = convergence.DT_MS[:3]
    names, worst = convergence.errors("reference", scheme, dt)
    assert len(names) == worst.shape[1] == 10
    np.testing.assert_allclose(convergence.order(dt, worst), cells.ORDER[scheme], atol=0.2)


def test_a_wrong_recovery_rate_has_no_order(monkeypatch):
    right = cells.integrate
    monkeypatch.setattr(convergence, "integrate", lambda c, v, i: right({**c, "a": 1.02 * c["a"]}, v, i))
    dt = convergence.DT_MS[2:]
    assert (convergence.order(dt, convergence.errors("reference", "heun", dt)[1]) < 1).all()


def test_exact_spikes_are_those_of_a_tiny_step():
    cell = preset("RS")
    current = np.full(200, 4 * cells.rheobase(cell))
    exact = cells.integrate(cell, cell["v_rest"], current)
    tiny = work_precision.spike_times(cell, current, "heun", 0.0025)
    assert exact.spike_ms.size > 3
    np.testing.assert_allclose(tiny, exact.spike_ms, atol=0.02)


def test_a_missing_spike_is_an_infinite_error():
    exact = cells.Exact(np.zeros(0), np.array([10.0, 20.0, 30.0]))
    assert work_precision.spike_errors(np.array([10.5, 20.25]), exact).tolist() == [0.5, 0.25, np.inf]


# noise


def test_the_table_of_draws_is_the_definition():
    for n in (1, 50, 300):
        table = membrane_draws(98765432101, 2**33 + 1, 4, n, stream=3)
        expected = [draws(98765432101, 2**33 + 1 + t, 3, PURPOSE_MEMBRANE, n) for t in range(4)]
        assert np.array_equal(table, expected)


def test_the_distribution_is_what_the_documents_state():
    one = noise.shape_of(unit_draws(1, 0, 1000, 1000))
    assert (abs(one.mean) < 4e-3, abs(one.variance - 1) < 6e-3) == (True, True)
    assert one.excess_kurtosis == pytest.approx(-0.3, abs=0.03)
    assert 2.5 < one.largest < 3.3


def test_the_shape_of_normal_numbers_is_normal_and_a_wrong_scale_shows():
    z = np.random.default_rng(0).standard_normal(100_000)
    assert noise.shape_of(z).ks_distance < 0.006
    assert noise.shape_of(1.1 * z).ks_distance > 0.02
    uniform = np.random.default_rng(0).uniform(-1, 1, 100_000)
    assert noise.shape_of(uniform).excess_kurtosis == pytest.approx(-1.2, abs=0.05)


@pytest.mark.parametrize("few", [[-3.0, -2.9], [2.9, 3.0], [-0.2, 0.1, 0.1, 2.0]])
def test_the_ks_distance_is_scipys(few):
    assert noise.shape_of(np.array(few)).ks_distance == pytest.approx(kstest(few, "norm").statistic)


def test_an_engine_with_normal_noise_adds_noise_and_nothing_else():
    network = lively_network(n_channels=2)
    grid = small_grid(noise=20.0, steps_per_readout=1)
    trials = two_trials(grid, n_steps=2500)
    spikes = {}
    for level in (0.0, 1e-9, 20.0):
        engine = noise.NormalNoise(network, grid._replace(noise=level))
        a = engine.run(engine.start(), trials, [], [])
        spikes[level] = {"step": a.spike_step, "neuron": a.spike_neuron}
    quiet = CpuBackend().load(network, grid._replace(noise=0.0))
    plain = quiet.run(quiet.start(), trials, [], [])
    assert_same_bits(spikes[0.0], {"step": plain.spike_step, "neuron": plain.spike_neuron})
    assert not np.array_equal(spikes[20.0]["step"], plain.spike_step)
    with pytest.raises(ValueError, match="every step"):
        noise.NormalNoise(network, small_grid(noise=20.0))


def test_the_normal_noise_is_as_strong_as_ours_and_differs_between_streams():
    network, grid, fed = lively_network(n_channels=2), small_grid(steps_per_readout=1), []
    engine = noise.NormalNoise(network, grid)
    inner = engine.inner

    class Recorder:
        start = inner.start

        def run(self, state, trials, readouts, teaching):
            fed.append(trials.current.copy())
            return inner.run(state, trials, readouts, teaching)

    engine.inner = Recorder()
    for stream in (0, 1):
        trials = two_trials(grid, n_steps=5000)._replace(stream=stream)
        engine.run(engine.start(), trials, [], [])
    z = np.concatenate(fed) / (grid.noise / np.sqrt(grid.dt_ms))
    assert noise.shape_of(z).ks_distance < 0.003
    a, b, c, _, _, d = (x[:1000].ravel() for x in fed)
    assert np.abs(np.corrcoef([a, b, c, d]) - np.eye(4)).max() < 0.03


def test_normal_noise_learns_through_the_same_chunks():
    experiment = small_meet.small_meet(
        "simulation.readout_step_ms=0.5", "simulation.dt_ms=0.5", "simulation.noise=0.0"
    )
    short = small_meet.shortened(experiment, trials=2, probed=(2,), repeats=1)
    assert small_meet.measure(short, 0) == small_meet.measure(short, 0, noise.NormalNoise)


# the command


def finding(ok):
    return CheckResult("check", "what", "1", "2", ok, {"values": [0.5, float("inf")]})


@pytest.mark.parametrize(("verdicts", "code"), [((True, None), 0), ((True, False), 1)])
def test_the_command_prints_a_table_and_fails_with_a_check(verdicts, code, monkeypatch, tmp_path):
    class Check:
        NEEDS_BRIAN2 = False

        @staticmethod
        def run(context: Context):
            return [finding(ok) for ok in verdicts]

    monkeypatch.setattr(command, "CHECKS", {"one": Check})
    result = small.spikewhen("validate", "--out", tmp_path)
    assert result.exit_code == code
    assert result.stdout.splitlines()[0].split() == ["check", "what", "measured", "bound", "verdict"]
    assert ("FAILED" in result.stdout) == (code == 1)
    assert small.files(tmp_path) == ["validation.json"]
    found = json.loads(small.spikewhen("validate", "one", "--json").stdout)
    assert [f["verdict"] for f in found["findings"]] == ["ok", "FAILED" if code else "reported"]
    assert found["findings"][0]["numbers"] == {"values": [0.5, None]}


def test_mistakes_are_one_line(monkeypatch):
    result = small.spikewhen("validate", "stric")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "strict" in result.stderr
    monkeypatch.setattr(oracle.importlib.util, "find_spec", lambda name: None)
    result = small.spikewhen("validate", "strict")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "pip install" in result.stderr


def test_every_check_is_complete_and_named_in_the_help():
    text = "".join(small.spikewhen("validate", "--help").stdout.split())  # lines break at hyphens
    for name, module in command.CHECKS.items():
        assert name in text
        assert isinstance(module.NEEDS_BRIAN2, bool) and callable(module.run), name
        assert module.__doc__
