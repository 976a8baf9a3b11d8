"""A study as a folder: where it is found, what is refused, what Python can do with it."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import fake_study
import pytest
import small
from small import refused

from spikewhen.experiments.study.claim import Claim, Judged
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.experiments.study.run import make_plan
from spikewhen.experiments.study.source import Sources
from spikewhen.experiments.study.study import Study, load_study, shipped
from spikewhen.reservoir.errors import InputError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "studies.md"


@pytest.fixture(autouse=True)
def _clean_slate():
    with fake_study.clean_slate("my_paper", "other_paper", "analysis", "experiments", "lab_tools"):
        yield


@pytest.fixture
def study(tmp_path):
    return fake_study.write(tmp_path)


def measure(protocol, recording):
    """Take nothing."""
    return {}


def judge(measured):
    """Find nothing."""
    return Judged([])


CLAIM = Claim("X", "", "", (Protocol("base"),), measure, judge)


def test_a_folder_is_loaded_as_a_package_of_its_name(study):
    loaded = load_study(study)
    assert (loaded.name, loaded.package, loaded.folder) == ("my_paper", "my_paper", study)
    assert [c.id for c in loaded.claims] == ["F1", "F2"]
    assert loaded.claims[0].measure.__module__ == "my_paper.claims.first"
    assert loaded.experiment(loaded.claims[0].protocols[0]).network.n_neurons == 60
    assert loaded.command == "spikewhen study my_paper"


def test_folders_without_init_files_will_do(study):
    for file in study.rglob("__init__.py"):
        file.unlink()
    assert load_study(study).folder == study


def test_a_shipped_study_is_found_by_its_name_its_folder_and_its_package():
    by_name = load_study("yamada_chao_2026")
    assert "yamada_chao_2026" in shipped() and len(by_name.claims) == 20
    assert by_name.package == "spikewhen.examples.yamada_chao_2026"
    assert load_study(by_name.folder) == by_name == load_study(by_name.package)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("my-paper", ("my-paper", "letters, digits, underscores")),
        ("class", ("class", "letters, digits, underscores")),
        ("json", ("json", "taken by")),
        ("numpy", ("numpy", "taken by")),
        ("small", ("small", "taken by")),
    ],
)
def test_names_that_no_module_can_have_are_refused_in_one_line(tmp_path, name, parts):
    path = list(sys.path)
    refused(small.spikewhen("study", fake_study.write(tmp_path, name), "--dry-run"), "PATH", *parts)
    assert sys.path == path


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("STUDY = ", "STUDIO = ", ("study.py", "STUDY = Study(...)")),
        ("import first", "import frist", ("frist",)),
        ("claims=[first.CLAIM, second.CLAIM]", "claims=[first.CLAIM, first.CLAIM]", ("F1", "of its own")),
        ("claims=[first.CLAIM, second.CLAIM]", "claims=[]", ("at least one claim",)),
        ("my_paper.claims import", "my_papre.claims import", ("no module my_papre",)),
        ('"small.toml"', '"samll.toml"', ("samll.toml", "protocol base")),
    ],
)
def test_mistakes_in_study_py_are_named_in_one_line(study, before, after, parts):
    fake_study.edit(study / "study.py", before, after)
    result = small.spikewhen("study", study, "--dry-run")
    if "frist" in parts:  # an ImportError of Python's own, which the command flattens
        assert result.exit_code and "frist" in result.stderr and len(result.stderr.splitlines()) == 1
    else:
        refused(result, *parts)


def test_no_study_is_there(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(small.spikewhen("study", tmp_path / "empty"), "study.py")
    refused(small.spikewhen("study", "yamada_chao_2025"), "did you mean yamada_chao_2026")
    refused(small.spikewhen("study", "nothing.at.all"), "a folder with a study.py")


def test_two_protocols_cannot_share_a_name(study, tmp_path):
    loaded = load_study(study)
    other = replace(loaded.claims[0], protocols=(Protocol("base", ("network.n_neurons=50",)),))
    with pytest.raises(InputError, match=r"base.*one protocol of each name"):
        make_plan(loaded, [loaded.claims[1], other], [0], tmp_path)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b"])
def test_an_id_has_to_fit_the_name_of_a_folder(name):
    with pytest.raises(InputError, match="claims"):
        Study("x", claims=[replace(CLAIM, id=name)])


def test_what_lies_beside_a_study_does_not_matter(study):
    """A user's own analysis/ and experiments/, in the folder where the command is called."""
    for name in ("analysis", "experiments", "reservoir", "paradigms", "gpu"):
        (study.parent / name).mkdir()
        (study.parent / name / "__init__.py").write_text("raise RuntimeError('hidden by a folder')\n")
    words = [
        "-m",
        "spikewhen.experiments.cli.app",
        "study",
        "my_paper",
        "F1",
        "--seeds",
        "0-1",
        "--threads",
        "2",
    ]
    done = subprocess.run([sys.executable, *words], cwd=study.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (study.parent / "results" / "my_paper" / "claims.json").is_file()


def test_a_script_runs_a_study_and_asks_for_what_it_found(study):
    script = study.parent / "script.py"
    script.write_text(
        textwrap.dedent("""
            from my_paper.study import STUDY

            if __name__ == "__main__":
                result = STUDY.run(["F1"], seeds="0-1", out="o", threads=2)
                print(result.verdict("F1"), len(result.series("F1")["rates"]), len(result.draw(("svg",))))
                print(result.findings("F1")[0]["unit"], "<table>" in result._repr_html_())
        """)
    )
    done = subprocess.run([sys.executable, script.name], cwd=study.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["not", "shown", "2", "2", "Hz", "True"]


def test_the_study_of_the_page_runs_word_for_word(tmp_path):
    """docs/studies.md, on a smaller config."""
    for text in re.findall(r"```python\n# (my_paper/.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        path, _, code = text.partition("\n")
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(code)
    small.write(tmp_path / "my_paper")
    fake_study.edit(tmp_path / "my_paper" / "study.py", "meet.toml", "small.toml")
    fake_study.edit(tmp_path / "my_paper" / "claims" / "speed.py", "block=20", "block=2")
    result = load_study(tmp_path / "my_paper").run(seeds="0", out=tmp_path / "o", threads=1)
    assert result.verdict("C1") == "reported" or result.findings("C1")[0]["n"] == 1
    assert len(result.series("C1")["error"]) == 1


class TestSources:
    """The hash of the code behind a measure."""

    def hash(self, study):
        fake_study.forget("my_paper", "lab_tools")
        return Sources().hash(load_study(study).claims[0].measure)

    @pytest.mark.parametrize(
        ("file", "counts"),
        [
            ("claims/first.py", True),
            ("claims/__init__.py", True),  # executed on the way
            ("__init__.py", True),
            ("shared.py", True),
            ("helper.py", True),
            ("claims/second.py", False),
            ("figures/rates.py", False),
            ("study.py", False),
        ],
    )
    def test_it_changes_with_what_the_measure_leads_to(self, study, file, counts):
        before = self.hash(study)
        with open(study / file, "a") as text:
            text.write("\n# an edit\n")
        assert (self.hash(study) != before) == counts

    @pytest.mark.parametrize(
        "statement",
        [
            "from . import extra",
            "from .extra import x",
            "import my_paper.extra",
            "from my_paper import extra as e",
        ],
    )
    @pytest.mark.parametrize("indented", [False, True], ids=["at the top", "in a function"])
    def test_every_way_to_import_is_followed(self, study, statement, indented):
        (study / "extra.py").write_text("x = 1\n")
        line = f"def later():\n    {statement}\n" if indented else f"{statement}\n"
        (study / "helper.py").write_text(f"{line}FACTOR = 1.0\n")
        before = self.hash(study)
        (study / "extra.py").write_text("x = 2\n")
        assert self.hash(study) != before

    def test_a_module_of_the_users_beside_the_study_is_followed(self, study, monkeypatch):
        monkeypatch.syspath_prepend(study.parent)
        (study.parent / "lab_tools.py").write_text("x = 1\n")
        (study / "helper.py").write_text("from lab_tools import x\nFACTOR = 1.0 * x\n")
        before = self.hash(study)
        (study.parent / "lab_tools.py").write_text("x = 2\n")
        assert self.hash(study) != before

    def test_this_package_is_followed_and_installed_ones_count_by_version(self, study, monkeypatch):
        sources = Sources()
        modules, installed = sources.reached(load_study(study).claims[0].measure.__module__)
        assert {"spikewhen.reservoir.files.recording", "spikewhen.analysis.statistics"} <= set(modules)
        assert "numpy" in installed and not {"json", "dataclasses"} & installed
        assert not any(m.startswith("spikewhen.examples") for m in modules)
        before = self.hash(study)
        monkeypatch.setattr("spikewhen.experiments.study.source._version", lambda name: "another")
        assert self.hash(study) != before

    def test_names_that_are_loaded_on_first_use_are_followed_to_their_module(self, study):
        (study / "lazy.py").write_text(
            "import importlib\n\n"
            "def __getattr__(name):\n"
            "    return getattr(importlib.import_module('my_paper.behind'), name)\n"
        )
        (study / "behind.py").write_text("def f():\n    return 1\n")
        (study / "helper.py").write_text("import my_paper.lazy as lazy\nFACTOR = 1.0 * lazy.f()\n")
        before = self.hash(study)
        (study / "behind.py").write_text("def f():\n    return 2\n")
        assert self.hash(study) != before

    def test_the_place_of_the_study_does_not_count(self, study, tmp_path):
        before = self.hash(study)
        elsewhere = fake_study.write(tmp_path / "elsewhere")
        with fake_study.clean_slate("my_paper"):
            sys.path[:] = [p for p in sys.path if p != str(tmp_path)]
            assert self.hash(elsewhere) == before

    def test_a_file_that_was_edited_after_it_was_loaded_is_refused(self, study):
        """In a notebook: Python goes on with the old code, which must not be taken for the new one."""
        measure = load_study(study).claims[0].measure
        Sources().hash(measure)
        (study / "helper.py").write_text("FACTOR = 2.0\n")
        with pytest.raises(InputError, match=r"my_paper.helper.*start Python anew"):
            Sources().hash(measure)

    def test_a_measure_without_a_module_of_its_own_is_refused(self, tmp_path):
        claim = replace(CLAIM, measure=lambda protocol, recording: {})
        with pytest.raises(InputError, match=r"claim X.*top level of a module"):
            make_plan(Study("x", claims=[claim]), [claim], [0], tmp_path)
