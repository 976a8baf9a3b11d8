"""What every task owes the trainer: planned alike from one seed, arrays of the right shape, names."""

from dataclasses import fields, replace

import numpy as np
import pytest
from lively import WHAT, assert_same_bits, equal, local_rule, make_trainer, short_meet, train
from unequal import Unequal

from spikewhen.paradigms import PARADIGMS, Signal
from spikewhen.paradigms.base import PlannedSession, Task, bump, probe_table, pulse, time_grid, trial_table
from spikewhen.paradigms.event_times import Times
from spikewhen.paradigms.graded_omission import GradedOmission
from spikewhen.paradigms.local_global import LocalGlobal
from spikewhen.paradigms.neurogym import NeuroGym
from spikewhen.paradigms.ready_set_go import Prior, ReadySetGo
from spikewhen.paradigms.reward_timing import RewardTiming
from spikewhen.paradigms.set_go import SetGo
from spikewhen.paradigms.transitions import Transitions
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.reference import ReferenceBackend
from spikewhen.reservoir.replay import features
from spikewhen.reservoir.replay_engine import RecordedEngine
from spikewhen.reservoir.rules import RULES
from spikewhen.reservoir.rules.gate import CONTINUOUS
from spikewhen.reservoir.types import record_steps

SHORT: dict = dict(scale=0.05, trials_per_block=3, sigma_ms=5.0, probes_every=3, probe_repeats=1)
PACE: dict = dict(onset_to_onset_ms=15.0, item_ms=5.0, lead_ms=10.0, sigma_ms=3.0)
TASKS = {
    "meet": short_meet(),
    "meet with two cues and injected events": short_meet(
        cues=("left", "right"),
        blocks=tuple(b.__class__(b.probability * 2, b.latency_ms * 2) for b in short_meet().blocks),
        stimulus_drives_reservoir=True,
    ),
    "signal": Signal(duration_ms=60.0, trials=3),
    "signal, of five channels": Signal(duration_ms=60.0, trials=3, waveform="song"),
    "reward_timing": RewardTiming(**SHORT, stimulus_drives_reservoir=False),
    "reward_timing, injected, stopped": RewardTiming(**SHORT, event_ends_trial=True),
    "set_go": SetGo(
        distributions=(Times("exponential", count=5), Times("uniform", count=4)),
        scale=0.1,
        trials_per_block=3,
        flash_ms=10.0,
        beyond_ms=20.0,
        interval_min_ms=20.0,
        interval_max_ms=30.0,
        probes_every=3,
        probe_repeats=1,
        sigma_ms=5.0,
    ),
    "transitions": Transitions(
        p_a=(0.5,), series=2, items=32, onset_to_onset_ms=10.0, item_ms=4.0, before_ms=2.0
    ),
    "graded_omission": GradedOmission(items=20, share_b=(0.0, 0.3, 0.6, 0.8), share_omitted=0.2, **PACE),
    "local_global": LocalGlobal(
        repeats=1, introductory=1, sequences=4, share_omitted=0.25, gap_min_ms=20.0, gap_max_ms=30.0, **PACE
    ),
    "ready_set_go": ReadySetGo(
        priors=(Prior(20.0, 40.0, 3), Prior(40.0, 60.0, 2)),
        scale=1.0,
        trials_per_block=3,
        flash_ms=10.0,
        before_ms=10.0,
        beyond_ms=20.0,
        interval_min_ms=20.0,
        interval_max_ms=30.0,
        probes_every=3,
        probe_repeats=1,
        sigma_ms=5.0,
    ),
    "neurogym": NeuroGym("trial_world:TwoChoices", trials=4, test_trials=3, probes_every=3, interval_ms=10.0),
    "neurogym, of positions": NeuroGym(
        "trial_world:Continuous", trials=3, test_trials=2, interval_ms=10.0, scale=0.5
    ),
    "unequal": Unequal(),
    "unequal, injected": Unequal(injected=True),
}
EACH = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def test_every_shipped_task_is_held_to_the_contract():
    assert {task.name for task in TASKS.values()} >= set(PARADIGMS)


@EACH
def test_a_seed_decides_a_session(task):
    assert isinstance(task, Task)
    a, b = task.plan(3, 1.0), task.plan(3, 1.0)
    for x, y in zip((*a.trials, *a.probes), (*b.trials, *b.probes), strict=True):
        assert x.tobytes() == y.tobytes()
    assert all(a.blocks[k][0].tobytes() == v.tobytes() for k, (v, _) in b.blocks.items())
    for i in range(a.trials.block.size):
        assert np.array_equal(a.inputs(i), b.inputs(i))
        assert np.array_equal(a.teaching(i).signal, b.teaching(i).signal, equal_nan=True)


