"""Tuning on a made-up objective: budget, pruning, going on, several workers; and on kept spikes."""

import csv
import json
import math
import os
import pickle
import socket
import subprocess
import sys
import threading
import time

import pytest
import small

import spikewhen as sw
from spikewhen.experiments.config import load_config
from spikewhen.experiments.tuning import search as searching
from spikewhen.experiments.tuning import study as studies
from spikewhen.experiments.tuning.objective import Objective
from spikewhen.experiments.tuning.plan import plan_tuning
from spikewhen.experiments.tuning.result import TuningResult
from spikewhen.experiments.tuning.search import SearchTask, search
from spikewhen.experiments.tuning.space import space_of
from spikewhen.experiments.tuning.spec import load_tuning
from spikewhen.experiments.tuning.study import open_study
from spikewhen.reservoir.errors import ActivityError
from spikewhen.reservoir.rules import RULES

TUNE = """
config = "small.toml"
seeds = "1000-1002"
report_seeds = "0-1"
candidates = 12
[set]
rules.lms.rule = "lms"
network.feedback_pa = 1.0    # nothing is simulated beforehand
[space.local]
eta = { low = 0.002, high = 0.2, log = true }
gate.baseline = { low = 0.1, high = 1.0 }
"""
BEST = math.log(0.005)


def made_up(plan, label, candidate, seed):
    """Least at eta, or alpha, of 0.005; seeds differ by a constant."""
    return (math.log(getattr(candidate, "eta", None) or candidate.alpha) - BEST) ** 2 + 0.01 * (seed - 1000)


@pytest.fixture
def cheap(monkeypatch, tmp_path):
    """A tuning file whose candidates cost nothing."""
    monkeypatch.setattr(searching, "outcome", made_up)
    monkeypatch.setattr(Objective, "of", lambda self, value, label: value)
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # of the journal, after every line of it
    small.write(tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(TUNE, encoding="utf-8")
    return path


def plan_of(path, folder, **changes):
    return plan_tuning("mine", load_tuning(path, **changes), folder, path.parent)


def texts(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".csv", ".toml", ".md", ".json")}


def test_every_rule_gets_the_same_budget_and_the_winner_is_better_than_the_start(cheap, tmp_path):
    found = sw.tune(cheap, out=tmp_path / "out")
    assert {label: len(every) for label, every in found.candidates.items()} == {
        "local": 12,
        "rls": 12,
        "lms": 12,
    }
    for label, every in found.candidates.items():
        first, best = every[0], found.best(label)
        assert first.state == "complete" and best.value < first.value
        assert best.value == min(c.value for c in every if c.value is not None)
        if label != "local":
            (value,) = best.values.values()
            assert 0.001 < value < 0.02
    assert found.candidates["local"][0].values == {"eta": 0.03, "gate.baseline": 0.4}
    tuned = load_config(tmp_path / "out" / "tuned.toml")
    assert tuned.rules["rls"].alpha == found.winners["rls"]["alpha"]
    assert tuned.network == found.plan.experiment.network and tuned.record == found.plan.experiment.record


def test_the_same_command_gives_the_same_bytes(cheap, tmp_path):
    for name in ("a", "b"):
        sw.tune(cheap, out=tmp_path / name)
    assert texts(tmp_path / "a") == texts(tmp_path / "b")
    assert texts(tmp_path / "a").keys() == {"candidates.csv", "tuned.toml", "methods.md", "tune.json"}


def test_a_candidate_that_is_worse_than_the_median_is_given_up_after_few_seeds(cheap, tmp_path):
    found = sw.tune(cheap, candidates=25, out=tmp_path / "out")
    every = [c for of_rule in found.candidates.values() for c in of_rule]
    given_up = [c for c in every if c.state == "pruned"]
    assert given_up and all(len(c.seeds) < 3 and c.value is None for c in given_up)
    assert all(len(c.seeds) == 3 for c in every if c.state == "complete")
    whole = sw.tune(cheap, candidates=25, prune=False, out=tmp_path / "whole")
    assert all(c.state == "complete" for of_rule in whole.candidates.values() for c in of_rule)


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(cheap, tmp_path, monkeypatch):
    sw.tune(cheap, out=tmp_path / "whole")
    calls = iter(range(10**6))

    def stops(*arguments):
        if next(calls) == 20:
            raise KeyboardInterrupt
        return made_up(*arguments)

    monkeypatch.setattr(searching, "outcome", stops)
    with pytest.raises(Exception, match="run again to go on"):
        sw.tune(cheap, out=tmp_path / "cut")
    assert not (tmp_path / "cut" / "tuned.toml").exists()
    sw.tune(cheap, out=tmp_path / "cut")
    assert texts(tmp_path / "cut") == texts(tmp_path / "whole")


