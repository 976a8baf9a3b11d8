"""`spikewhen train`: the file that the run would have written, byte for byte, and what it refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import small
from lively import equal
from sealing import sealed
from small import refused

from spikewhen import load_config, run, train
from spikewhen.analysis import score_events
from spikewhen.experiments import run as runs
from spikewhen.experiments import train as trained
from spikewhen.experiments.run import run_to_file
from spikewhen.experiments.train import FREE, recorded_experiment, train_to_file
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import read_run
from spikewhen.reservoir.network import build_network
from spikewhen.reservoir.types import NUMERICS_VERSION

KEEP = 'record.spikes="all"'
SIGNAL = {
    **{k: v for k, v in small.table().items() if k in ("network", "simulation")},
    "paradigm": {"name": "signal", "duration_ms": 400.0, "trials": 2},
    "rules": {
        "a": {"rule": "lms", "what": "none", "factored": False},
        "b": {"rule": "rls", "what": "none", "factored": False},
    },
}
SIGNAL["network"] = {**SIGNAL["network"], "feedback_pa": 0.0}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder with a config and its recordings of two seeds."""
    folder = tmp_path_factory.mktemp("recorded")
    config = small.write(folder)
    result = small.spikewhen("run", config, "--seeds", "0-1", "--record", "spikes", "--out", folder / "out")
    assert result.exit_code == 0, result.stderr
    return folder, config, sorted((folder / "out").glob("*.h5"))


@pytest.mark.parametrize(
    ("table", "label", "overrides"),
    [
        (small.table(), "local", ("rules.local.eta=0.05",)),
        (small.table(), "rls", ("simulation.precision=float32", "network.delay_max_ms=2.0")),
        (small.table(), "local", ("trace.decay_ms=60.0", "trace.normalise_ms=0.0", "health.silent_max=0.1")),
        (small.table(), "rls", ("record.trials=false", "record.readouts_every_ms=10.0")),
        (small.table(), "rls", ("record.spikes=none",)),
        (small.table(), "local", ("seeds.task=7",)),
        (small.table(), "local", ("paradigm.probes_after=[0, 2]",)),
        (SIGNAL, "b", ("rules.b.interval_ms=2.0",)),
    ],
    ids=lambda x: x if isinstance(x, str) else None,
)
def test_the_file_is_the_one_that_the_run_would_have_written(tmp_path, table, label, overrides):
    decides_spikes = tuple(o for o in overrides if o.partition(".")[0] not in FREE)
    other = {**table, "rules": {"other": {"rule": "three_factor", "what": "none", "factored": False}}}
    recording = run_to_file(load_config(other, (KEEP, *decides_spikes)), 1, tmp_path / "recorded")
    wanted = load_config(table, (KEEP, *overrides)).with_rules([label])
    there = run_to_file(wanted, 1, tmp_path / "there")
    found = train_to_file(recording, wanted, tmp_path / "trained")
    assert found.name == there.name != recording.name
    assert found.read_bytes() == there.read_bytes()
    assert read_run(found)[schema.rule_state(label, "w")].any()


def test_a_recording_trained_with_its_own_rules_is_itself(done):
    folder, _, (first, _) = done
    result = small.spikewhen("train", first, "--out", folder / "again")
    assert result.exit_code == 0, result.stderr
    assert (folder / "again" / first.name).read_bytes() == first.read_bytes()


def test_own_arrays_are_trained_too(tmp_path):
    experiment = load_config(small.table(), (KEEP,))
    network = build_network(experiment.network, 5, 1, 2, 0.1)
    current = np.zeros((550, 60))
    current[100:200, :20] = 80.0
    own = dict(network=network, current=current)
    recording = run_to_file(experiment.with_rules(["rls"]), 2, tmp_path / "a", **own)
    there = run_to_file(experiment.with_rules(["local"]), 2, tmp_path / "b", **own)
    found = train_to_file(recording, experiment.with_rules(["local"]), tmp_path / "c")
    assert found.name == there.name and found.read_bytes() == there.read_bytes()
    assert found.stem != experiment.with_rules(["local"]).run_id(2)


def test_a_script_trains_in_memory(done):
    _, config, (first, _) = done
    experiment = recorded_experiment(read_run(first), ("rules.rls.alpha=2.0",)).with_rules(["rls"])
    seed = read_run(first).config["seed"]
    there = run(load_config(config, (KEEP, "rules.rls.alpha=2.0")).with_rules(["rls"]), seed)
    assert equal(train(first, experiment), there)


