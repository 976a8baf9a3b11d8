"""Graded omission, local-global and ready-set-go: what they show and teach, and mistakes in them."""

import numpy as np
import pytest

from spikewhen.paradigms.graded_omission import GradedOmission
from spikewhen.paradigms.local_global import KINDS, TONES, LocalGlobal
from spikewhen.paradigms.ready_set_go import Prior, ReadySetGo
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules import ThreeFactor, WhatReadout
from spikewhen.reservoir.sessions import check_session


def test_shares_of_tones_and_omissions_are_as_asked():
    s = GradedOmission().plan(3, 1.0)
    share = s.blocks["share_b"][0]
    assert sorted(share) == [0.0, 0.05, 0.1, 0.2, 0.75, 0.85, 0.9, 0.95] and not (np.diff(share) > 0).all()
    for b, p in enumerate(share):
        event = s.trials.event[s.trials.block == b]
        assert event.size == 1000 and (event < 0).sum() == 50 and (event == 1).sum() == round(1000 * p)


def test_every_item_of_a_stream_enters_on_its_own_channel_and_omissions_are_silent():
    s = GradedOmission(items=80).plan(0, 1.0)
    check_session(s, 1.0)
    assert s.time_ms.size == 150 and not s.trials.interval_ms.any()
    for i in range(s.trials.block.size):
        u, event = s.inputs(i), s.trials.event[i]
        on = np.flatnonzero(u.any(1))
        if event < 0:
            assert on.size == 0 and not s.teaching(i).signal.any()
        else:
            assert s.time_ms[on[0]] == 101 and on.size == 50 and u[on, event].all()
            assert s.time_ms[s.teaching(i).signal[:, event].argmax()] == 100


@pytest.mark.parametrize(
    ("task", "earliest"),
    [(GradedOmission(), 100.0), (LocalGlobal(), 100.0), (ReadySetGo(), 480.0)],
    ids=lambda x: getattr(x, "name", None),
)
def test_a_what_window_that_meets_the_event_is_refused(task, earliest):
    task.check_rule("local", ThreeFactor(what=WhatReadout(window_end_ms=earliest)))
    with pytest.raises(InputError, match=r"rules\.local\.what\.window_end_ms.*before any event"):
        task.check_rule("local", ThreeFactor(what=WhatReadout(window_end_ms=earliest + 1)))


def test_sequences_of_five_are_frequent_or_rare_and_rare_ones_stand_apart():
    task = LocalGlobal()
    s = task.plan(5, 1.0)
    check_session(s, 1.0)
    item = s.trials.event.reshape(-1, task.introductory + task.sequences, TONES)
    frequent_y, x = (s.blocks[name][0] for name in ("frequent_y", "x"))
    assert sorted(zip(frequent_y, x, strict=True)) == sorted(KINDS * 2)
    for rows, often_y, tone in zip(item, frequent_y, x, strict=True):
        assert (rows[:, :4] == tone).all()
        is_y = rows[:, 4] == 1 - tone
        rare = (rows[:, 4] < 0) | (is_y != (often_y == 1))
        assert not rare[: task.introductory].any() and not (rare[1:] & rare[:-1]).any()
        assert ((rows[:, 4] < 0).sum(), rare.sum()) == (5, 20)


def test_gaps_between_sequences_are_silent_and_within_them_tones_follow_at_once():
    s = LocalGlobal().plan(0, 1.0)
    silence = s.trials.interval_ms.reshape(-1, TONES)
    assert not silence[:, 1:].any()
    gap = silence[:, 0] + 100.0  # of which the trials take 100 ms, before the first tone
    assert gap.min() >= 700 and gap.max() <= 1000 and gap.mean() == pytest.approx(850, abs=15)


def test_set_comes_after_the_interval_and_go_after_the_same_one():
    s = ReadySetGo(trials_per_block=40, probes_every=40, probe_repeats=1).plan(0, 1.0)
    check_session(s, 1.0)
    interval = s.blocks["interval_ms"][0][0]
    assert interval.tolist() == [240, 280, 320, 360, 400, 450, 500, 550, 600]
    for i, c in enumerate(s.trials.condition):
        onset = [s.time_ms[s.inputs(i)[:, k].argmax()] - 1 for k in (0, 1)]
        assert onset == [0, interval[c]] and s.trials.event_time_ms[i] == 2 * interval[c]
        assert s.time_ms[s.trial_steps[i] - 1] == 2 * interval[c] + 200
    for b, own in enumerate(((240, 400), (400, 600))):
        shown = interval[s.trials.condition[s.trials.block == b]]
        assert shown.min() == own[0] and shown.max() == own[1] and np.unique(shown).size == 5
    assert not s.probe_inputs(0)[:, 2].any() and s.probes.condition.max() == 8


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: GradedOmission(item_ms=60.0), "item_ms = 60.0: at most onset_to_onset_ms less lead_ms, 50"),
        (lambda: GradedOmission(share_b=(0.0, 0.5, 0.7, 0.99)), "share_b = 0.99: at most 0.95"),
        (lambda: GradedOmission(share_b=(0.1, 0.2)), "share_b = "),
        (lambda: GradedOmission(items=20), "share_omitted = 0.05: at least 0.2"),
        (lambda: LocalGlobal(gap_min_ms=50.0), "gap_min_ms = 50.0: at least 100"),
        (lambda: LocalGlobal(gap_max_ms=600.0), "gap_max_ms = 600.0: >= gap_min_ms = 700"),
        (lambda: LocalGlobal(share_rare=0.4, share_omitted=0.2), "share_rare = 0.4"),
        (lambda: Prior(400.0, 400.0), "high_ms = 400.0: above low_ms = 400"),
        (lambda: ReadySetGo(priors=()), "priors = "),
        (lambda: ReadySetGo(interval_max_ms=1.0), "interval_max_ms = 1.0: >= interval_min_ms = 500"),
        (lambda: ReadySetGo(priors=(Prior(30.0, 60.0),)).plan(0, 1.0), "paradigm.priors[0].count = 5"),
        (lambda: LocalGlobal(item_ms=10.5).plan(0, 1.0), "paradigm.item_ms"),
    ],
)
def test_mistakes_are_named(make, line):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "task",
    [
        GradedOmission(items=80),
        LocalGlobal(repeats=1),
        ReadySetGo(trials_per_block=50, probes_every=25),
    ],
    ids=lambda task: task.name,
)
def test_the_size_of_a_session_is_known_before(task):
    size, s = task.size(1.0), task.plan(0, 1.0)
    assert (size.trials, size.probes) == (s.trials.block.size, s.probes.block.size)
    assert (size.steps, size.blocks, size.n_cues) == (s.time_ms.size, s.trials.block.max() + 1, s.n_cues)
    total = s.trials.interval_ms.sum() + s.probes.interval_ms.sum()
    assert size.silence_ms == pytest.approx(total, rel=0.3)
