"""MEET: probabilities, latencies, cues, counterbalancing, inputs, and mistakes named in one line."""

from dataclasses import replace

import numpy as np
import pytest
from lively import short_meet

from spikewhen.paradigms import PARADIGMS
from spikewhen.paradigms.meet import Block, Meet, counterbalanced
from spikewhen.reservoir.elementary import normal
from spikewhen.reservoir.errors import InputError

BIG = 4000


def plan(seed=0, step=1.0, **changes):
    values = dict(counterbalance=False, probes_after=(1,), probe_repeats=1)
    return Meet(**{**values, **changes}).plan(seed, step)


def one_block(probability, latency=(300.0, 600.0), sd=(), trials=BIG, **changes):
    rows = tuple(tuple(r) for r in np.atleast_2d(probability).tolist())
    latencies = tuple(tuple(latency) for _ in rows)
    spread = tuple(tuple(sd) for _ in rows) if sd else ()
    return plan(blocks=(Block(rows, latencies, spread),), trials_per_block=trials, **changes)


def test_every_paradigm_is_registered_under_its_name():
    assert all(paradigm.name == name for name, paradigm in PARADIGMS.items())


@pytest.mark.parametrize("probability", [(0.8, 0.2), (0.2, 0.8), (0.5, 0.2), (1.0, 0.0), (0.0, 0.0)])
def test_events_come_as_often_as_their_probability_says(probability):
    s = one_block([probability])
    for k, p in enumerate(probability):
        assert np.mean(s.trials.event == k) == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / BIG))
    assert np.array_equal(np.isnan(s.trials.event_time_ms), s.trials.event == -1)


@pytest.mark.parametrize("k", [1, 3])
def test_any_number_of_events(k):
    p = (0.5, 0.3, 0.15)[:k]
    latency = (200.0, 400.0, 600.0)[:k]
    s = one_block([p], latency, events=tuple("ABC"[:k]))
    assert s.n_channels == k
    for i in range(k):
        assert np.mean(s.trials.event == i) == pytest.approx(p[i], abs=0.04)
        assert np.all(s.trials.event_time_ms[s.trials.event == i] == latency[i])
    assert np.mean(s.trials.event == -1) == pytest.approx(1 - sum(p), abs=0.04)
    assert s.inputs(0).shape == (s.time_ms.size, 1 + k)
    assert s.teaching(0).signal.shape == (s.time_ms.size, k)


def test_interleaved_cues_have_contingencies_of_their_own():
    s = one_block([(0.9, 0.1), (0.2, 0.5)], cues=("left", "right"))
    assert s.n_cues == 2
    assert np.mean(s.trials.cue) == pytest.approx(0.5, abs=0.04)
    for c, row in enumerate([(0.9, 0.1), (0.2, 0.5)]):
        for k, p in enumerate(row):
            assert np.mean(s.trials.event[s.trials.cue == c] == k) == pytest.approx(p, abs=0.04)
    assert np.array_equal(np.unique(s.probes.cue), [0, 1])


def test_jitter_stays_within_two_standard_deviations():
    s = one_block([(0.6, 0.4)], sd=(40.0, 0.0))
    first, second = (s.trials.event_time_ms[s.trials.event == k] for k in (0, 1))
    assert np.abs(first - 300).max() <= 80
    assert first.std() == pytest.approx(40 * 0.88, rel=0.05)  # a normal cut at 2 SD
    assert first.mean() == pytest.approx(300, abs=4)
    assert np.all(second == 600)


def late_block(share=(0.2, 0.7), late=(600.0, 800.0), sd=(), trials=BIG, **changes):
    block = Block(((0.6, 0.3),), ((300.0, 400.0),), (sd,) if sd else (), (late,), (share,))
    return plan(blocks=(block,), trials_per_block=trials, **changes)


@pytest.mark.parametrize("sd", [(), (20.0, 10.0)])
def test_an_event_with_two_times_comes_late_as_often_as_its_share_says(sd):
    s = late_block(sd=sd)
    for k, (early, late, share) in enumerate([(300, 600, 0.2), (400, 800, 0.7)]):
        time = s.trials.event_time_ms[s.trials.event == k]
        near_late = np.abs(time - late) < np.abs(time - early)
        assert near_late.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / time.size))
        for centre, part in ((early, ~near_late), (late, near_late)):
            spread = sd[k] if sd else 0
            assert np.abs(time[part] - centre).max() <= 2 * spread
            assert time[part].std() == pytest.approx(0.88 * spread, rel=0.1)
    assert np.mean(s.trials.event == 0) == pytest.approx(0.6, abs=0.04)