def test_what_a_killed_process_had_begun_is_done_again(cheap, tmp_path):
    sw.tune(cheap, out=tmp_path / "whole")
    sw.tune(cheap, candidates=5, out=tmp_path / "out")
    plan = plan_of(cheap, tmp_path / "out")
    study = open_study(plan, plan.rules[0])
    left = study.ask()
    left.set_user_attr("by", ["elsewhere", 1, "another call"])
    waits = sw.tune(cheap, out=tmp_path / "out")
    assert waits.elsewhere == ["process 1 on elsewhere"]
    left.set_user_attr("by", [socket.gethostname(), 2**22 + 1, "another call"])
    sw.tune(cheap, out=tmp_path / "out")
    assert len(texts(tmp_path / "out")) == 4
    found = sw.tune(cheap, out=tmp_path / "out")
    assert [c.place for c in found.candidates["local"]] == list(range(12))


def test_a_search_can_be_sent_to_another_machine_and_submitted_again(cheap, tmp_path):
    sw.tune(cheap, candidates=5, out=tmp_path / "out")
    plan = plan_of(cheap, tmp_path / "out")
    task = pickle.loads(pickle.dumps(SearchTask(plan, "rls", command="this call")))
    assert task.rule == plan.rules[1] and task.plan.experiment == plan.experiment
    assert task.estimate.seconds > 0
    left = open_study(plan, task.rule).ask()
    left.set_user_attr("by", ["elsewhere", 1, "this call"])  # its time was up
    assert search("cpu", None, 1, task, lambda n: None) == 7
    assert not TuningResult.read_journal(plan).elsewhere


def test_a_larger_budget_adds_to_what_is_there(cheap, tmp_path):
    few = sw.tune(cheap, candidates=6, out=tmp_path / "out")
    more = sw.tune(cheap, candidates=9, out=tmp_path / "out")
    for label in few.candidates:
        assert more.candidates[label][:6] == few.candidates[label]
    again = sw.tune(cheap, candidates=6, out=tmp_path / "out")
    assert again.candidates == few.candidates


def test_another_space_is_another_search(cheap, tmp_path):
    a = plan_of(cheap, tmp_path)
    b = plan_of(cheap, tmp_path, space={"local": {"eta": {"low": 0.01, "high": 0.2}}})
    assert a.rules[0].study != b.rules[0].study
    assert [r.study for r in a.rules[1:]] == [r.study for r in b.rules[1:]]


