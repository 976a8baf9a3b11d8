"""The loop: what a run keeps does not depend on how it is cut up, probed or shared."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from lively import (
    SHORT_GATE,
    WHAT,
    N,
    assert_same_bits,
    lively_network,
    local_rule,
    make_trainer,
    short_meet,
    small_grid,
    train,
)

from spikewhen.reservoir import training
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.derived import predict
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.reference import ReferenceBackend
from spikewhen.reservoir.rules import LMS, RLS
from spikewhen.reservoir.types import Trials

RLS_RULE = RLS(what=WHAT, interval_ms=1.0)


def feedback_network(q=60.0):
    return lively_network(0.5, feedback_pa=q, delay_max_ms=3.0)


def arrays(recording, *prefixes):
    return {p: a for p, a in recording.arrays.items() if p.startswith(prefixes)}


OPTIONS = {
    "open": dict(),
    "feedback": dict(network=feedback_network()),
    "normalised": dict(grid=small_grid(dt_ms=0.5, steps_per_readout=2, normalise_ms=100.0)),
}


@pytest.mark.parametrize("options", OPTIONS)
def test_the_reference_keeps_the_same_recording(options):
    fast, slow = (train(backend=b, **OPTIONS[options]) for b in (CpuBackend(), ReferenceBackend()))
    assert_same_bits(fast.arrays, slow.arrays)
    assert fast.attrs == slow.attrs
    assert fast[schema.spikes("reservoir", "step")].size > 200
    assert fast[schema.rule_state("local", "w")].any() and fast[schema.rule_state("local", "v")].any()


@pytest.mark.parametrize("options", OPTIONS)
def test_probes_leave_the_run_untouched(options):
    rule = local_rule(eligibility_ms=20.0, consolidation=0.3)
    probed, bare, other = (
        train(short_meet(**change), {"local": rule}, settle_ms=50.0, **OPTIONS[options])
        for change in (dict(), dict(probe_repeats=0), dict(probes_after=(1, 2, 3), probe_repeats=3))
    )
    run = (schema.spikes("reservoir"), schema.readout("local", "trials"), schema.rule_state())
    assert len(arrays(probed, *run)) >= 9
    assert_same_bits(arrays(probed, *run), arrays(bare, *run))
    assert_same_bits(arrays(probed, *run), arrays(other, *run))
    assert probed[schema.readout("local", "probes", "y")].shape == (8, 120, 2)
    assert schema.readout("local", "probes", "y") not in bare


def test_probes_differ_from_each_other():
    recording = train()
    y, owner = recording[schema.readout("local", "probes", "y")], recording[schema.spikes("probes", "probe")]
    step, cell = recording[schema.spikes("probes", "step")], recording[schema.spikes("probes", "node_ids")]
    found = {(step[owner == q] * N + cell[owner == q]).tobytes() for q in range(8)}
    assert np.array_equal(np.unique(owner), np.arange(8)) and len(found) == 8
    assert len({row.tobytes() for row in y}) == 8


def test_repeated_probes_differ_by_noise_alone():
    """Without noise, and with the same interval, the repeats of a probe are one and the same."""
    still = short_meet(interval_min_ms=20.0, interval_max_ms=20.0)
    quiet = train(still, grid=small_grid(dt_ms=0.5, steps_per_readout=2, noise=0.0))
    noisy = train(still)
    for after in (1, 4, 5, 8):
        rows = np.flatnonzero(quiet[schema.probe("after_trial")] == after)
        a, b = quiet[schema.readout("local", "probes", "y")][rows]
        assert np.array_equal(a, b) and a.any()
        a, b = noisy[schema.readout("local", "probes", "y")][rows]
        assert not np.array_equal(a, b)


def test_a_probe_after_the_last_trial_starts_where_the_run_ended():
    """Without noise it continues the run: the same spikes as one more trial with that interval."""
    fixed = dict(interval_min_ms=20.0, interval_max_ms=20.0, probe_repeats=1, probes_after=(1, 2, 3, 4))
    grid = small_grid(dt_ms=0.5, steps_per_readout=2, noise=0.0)
    spec = short_meet(**fixed)
    recording = train(spec, grid=grid, network=lively_network(0.5, delay_max_ms=3.0))
    onset = recording[schema.trial("onset_ms")]
    step, cell = (
        recording[schema.spikes("reservoir", "step")],
        recording[schema.spikes("reservoir", "node_ids")],
    )
    for q in range(7):
        mine = recording[schema.spikes("probes", "probe")] == q
        zero = round(onset[q + 1] / grid.dt_ms)
        begin, end = np.searchsorted(step, [zero - 60, zero + 220])
        assert np.array_equal(recording[schema.spikes("probes", "step")][mine], step[begin:end] - zero)
        assert np.array_equal(recording[schema.spikes("probes", "node_ids")][mine], cell[begin:end])


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("segment", [1, 3, 7])
def test_the_length_of_a_segment_changes_nothing(monkeypatch, segment, options):
    spec = short_meet(probes_after=(4,))
    whole = train(spec, **OPTIONS[options])
    monkeypatch.setattr(training, "SEGMENT", segment)
    cut = train(spec, **OPTIONS[options])
    assert_same_bits(whole.arrays, cut.arrays)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rules_beside_each_other_change_nothing(dtype):
    rules = {"local": local_rule(), "rls": RLS_RULE, "lms": LMS(eta=0.1, gate=SHORT_GATE, what=WHAT)}
    together = train(rules=rules, dtype=dtype)
    backwards = train(rules=dict(reversed(rules.items())), dtype=dtype)
    assert_same_bits(dict(sorted(together.arrays.items())), dict(sorted(backwards.arrays.items())))
    for label, rule in rules.items():
        alone = train(rules={label: rule}, dtype=dtype)
        assert_same_bits(alone.arrays, {p: together[p] for p in alone.arrays})


def test_two_labels_of_one_rule_do_not_share_their_weights():
    twice = train(rules={"a": local_rule(), "b": local_rule()})
    once = train(rules={"a": local_rule()})
    for p, x in arrays(once, schema.readout(), schema.weights(), schema.rule_state()).items():
        assert np.array_equal(x, twice[p])
        assert np.array_equal(x, twice[p.replace("/a/", "/b/")])


def test_a_readout_that_cannot_learn_feeds_nothing_back():
    rule = {"local": local_rule(eta=0.0)}
    a = train(rules=rule, network=feedback_network(0.0))
    b = train(rules=rule, network=feedback_network(60.0))
    assert_same_bits(arrays(a, schema.SPIKES), arrays(b, schema.SPIKES))


def test_a_longer_settling_moves_the_run_and_nothing_else():
    short, long = (
        train(settle_ms=s, grid=small_grid(dt_ms=0.5, steps_per_readout=2, noise=0.0)) for s in (0.0, 200.0)
    )
    assert np.all(long[schema.spikes("reservoir", "step")] >= 0)
    assert (
        long[schema.readout("local", "trials", "y")].shape
        == short[schema.readout("local", "trials", "y")].shape
    )
    a, b = (make_trainer(settle_ms=s) for s in (0.0, 200.0))
    assert np.array_equal(b.onsets_ms() - a.onsets_ms(), np.full(8, 200.0))
    assert b.duration_ms - a.duration_ms == 200.0


# resets


def test_a_reset_happens_at_switches_and_only_there(monkeypatch):
    at = []
    trainer = make_trainer(
        short_meet(trials_per_block=3, probes_after=(1, 3)), {"rls": replace(RLS_RULE, reset="switch")}
    )
    done = []
    trainer.progress = done.append
    at_switch = RLS.at_switch

    def spy(rule, state, n_features):
        at.append(sum(done))
        return at_switch(rule, state, n_features)

    monkeypatch.setattr(RLS, "at_switch", spy)
    trainer.run()
    assert at == [3 + 4], "after three trials and four probes"


def test_a_reset_changes_nothing_before_the_first_switch():
    never, reset = (train(rules={"rls": replace(RLS_RULE, reset=r)}) for r in ("never", "switch"))
    for name in ("w", "v"):
        a, b = never[schema.weights("rls", name)], reset[schema.weights("rls", name)]
        assert never[schema.weights("rls", "trial")].tolist() == [1, 4, 5, 8]
        assert np.array_equal(a[:2], b[:2])
        assert np.array_equal(a[2:], b[2:]) == (name == "v")


# what the engine is told


class Spy:
    """An engine that notes what it is given."""

    def __init__(self, engine):
        self.engine, self.heard = engine, []

    def start(self):
        return self.engine.start()

    def run(self, state, trials, readouts, teaching):
        copy = Trials(*[np.array(a) if isinstance(a, np.ndarray) else a for a in trials])
        self.heard.append((copy, teaching))
        return self.engine.run(state, trials, readouts, teaching)


def heard(**options):
    trainer = make_trainer(short_meet(stimulus_drives_reservoir=True), **options)
    trainer.engine = Spy(trainer.engine)
    trainer.run()
    return trainer, trainer.engine.heard


def test_inputs_come_on_the_steps_that_the_tables_name():
    trainer, calls = heard(settle_ms=40.0)
    session, onset = trainer.session, trainer.onsets_ms()
    runs = [t for t, _ in calls if t.stream == 0]
    inputs = np.concatenate([t.inputs for t in runs])
    assert all(t.learn for t in runs)
    assert [t.first_step // 2 for t in runs] == np.cumsum([0, *[len(t.inputs) for t in runs]])[:-1].tolist()
    expected = np.zeros_like(inputs)
    for i in range(8):
        start = round(onset[i])
        expected[start : start + 20, 0] = 1
        k = session.trials.event[i]
        if k >= 0:
            at = start + round(session.trials.event_time_ms[i])
            expected[at : at + 10, 1 + k] = 1
    assert np.array_equal(inputs, expected)
    end = np.flatnonzero(np.concatenate([t.trial_end for t in runs]) >= 0) + 1
    assert np.array_equal(end, np.round(onset) + 110)
    outcome = np.concatenate([t.outcome for t in runs])
    assert np.array_equal(outcome, np.eye(3)[session.trials.event][:, :2])
    assert round(onset[0] - 10) == 40 + round(session.trials.interval_ms[0])


def test_teaching_is_silent_between_trials_and_in_probes():
    trainer, calls = heard()
    gates = np.concatenate([taught[0].gate for t, taught in calls if t.stream == 0])
    window = np.concatenate([taught[0].window for t, taught in calls if t.stream == 0])
    inside = np.zeros(len(gates), bool)
    seen = np.zeros(len(gates), np.int8)
    for onset in np.round(trainer.onsets_ms()).astype(int):
        inside[onset - 10 : onset + 110] = True
        seen[onset : onset + 35] = 1
    assert not gates[~inside].any() and gates[inside].any()
    assert np.array_equal(window, seen), "features of the 35 ms after cue onset"
    probes = [(t, taught) for t, taught in calls if t.stream > 0]
    assert [t.stream for t, _ in probes] == list(range(1, 9))
    for t, taught in probes:
        assert not t.learn and not taught[0].gate.any() and not t.outcome.any()
        assert not t.inputs[:, 1:].any() and np.count_nonzero(t.inputs[:, 0]) == 20
        assert np.flatnonzero(t.inputs[:, 0])[0] == len(t.inputs) - 110
        assert taught[0].window.sum() == 35


def test_an_input_current_of_ones_own_enters_every_trial_and_probe():
    current = np.zeros((120, N))
    current[30:60, 5] = 900.0
    trainer, calls = heard(current=current)
    for t, _ in calls:
        for end in np.flatnonzero(t.trial_end >= 0) + 1:
            assert np.array_equal(t.current[end - 120 : end], current)
        assert np.count_nonzero(t.current) == 30 * len(t.outcome)
    recording = trainer.sink.recording
    silent = train(short_meet(stimulus_drives_reservoir=True))
    counts = [
        np.bincount(r[schema.spikes("reservoir", "node_ids")], minlength=N)[5] for r in (recording, silent)
    ]
    assert counts[0] > counts[1] + 8


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_current_that_is_not_finite_is_refused(bad):
    current = np.zeros((120, N))
    current[3, 7] = bad
    with pytest.raises(InputError, match=r"current\[3, 7\] = .*: finite numbers"):
        make_trainer(current=current)


# learning


def test_an_omission_teaches_nothing():
    block = replace(short_meet().blocks[0], probability=((0.5, 0.0),))
    recording = train(short_meet(blocks=(block,), probes_after=(1, 2, 3, 4)), task_seed=5)
    event, w = recording[schema.trial("event")], recording[schema.weights("local", "w")]
    assert (event == -1).any() and (event >= 0).any()
    for i in range(1, 4):
        assert np.array_equal(w[i - 1], w[i]) == (event[i] == -1)


def test_p_hat_is_taken_before_the_trial_updates_it():
    recording = train()
    assert not recording[schema.readout("local", "trials", "p_hat")][0].any()
    assert recording[schema.readout("local", "trials", "p_hat")][1].any()
    assert recording[schema.readout("local", "probes", "p_hat")][0].any()


def test_prediction_is_the_product_of_clipped_readouts():
    y, p = np.array([[[-1.0, 0.5], [2.0, 0.25]]]), np.array([[1.5, 0.5]])
    assert np.array_equal(predict(y, p, True), [[[0, 0.25], [2, 0.125]]])
    assert np.array_equal(predict(y, p, False), [[[0, 0.5], [2, 0.25]]])
    assert np.array_equal(predict(y, -p, True), np.zeros((1, 2, 2)))
    recording = train()
    for which in ("trials", "probes"):
        y, p_hat = (recording[schema.readout("local", which, name)] for name in ("y", "p_hat"))
        assert np.array_equal(
            recording[schema.readout("local", which, "prediction")], predict(y, p_hat, True)
        )


# what is kept


def test_readouts_can_be_kept_more_coarsely():
    fine, coarse = train(), train(record=RecordSpec(spikes="none", readouts_every_ms=5.0, trials=False))
    assert np.array_equal(
        coarse[schema.readout("local", "time_ms")], fine[schema.readout("local", "time_ms")][4::5]
    )
    assert np.array_equal(
        coarse[schema.readout("local", "probes", "y")], fine[schema.readout("local", "probes", "y")][:, 4::5]
    )
    assert not arrays(coarse, schema.readout("local", "trials"))
    assert coarse[schema.spikes("reservoir", "step")].size == 0
    assert np.array_equal(coarse[schema.rule_state("local", "w")], fine[schema.rule_state("local", "w")])


def test_a_subset_of_cells_keeps_its_spikes_only():
    every, some = train(), train(record=RecordSpec(spikes="subset", spike_subset=5))
    cells = np.array(some.attrs[schema.spikes("reservoir")]["recorded"])
    assert cells.tolist() == [0, 10, 20, 29, 39]
    kept = np.isin(every[schema.spikes("reservoir", "node_ids")], cells)
    for name in ("step", "timestamps", "node_ids"):
        assert np.array_equal(
            some[schema.spikes("reservoir", name)], every[schema.spikes("reservoir", name)][kept]
        )
    assert kept.any()


def test_a_time_off_the_grid_is_refused():
    with pytest.raises(InputError, match="readouts_every_ms"):
        make_trainer(record=RecordSpec(readouts_every_ms=1.5))


def test_static_tables_are_written_with_units():
    recording = train(settle_ms=40.0)
    for path, array in recording.arrays.items():
        assert array.ndim > 0 and recording.attrs[path].get("units"), path
    onset, time = recording[schema.trial("onset_ms")], recording[schema.spikes("reservoir", "timestamps")]
    assert np.all(np.diff(onset) >= 120) and time.max() <= onset[-1] + 110
    np.testing.assert_allclose(time, (recording[schema.spikes("reservoir", "step")] + 1) * 0.5)
    assert recording[schema.CELL_TYPE].size == N
    assert recording[schema.block("probability")].shape == (2, 1, 2)


class Nothing:
    """A sink that keeps nothing."""

    def create(self, *arguments): ...
    def write(self, *arguments): ...
    def append(self, *arguments): ...
    def put(self, *arguments, **named): ...
    def annotate(self, *arguments, **named): ...


def test_memory_does_not_grow_with_the_number_of_trials():
    peaks = []
    for n in (240, 240, 720):  # the first warms up; 240 fill what is kept from call to call
        trainer = make_trainer(short_meet(trials_per_block=n, probes_after=(1,)), sink=Nothing())
        tracemalloc.start()
        trainer.run()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]