@pytest.mark.parametrize("share", [(0.0, 0.0), (0.5, 0.0), (0.9, 0.4)])
def test_a_second_time_moves_late_deliveries_and_nothing_else(share):
    """Draws of a task without it keep their numbers, and its deliveries keep their jitter."""
    plain = late_block((0.0, 0.0), sd=(20.0, 10.0), trials=400)
    one = one_block([(0.6, 0.3)], (300.0, 400.0), (20.0, 10.0), trials=400)
    both = late_block(share, sd=(20.0, 10.0), trials=400)
    for a, b in ((plain, one), (plain, both)):
        for field in ("block", "cue", "event", "interval_ms"):
            assert np.array_equal(getattr(a.trials, field), getattr(b.trials, field)), field
        assert all(np.array_equal(x, y) for x, y in zip(a.probes, b.probes, strict=True))
    assert np.array_equal(plain.trials.event_time_ms, one.trials.event_time_ms, equal_nan=True)
    moved = both.trials.event_time_ms - plain.trials.event_time_ms
    for k, distance in ((0, 300.0), (1, 400.0)):
        here = moved[both.trials.event == k]
        assert set(here.tolist()) == ({0.0, distance} if share[k] else {0.0})
    assert ("late_ms" in both.blocks) == any(share) and "late_ms" not in one.blocks


@pytest.mark.parametrize("seed", range(4))
def test_counterbalancing_moves_all_that_belongs_to_a_time_together(seed):
    s = late_block(seed=seed, trials=10, counterbalance=True, sd=(20.0, 10.0))
    p, early = s.probability[0, 0], s.latency[0, 0]
    for k in range(2):
        first = early[k] == 300
        assert s.late[0, 0, k] == (600 if first else 800)
        assert s.late_share[0, 0, k] == (0.2 if first else 0.7)
        assert s.latency_sd[0, 0, k] == (20 if first else 10)
    assert int(np.argmax(p)) == 0 and early[0] == (300 if seed < 2 else 400)
    assert s.channels.tolist() == ([1, 0] if seed % 2 else [0, 1])


def test_a_lesson_of_a_late_event_is_about_its_late_time():
    s = late_block(trials=100)
    peaks = {(int(s.trials.event[i]), *s.teaching(i).event_time_ms.tolist()) for i in range(100)}
    assert peaks >= {(0, 300.0, 800.0), (0, 600.0, 800.0), (1, 300.0, 400.0), (1, 300.0, 800.0)}
    assert all(k < 0 or times[k] in ((300.0, 600.0), (400.0, 800.0))[k] for k, *times in peaks)
    for i in range(100):
        lesson = s.teaching(i)
        assert np.array_equal(s.time_ms[np.argmax(lesson.signal, axis=0)], lesson.event_time_ms)


def test_times_lie_on_the_grid():
    for step in (0.5, 1.0, 2.0):
        s = one_block([(0.6, 0.4)], sd=(40.0, 30.0), step=step, trials=200)
        for t in (s.trials.event_time_ms, s.trials.interval_ms, s.probes.interval_ms, s.time_ms):
            known = t[np.isfinite(t)] / step
            np.testing.assert_allclose(known, np.round(known), atol=1e-9)
        assert s.time_ms[-1] == 1000
        assert s.time_ms[0] == pytest.approx(-50 + step)
        assert np.all((s.trials.interval_ms >= 500) & (s.trials.interval_ms <= 800))
        assert np.count_nonzero(s.time_ms <= 0) == 50 / step


@pytest.mark.parametrize("seed", range(4))
def test_counterbalancing_swaps_identity_and_order_over_four_seeds(seed):
    """(.8 at 300, .2 at 600): which channel plays the frequent event, and whether it comes first."""
    s = plan(seed, counterbalance=True)
    p, t = s.probability[0, 0], s.latency[0, 0]
    frequent = int(np.argmax(p))
    assert frequent == 0 and s.channels[0] == seed % 2
    assert t[frequent] == (300 if seed < 2 else 600)
    assert sorted(p.tolist()) == [0.2, 0.8] and sorted(t.tolist()) == [300, 600]


@pytest.mark.parametrize("seed", range(4))
def test_events_keep_their_names_where_probabilities_are_equal(seed):
    """Which channel plays A cannot be guessed from the data: it is stored."""
    block = Block(((0.5, 0.5),), ((300.0, 600.0),))
    s = plan(seed, counterbalance=True, blocks=(block,), trials_per_block=40)
    a, b = (300, 600) if seed < 2 else (600, 300)
    assert s.events == ("A", "B") and s.latency[0, 0].tolist() == [a, b]
    for i in range(40):
        event, said = s.trials.event[i], s.teaching(i)
        assert s.trials.event_time_ms[i] == (a, b)[event]
        assert said.event == s.channels[event] and said.event_time_ms[said.event] == (a, b)[event]