@pytest.mark.parametrize(
    ("overrides", "commit", "taken"),
    [
        ((), "abc", True),
        ((), "abc-modified", False),
        ((), "unknown", False),
        ((), "", False),
        (("trace.decay_ms=50.0",), "abc", False),
        (("record.readouts_every_ms=10.0",), "abc", False),
    ],
)
def test_the_ceiling_is_taken_over_from_the_same_activity_and_code_only(
    tmp_path, monkeypatch, overrides, commit, taken
):
    kept = {**trained.software(), "commit": commit or "abc"}
    for module in (runs, trained):
        monkeypatch.setattr(module, "software", lambda: kept)
    experiment = load_config(small.table(), (KEEP,))
    recording = run_to_file(experiment.with_rules(["local"]), 0, tmp_path / "a")
    kept = {**kept, "commit": commit or "def"}
    other = load_config(small.table(), (KEEP, *overrides)).with_rules(["rls"])
    there = run_to_file(other, 0, tmp_path / "b")
    fits = []
    found = score_events.ridge_ceiling
    monkeypatch.setattr(score_events, "ridge_ceiling", lambda *a: fits.append(1) or found(*a))
    assert train_to_file(recording, other, tmp_path / "c").read_bytes() == there.read_bytes()
    assert np.isfinite(read_run(there)[schema.scores("rls", "error_ridge")]).any()
    assert (not fits) == taken


# the command


def test_rules_are_named_changed_and_taken_from_another_config(done, tmp_path):
    *_, (first, second) = done
    mine = tmp_path / "mine.toml"
    mine.write_text('[rules.slow]\nrule = "lms"\neta = 0.01\n[rules.fast]\nrule = "lms"\neta = 0.5\n')
    words = ("--config", mine, "--rule", "fast", "--rule", "slow", "--set", "rules.slow.eta=0.02")
    result = small.spikewhen("train", first, second, first, *words, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.stderr
    found = [read_run(p) for p in (tmp_path / "o").glob("*.h5")]
    assert sorted(r.config["seed"] for r in found) == [0, 1]
    for recording in found:
        assert recording.labels == ["fast", "slow"]
        assert [recording.config["rules"][k]["eta"] for k in recording.labels] == [0.5, 0.02]
    assert "fast" in result.stdout and "2 seeds, 2 runs" in result.stdout


def test_a_training_is_skipped_when_finished_and_says_what_it_was_trained_on(done):
    folder, _, (first, second) = done
    before = small.files(folder / "out")
    words = ("train", first, second, "--rule", "local", "--set", "rules.local.eta=0.03")
    dry = small.spikewhen(*words, "--dry-run")
    assert dry.exit_code == 0 and dry.stdout.count("to do") == 3 and small.files(folder / "out") == before
    result = small.spikewhen(*words, "--json")
    assert result.exit_code == 0, result.stderr
    (entry,) = json.loads(result.stdout)["experiments"]
    assert sorted(r["seed"] for r in entry["runs"]) == [0, 1]
    new = sorted(set(small.files(folder / "out")) - set(before))
    assert new == sorted(f"{r['run_id']}.{end}" for r in entry["runs"] for end in ("h5", "json"))
    facts = json.loads((folder / "out" / f"{entry['runs'][0]['run_id']}.json").read_text())
    assert facts["backend"] == "recorded" and facts["trained_on"]["run_id"] in (first.stem, second.stem)
    again = small.spikewhen(*words)
    assert again.exit_code == 0 and again.stderr.count("skipped") == 2
    for path in (folder / "out").glob("*.h5"):
        path.unlink() if path not in (first, second) else None


@pytest.mark.parametrize("word", ["none", "subset", "all", "spikes"])
def test_record_says_whose_spikes_are_kept(tmp_path, word):
    config = small.write(tmp_path)
    result = small.spikewhen("run", config, "--record", word, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.stderr
    (path,) = (tmp_path / "o").glob("*.h5")
    kept = "all" if word == "spikes" else word
    assert read_run(path).config["record"]["spikes"] == kept
    assert path.stem == load_config(config, (f"record.spikes={kept}",)).run_id(0)


# refusals


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--rule", "hebb"), ("--rule = 'hebb'", "local, rls")),
        (("--rule", "local", "--rule", "local"), ("--rule", "each label once")),
        (
            ("--set", "network.n_neurons=50"),
            ("network.n_neurons=50", "rules, trace, record, health"),
        ),
        (("--set", "rules.local.eta=-1"), ("rules.local.eta", "-1", ">= 0")),
        (("--set", "rules.local.rat=1"), ("rules.local.rat", "no such key")),
        (("--config", "nowhere.toml"), ("CONFIG", "nowhere.toml")),
    ],
)
def test_words_that_are_refused(done, tmp_path, words, parts):
    _, _, (first, _) = done
    refused(small.spikewhen("train", first, *words, "--out", tmp_path / "o"), *parts)
    assert not small.files(tmp_path)


