"""A run's noise budget: its parts add up, vanish with what causes them, and re-runs are what they say."""

import numpy as np
import pytest
import small
from unequal import Unequal

import spikewhen as sw
from spikewhen.experiments.config import load_config
from spikewhen.experiments.reruns import Part, Reruns, Tap
from spikewhen.experiments.run import Source, write_memory
from spikewhen.experiments.setup import prepare
from spikewhen.reservoir.errors import InputError

LIVELY = (
    "network.bias_pa=150.0",
    "network.weight=5.0",
    "paradigm.trials_per_block=4",
    "paradigm.probes_after=[4]",
)
TINY = dict(histories=3, intervals=2, noises=2, progress=False)


def experiment(*overrides: str):
    return load_config(small.table(), (*LIVELY, *overrides))


@pytest.fixture(scope="module")
def found():
    return sw.noise_budget(experiment(), 0, **TINY)


def test_the_parts_of_every_readout_add_up(found):
    assert found.budgets.keys() == {"local", "rls", "ridge"} == found.quiet.keys()
    for label, budget in found.budgets.items():
        assert sum(budget[:-1]) == pytest.approx(budget.total), label
        assert np.isfinite(budget).all() and budget.total > 0 and found.quiet[label] > 0
    assert found.budgets["ridge"].noise > 0 or found.budgets["ridge"].interaction > 0


def test_what_the_activity_holds_is_returned_as_named_arrays(found):
    assert found.conditions == ("cue",)
    assert found.time_ms[0] == -40 and found.time_ms[-1] == 500
    assert found.mean.shape == found.variance.shape == (1, found.time_ms.size, 60)
    assert found.rate_hz.shape == found.reliability.shape == (1, 60) and found.rate_hz.mean() > 1
    assert 1 <= found.dimension[0] <= 60 and 0 < found.signal[0] < 1


def test_nothing_varies_that_does_not_vary():
    still = sw.noise_budget(experiment("simulation.noise=0.0"), 0, **TINY)
    once = sw.noise_budget(experiment(), 0, **TINY | dict(histories=1, intervals=1))
    for label in still.budgets:
        assert still.budgets[label].noise == pytest.approx(0, abs=1e-12)
        assert still.quiet[label] == pytest.approx(still.budgets[label].total)
        assert once.budgets[label][1:3] == (0, 0) and once.budgets[label].interaction == pytest.approx(0)


def test_a_task_with_targets_of_its_own_is_taken_apart():
    task = Unequal()
    run = sw.Experiment(network=experiment().network, paradigm=task, rules={"local": sw.ThreeFactor(eta=0.1)})
    found = sw.noise_budget(run, 0, **TINY | dict(histories=2))
    assert len(found.conditions) == len(found.dimension) > 1
    assert sum(found.budgets["ridge"][:-1]) == pytest.approx(found.budgets["ridge"].total)


def reruns(*overrides: str) -> Reruns:
    setup = prepare(experiment(*overrides), 0)
    part, network = Part(setup.session, 0, 2), setup.build()
    tap = Tap(setup.load(network))
    write_memory(_with(setup, part), Source(network, tap), scores=False)
    return Reruns(setup, tap.engine, tap, part, 1)


def _with(setup, part):
    from dataclasses import replace

    return replace(setup, session=part)


def test_the_same_noise_comes_again_after_every_history():
    again = reruns("network.delay_max_ms=5.0")
    (state, step), (later, _) = again.after(again.starts[0], np.array([50, 80]))
    assert not np.array_equal(state.v, later.v)
    a, b, other = (again.run(0, state, step, noise) for noise in (0, 0, 1))
    assert np.array_equal(a.y[0], b.y[0]) and a.spikes.sum() > 0
    assert not np.array_equal(a.features, other.features)
    # Spikes on their way keep their time where the clock is another.
    moved = state._replace(pending=np.roll(state.pending, 7, axis=0))
    assert state.pending.any()
    assert np.array_equal(again.run(0, moved, step + 7, 0).features, a.features)


def test_features_are_those_that_the_readouts_saw():
    again = reruns()
    (state, step), *_ = again.after(again.starts[-1], np.array([30]))
    rerun = again.run(0, state, step, 1)
    for y, readout in zip(rerun.y, again.cases[0].readouts, strict=True):
        weights = readout.state[0][:, : rerun.features.shape[1]]
        np.testing.assert_allclose(rerun.features @ weights.T, y, rtol=1e-9, atol=1e-12)


def test_what_cannot_be_run_again_is_refused():
    for options, named in (
        (dict(block=2), "block"),
        (dict(histories=5), "histories"),
        (dict(noises=0), "noises"),
    ):
        with pytest.raises(InputError, match=named):
            sw.noise_budget(experiment(), 0, **TINY | options)
    signal = sw.Experiment(paradigm=sw.Signal(), rules={"lms": sw.LMS(what=None, factored=False)})
    with pytest.raises(InputError, match=r"paradigm\.scores"):
        sw.noise_budget(signal, 0, progress=False)


def test_the_command_prints_a_line_per_readout(tmp_path):
    config = small.write(tmp_path)
    words = ["budget", config, "--rules", "local", "--histories", 2, "--intervals", 1, "--noises", 2]
    for override in (*LIVELY, "paradigm.trials_per_block=2", "paradigm.probes_after=[2]"):
        words += ["--set", override]
    said = small.spikewhen(*words)
    assert said.exit_code == 0, said.stderr
    lines = said.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["local", "ridge"] and "dimension" in lines[-1]
    small.refused(small.spikewhen(*words, "--block", 2), "block = 2", "small.toml")
