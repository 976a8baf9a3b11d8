"""Events at several times: tables, draws, items that enter the reservoir, teaching that ends at the event."""

from dataclasses import replace

import numpy as np
import pytest
from lively import train
from unequal import Unequal

from spikewhen.paradigms.base import event_items, pulse
from spikewhen.paradigms.event_times import Times, draw_event, geometric_ms, time_tables
from spikewhen.paradigms.reward_timing import RewardTiming
from spikewhen.paradigms.set_go import SetGo
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.rules import Gate, ThreeFactor, WhatReadout
from spikewhen.reservoir.sessions import check_session

KINDS = ("window", "epoch", "event", "expectation", "none")


def test_delays_and_weights_of_the_reward_are_as_published():
    times, weights = RewardTiming(scale=1.0).times().table(1.0)
    np.testing.assert_allclose(times, np.arange(1200, 2801, 200))
    published = [0.0477, 0.0835, 0.1246, 0.1584, 0.1716, 0.1584, 0.1246, 0.0835, 0.0477]
    np.testing.assert_allclose(weights, published, atol=5e-5)


@pytest.mark.parametrize(("density", "ratio"), [("uniform", 1), ("exponential", 8), ("flipped", 1 / 8)])
def test_a_named_density_falls_by_its_ratio(density, ratio):
    times, weights = Times(density, ratio=8.0).table(1.0)
    assert (times[0], times[-1], times.size) == (400, 1400, 15)
    assert weights.sum() == pytest.approx(1) and weights[0] / weights[-1] == pytest.approx(ratio)
    np.testing.assert_allclose(np.diff(np.log(weights)), np.log(weights[1] / weights[0]), atol=1e-12)


def test_times_come_as_often_as_their_weights_say_and_omissions_as_often_as_is_left():
    n, rng = 20_000, np.random.default_rng(0)
    tables = time_tables([0.8], [Times("flipped", 300, 600, 4)], 1.0)
    p, times, weights = (np.repeat(tables[k][0][0], n, 0) for k in ("p_event", "times_ms", "weights"))
    event, time = draw_event(rng, p, times, weights)
    assert np.array_equal(event < 0, np.isnan(time))
    assert (event == 0).mean() == pytest.approx(0.8, abs=0.01)
    for t, w in zip(times[0, 0], weights[0, 0], strict=True):
        assert (time[event == 0] == t).mean() == pytest.approx(w, abs=0.015)


def test_a_shorter_table_is_filled_up_with_a_time_that_never_comes():
    tables = time_tables([1.0, 1.0], [Times("uniform", 100, 200, 2), Times("uniform", 100, 300, 3)], 1.0)
    assert tables["times_ms"][0][0, 0, 0].tolist() == [100, 200, 200]
    assert tables["weights"][0][0, 0, 0].tolist() == [0.5, 0.5, 0]


def test_pauses_of_a_constant_hazard():
    drawn = geometric_ms(np.random.default_rng(0), 20_000, 600.0, 60.0, 7.0)
    assert drawn.min() == 600 and drawn.mean() == pytest.approx(600 + 7 * 60, rel=0.02)
    assert (drawn == 600).mean() == pytest.approx(1 / 8, abs=0.01)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        (dict(density="table"), "times_ms"),
        (dict(density="table", times_ms=(1.0, 2.0), weights=(1.0,)), "weights"),
        (dict(density="table", times_ms=(1.0, 2.0), weights=(0.5, 0.4)), "weights"),
        (dict(density="table", times_ms=(2.0, 1.0), weights=(0.5, 0.5)), "times_ms"),
        (dict(weights=(1.0,)), "weights"),
        (dict(from_ms=500.0, to_ms=400.0), "to_ms"),
        (dict(density="gamma"), "density"),
    ],
)
def test_a_mistake_in_a_distribution_is_named(values, where):
    with pytest.raises(InputError, match=where):
        Times(**values)


def test_two_times_on_one_readout_step_are_refused():
    with pytest.raises(InputError, match=r"times\.count.*readout step"):
        Times("uniform", 100, 101, 5).table(1.0)


def test_the_pause_counts_from_the_reward():
    """From the reward to the next odour, or from the last delay where it was omitted, at least ten bins."""
    s = RewardTiming(trials_per_block=200, probes_every=200, probe_repeats=1).plan(0, 1.0)
    t = s.trials
    since = np.where(t.event >= 0, t.event_time_ms, 840.0)[:-1]
    pause = (900.0 - since) + t.interval_ms[1:] + 30.0
    assert pause.min() == 600 and np.allclose(pause % 60, 0)
    assert (t.event[:200] == 0).all() and 0.8 < (t.event[200:] == 0).mean() < 1


