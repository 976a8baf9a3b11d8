"""Scoring never costs a simulation: what cannot be scored is kept, told, and scored again later."""

import copy
import json
import logging
import sys

import numpy as np
import pytest
import small

import spikewhen as sw
from spikewhen.experiments.result import open_run
from spikewhen.experiments.score import score_file
from spikewhen.reservoir.files import schema

LOCAL = {"rule": "three_factor", "what": {"anneal": True}}
BASE = {
    "network": {"n_neurons": 40, "out_degree": 10, "weight": 10.0},
    "paradigm": {
        "name": "meet",
        "trials_per_block": 4,
        "after_ms": 700.0,
        "interval_min_ms": 100.0,
        "interval_max_ms": 150.0,
        "probes_after": [1, 4],
        "probe_repeats": 2,
        "blocks": [
            {"probability": [[0.8, 0.2]], "latency_ms": [[300.0, 600.0]]},
            {"probability": [[0.2, 0.8]], "latency_ms": [[300.0, 600.0]]},
        ],
    },
    "record": {"spikes": "all"},
    "rules": {"local": LOCAL},
}


def config(**changes):
    table = copy.deepcopy(BASE)
    for section, values in changes.items():
        if section == "rules":
            table[section] = values
        else:
            table.setdefault(section, {}).update(values)
    return table


SHORT = {
    "before_ms": 0.0,
    "cue_ms": 5.0,
    "after_ms": 19.0,
    "sigma_ms": 5.0,
    "blocks": [{"probability": [[0.8, 0.2]], "latency_ms": [[10.0, 15.0]]}],
}
WINDOW_5 = {"local": {**LOCAL, "what": {"window_end_ms": 5.0}}}
LAST_OF_ONE = [*BASE["paradigm"]["blocks"][:1], {**BASE["paradigm"]["blocks"][1], "trials": 1}]
FIVE = {
    "events": list("ABCDE"),
    "blocks": [{"probability": [[0.2] * 5], "latency_ms": [[200.0, 300.0, 400.0, 500.0, 600.0]]}],
}
LEGAL = {
    "readouts kept every 20 ms": (config(record={"readouts_every_ms": 20.0}), set()),
    "readouts kept twice a trial": (config(record={"readouts_every_ms": 350.0}), set()),
    "one readout kept": (config(record={"readouts_every_ms": 700.0}), set()),
    "last block of one trial": (
        config(paradigm={"blocks": LAST_OF_ONE, "probes_after": [1]}),
        {"ceiling_what", "ceiling_when"},
    ),
    "readout step of 25 ms": (
        config(simulation={"readout_step_ms": 25.0}, record={"readouts_every_ms": 25.0}),
        set(),
    ),
    "what window of 5 ms": (config(rules=WINDOW_5), set()),
    "what window between two features": (
        config(rules={"local": {**LOCAL, "what": {"window_start_ms": 1.0, "window_end_ms": 4.0}}}),
        set(),
    ),
    "trial of 19 ms": (
        config(paradigm=SHORT, rules=WINDOW_5),
        {"overlap_chance", "overlap_chance_p", "overlap_output_chance"},
    ),
    "trial of 9 ms": (
        config(
            paradigm={
                **SHORT,
                "after_ms": 9.0,
                "blocks": [{"probability": [[0.8, 0.2]], "latency_ms": [[6.0, 7.0]]}],
            },
            rules=WINDOW_5,
        ),
        {"error_ridge", "overlap_chance", "ceiling_when", "loss_what"},
    ),
    "two cells, five events": (config(network={"n_neurons": 2, "out_degree": 1}, paradigm=FIVE), set()),
    "one cell": (config(network={"n_neurons": 1, "out_degree": 0}), set()),
    "nothing ever comes": (
        config(paradigm={"blocks": [{"probability": [[0.0, 0.0]], "latency_ms": [[300.0, 600.0]]}]}),
        set(),
    ),
    "silent network": (
        config(simulation={"noise": 0.0}, network={"cue_pa": 0.0, "bias_pa": 0.0}, trace={"bias": 0.0}),
        set(),
    ),
}


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_config_is_scored_and_says_what_cannot_be_had(name, caplog):
    table, undefined = LEGAL[name]
    result = sw.run(sw.load_config(table), seed=0, progress=False)
    found = result.scores("local")
    assert not schema.scoring_failure(result) and not caplog.records
    assert np.isfinite(found["error"]).any() or "nothing" in name or "one readout" in name
    assert undefined <= found.undefined.keys()
    assert all(np.isnan(found[n]).any() for n in found.undefined)
    said = " ".join(result.warnings)
    assert all(n in said for n in found.undefined)


def test_a_window_between_two_features_is_averaged_over_its_own_steps():
    from spikewhen.analysis.geometry.activity import block_activity
    from spikewhen.analysis.views import read_readout, read_task
    from spikewhen.reservoir.replay import Replay, features

    result = sw.run(sw.load_config(LEGAL["what window of 5 ms"][0]), seed=0, progress=False)
    task, readout = read_task(result), read_readout(result, "local")
    found = block_activity(result, readout, task, Replay(result), 10.0, 0, after_cue=True)
    every = features(result, "trials", np.arange(4), 1.0)  # from 50 ms before the cue on
    np.testing.assert_array_equal(found.window_means((0.0, 5.0)), every[:, 50:55].mean(1))


