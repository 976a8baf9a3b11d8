"""What a finished run answers: by name, in memory as in its file, and never with a guess."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
import small
from lively import equal

import spikewhen as sw
from spikewhen.experiments.result import Result
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import read_run


@pytest.fixture(scope="module")
def experiment():
    return sw.load_config(small.table(), ("record.spike_subset=7",))


@pytest.fixture(scope="module")
def file(experiment, tmp_path_factory):
    return sw.run(experiment, 3, out=tmp_path_factory.mktemp("out"), progress=False)


@pytest.fixture(scope="module")
def memory(experiment):
    return sw.run(experiment, 3, progress=False)


@pytest.fixture(params=["file", "memory"])
def result(request):
    return request.getfixturevalue(request.param)


def test_a_run_in_memory_and_its_file_hold_the_same(file, memory):
    assert equal(file, memory) and equal(file, read_run(file.path))
    assert list(file) == file.keys() and len(file) == len(memory) and "/config" in file and "/no" not in file


def test_it_says_who_it_is(result, experiment):
    assert result.run_id == experiment.run_id(3) and result.seed == 3
    assert result.labels == ["local", "rls"] and result.events == ("A", "B") and result.cues == ("cue",)
    assert result.config == json.loads(json.dumps(experiment.resolved(3)))


def test_a_readout_is_asked_by_event(result):
    readout = result.readout("rls")
    prediction = result["/readouts/rls/probes/prediction"]
    assert readout.rule == "rls" and np.array_equal(readout.time_ms, result["/readouts/rls/time_ms"])
    assert np.array_equal(readout.prediction["B"], prediction[..., 1])
    assert np.array_equal(readout.trials.y["A"], result["/readouts/rls/trials/y"][..., 0])
    assert readout.p_hat["A"].shape == (2,) and list(readout.p_hat) == ["A", "B"]
    assert np.asarray(readout.prediction).shape == prediction.shape
    with pytest.raises(KeyError, match=r"no event 'C'; there are A, B"):
        readout.prediction["C"]


def test_what_was_not_kept_is_refused(experiment):
    quiet = replace(experiment, record=replace(experiment.record, trials=False, spikes="none"))
    result = sw.run(quiet, 0, scores=False, progress=False)
    with pytest.raises(InputError, match="keeps them"):
        result.readout("rls").trials.prediction  # noqa: B018
    with pytest.raises(InputError, match="none were recorded"):
        result.spikes.time_ms  # noqa: B018
    assert np.isnan(result.spikes.rate_hz).all()
    assert len(result.scores("rls")) == 0 and "spikewhen.score" in repr(result.scores("rls"))


def test_a_cell_that_was_not_recorded_is_not_silent(result):
    spikes = result.spikes
    assert spikes.recorded.size == 7 and spikes.n_cells == 60
    assert np.isnan(spikes.rate_hz).sum() == 53
    one, other = spikes.recorded[2], 1
    assert spikes.rate_hz[one] == pytest.approx(1000 * spikes.of(one).size / spikes.duration_ms)
    with pytest.raises(InputError, match="7 of 60 cells"):
        spikes.of(other)


def test_rates_are_those_of_the_health_report(experiment):
    everything = replace(experiment, record=replace(experiment.record, spikes="all"))
    result = sw.run(everything, 1, scores=False, progress=False)
    assert result.spikes.rate_hz.mean() == pytest.approx(result.health["rate_hz"])
    time_ms, cell = result.spikes.probe(1)
    assert time_ms.size == cell.size == (result["/spikes/probes/probe"] == 1).sum() > 0


def test_weights_are_asked_by_event(result):
    weights = result.weights("local")
    assert weights.after_trial.tolist() == [1, 2]
    assert np.array_equal(weights.w["B"], result["/weights/local/w"][:, 1])
    assert np.array_equal(weights.v["A"], result["/weights/local/v"][:, 0])


def test_tables_speak_names_and_count_blocks_from_one(result):
    trials, probes = result.trials, result.probes
    assert set(trials["block"].tolist()) == {1} and set(trials["cue"].tolist()) == {"cue"}
    event = result["/trials/event"]
    assert trials["event"].tolist() == [None if e < 0 else "AB"[e] for e in event]
    assert probes["after_trial"].tolist() == [1, 2] and probes["repeat"].tolist() == [1, 1]


def test_scores_have_units(result):
    scores = result.scores("local")
    assert scores.units["timing_error_ms"] == "ms" and " ms" in repr(scores)
    assert np.array_equal(scores["error"], result["/scores/local/error"])


def test_scores_can_be_computed_later(experiment, file):
    bare = sw.run(experiment, 3, scores=False, progress=False)
    assert not [p for p in bare if p.startswith("/scores")]
    for source in (bare, file, file.path):
        found = sw.score(source)
        assert list(found) == ["local", "rls"]
        for label in found:
            for name in file.scores(label):
                assert np.array_equal(found[label][name], file.scores(label)[name], equal_nan=True), name
    with pytest.raises(InputError, match="scores"):
        sw.run(experiment, 3, scores=False, out="nowhere")


def test_rows_and_frames_hold_every_score(result):
    rows = result.to_rows()
    e = [r for r in rows if r["rule"] == "rls" and r["score"] == "error"]
    assert [r["value"] for r in e] == result.scores("rls")["error"].tolist()
    assert {r["block"] for r in e} == {1} and {r["seed"] for r in rows} == {3}
    assert {r["event"] for r in rows if r["score"] == "p_hat"} == {"A", "B"}
    frame = pytest.importorskip("pandas") and result.to_frame()
    assert len(frame) == len(rows) and list(frame.columns) == list(rows[0])
    assert result.trials.to_frame().shape == (2, len(result.trials))


def test_without_pandas_one_line_says_what_to_do(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"frames.*to_rows"):
        result.to_frame()


def test_a_label_may_be_left_out_where_there_is_one(result):
    with pytest.raises(InputError, match="local, rls"):
        result.scores()
    with pytest.raises(InputError, match="lokal"):
        result.readout("lokal")


def test_it_shows_itself_briefly(result, experiment):
    views = (result.readout("rls"), result.spikes, result.weights("rls"), result.health)
    for thing in (result, *views, result.trials, result.probes, experiment):
        text, page = repr(thing), thing._repr_html_()
        assert len(text.splitlines()) <= 15 and max(map(len, text.splitlines())) <= 160, text
        assert page.startswith("<strong>") and "0x" not in text
    assert "Hz" in repr(result.health) and "E 0." in repr(result) and "60 cells" in repr(result)


def test_a_file_is_read_when_asked_and_closed_at_the_end(file):
    with sw.open_run(file.path) as result:
        assert not isinstance(result.arrays._nodes["/readouts/rls/trials/y"], np.ndarray)
        assert isinstance(result["/readouts/rls/trials/y"], np.ndarray)
    with pytest.raises(InputError, match="closed"):
        result["/readouts/rls/trials/y"]


def test_a_damaged_file_is_refused_when_opened(file, tmp_path):
    path = tmp_path / "x.h5"
    data = bytearray(file.path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="checksum"):
        sw.open_run(path)
    with pytest.raises(InputError, match="no such file"):
        sw.open_run(tmp_path / "y.h5")


def test_a_result_can_be_sent_to_another_process(result):
    again = pickle.loads(pickle.dumps(result))
    assert isinstance(again, Result) and again.path == result.path and equal(again, result)


def test_panels_are_drawn_onto_given_axes(result):
    from matplotlib.figure import Figure

    left, right = Figure().subplots(1, 2)
    assert result.plot.trial(left, label="rls") is left and left.lines
    assert result.plot.learning(right, label="rls") is right and right.has_data()


def test_a_run_trains_other_rules_in_memory(experiment):
    everything = replace(experiment, record=replace(experiment.record, spikes="all"))
    kept = sw.run(everything.with_rules(["rls"]), 2, progress=False)
    there = sw.run(everything.with_rules(["local"]), 2, progress=False)
    found = sw.train(kept, rules={"local": everything.rules["local"]}, progress=False)
    assert equal(found, there)


def test_progress_is_told_or_shown_or_neither(experiment, capsys):
    ticks = []
    sw.run(experiment, 0, scores=False, progress=ticks.append)
    assert sum(ticks) == 4
    sw.run(experiment, 0, scores=False)
    assert capsys.readouterr().err == "", "a bar where stderr is no terminal"