def test_files_that_are_refused(done, tmp_path):
    _, config, _ = done
    refused(small.spikewhen("train", tmp_path / "x.h5"), "x.h5", "no such file")
    refused(small.spikewhen("train", config), "small.toml", "undamaged HDF5")
    for out, words, part in (
        ("a", ("--record", "subset"), "record.spikes = 'subset': all"),
        (
            "b",
            ("--set", "network.feedback_pa=5.0", "--record", "all"),
            "network.feedback_pa = 5.0: 0",
        ),
    ):
        assert small.spikewhen("run", config, *words, "--out", tmp_path / out).exit_code == 0
        path = next((tmp_path / out).glob("*.h5"))
        refused(small.spikewhen("train", path, "--out", tmp_path / "o"), path.name, part)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("path", "change", "named"),
    [
        (schema.spikes("reservoir", "node_ids"), lambda a: np.r_[(a[0] + 30) % 60, a[1:]], schema.SPIKES),
        (schema.trial("event"), lambda a: 1 - a, schema.trial("event")),
        (schema.trial("onset_ms"), lambda a: a + 1, schema.trial("onset_ms")),
        (schema.block("latency_ms"), lambda a: a + 1, schema.block("latency_ms")),
        (schema.probe("interval_ms"), lambda a: a + 1, schema.probe("interval_ms")),
    ],
)
def test_a_file_that_contradicts_its_config_is_refused_and_leaves_nothing(
    done, tmp_path, path, change, named
):
    _, _, (first, _) = done
    doctored = tmp_path / "doctored.h5"
    shutil.copy(first, doctored)
    with sealed(doctored, "r+") as file:
        file[path][...] = change(file[path][()])
    line = refused(small.spikewhen("train", doctored, "--rule", "rls", "--out", tmp_path / "o"), named)
    assert "doctored" in line
    assert small.files(tmp_path) == ["doctored.h5"]


def test_another_experiment_than_the_recorded_one_is_refused(done):
    _, config, (first, _) = done
    with pytest.raises(InputError, match=r"network.weight = 9.0: as in the recording"):
        train(first, load_config(config, (KEEP, "network.weight=9.0")))


def test_a_recording_of_another_numerics_version_is_refused(done, monkeypatch):
    monkeypatch.setattr("spikewhen.experiments.train.NUMERICS_VERSION", NUMERICS_VERSION + 1)
    with pytest.raises(InputError, match=rf"numerics_version = {NUMERICS_VERSION}: {NUMERICS_VERSION + 1}"):
        train(done[2][0])


def test_a_rule_of_ones_own_is_trained_from_a_script(done, monkeypatch):
    from changing_rule import own_rule

    _, config, (first, _) = done
    experiment = replace(load_config(config, (KEEP,)), rules={"own": own_rule(monkeypatch, 0.25)})
    found, there = train(first, experiment), run(experiment, read_run(first).config["seed"])
    assert equal(found, there) and found[schema.rule_state("own", "w")].any()


def test_states_of_cells_stay_with_their_recording(tmp_path):
    """Spikes do not give them: a training keeps none, and is refused where it is asked to."""
    experiment = load_config(small.table(), (KEEP, "record.cells=[3]", "record.cells_every_ms=100.0"))
    recording = run_to_file(experiment.with_rules(["local"]), 0, tmp_path)
    again = train_to_file(recording, recorded_experiment(read_run(recording)), tmp_path)
    assert again.name == f"{load_config(small.table(), (KEEP,)).with_rules(['local']).run_id(0)}.h5"
    with pytest.raises(InputError, match=r"record\.cells = \(3,\): none: a recording holds spikes"):
        train_to_file(recording, experiment, tmp_path)
