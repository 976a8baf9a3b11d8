"""What a teacher says: targets and gates of a trial."""

import itertools

import numpy as np
import pytest

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.gate import CONTINUOUS, Gate, TeachingSignal

TIME = np.arange(-49.0, 501.0)
EXPECTED = np.array([200.0, 350.0])


def teaching_signal(event=0, delivered_ms=210.0) -> TeachingSignal:
    time = EXPECTED.copy()
    if event >= 0:
        time[event] = delivered_ms
    return TeachingSignal(TIME, np.exp(-((TIME[:, None] - time) ** 2) / 1800), event, time)


def gate(event=0, delivered_ms=210.0, **changes) -> np.ndarray:
    _, gate = Gate(**changes).teach(teaching_signal(event, delivered_ms))
    assert gate.shape == (TIME.size, 2)
    assert np.isfinite(gate).all() and gate.min() >= 0 and gate.max() <= 1
    return gate


def at(array, ms):
    return array[np.searchsorted(TIME, ms)]


def test_a_window_has_a_baseline_outside_after_the_cue():
    g = gate(half_width_ms=50.0, baseline=0.3)[:, 0]
    assert np.all(g[TIME < 0] == 0)
    inside = np.abs(TIME - 210) < 50
    assert np.all(g[inside] == 1) and inside.sum() == 99
    assert np.all(g[~inside & (TIME >= 0)] == 0.3)


def test_a_literal_window_is_closed_outside():
    g = gate(half_width_ms=50.0, baseline=0.0)[:, 0]
    assert np.array_equal(g > 0, np.abs(TIME - 210) < 50)


def test_an_epoch_is_open_from_the_cue_on():
    assert np.array_equal(gate(kind="epoch")[:, 0], 1.0 * (TIME >= 0))


def test_no_gate_is_open_always():
    assert np.all(gate(kind="none")[:, 0] == 1)


@pytest.mark.parametrize("shift", [-80.0, 40.0])
def test_a_shift_moves_the_window(shift):
    g = gate(half_width_ms=30.0, baseline=0.0, shift_ms=shift)[:, 0]
    assert np.array_equal(g > 0, np.abs(TIME - (210 + shift)) < 30)


@pytest.mark.parametrize("undelivered", ["ignore", "zero"])
def test_an_event_opens_its_gate_for_two_half_widths_and_nothing_else_does(undelivered):
    g = gate(kind="event", half_width_ms=40.0, undelivered=undelivered)
    open_ = (TIME >= 210) & (TIME < 290)
    assert np.array_equal(g[:, 0] > 0, open_) and np.all(g[open_, 0] == 1)
    assert np.array_equal(g[:, 1], g[:, 0] if undelivered == "zero" else np.zeros(TIME.size))
    late = gate(kind="event", half_width_ms=40.0, shift_ms=25.0)[:, 0]
    assert np.array_equal(late > 0, (TIME >= 235) & (TIME < 315))
    assert not gate(event=-1, kind="event", undelivered="zero").any()


def test_the_target_is_the_same_whatever_opens_the_gate():
    expected, _ = Gate().teach(teaching_signal(1))
    for options in (dict(kind="event"), dict(channel="other"), dict(shift_ms=50.0)):
        target, g = Gate(**options).teach(teaching_signal(1))
        assert np.array_equal(target, expected) and g.any()


@pytest.mark.parametrize("kind", ["window", "epoch", "event"])
@pytest.mark.parametrize("event", [0, 1])
def test_a_gate_on_the_other_channel_is_the_same_gate_there(kind, event):
    right, wrong = gate(event, kind=kind), gate(event, kind=kind, channel="other")
    assert np.array_equal(wrong[:, 1 - event], right[:, event]) and right[:, event].any()
    assert not wrong[:, event].any()
    assert not gate(event=-1, kind=kind, channel="other").any()


def test_the_other_channel_of_three_is_the_next_and_of_one_there_is_none():
    time = np.array([200.0, 250.0, 300.0])
    signal = np.exp(-((TIME[:, None] - time) ** 2) / 1800)
    for event in range(3):
        _, g = Gate(channel="other").teach(TeachingSignal(TIME, signal, event, time))
        assert np.flatnonzero(g.any(axis=0)).tolist() == [(event + 1) % 3]
    with pytest.raises(InputError, match=r"gate\.channel = .*: delivered, where there is one"):
        Gate(channel="other").teach(TeachingSignal(TIME, signal[:, :1], 0, time[:1]))


@pytest.mark.parametrize(
    "options, field",
    [
        (dict(channel="other", undelivered="zero"), "undelivered"),
        (dict(kind="event", stop_at_event=True), "stop_at_event"),
        (dict(channel="wrong"), "channel"),
    ],
)
def test_gates_that_contradict_themselves_are_refused(options, field):
    with pytest.raises(InputError) as caught:
        Gate(**options)
    assert str(caught.value).startswith(f"{field} = ")


