"""Features from kept spikes equal those that the readouts saw, bit for bit."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from lively import lively_network, local_rule, make_trainer, short_meet

from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.engine import Activity
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.static import write_static
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.replay import features, grid_of
from spikewhen.reservoir.time_grid import SimulationSpec, TraceSpec, make_grid
from spikewhen.reservoir.types import padded

TRACES = {
    "single": TraceSpec(normalise_ms=0.0),
    "double": TraceSpec(rise_ms=2.0, normalise_ms=0.0),
    "scaled": TraceSpec(scale=0.7, bias=0.2, normalise_ms=0.0),
    "normalised": TraceSpec(normalise_ms=100.0),
    "normalised_double": TraceSpec(rise_ms=2.0, normalise_ms=5000.0),
}


class Probing(CpuEngine):
    """Steps the engine one readout step at a time and reads every feature through unit weights."""

    def run(self, state, trials, readouts, teaching):
        n_features = self.network.n_neurons + 1
        when, what = [], np.zeros((len(trials.outcome), 2), self.grid.dtype)
        steps, cells, rows = [], [], []
        m = self.grid.steps_per_readout
        for t in range(len(trials.inputs)):
            part = slice(t, t + 1)
            piece = trials._replace(
                first_step=trials.first_step + t * m,
                inputs=trials.inputs[part],
                trial_end=trials.trial_end[part],
            )
            taught = [type(lesson)(*[a[part] for a in lesson]) for lesson in teaching]
            done = super().run(state, piece, readouts, taught)
            what += done.p_hat[0]
            when.append(done.y[0])
            steps.append(done.spike_step)
            cells.append(done.spike_neuron)
            rows.append(self._features[0, 0, :n_features].copy())
        self.seen.append((trials, np.array(rows)))
        return Activity(np.concatenate(steps), np.concatenate(cells), [np.concatenate(when)], [what])


def recorded(trace, precision="float64", subset="all", **network):
    spec = short_meet(before_ms=10.0)
    simulation = SimulationSpec(dt_ms=0.5, precision=precision)
    grid = make_grid(simulation, trace, noise_seed=7)
    engine = Probing(lively_network(0.5, **network), grid, chunk=1)
    engine.seen = []

    class Backend:
        def load(self, network, grid):
            return engine

    trainer = make_trainer(
        spec,
        {"local": local_rule()},
        grid=grid,
        network=engine.network,
        backend=Backend(),
        settle_ms=30.0,
        record=RecordSpec(spikes=subset),
    )
    write_static(trainer.sink, trainer.network, trainer.session, trainer.onsets_ms())
    trainer.run()
    recording = trainer.sink.recording
    config = {
        "simulation": asdict(simulation),
        "trace": asdict(trace),
        "seeds": {"noise": 7},
        "paradigm": asdict(spec),
    }
    recording.arrays[schema.CONFIG] = np.frombuffer(json.dumps(config).encode(), np.uint8)
    return recording, engine.seen


def cut(seen, recording):
    """Features of every trial and every probe, as the engine had them."""
    trials, probes = [], []
    for given, rows in seen:
        ends = np.flatnonzero(given.trial_end >= 0) + 1
        (probes if given.stream else trials).extend(rows[e - 120 : e] for e in ends)
    assert len(trials) == 8 and len(probes) == recording[schema.probe("block")].size
    return {"trials": np.array(trials), "probes": np.array(probes)}


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("trace", TRACES)
def test_replayed_features_equal_those_the_engine_computed(trace, precision):
    recording, seen = recorded(TRACES[trace], precision, delay_max_ms=2.0)
    expected = cut(seen, recording)
    assert recording[schema.spikes("reservoir", "step")].size > 200
    for which, count in (("trials", 8), ("probes", 8)):
        found = features(recording, which, np.arange(count))
        assert found.dtype == precision and found.shape == (count, 120, 41)
        assert found.tobytes() == expected[which].tobytes(), which
        assert np.abs(found[:, :, :-1]).max() > 0.03


@pytest.mark.parametrize("which", ["trials", "probes"])
def test_some_rows_and_some_times_equal_the_whole(which):
    recording, _ = recorded(TRACES["normalised"])
    whole = features(recording, which, np.arange(8))
    for rows in ([0], [3], [7], [1, 2, 6]):
        assert np.array_equal(features(recording, which, np.array(rows)), whole[rows])
    assert np.array_equal(features(recording, which, np.arange(8), every_ms=4.0), whole[:, 3::4])


def test_replayed_features_give_the_outputs_that_were_kept():
    recording, _ = recorded(TRACES["normalised"])
    after = recording[schema.probe("after_trial")]
    x = features(recording, "probes", np.arange(8))
    row = np.searchsorted(recording[schema.weights("local", "trial")], after)

    def pad(a):
        return np.append(a, np.zeros(padded(41) - 41))

    for q in range(8):
        w = recording[schema.weights("local", "w")][row[q]]
        for t in (0, 50, 119):
            y = [dot_reference(pad(k), pad(x[q, t])) for k in w]
            assert recording[schema.readout("local", "probes", "y")][q, t].tolist() == y


@pytest.mark.parametrize("which", ["trials", "probes"])
def test_p_hat_is_v_times_the_mean_feature_of_the_window(which):
    """The window is the 35 ms after cue onset, of this trial or probe alone."""
    recording, _ = recorded(TRACES["normalised"])
    x = features(recording, which, np.arange(8))
    time = recording[schema.readout("local", "time_ms")]
    after = recording[schema.probe("after_trial")] if which == "probes" else np.arange(8)
    points = recording[schema.weights("local", "trial")].tolist()
    checked = 0
    for i in range(8):
        if after[i] not in points:
            continue
        total = np.zeros(padded(41))
        for row in x[i][(time > 0) & (time <= 35)]:
            total[:41] = total[:41] + row
        mean = total * (1.0 / 35)
        v = recording[schema.weights("local", "v")][points.index(after[i])]
        expected = [dot_reference(np.append(row, np.zeros(padded(41) - 41)), mean) for row in v]
        assert recording[schema.readout("local", which, "p_hat")][i].tolist() == expected
        checked += any(expected)
    assert checked > 2


def test_the_grid_comes_back_from_the_config():
    recording, _ = recorded(TRACES["double"], "float32")
    grid = grid_of(recording)
    assert grid == make_grid(SimulationSpec(dt_ms=0.5, precision="float32"), TRACES["double"], 7)


@pytest.mark.parametrize("subset", ["none", "subset"])
def test_a_run_without_all_spikes_is_refused(subset):
    recording, _ = recorded(TRACES["single"], subset=subset)
    with pytest.raises(InputError, match=r"record.spikes = '\w+': all"):
        features(recording, "trials", np.arange(1))