@pytest.mark.parametrize(
    "task", [RewardTiming(stimulus_drives_reservoir=True), SetGo(stimulus_drives_reservoir=True)]
)
def test_what_enters_the_reservoir_is_the_cue_and_the_items_of_the_trial(task):
    s = task.plan(1, 1.0)
    for i in range(40):
        u = s.inputs(i)
        mine = s.items.trial == i
        assert mine.sum() == (s.trials.event[i] >= 0)
        expected = np.zeros(s.time_ms.size, bool)
        for at, long in zip(s.items.onset_ms[mine], s.items.duration_ms[mine], strict=True):
            assert at == s.trials.event_time_ms[i]
            expected |= pulse(s.time_ms, at, long)
        assert np.array_equal(u[:, 1] > 0, expected)
        assert np.array_equal(u[:, 0], s.shown[0, :, 0])
    assert not s.probe_inputs(0)[:, 1].any()


def test_items_are_stored_and_checked():
    plain = Unequal().plan(0, 1.0)

    class WithItems(Unequal):
        def plan(self, seed, step):
            s = Unequal().plan(seed, step)
            return replace(s, items=event_items(s.trials, 2, 5.0, 0.5), blocks={})

    s = WithItems().plan(0, 1.0)
    stored = train(WithItems())
    for name, values in s.items._asdict().items():
        assert np.array_equal(stored[schema.item(name)], values)
    i = int(s.items.trial[0])
    assert s.inputs(i).sum() == pytest.approx(plain.inputs(i).sum() + 5 * 0.5)
    for change, where in (
        (dict(trial=s.items.trial[::-1].copy()), r"items\.trial"),
        (dict(channel=s.items.channel + 9), r"items\.channel"),
        (dict(onset_ms=s.items.onset_ms * np.nan), r"items\.onset_ms"),
        (dict(duration_ms=-s.items.duration_ms), r"items\.duration_ms"),
    ):
        with pytest.raises(InputError, match=where):
            check_session(replace(s, items=s.items._replace(**change)), 1.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("smooth", [0.0, 40.0])
def test_no_gate_is_open_from_the_end_of_teaching_on(kind, smooth):
    """Also not by the low-pass of a gate that was open before."""
    task = RewardTiming(event_ends_trial=True)
    s = task.plan(0, 1.0)
    said = s.teaching(0)
    assert said.stop_ms == s.trials.event_time_ms[0]
    options = {} if kind == "expectation" else dict(time_constant_ms=smooth, undelivered="zero")
    gate = Gate(kind=kind, **options)
    target, stopped = gate.teach(said)
    _, through = gate.teach(said._replace(stop_ms=np.inf))
    before = s.time_ms < said.stop_ms
    assert not stopped[~before].any() and through[~before].any()
    assert np.array_equal(stopped[before], through[before])
    assert target.shape == stopped.shape


def test_teaching_goes_on_where_nothing_came():
    s = RewardTiming(event_ends_trial=True, p_reward=(0.0,)).plan(0, 1.0)
    assert s.teaching(0).stop_ms == np.inf and s.teaching(0).event == -1


@pytest.mark.parametrize("task", [RewardTiming(), SetGo()])
def test_a_what_window_that_meets_the_event_is_refused(task):
    task.check_rule("local", ThreeFactor(what=WhatReadout(window_end_ms=300.0)))
    with pytest.raises(InputError, match=r"rules\.local\.what\.window_end_ms.*before any event"):
        task.check_rule("local", ThreeFactor(what=WhatReadout(window_end_ms=500.0)))


def test_the_size_of_a_session_is_known_before():
    for task in (
        RewardTiming(trials_per_block=50, probes_every=25),
        SetGo(trials_per_block=50, probes_every=25),
    ):
        size, s = task.size(1.0), task.plan(0, 1.0)
        assert (size.trials, size.probes) == (s.trials.block.size, s.probes.block.size)
        assert (size.steps, size.blocks) == (s.time_ms.size, len(s.blocks["p_event"][0]))
        total = s.trials.interval_ms.sum() + s.probes.interval_ms.sum()
        assert size.silence_ms == pytest.approx(total, rel=0.3)
