"""`spikewhen study new`: the copy runs as it is, and an edit repeats only what depends on it."""

from __future__ import annotations

import json

import fake_study
import pytest
import small

from spikewhen.experiments.study.new import copy_study
from spikewhen.experiments.study.study import load_study
from spikewhen.reservoir.errors import InputError

TINY = (
    ("n_neurons = 250", "n_neurons = 30\nout_degree = 5"),
    ("trials = 80", "trials = 4"),
    (", 5, 10, 20, 40, 80]", ", 4]"),
)


@pytest.fixture(autouse=True)
def _clean_slate():
    with fake_study.clean_slate("my_paper", "two_times", "nlms"):
        yield


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A new study, as small as possible, in the folder where commands are called."""
    monkeypatch.chdir(tmp_path)
    done = small.spikewhen("study", "new", "my_paper")
    assert done.exit_code == 0, done.stderr
    folder = tmp_path / "my_paper"
    assert {str(p.relative_to(tmp_path)) for p in folder.rglob("*") if p.is_file()} <= set(
        done.stdout.split()
    )
    for before, after in TINY:
        fake_study.edit(folder / "small.toml", before, after)
    fake_study.edit(folder / "small.toml", "[rules.shipped]", "[health]\nsilent_max = 1.0\n\n[rules.shipped]")
    return folder


def test_every_name_in_the_copy_is_the_new_one(tmp_path):
    copy_study("template", tmp_path / "my_paper")
    texts = {p: p.read_text() for p in (tmp_path / "my_paper").rglob("*") if p.is_file()}
    assert len(texts) == 12 and not [p for p, text in texts.items() if "template" in text]
    assert "spikewhen study my_paper --figures" in texts[tmp_path / "my_paper" / "README.md"]


def test_the_copy_runs_and_an_edited_rule_repeats_only_its_own_runs(study):
    def call():
        fake_study.forget("my_paper", "two_times", "nlms")
        done = small.spikewhen("study", "my_paper", "--seeds", "0-1", "--threads", "1", "--figures")
        assert done.exit_code == 0, done.stderr
        out = study.parent / "results" / "my_paper"
        report = json.loads((out / "claims.json").read_text())
        runs = {name: set(p["runs"].values()) for name, p in report["protocols"].items()}
        measures = {f"{p.parent.name}/{p.name}": p.stat().st_mtime_ns for p in out.glob("measures/*/*.json")}
        return runs, measures, out

    runs, measures, out = call()
    assert len(measures) == 6 and (out / "figures" / "figure_1_learning.pdf").is_file()
    fake_study.edit(study / "nlms.py", "(target[k] - y[k])", "(target[k] - y[k]) * one")
    again, more, _ = call()
    assert again["shipped"] == runs["shipped"] and not again["own"] & runs["own"]
    assert {k: more[k] for k in measures} == measures and len(more) == len(measures) + 2


def test_the_shipped_study_itself_can_be_planned():
    study = load_study("template")
    assert [c.id for c in study.claims] == ["L1", "R1"]
    assert all(study.figure(name).CLAIMS for name in study.figures)


@pytest.mark.parametrize(
    ("name", "source", "parts"),
    [
        ("there", "template", ("NAME", "not there yet")),
        ("my-paper", "template", ("NAME", "letters, digits, underscores")),
        ("json", "template", ("NAME", "no other Python module")),
        ("my_paper", "nothing", ("--from", "template, yamada_chao_2026")),
    ],
)
def test_what_cannot_be_copied_is_refused_and_nothing_is_written(tmp_path, name, source, parts):
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError) as refused:
        copy_study(source, tmp_path / name)
    assert all(part in str(refused.value) for part in parts)
    assert small.files(tmp_path) == ["there"]


def test_a_copy_of_the_article_stands_on_its_own(tmp_path):
    copy_study("yamada_chao_2026", tmp_path / "my_paper")
    study = load_study(tmp_path / "my_paper")
    assert {claim.measure.__module__.partition(".")[0] for claim in study.claims} == {"my_paper"}
    assert study.figure("figure_3_learning").__name__ == "my_paper.figures.learning"
    assert study.command == "spikewhen study my_paper"