@EACH
@pytest.mark.parametrize("seed", [0, 1])
def test_a_session_has_the_shapes_and_names_that_the_contract_says(task, seed):
    s = task.plan(seed, 1.0)
    t, n, q, k = s.time_ms.size, s.trials.block.size, s.probes.block.size, len(s.events)
    assert (s.n_cues, s.n_channels) == (len(s.cues), k)
    assert sorted(s.channels) == list(range(k))
    np.testing.assert_allclose(np.diff(s.time_ms), 1.0)
    assert all(column.shape == (n,) for column in s.trials)
    assert all(column.shape == (q,) for column in s.probes)
    for names, index in (
        (s.events, s.trials.event),
        (s.cues, s.trials.cue),
        (s.conditions, s.trials.condition),
    ):
        assert len(set(names)) == len(names) and all(isinstance(name, str) and name for name in names)
        assert index.min() >= -1 and index.max() < max(len(names), 1)
    assert s.probes.condition.max() < len(s.conditions)
    assert np.array_equal(np.isnan(s.trials.event_time_ms), s.trials.event < 0)
    assert (np.diff(s.trials.block) >= 0).all() and (np.diff(s.probes.after_trial) >= 0).all()
    for u in (s.inputs(0), s.probe_inputs(0)):
        assert u.shape == (t, s.n_cues + k) and np.isfinite(u).all()
    assert not s.probe_inputs(0)[:, s.n_cues :].any(), "a probe shows no event"
    said = s.teaching(0)
    assert said.signal.shape == (t, k) and np.isfinite(said.signal).all()
    assert -2 <= said.event < k and said.event_time_ms.shape == (k,)
    assert said.event in (CONTINUOUS, -1) or said.event == s.channels[s.trials.event[0]]
    assert all(steps.min() >= 1 and steps.max() <= t for steps in record_steps(s))
    assert all(len(array) for array, _ in s.blocks.values())


@EACH
def test_the_numpy_reference_and_the_compiled_engine_agree(task):
    rules = {"local": local_rule(), "merged": local_rule(factored=False)}
    fast, slow = (train(task, rules, backend=b()) for b in (CpuBackend, ReferenceBackend))
    assert_same_bits(fast.arrays, slow.arrays)
    assert equal(fast, slow)


@EACH
def test_every_rule_learns_the_same_on_every_engine(task):
    rules = {name: replace(rule(), what=rule().what and WHAT) for name, rule in RULES.items()}
    if np.isfinite(task.plan(0, 1.0).teaching(0).stop_ms):
        with pytest.raises(InputError, match=r"gate\.kind = 'reward'"):
            train(task, {"td": rules.pop("td")})
    fast, slow = (train(task, rules, backend=b()) for b in (CpuBackend, ReferenceBackend))
    assert_same_bits(fast.arrays, slow.arrays)


def test_a_shorter_trial_is_stored_with_nan_past_its_end():
    task, s = Unequal(), Unequal().plan(0, 1.0)
    r = train(task)
    for which, steps in (("trials", s.trial_steps), ("probes", s.probe_steps)):
        y = r[schema.readout("local", which, "y")]
        assert y.shape == (steps.size, s.time_ms.size, 2)
        known = np.isfinite(y).all(-1)
        assert np.array_equal(known, np.arange(s.time_ms.size) < steps[:, None])
    assert np.array_equal(r[schema.trial("steps")], s.trial_steps)
    ends = r[schema.trial("onset_ms")] - 10 + s.trial_steps
    assert np.array_equal(
        np.diff(r[schema.trial("onset_ms")]),
        ends[:-1] + s.trials.interval_ms[1:] + 10 - r[schema.trial("onset_ms")][:-1],
    )


def test_trials_of_one_length_given_as_lengths_change_nothing():
    task = Unequal(intervals_ms=(30.0,))

    class Plain(Unequal):
        def plan(self, seed, step):
            s = task.plan(seed, step)
            return PlannedSession(
                **{f.name: getattr(s, f.name) for f in fields(s)} | dict(trial_steps=None, probe_steps=None)
            )

    assert_same_bits(train(task).arrays, train(Plain()).arrays)


def test_features_of_trials_of_different_length_are_those_that_the_readout_saw():
    """y of a probe is w.x, with the weights at that moment; NaN past the end of both."""
    task, s = Unequal(), Unequal().plan(0, 1.0)
    r = whole(task)
    q = np.flatnonzero(s.probes.after_trial == s.probes.after_trial[0])
    x = features(r, "probes", q, 1.0)
    w = r[schema.weights("local", "w")][0]
    y = np.einsum("qtm,km->qtk", x, w)
    np.testing.assert_allclose(y, r[schema.readout("local", "probes", "y")][q], rtol=1e-9, atol=1e-12)
    x = features(r, "trials", np.arange(4), 1.0)
    assert np.array_equal(np.isfinite(x).all(-1).sum(1), s.trial_steps[:4])