def test_the_window_follows_the_delivered_time_not_the_expected_one():
    g = gate(half_width_ms=30.0, baseline=0.0, delivered_ms=260.0)[:, 0]
    assert at(g, 260) == 1 and at(g, 200) == 0


def test_a_time_constant_is_a_causal_low_pass():
    square = gate(half_width_ms=50.0, baseline=0.0)[:, 0]
    smooth = gate(half_width_ms=50.0, baseline=0.0, time_constant_ms=40.0)[:, 0]
    assert not smooth[TIME <= 160].any(), "nothing before the window"
    assert at(smooth, 259) == pytest.approx(1 - np.exp(-99 / 40), rel=1e-9)
    assert at(smooth, 299) == pytest.approx(at(smooth, 259) * np.exp(-1), rel=1e-9)
    assert smooth.max() < 1 and np.argmax(smooth) == np.flatnonzero(square)[-1]
    short = gate(half_width_ms=50.0, baseline=0.0, time_constant_ms=10.0)[:, 0]
    assert short.sum() == pytest.approx(square.sum(), rel=1e-6), "what is lost at the start comes at the end"


@pytest.mark.parametrize("kind", ["window", "epoch", "none"])
@pytest.mark.parametrize("undelivered", ["ignore", "silence", "zero"])
@pytest.mark.parametrize("time_constant_ms", [0.0, 30.0])
def test_a_causal_teacher_says_nothing_before_the_event(kind, undelivered, time_constant_ms):
    g = gate(kind=kind, undelivered=undelivered, causal=True, time_constant_ms=time_constant_ms)
    assert not g[TIME < 210].any()
    assert g[TIME >= 210, 0].any()


@pytest.mark.parametrize("kind", ["window", "epoch", "none"])
@pytest.mark.parametrize("undelivered", ["ignore", "silence", "zero"])
@pytest.mark.parametrize("time_constant_ms", [0.0, 30.0])
def test_plasticity_ends_at_event_onset_where_asked(kind, undelivered, time_constant_ms):
    g = gate(kind=kind, undelivered=undelivered, stop_at_event=True, time_constant_ms=time_constant_ms)
    assert not g[TIME >= 210].any()
    assert g[TIME < 210, 0].any()


def test_undelivered_channels_are_ignored_by_default():
    g = gate(kind="epoch")
    assert not g[:, 1].any() and g[:, 0].any()


def test_undelivered_channels_learn_silence_outside_their_window():
    g = gate(undelivered="silence", half_width_ms=50.0, baseline=0.3)
    own = np.abs(TIME - 350) < 50
    assert not g[own, 1].any()
    assert np.all(g[~own & (TIME >= 0), 1] == 0.3)


def test_undelivered_channels_learn_zero_everywhere():
    g = gate(undelivered="zero", half_width_ms=50.0, baseline=0.3)
    own = np.abs(TIME - 350) < 50
    assert np.all(g[own, 1] == 1) and np.all(g[~own & (TIME >= 0), 1] == 0.3)


@pytest.mark.parametrize("undelivered", ["ignore", "silence", "zero"])
def test_the_target_of_an_undelivered_channel_is_zero(undelivered):
    for event in (0, 1, -1):
        target, _ = Gate(undelivered=undelivered).teach(teaching_signal(event))
        for k in range(2):
            assert target[:, k].any() == (k == event)
    target, _ = Gate().teach(teaching_signal(0))
    assert TIME[np.argmax(target[:, 0])] == 210 and target.max() == 1


@pytest.mark.parametrize("kind", ["window", "epoch", "none"])
@pytest.mark.parametrize("causal", [False, True])
def test_an_omission_teaches_nothing_by_default(kind, causal):
    assert not gate(event=-1, kind=kind, causal=causal).any()


def test_an_omission_teaches_silence_where_asked():
    g = gate(event=-1, undelivered="silence", half_width_ms=50.0)
    for k in range(2):
        own = np.abs(TIME - EXPECTED[k]) < 50
        assert not g[own, k].any() and g[~own & (TIME >= 0), k].all()
    assert not gate(event=-1, undelivered="silence", causal=True).any()


def test_a_signal_is_taught_at_all_times():
    signal = np.sin(TIME)[:, None]
    options = itertools.product(("window", "epoch", "none"), (False, True))
    for kind, causal in options:
        target, g = Gate(kind=kind, causal=causal).teach(
            TeachingSignal(TIME, signal, CONTINUOUS, np.zeros(1))
        )
        assert np.array_equal(target, signal) and np.all(g == 1)


def test_teaching_leaves_the_lesson_alone():
    given = teaching_signal()
    before = [np.array(a) for a in given]
    target, g = Gate(kind="none", undelivered="zero", time_constant_ms=5.0).teach(given)
    target[:], g[:] = 7, 7
    assert all(np.array_equal(a, b) for a, b in zip(given, before, strict=True))