def test_two_workers_share_a_journal_and_keep_to_the_budget(cheap, tmp_path, monkeypatch):
    by = []

    def slow(*arguments):
        time.sleep(0.01)
        by.append(threading.get_ident())
        return made_up(*arguments)

    monkeypatch.setattr(searching, "outcome", slow)
    plan = plan_of(cheap, tmp_path / "out")
    workers = [
        threading.Thread(target=search, args=("cpu", None, 1, SearchTask(plan, "rls", n), lambda n: None))
        for n in (0, 1)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = TuningResult.read_journal(plan).candidates["rls"]
    assert [c.place for c in found] == list(range(12)) and len(set(by)) == 2
    assert len({tuple(c.values.values()) for c in found}) == 12, "no point twice"


def test_of_two_that_begin_the_last_candidate_at_once_one_gives_way(cheap, tmp_path, monkeypatch):
    sw.tune(cheap, candidates=3, out=tmp_path / "out")
    plan = plan_of(cheap, tmp_path / "out", candidates=3)
    study, real, views = open_study(plan, plan.rules[0]), studies.standing, iter([[]])
    monkeypatch.setattr(
        studies, "standing", lambda trials: next(views, real(trials))
    )  # at first, an old view
    assert studies.begin(study, 3) is None
    assert len(studies.candidates_of(study, 9)) == 3 and not studies.under_way(study)


def test_a_candidate_that_diverges_counts_and_is_named(cheap, tmp_path, monkeypatch):
    def diverges(plan, label, candidate, seed):
        if label == "lms" and candidate.eta > 0.011:
            raise ActivityError("y", 0, 12.0, math.inf, "lms")
        return math.nan if label == "rls" and candidate.alpha > 1 else made_up(plan, label, candidate, seed)

    monkeypatch.setattr(searching, "outcome", diverges)
    found = sw.tune(cheap, out=tmp_path / "out")
    failed = [c for c in found.candidates["lms"] if c.state == "failed"]
    assert failed and len(found.candidates["lms"]) == 12 and found.winners["lms"]["eta"] <= 0.011
    rows = list(csv.DictReader((tmp_path / "out" / "candidates.csv").open()))
    assert any("seed 1000: the rule diverged" in row["note"] for row in rows)
    assert any("error is nan with seed 1000" in row["note"] for row in rows)


def test_a_rule_without_a_value_is_refused(cheap, tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "outcome", lambda *_: math.inf)
    result = small.spikewhen("tune", cheap, "--out", tmp_path / "out", "--threads", 1)
    assert result.exit_code == 2 and "none of 12 candidates has a value" in str(result.stderr)


def test_higher_may_be_better(cheap, tmp_path):
    found = sw.tune(cheap, better="higher", prune=False, out=tmp_path / "out")
    every = found.candidates["rls"]
    assert found.best("rls").value == max(c.value for c in every)


def test_random_candidates_do_not_depend_on_what_was_found(cheap, tmp_path, monkeypatch):
    first = sw.tune(cheap, sampler="random", out=tmp_path / "a")
    monkeypatch.setattr(searching, "outcome", lambda *a: -made_up(*a))
    second = sw.tune(cheap, sampler="random", out=tmp_path / "b")
    for label, every in first.candidates.items():
        assert [c.values for c in every] == [c.values for c in second.candidates[label]]


@pytest.mark.parametrize(
    ("line", "other", "parts"),
    [
        ('report_seeds = "0-1"', 'report_seeds = "0-1000"', ("report_seeds", "1000", "1000-1002")),
        ("low = 0.002", "low = 0.1", ("space.local.eta", "0.03", "comes first")),
        ("gate.baseline", "gate.basline", ("space.local.gate.basline", "did you mean baseline")),
        ("low = 0.002", "low = -0.002", ("space.local.eta", "low must be above 0")),
        ("[space.local]", "[space.other]", ("space.other", "local, rls, lms")),
        ("candidates = 12", "candidates = 0", ("candidates", "0")),
        ("candidates = 12", 'score = "eror"', ("score", "did you mean error?")),
        ("candidates = 12", 'score = "overlap"', ("better", "overlap")),
        ("candidates = 12", "[tune]", ("tune", "")),
        (
            "gate.baseline = { low = 0.1, high = 1.0 }",
            "what.eta_w = { low = 0.01, high = 9.0 }",
            ("space.local.what.eta_w", "9.0", "<= 2"),
        ),
        ('rules.lms.rule = "lms"', 'rules.lms.rule = "lms"\nrules.lms.eta = 0.5', ("space.lms.eta", "0.5")),
    ],
)
def test_what_cannot_be_tuned_is_refused_in_one_line(cheap, tmp_path, line, other, parts):
    assert line in TUNE
    cheap.write_text(TUNE.replace(line, other))
    small.refused(small.spikewhen("tune", cheap, "--out", tmp_path / "out"), *parts)
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_it_costs_and_writes_nothing(cheap, tmp_path):
    cheap.write_text(TUNE.replace("network.feedback_pa = 1.0", ""))
    before = small.files(tmp_path)
    result = small.spikewhen("tune", cheap, "--out", tmp_path / "out", "--dry-run", "--threads", 1)
    for part in (
        "local: 12 candidates; eta from 0.002 to 0.2 (log), gate.baseline from 0.1 to 1",
        "lms: 12 candidates; eta from 0.0001 to 0.1 (log)",
        "3 of 3 runs to do",
        "at most 108 trainings on these spikes",
        "of memory",
        "of disk",
        "kept for the report: 0-1",
    ):
        assert part in result.stdout, result.stdout
    assert small.files(tmp_path) == before
    found = json.loads(
        small.spikewhen("tune", cheap, "--out", tmp_path / "out", "--dry-run", "--json").stdout
    )
    assert found["trainings"] == 108 and len(found["recordings"]) == 3
    assert small.files(tmp_path) == before


REAL = """
config = "small.toml"
rules = ["local"]
seeds = "1000"
report_seeds = "0-1"
candidates = 3
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    small.write(folder)
    (folder / "mine.toml").write_text(REAL)
    result = small.spikewhen("tune", folder / "mine.toml", "--out", folder / "out", "--threads", 1)
    assert result.exit_code == 0, result.stderr
    return folder, result


def test_a_candidate_on_kept_spikes_is_worth_what_its_own_run_is(real):
    folder, _ = real
    found = json.loads((folder / "out" / "tune.json").read_text())["winners"]["local"]
    run = sw.run(load_config(folder / "out" / "tuned.toml"), 1000, progress=False)
    assert found["value"] == run.scores("local")["error"][-1]
    first = sw.run(load_config(folder / "small.toml"), 1000, progress=False)
    assert found["of_config"] == first.scores("local")["error"][-1]


def test_the_winners_are_compared_on_the_seeds_of_the_report_with_their_cost(real):
    folder, tuned = real
    assert f"spikewhen compare --tuned {folder / 'out'}" in tuned.stdout
    small.refused(
        small.spikewhen("compare", "--tuned", folder / "out", "--seeds", "0,1000"), "--seeds", "1000"
    )
    small.refused(small.spikewhen("compare", "--tuned", folder), "--tuned", "tune.json")
    small.refused(small.spikewhen("compare"), "either a config")
    result = small.spikewhen("compare", "--tuned", folder / "out", "--threads", 1)
    assert result.exit_code == 0, result.stderr
    assert "best of 3 candidates" in " ".join(result.stdout.split()) and "2 seeds (0-1)" in result.stdout
    found = json.loads((folder / "out" / "report" / "compare.json").read_text())
    cost = found["comparison"]["update_costs"]["local"]
    assert cost["ns_per_step"] > 0 and cost["state_bytes"] >= 2 * 61 * 8 and cost["channels"] == 1


@pytest.mark.parametrize("name", RULES)
def test_a_shipped_rule_declares_where_it_is_searched(name):
    assert space_of(name, RULES[name](), None)


def test_comparing_does_not_load_optuna():
    code = "import sys, spikewhen.experiments.cli.compare, spikewhen.experiments.tuning.winners as w; "
    subprocess.run([sys.executable, "-c", code + "sys.exit('optuna' in sys.modules)"], check=True)
