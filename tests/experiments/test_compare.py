"""Comparing rules: from runs that are there, from what is missing, and where a rule diverges."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import small

from spikewhen import compare, load_config, open_run
from spikewhen.analysis.settings import varied
from spikewhen.experiments.compare import compare_finished, plan_comparison
from spikewhen.experiments.comparison import Comparison
from spikewhen.experiments.jobs import make_jobs
from spikewhen.experiments.results import RunSummary
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import read_run

TEXT = (
    small.TEXT.replace('rule = "rls"\ninterval_ms = 5.0', 'rule = "three_factor"\neta = 0.002').replace(
        "[rules.rls]", "[rules.slow]"
    )
    + """
[rules.wild]
rule = "three_factor"
eta = 1e308
epsilon = 1e-300
"""
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Two seeds of the rules `local`, `slow` and `wild`, of which the last diverges; all spikes are kept."""
    folder = tmp_path_factory.mktemp("done")
    config = small.write(folder, TEXT)
    words = ("--seeds", "0-1", "--record", "all", "--threads", "1")
    result = small.spikewhen("run", config, *words, "--out", folder / "out")
    return folder, config, result


def test_a_rule_that_diverges_is_left_out_and_the_others_keep_their_results(done):
    folder, config, result = done
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: wild was left out (seeds 0-1): the rule diverged: output of wild[")
    rest = load_config(config, ('record.spikes="all"',)).with_rules(["local", "slow"])
    names = {job.path.name for job in make_jobs("small", rest, [0, 1], folder)}
    assert {path.name for path in (folder / "out").glob("*.h5")} == names  # runs without the rule
    (entry,) = json.loads((folder / "out" / "summary.json").read_text())["experiments"]
    assert all("diverged" in run["failed"]["wild"] for run in entry["runs"])
    assert list(entry["labels"]) == ["local", "slow"] and entry["headings"]["error"] == "E"
    assert "wild was left out of seed 0" in result.stdout


def test_where_every_rule_diverges_nothing_is_written(tmp_path):
    wild = (
        f"rules.{label}.{change}" for label in ("local", "slow") for change in ("eta=1e308", "epsilon=1e-300")
    )
    words = [word for change in wild for word in ("--set", change)]
    result = small.spikewhen("run", small.write(tmp_path, TEXT), *words, "--out", tmp_path / "out")
    assert result.exit_code == 2 and result.stdout == ""
    assert "no other rule is left" in result.stderr.splitlines()[-1]
    assert small.files(tmp_path) == ["small.toml"]


def test_finished_runs_are_compared_without_a_simulation(done, monkeypatch):
    folder, *_ = done
    monkeypatch.setattr("spikewhen.experiments.batch.side_by_side", None)  # what would simulate
    result = small.spikewhen("compare", folder / "out", "--rules", "slow,local")
    assert result.exit_code == 0, result.stderr
    assert "Differences of E to slow, paired by seed." in result.stdout
    text = " ".join(result.stdout.split())
    assert "Holm's correction is over the 1 row of this table." in text
    assert "With 2 seeds there are 4 ways to flip them, so no p can be below 0.5" in text
    assert "95 % interval: Student's t, widened for skewness by Hall's transformation" in text
    rows = list(csv.DictReader((folder / "out" / "compare.csv").read_text().splitlines()))
    assert {row["block"] for row in rows if row["score"] == "error"} == {"1"}
    assert {row["event"] for row in rows if row["score"] == "p_hat"} == {"A", "B"}
    assert {row["heading"] for row in rows if row["score"] == "timing_error_ms"} == {"timing error (ms)"}
    compared = json.loads((folder / "out" / "compare.json").read_text())["comparison"]
    assert compared["reference"] == "slow" and compared["differences"][0]["block"] == 1
    assert "summary.json" in small.files(folder / "out")  # that of the run stays


def test_a_config_simulates_only_what_its_folder_lacks(done):
    folder, config, _ = done
    words = (
        "compare",
        config,
        "--rules",
        "slow,local",
        "--seeds",
        "0-2",
        "--out",
        folder / "out",
        "--dry-run",
    )
    text = small.spikewhen(*words).stdout
    assert text.count("finished") == 2 and "1 of 1 runs to do" in text
    plan = json.loads(small.spikewhen(*words, "--seeds", "0-2", "--json").stdout)
    assert [run["seed"] for run in plan["found"]] == [0, 1] and [run["seed"] for run in plan["runs"]] == [2]


def test_a_rule_that_is_missing_learns_from_spikes_that_are_there(done, tmp_path):
    folder, config, _ = done
    quicker = load_config(config, ("rules.local.eta=0.06",))
    plan = plan_comparison("small", quicker, ["local", "slow"], [0], folder / "out")
    (job,) = plan.jobs
    assert list(job.experiment.rules) == ["local"] and job.recording is not None
    assert set(plan.found[0].rules) == {"slow"}
    compared = plan.carry_out("cpu", 1)
    assert compared.origin == "Runs: 1 taken from finished runs, 1 trained on recorded spikes."
    job.path.unlink()
    job.path.with_suffix(".json").unlink()


@pytest.mark.parametrize(
    ("change", "named"),
    [("network.weight=2.0", "network.weight"), ("rules.local.eta=0.001", "rules.local.eta")],
)
def test_runs_that_differ_in_more_than_rules_and_seed_are_refused(done, tmp_path, change, named):
    folder, config, _ = done
    other = small.spikewhen(
        "run", config, "--set", change, "--set", "rules.wild.eta=0.01", "--seed", "2", "--out", tmp_path
    )
    assert other.exit_code == 0, other.stderr
    result = small.spikewhen("compare", folder / "out", tmp_path)
    assert result.exit_code == 2 and result.stdout == "" and len(result.stderr.splitlines()) == 1
    assert named in result.stderr and "agrees in all but rules and seed" in result.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--rules", "locla"), "did you mean local?"),
        (("--seeds", "0-4"), "seeds of these runs: 0-1"),
        (("--set", "network.weight=2.0"), "only with a config"),
    ],
)
def test_what_finished_runs_cannot_give_is_refused(done, words, named):
    folder, *_ = done
    result = small.spikewhen("compare", folder / "out", *words)
    assert result.exit_code == 2 and named in result.stderr