def test_counterbalancing_is_the_same_over_blocks_and_leaves_a_third_event_alone():
    table = np.arange(12.0).reshape(2, 2, 3)
    for seed in range(8):
        for latency in (False, True):
            out = counterbalanced(table, latency, seed)
            assert np.array_equal(out[..., 2], table[..., 2])
            assert np.array_equal(np.sort(out, axis=-1), table)
            swapped = out[..., 0] != table[..., 0]
            assert swapped.all() or not swapped.any()
    one = np.ones((2, 1, 1))
    assert np.array_equal(counterbalanced(one, True, 3), one)


def test_a_seed_decides_a_session_and_another_seed_another():
    def drawn(seed):
        s = short_meet(trials_per_block=50).plan(seed, 1.0)
        return [*s.trials, *s.probes]

    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(drawn(3), drawn(3), strict=True))
    assert not np.array_equal(drawn(3)[3], drawn(7)[3])


def test_trials_take_their_numbers_in_one_order_for_ever():
    """Cue, event, jitter, interval: what a seed means must not change with what a task can do besides."""
    s = one_block([(0.6, 0.3)], sd=(20.0, 10.0), trials=200, seed=5, cues=("left",))
    rng = np.random.default_rng([5, 2])
    assert np.array_equal(s.trials.cue, rng.integers(0, 1, 200))
    u = rng.random(200)
    assert np.array_equal(s.trials.event, np.where(u < 0.6, 0, np.where(u < 0.9, 1, -1)))
    normal(rng, (200, 64))
    assert np.array_equal(s.trials.interval_ms, np.round(500 + 300 * rng.random(200)))


@pytest.mark.parametrize("change", [dict(probe_repeats=0), dict(probes_after=()), dict(probes_after=(2, 3))])
def test_trials_are_the_same_with_and_without_probes(change):
    spec = short_meet()
    a, b = spec.plan(3, 1.0), replace(spec, **change).plan(3, 1.0)
    assert all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a.trials, b.trials, strict=True))


def test_probes_are_ordered_and_belong_to_the_block_they_follow():
    s = short_meet(probes_after=(4, 1, 2), probe_repeats=3).plan(0, 1.0)
    assert np.all(np.diff(s.probes.after_trial) >= 0)
    assert np.unique(s.probes.after_trial).tolist() == [1, 2, 4, 5, 6, 8]
    assert np.array_equal(s.probes.block, (s.probes.after_trial > 4).astype(int))
    assert s.probes.repeat.tolist() == [0, 1, 2] * 6


def test_blocks_have_their_own_lengths_and_probes_fit_into_them():
    blocks = tuple(Block(((1.0,),), ((50.0,),), trials=n) for n in (2, 0, 5))
    s = short_meet(blocks=blocks, events=("A",), trials_per_block=3, probes_after=(2, 4)).plan(0, 1.0)
    assert np.bincount(s.trials.block).tolist() == [2, 3, 5]
    assert s.blocks["first_trial"][0].tolist() == [0, 2, 5]
    assert np.unique(s.probes.after_trial).tolist() == [2, 4, 7, 9]


# inputs and lessons


@pytest.mark.parametrize("step", [0.5, 1.0, 2.0])
def test_the_cue_is_on_for_its_duration_from_its_onset(step):
    s = plan(step=step, cues=("left", "right"), blocks=(Block(((0.8, 0.2),) * 2, ((300.0, 600.0),) * 2),))
    for cue in (0, 1):
        u = s.probe_inputs(int(np.flatnonzero(s.probes.cue == cue)[0]))
        on = np.flatnonzero(u[:, cue])
        assert on.size == 100 / step
        assert s.time_ms[on[0]] == step, "the first readout step that it drives ends one step after onset"
        assert np.all(np.diff(on) == 1)
        assert np.count_nonzero(u) == on.size


def test_events_enter_the_reservoir_only_where_asked():
    quiet = one_block([(0.5, 0.3)], trials=40)
    driven = one_block([(0.5, 0.3)], trials=40, stimulus_drives_reservoir=True, event_strength=0.5)
    for i in range(40):
        assert not quiet.inputs(i)[:, 1:].any()
        u, k = driven.inputs(i)[:, 1:], driven.trials.event[i]
        if k < 0:
            assert not u.any()
            continue
        on = np.flatnonzero(u[:, k])
        assert on.size == 50 and np.all(u[on, k] == 0.5) and np.count_nonzero(u) == 50
        assert driven.time_ms[on[0]] == driven.trials.event_time_ms[i] + 1
    assert not driven.probe_inputs(0)[:, 1:].any(), "a probe is the cue alone"