@pytest.mark.parametrize(("step", "every"), [(1.0, (1, 3, 4, 7, 8)), (3.0, (1, 3)), (7.0, (1, 2))])
def test_ceiling_and_geometry_depend_on_the_spikes_alone(step, every):
    """Whichever readouts are kept; the times of the features are those of the readout steps."""
    found = {}
    for times in every:
        table = config(
            paradigm={"before_ms": 42.0, "after_ms": 840.0, "cue_ms": 84.0, "event_ms": 42.0,
                      "interval_min_ms": 84.0, "interval_max_ms": 168.0},
            simulation={"readout_step_ms": step, "settle_ms": 84.0},
            record={"readouts_every_ms": times * step},
        )  # fmt: skip
        scores = sw.run(sw.load_config(table), seed=0, progress=False).scores("local")
        names = [n for n in scores if n.startswith(("error_ridge", "overlap", "ceiling", "angle", "loss"))]
        found[times] = {n: scores[n].tolist() for n in names}
    assert len(names) > 10 and np.nanmin(found[1]["error_ridge"]) < 1.5
    assert all(json.dumps(f) == json.dumps(found[1]) for f in found.values())


OWN = """
from spikewhen.paradigms.meet import Meet
class Mine(Meet):
    scores = "{module}:score"
"""
SCORE = "def score(recording):\n    {body}\n"
GOOD = "return {'local': {'peak': recording['/readouts/local/probes/y'].max()}}"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A config of a task whose scores are those of a file that changes."""
    monkeypatch.chdir(tmp_path)
    names = [
        f"{kind}_{abs(hash(tmp_path))}" for kind in ("tasks", "scores")
    ]  # a module of a name is one file
    (tmp_path / f"{names[0]}.py").write_text(OWN.format(module=names[1]))
    text = small.TEXT.replace('name = "meet"', f'name = "{names[0]}:Mine"').partition("[rules.rls]")[0]
    path = small.write(tmp_path, text)

    def write(body):
        (tmp_path / f"{names[1]}.py").write_text(SCORE.format(body=body))
        sys.modules.pop(names[1], None)
        return path

    yield write
    for name in names:
        sys.modules.pop(name, None)


BAD = {
    "return 1 / 0": "ZeroDivisionError",
    "raise SystemExit(3)": "SystemExit",
    "raise MemoryError": "MemoryError",
    "return 7": "label: {name",
    "return {'none': {'a': 1}}": "labels of the run: local",
}


@pytest.mark.parametrize("body", BAD)
def test_a_run_that_cannot_be_scored_is_kept_whole_and_scored_later(own, tmp_path, body):
    path, out = own(body), tmp_path / "out"
    words = ("run", path, "--out", out)
    for _ in range(2):  # told again where the run is found finished
        done = small.spikewhen(*words)
        (file,) = out.glob("*.h5")
        assert done.exit_code == 2, done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith("error: ") and BAD[body] in last and f"spikewhen score {file}" in last
        assert str(tmp_path) not in schema.scoring_failure(open_run(file))
    first = file.read_bytes()
    file.unlink()
    small.spikewhen(*words)
    assert file.read_bytes() == first, "the same command gives the same bytes"
    assert small.spikewhen("score", file).exit_code == 2 and file.read_bytes() == first
    own(GOOD)
    assert small.spikewhen("score", file).exit_code == 0
    again = small.spikewhen(*words)
    assert again.exit_code == 0 and "failed" not in again.stderr
    with open_run(file) as kept:
        assert kept.scores("local")["peak"] == kept["/readouts/local/probes/y"].max()
        scored = {p: kept[p] for p in kept if not p.startswith("/scores")}
    file.unlink()
    assert small.spikewhen(*words).exit_code == 0
    with open_run(file) as whole:  # what was scored later equals what was scored at once
        assert all(np.array_equal(whole[p], a, equal_nan=True) for p, a in scored.items())
        assert whole.scores("local")["peak"] == kept_peak(scored) and not score_file(file)


def kept_peak(arrays):
    return arrays["/readouts/local/probes/y"].max()


def test_a_script_gets_its_run_and_a_warning(own, tmp_path, caplog):
    experiment = sw.load_config(str(own("return 1 / 0")))
    with caplog.at_level(logging.WARNING):
        in_memory = sw.run(experiment, seed=0, progress=False)
        kept = sw.run(experiment, seed=0, out=tmp_path / "out", progress=False)
    assert [("ZeroDivisionError" in r.message) for r in caplog.records] == [True, True]
    for result in (in_memory, kept):
        assert result.readout("local").y.array.any() and "ZeroDivisionError" in result.warnings[-1]
    own(GOOD)
    assert sw.score(kept)["local"]["peak"] > 0


@pytest.mark.parametrize("seed", [0, 1])
def test_arrays_are_in_the_order_of_the_events_whichever_channel_plays_them(seed):
    """Odd seeds play A on channel 1; with equal probabilities only the latency tells A from B."""
    from spikewhen.experiments.setup import prepare

    equal = [{"probability": [[0.5, 0.5]], "latency_ms": [[300.0, 600.0]]}]
    session = prepare(sw.load_config(config(paradigm={"blocks": equal})), seed).session
    assert session.blocks["latency_ms"][0][0, 0].tolist() == [300.0, 600.0]
    session = prepare(sw.load_config(config()), seed).session
    assert session.blocks["probability"][0][0, 0].tolist() == [0.8, 0.2]
    assert session.events == ("A", "B") and list(session.channels) == ([1, 0] if seed else [0, 1])