def test_python_compares_folders_files_and_open_runs_alike(done):
    folder, *_ = done
    files = sorted((folder / "out").glob("*.h5"))
    found = [compare(folder / "out"), compare(files), compare([open_run(path) for path in files])]
    assert found[0].rules == ["local", "slow"] and found[0].seeds == [0, 1]
    assert len({one.csv() for one in found}) == 1
    assert found[0].to_rows()[0].keys() == {
        "seed",
        "run_id",
        "rule",
        "block",
        "trial",
        "condition",
        "event",
        "score",
        "heading",
        "value",
        "note",
    }
    assert "<table>" in found[0]._repr_html_() and "local" in repr(found[0]) and len(repr(found[0])) < 600


def test_python_compares_an_experiment_and_keeps_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = compare(load_config(small.write(tmp_path, TEXT)), ["local", "wild"], reference="local")
    assert found.rules == ["local"] and [f.label for f in found.failures] == ["wild"]
    assert found.to_rows()[-1]["score"] == "failed" and "diverged" in found.to_rows()[-1]["note"]
    assert small.files(tmp_path) == ["small.toml"]


def finished(seed: int, scores: dict, **more) -> RunSummary:
    config = {"paradigm": {"name": "signal"}}
    return RunSummary(
        "x",
        f"run{seed}",
        seed,
        None,
        config,
        list(scores),
        scores,
        {},
        "",
        [],
        **more,  # type: ignore[arg-type]
    )


def test_a_continuous_target_is_compared_by_its_rmse():
    runs = [
        finished(
            s,
            {
                label: {"free_rmse": np.array([rmse + s]), "free_amplitude": np.array([np.nan])}
                for label, rmse in (("a", 1.0), ("b", 1.5))
            },
        )
        for s in range(6)
    ]
    found = Comparison("sine", runs)
    (only,) = found.differences["b"]
    assert (only.block, only.trial, only.paired.mean) == (None, None, 0.5)
    assert "difference in RMSE" in found.table() and "no p can be below" not in found.table()
    assert json.loads(found.json())["comparison"]["score"] == "free_rmse"


def test_runs_without_a_score_cannot_be_compared():
    with pytest.raises(InputError, match="no score to compare"):
        Comparison("mine", [finished(0, {"a": {}})])


def test_pairs_are_of_seeds_that_hold_both_rules():
    runs = [
        finished(
            s,
            {label: {"free_rmse": np.array([1.0])} for label in (("a", "b") if s else ("a",))},
            failed={} if s else {"b": "it diverged"},
        )
        for s in range(3)
    ]
    found = Comparison("x", runs)
    assert found.differences["b"][0].paired.n == 2
    assert "b was left out (seed 0): it diverged" in found.table()


def test_a_task_without_scores_is_refused_before_anything_is_simulated(tmp_path):
    words = ("--set", "paradigm.probe_repeats=0", "--out", tmp_path / "out")
    result = small.spikewhen("compare", small.write(tmp_path, TEXT), *words)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert "has no probes" in result.stderr and small.files(tmp_path) == ["small.toml"]


def test_a_folder_is_listed_by_run_and_rule_with_what_differs(done):
    folder, *_ = done
    text = small.spikewhen("info", folder / "out")
    assert text.exit_code == 0 and "2 runs, 2 seeds" in text.stdout, text.stderr
    rows = json.loads(small.spikewhen("info", folder / "out", "--json").stdout)
    assert [(row["seed"], row["rule"]) for row in rows] == [(s, r) for s in (0, 1) for r in ("local", "slow")]
    assert {row["score"] for row in rows} == {"error"} and all(row["differs"] == {} for row in rows)


def test_values_in_which_runs_differ_are_found_seeds_apart():
    configs = [{"seed": s, "network": {"weight": w, "n": 3}} for s, w in ((0, 1.0), (1, 1.0), (0, 2.0))]
    assert varied(configs) == [{"network.weight": w} for w in (1.0, 1.0, 2.0)]


def test_rules_are_trained_on_the_runs_of_a_folder(done):
    folder, *_ = done
    words = ("train", folder / "out", "--rule", "slow", "--set", "rules.slow.eta=0.01", "--dry-run")
    assert "2 of 2 runs to do" in small.spikewhen(*words).stdout
    refused = small.spikewhen("train", folder / "out", "--rule", "slwo")
    assert refused.exit_code == 2 and "the rules slwo" in refused.stderr


def test_what_is_left_out_in_reading_keeps_the_labels(done):
    folder, *_ = done
    path = next((folder / "out").glob("*.h5"))
    assert read_run(path, ("/config", "/scores")).labels == read_run(path).labels == ["local", "slow"]


def test_nothing_to_compare_is_refused(tmp_path):
    with pytest.raises(InputError, match="no result file"):
        compare_finished(tmp_path, None, None)