def test_a_lesson_peaks_where_the_event_came():
    s = one_block([(0.6, 0.2)], sd=(40.0, 30.0), trials=60)
    for i in range(60):
        lesson = s.teaching(i)
        k = s.trials.event[i]
        assert lesson.event == k
        peaks = s.time_ms[np.argmax(lesson.signal, axis=0)]
        expected = np.array([300.0, 600.0])
        if k >= 0:
            expected[k] = s.trials.event_time_ms[i]
        assert np.array_equal(peaks, expected) and np.array_equal(lesson.event_time_ms, expected)
        width = lesson.signal[np.searchsorted(s.time_ms, expected[0] + 30), 0]
        assert width == pytest.approx(np.exp(-0.5))


# mistakes


@pytest.mark.parametrize(
    "changes, field",
    [
        (dict(blocks=()), "blocks"),
        (dict(cues=()), "cues"),
        (dict(events=()), "events"),
        (dict(blocks=(Block(((0.8, 0.3),), ((300.0, 600.0),)),)), "blocks[0].probability[0]"),
        (dict(blocks=(Block(((0.8,),), ((300.0, 600.0),)),)), "blocks[0].probability"),
        (dict(blocks=(Block(((0.8, 0.2),), ((300.0,),)),)), "blocks[0].latency_ms"),
        (dict(blocks=(Block(((0.8, 0.2),), ((300.0, 1200.0),)),)), "blocks[0].latency_ms"),
        (
            dict(blocks=(Block(((0.8, 0.2),), ((300.0, 900.0),), ((0.0, 60.0),)),)),
            "blocks[0].latency_ms",
        ),
        (dict(blocks=(Block(((0.8, 0.2),), ((50.0, 600.0),), ((30.0, 0.0),)),)), "blocks[0].latency_ms"),
        (
            dict(blocks=(Block(((0.8, 0.2),), ((300.0, 600.0),), (), ((500.0, 700.0),)),)),
            "blocks[0].late_share",
        ),
        (dict(blocks=(Block(((0.8, 0.2),), ((300.0, 600.0),), (), (), ((0.5, 0.0),)),)), "blocks[0].late_ms"),
        (
            dict(blocks=(Block(((0.8, 0.2),), ((300.0, 600.0),), (), ((500.0,),), ((0.5, 0.0),)),)),
            "blocks[0].late_ms",
        ),
        (
            dict(blocks=(Block(((0.8, 0.2),), ((300.0, 600.0),), (), ((300.0, 700.0),), ((0.5, 0.0),)),)),
            "blocks[0].late_ms",
        ),
        (
            dict(
                blocks=(
                    Block(((0.8, 0.2),), ((300.0, 600.0),), ((0.0, 60.0),), ((500.0, 900.0),), ((0.5, 0.5),)),
                )
            ),
            "blocks[0].late_ms",
        ),
        (dict(interval_max_ms=100.0), "interval_max_ms"),
        (dict(cue_ms=2000.0), "cue_ms"),
        (dict(trials_per_block=0), "trials_per_block"),
        (dict(sigma_ms=0.0), "sigma_ms"),
        (dict(probes_after=(-1,)), "probes_after"),
        (dict(after_ms=float("nan")), "after_ms"),
    ],
)
def test_mistakes_are_named(changes, field):
    with pytest.raises(InputError) as caught:
        Meet(**changes)
    assert str(caught.value).startswith(f"{field} = ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [(1.2, 0.0), (-0.1, 0.0), (float("nan"), 0.0)])
def test_a_probability_outside_0_to_1_is_refused(values):
    with pytest.raises(InputError, match=r"probability = .*>= 0 and <= 1"):
        Block((values,), ((300.0, 600.0),))


def test_a_share_of_all_deliveries_is_refused():
    with pytest.raises(InputError, match=r"late_share = .*>= 0 and < 1"):
        Block(((0.8, 0.2),), ((300.0, 600.0),), (), ((500.0, 700.0),), ((1.0, 0.0),))


@pytest.mark.parametrize("field", ["cue_ms", "event_ms", "before_ms", "after_ms", "interval_min_ms"])
def test_a_time_off_the_grid_is_refused(field):
    value = 900.5 if field == "after_ms" else 75.5
    with pytest.raises(InputError, match=f"paradigm.{field} = {value}: a multiple of 1 ms"):
        Meet(**{field: value}).plan(0, 1.0)
