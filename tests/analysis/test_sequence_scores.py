"""Scores of sequences: made-up readouts are told apart, the task keeps its promises."""

import numpy as np
import pytest

import spikewhen as sw
from spikewhen.analysis.figures import FIGURES
from spikewhen.analysis.figures.sheet import paper
from spikewhen.analysis.score_sequence import (
    MEMORIES,
    memory_curve,
    observed_a,
    read_series,
    said_surprise,
)
from spikewhen.analysis.transition_observers import STATISTICS, surprise
from spikewhen.paradigms.transitions import Transitions
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.network import NetworkSpec
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.rules import Gate, ThreeFactor, WhatReadout

X = np.random.default_rng(0).random((4, 121)) < np.array([[0.7], [0.5], [0.3], [0.5]])
SHORT = Transitions(p_a=(0.5,), series=2, items=100, onset_to_onset_ms=60.0, item_ms=20.0, before_ms=10.0)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("memory", [3.0, 11.0])
def test_an_observer_is_recognised_with_its_memory(statistic, memory):
    p = observed_a(X, statistic, np.array([memory]))[0]
    curves = {s: memory_curve(X, p, s) for s in STATISTICS}
    assert max(curves, key=lambda s: curves[s].max()) == statistic
    assert MEMORIES[int(np.argmax(curves[statistic]))] == memory
    assert curves[statistic].max() == pytest.approx(1)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_surprise_of_what_an_observer_expects_is_its_surprise(statistic):
    one = X[:1]
    said = said_surprise(one, observed_a(one, statistic, np.array([9.0]))[0])
    first = 2 if statistic == "alternation" else 1
    np.testing.assert_allclose(said[:, first:], surprise(one, statistic, omega=9.0)[:, first:])


def test_every_item_is_the_cue_of_the_next_trial():
    s = Transitions(series=1).plan(0, 1.0)
    inside = np.diff(s.trials.block) == 0
    assert np.array_equal(s.trials.event[:-1][inside], s.trials.cue[1:][inside])
    assert np.array_equal(s.trials.cue, s.trials.condition) and not s.trials.interval_ms.any()
    for b, p in enumerate(s.blocks["p_a"][0]):
        items = "".join(map(str, s.trials.cue[s.trials.block == b]))
        assert items.count("0") / len(items) == pytest.approx(p, abs=0.12)
        assert all(f"{i:04b}" in items + str(s.trials.event[s.trials.block == b][-1]) for i in range(16))


def test_one_input_for_both_items_shows_no_difference():
    s = Transitions(series=1, apart=False).plan(0, 1.0)
    assert s.cues == ("item",) and np.array_equal(s.shown[0], s.shown[1]) and not s.trials.cue.any()


def test_a_series_that_cannot_hold_all_patterns_is_refused():
    with pytest.raises(InputError, match=r"p_a.*0\.999"):
        Transitions(p_a=(0.999,)).plan(0, 1.0)


@pytest.fixture(scope="module")
def run():
    rule = ThreeFactor(eta=0.0, gate=Gate(kind="epoch"), what=WhatReadout(eta_w=0.2, window_end_ms=40.0))
    network = NetworkSpec(n_neurons=60, out_degree=10)
    record = RecordSpec(readouts_every_ms=10.0)
    return sw.run(
        sw.Experiment(network=network, paradigm=SHORT, rules={"local": rule}, record=record), progress=False
    )


def test_a_run_is_scored_by_its_trials(run):
    found = run.scores("local")
    for statistic in STATISTICS:
        assert 0 <= found[f"r2_{statistic}"][0] <= 1 and found[f"omega_{statistic}"][0] in MEMORIES
    assert np.isnan(found["p300_squires"]).all(), "two of the three frequencies are missing"
    x = read_series(run)
    assert x.shape == (2, 101) and np.array_equal(
        x[:, 0], run["/trials/condition"].reshape(2, 100)[:, 0] == 0
    )


def test_the_figure_needs_runs_of_sequences(run):
    with pytest.raises(InputError, match="sequences"):
        FIGURES["sequence"].draw([])
    with paper(), pytest.raises(InputError, match="p_a"):
        FIGURES["sequence"].draw([run])