def whole(task):
    """A run with what `features` reads of the config."""
    import json

    r = train(task)
    simulation = dict(dt_ms=0.5, readout_step_ms=1.0, noise=20.0, settle_ms=0.0)
    trace = dict(decay_ms=40.0, rise_ms=0.0, bias=0.05, normalise_ms=0.0)
    config = {"simulation": simulation, "trace": trace, "seeds": {"noise": 1}, "network": {}}
    r.arrays[schema.CONFIG] = np.frombuffer(json.dumps(config).encode(), np.uint8)
    return r


def test_rules_train_on_recorded_trials_of_different_length_as_in_the_run():
    task = Unequal()
    r = train(task)
    trainer = make_trainer(task, record=RecordSpec(spikes="none"))
    trainer.engine = RecordedEngine(r, trainer.grid, trainer.session)
    trainer.state = trainer.engine.start()
    trainer.run()
    again = trainer.sink.recording
    for path in again.arrays:
        if path.startswith((schema.readout("local"), schema.weights("local"), schema.rule_state("local"))):
            assert r[path].tobytes() == again[path].tobytes(), path


def test_events_are_stored_in_the_order_of_their_names_whatever_channel_plays_them():
    """Odd seeds of MEET play event A on channel 1; the weights in the file follow the event."""
    r, trainer = train(task_seed=1), make_trainer(task_seed=1)
    assert r.attrs[schema.block()]["events"] == ["A", "B"]
    assert r.attrs[schema.block()]["channels"] == [1, 0]
    trainer.run()
    state = trainer.readouts["local"].state[0][:, : trainer.n_features]
    assert np.array_equal(r[schema.weights("local", "w")][-1], state[[1, 0]])
    assert np.array_equal(r[schema.rule_state("local", "w")][:, : trainer.n_features], state)
    assert r[schema.block("probability")][0, 0].tolist() == [0.7, 0.3]


def test_what_is_taught_on_average_is_the_target_by_default():
    s = Unequal().plan(0, 1.0)
    target = s.blocks["target"][0]
    here = (s.trials.block == 1) & (s.trials.condition == 2)
    share = (s.trials.event[here] >= 0).mean()
    expected = share * bump(s.time_ms, 80.0, 5.0)[:, 0]
    np.testing.assert_allclose(target[1, 2, :, 0], expected)
    short = int(s.trial_steps[s.trials.condition == 0][0])
    assert np.isfinite(target[1, 0, :short]).all() and np.isnan(target[1, 0, short:]).all()


def test_a_signal_can_be_taught_per_condition():
    plain = Unequal().plan(0, 1.0)
    signal = np.zeros((3, plain.time_ms.size, 2)) + np.arange(3)[:, None, None]
    values = {f.name: getattr(plain, f.name) for f in fields(plain)}
    s = PlannedSession(**{**values, "target": signal, "blocks": {}})
    said = s.teaching(4)
    assert said.event == CONTINUOUS and (said.signal == s.trials.condition[4]).all()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (dict(shown=np.zeros((1, 2, 3))), "session.shown"),
        (dict(trial_steps=np.ones(3, int)), "session.trial_steps"),
        (dict(target=np.zeros((3, 1, 2))), "session.target"),
    ],
)
def test_a_table_of_another_shape_is_named(change, where):
    plain = Unequal().plan(0, 1.0)
    with pytest.raises(InputError, match=where):
        PlannedSession(**{**{f.name: getattr(plain, f.name) for f in fields(plain)}, **change})


def test_a_trial_cannot_be_longer_than_the_session_says():
    s = Unequal().plan(0, 1.0)
    s.trial_steps = s.trial_steps + 1000
    with pytest.raises(InputError, match="trial_steps"):
        record_steps(s)


def test_helpers_make_grids_pulses_and_tables():
    time = time_grid(10.0, 20.0, 0.5)
    assert time.size == 60 and time[-1] == 20 and np.count_nonzero(time <= 0) == 20
    on = time[pulse(time, 5.0, 2.0)]
    assert on.tolist() == [5.5, 6.0, 6.5, 7.0]
    table = trial_table(np.array([0, 0, 1]), np.array([1, 0, 1]), interval_ms=5.0)
    assert table.cue.tolist() == [-1] * 3 and np.isnan(table.event_time_ms).all()
    came = trial_table(table.block, table.condition, 5.0, event=np.array([0, -1, 1]), event_time_ms=300.0)
    assert np.array_equal(came.event_time_ms, [300, np.nan, 300], equal_nan=True)
    probes = probe_table(table.block, (1, 2, 9), (0, 1), 10.0, repeats=2, cue=(4, 5))
    assert probes.after_trial.tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert probes.cue[:4].tolist() == [4, 5, 4, 5] and probes.condition[:4].tolist() == [0, 1, 0, 1]
