"""An engine that takes its spikes from a recording trains as if it had been there, bit for bit."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from lively import (
    VARIANTS,
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

from spikewhen.reservoir import replay
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.files.static import read_network, write_static
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.replay import KeptSpikes
from spikewhen.reservoir.replay_engine import RecordedEngine, check_recording
from spikewhen.reservoir.rules import LMS, RLS

GRIDS = {
    "float64": small_grid(dt_ms=0.5, steps_per_readout=2),
    "float32": small_grid(np.float32, dt_ms=0.5, steps_per_readout=2),
    "normalised": small_grid(dt_ms=0.5, steps_per_readout=2, normalise_ms=100.0, trace_rise_ms=5.0),
    "normalised_float32": small_grid(
        np.float32, dt_ms=0.5, steps_per_readout=2, normalise_ms=100.0, trace_rise_ms=5.0
    ),
}


def recorded_backend(recording, session, chunk=None):
    """A backend whose engines take the spikes of `recording`."""

    class Backend:
        def load(self, network, grid):
            return RecordedEngine(recording, grid, session, chunk)

    return Backend()


def train_on(recording, rules, grid, meet=None, chunk=None, **options):
    meet = meet or short_meet()
    backend = recorded_backend(recording, meet.plan(0, 1.0), chunk)
    return train(meet, rules, backend=backend, grid=grid, network=read_network(recording), **options)


def changed(recording: Recording, path: str, values) -> Recording:
    return Recording({**recording.arrays, path: values}, recording.attrs)


@pytest.fixture(scope="module", params=GRIDS)
def simulated(request):
    """TimeGrid, a recording of one rule, and the recording of all rules that were there."""
    grid = GRIDS[request.param]
    options = dict(grid=grid, network=lively_network(0.5, delay_max_ms=2.0), settle_ms=30.0)
    rules = {k: replace(r, what=r.what and WHAT) for k, r in VARIANTS.items()}
    return grid, rules, train(**options), train(rules=rules, **options)


@pytest.mark.parametrize("label", VARIANTS)
def test_a_rule_trained_on_spikes_equals_the_rule_that_was_there(simulated, label):
    grid, rules, of_another, of_all = simulated
    found = train_on(of_another, {label: rules[label]}, grid, settle_ms=30.0)
    assert_same_bits({p: of_all[p] for p in found.arrays}, found.arrays)
    assert found.attrs == {p: of_all.attrs[p] for p in found.attrs}
    assert found[schema.rule_state(label, "w")].any()
    assert found[schema.readout(label, "probes", "y")].any()


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_the_length_of_a_chunk_and_company_change_nothing(simulated, chunk):
    grid, rules, of_another, of_all = simulated
    found = train_on(of_another, rules, grid, chunk=chunk, settle_ms=30.0)
    assert_same_bits(of_all.arrays, found.arrays)


@pytest.mark.parametrize("group", ["reservoir", "probes"])
def test_one_spike_less_is_seen(group):
    """The comparison of this file can fail: a single missing spike changes what is learned or probed."""
    grid = GRIDS["normalised"]
    whole = train(grid=grid)
    lacking = whole
    for name in ("step", "node_ids", *(["probe"] if group == "probes" else [])):
        path = schema.spikes(group, name)
        lacking = changed(lacking, path, np.delete(whole[path], 50))
    found = train_on(lacking, {"local": local_rule()}, grid)
    assert np.array_equal(found[schema.weights("local", "w")], whole[schema.weights("local", "w")]) == (
        group == "probes"
    )
    with pytest.raises(AssertionError):
        assert_same_bits(whole.arrays, found.arrays)


def test_resets_at_switches_and_targets_without_cues_are_trained_too():
    from spikewhen.paradigms.signal import Signal

    grid = GRIDS["float64"]
    rules = {"rls": RLS(what=WHAT, interval_ms=1.0, reset="switch")}
    recording = train(grid=grid)
    assert_same_bits(train(rules=rules, grid=grid).arrays, train_on(recording, rules, grid).arrays)

    signal, lms = Signal(duration_ms=200.0, trials=2), {"lms": LMS(eta=0.1, what=None)}
    recording = train(signal, {"lms": LMS(eta=0.0, what=None)}, grid=grid)
    found = train_on(recording, lms, grid, signal)
    assert_same_bits(train(signal, lms, grid=grid).arrays, found.arrays)
    assert found[schema.rule_state("lms", "w")].any()


def test_nothing_is_invented():
    recording = train()
    state = RecordedEngine(recording, GRIDS["float64"], short_meet().plan(0, 1.0)).start()
    assert all(a.size == 0 for a in (state.v, state.u, state.current, state.current_inflow, state.pending))


def test_the_network_comes_back_from_a_recording():
    network = lively_network(0.5, delay_max_ms=2.0, synapse_rise_ms=2.0, n_cues=1)
    trainer = make_trainer(network=network)
    sink = MemorySink()
    write_static(sink, network, trainer.session, trainer.onsets_ms())
    found = read_network(sink.recording)
    assert found.type_names == network.type_names and found.synapses.rise_ms == 2.0
    for mine, theirs in (
        (found.cells, network.cells),
        (found.synapses[:5], network.synapses[:5]),
        (found.encoders, network.encoders),
    ):
        for a, b in zip(mine, theirs, strict=True):
            assert np.array_equal(a, b) and a.dtype == b.dtype


# refusals


@pytest.mark.parametrize("kept", ["none", "subset"])
def test_spikes_of_some_cells_are_not_enough(kept):
    recording = train(record=RecordSpec(spikes=kept))
    with pytest.raises(InputError, match=r"record.spikes = '\w+': all"):
        check_recording(recording)


def test_a_closed_loop_is_refused():
    recording = train(network=lively_network(0.5, feedback_pa=60.0))
    recording.arrays[schema.CONFIG] = np.frombuffer(b'{"network": {"feedback_pa": 60.0}}', np.uint8)
    with pytest.raises(InputError, match=r"network.feedback_pa = 60.0: 0, an open loop"):
        train_on(recording, {"local": local_rule()}, GRIDS["float64"])


@pytest.mark.parametrize(
    ("path", "at", "value", "message"),
    [
        (schema.spikes("reservoir", "node_ids"), 40, N, f"node_ids = {N}: cells 0 to {N - 1}"),
        (schema.spikes("reservoir", "node_ids"), 40, -1, f"node_ids = -1: cells 0 to {N - 1}"),
        (schema.spikes("reservoir", "step"), 40, 0, "spikes in order of time"),
        (schema.spikes("probes", "node_ids"), 40, N, f"node_ids = {N}: cells 0 to {N - 1}"),
        (schema.spikes("probes", "step"), 0, -100_000, "spikes within probe 0"),
    ],
)
def test_spikes_that_no_run_can_have_written_are_refused(path, at, value, message):
    recording = train()
    values = recording[path].copy()
    values[at] = value
    with pytest.raises(InputError, match=message):
        train_on(changed(recording, path, values), {"local": local_rule()}, GRIDS["float64"])


# reading by slices


@pytest.mark.parametrize("block", [1, 5, 65536])
def test_spikes_are_found_in_a_file_as_in_memory(tmp_path, monkeypatch, block):
    monkeypatch.setattr(replay, "BLOCK", block)
    recording = train()
    with h5py.File(tmp_path / "spikes.h5", "w") as file:
        for path in [p for p in recording.arrays if p.startswith(f"{schema.SPIKES}/")]:
            file[path] = recording[path]
        on_disk = Recording(
            {**recording.arrays, **{p: file[p] for p in recording.arrays if p in file}}, recording.attrs
        )
        for probes in (False, True):
            group, key = (
                (schema.spikes("probes"), "probe") if probes else (schema.spikes("reservoir"), "step")
            )
            spikes, values = KeptSpikes(on_disk, probes), recording[f"{group}/{key}"]
            # Forwards as a training reads them, then back and from the start again.
            slices = [(q, q + 1) for q in (0, 1, 3, 3, 7, 8, 2)]
            if not probes:
                slices = [(0, 5), (5, 90), (90, 90), (200, 700), (100, 300), (0, 3000), (3000, 3010)]
            for begin, end in slices:
                here = (values >= begin) & (values < end)
                for name, found in zip(("step", "node_ids"), spikes.between(begin, end), strict=True):
                    assert np.array_equal(found, recording[f"{group}/{name}"][here])


def test_a_segment_reads_its_own_spikes_only(monkeypatch):
    """Memory stays flat in the number of trials."""
    monkeypatch.setattr(replay, "BLOCK", 64)
    meet, read = short_meet(trials_per_block=60, probes_after=(1,)), []
    recording = train(meet)

    class Counting:
        def __init__(self, array):
            self.array, self.shape = array, array.shape

        def __getitem__(self, rows):
            read.append(len(self.array[rows]))
            return self.array[rows]

    for name in ("step", "node_ids"):
        path = schema.spikes("reservoir", name)
        recording.arrays[path] = Counting(recording[path])
    train_on(recording, {"local": local_rule()}, GRIDS["float64"], meet)
    total = recording[schema.spikes("reservoir", "step")].shape[0]
    assert max(read) < 0.3 * total, "25 trials of 120"
    assert sum(read) < 5 * total
