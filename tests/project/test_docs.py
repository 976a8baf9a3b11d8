"""The pages of `make docs`: tutorials run block by block, every page is reached, every name has a page."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner

import spikewhen as sw
from spikewhen.experiments.cli.app import app

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.append(str(DOCS))

from notebooks import notebook  # noqa: E402

PAGES = sorted(
    page for page in DOCS.rglob("*") if page.suffix in (".md", ".rst") and "generated" not in page.parts
)
PAGES = [page for page in PAGES if not {"_templates", "gallery"} & set(page.parts)]
GALLERY = DOCS / "gallery/index"  # made by the build, from examples/gallery


def blocks(page: str) -> list[str]:
    return re.findall(
        r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("tutorials/first_run.md", "block 5, after trial 10: E 0.58"),
        ("tutorials/omission.md", "39 delivered, 21 omitted"),
        ("tutorials/subspaces.md", "overlap 0.003"),
        ("tutorials/small_project.md", "best: 0.024"),
        ("how_to/own_network.md", "Hz"),
        ("how_to/figures.md", "'panel'"),
        ("tutorials/compare_rules.md", "| local | 5 | 10 | -0.131 [-0.826, 0.0564]"),
    ],
)
def test_a_tutorial_runs_in_order_and_says_what_it_shows(page, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("tutorial")
    monkeypatch.setitem(sys.modules, "tutorial", module)
    for block in blocks(page):
        exec(compile(block, page, "exec", dont_inherit=True), vars(module))
    printed = capsys.readouterr().out
    assert said in printed
    for shown in re.findall(r"^```text\n(run .*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE):
        assert shown in printed


@pytest.mark.parametrize("page", sorted(DOCS.glob("tutorials/*.md")), ids=lambda page: page.stem)
def test_a_notebook_holds_the_very_code_of_its_tutorial(page):
    """The code itself runs in the test above."""
    text = page.read_text(encoding="utf-8")
    book = json.loads(notebook(text))
    code = ["".join(cell["source"]) + "\n" for cell in book["cells"] if cell["cell_type"] == "code"]
    assert code == blocks(f"tutorials/{page.name}")
    shown = "".join("".join(c["source"]) for c in book["cells"] if c["cell_type"] == "markdown")
    assert not re.search(r"\]\([^)]*\.md|\[\]\(|```python", shown)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])


def test_the_own_rule_runs_beside_its_script(tmp_path):
    for text in blocks("how_to/own_rule.md"):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"'(\w+)':", done.stdout)) == {"local", "sign"}


def test_the_commands_of_many_runs_are_understood_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "how_to/thousand_runs.md").read_text(encoding="utf-8")
    (sweep,) = re.findall(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "width.toml").write_text(sweep)
    shown = re.findall(r"^\$ spikewhen (.*)", page, re.MULTILINE)
    commands = [shlex.split(line.partition(" > ")[0]) for line in shown]
    for command, line in zip(commands, shown, strict=True):
        words = command[: command.index("--engine")] if "--engine" in command else command
        if command[0] in ("run", "sweep"):
            words = [*words, "--dry-run"]
        result = CliRunner().invoke(app, words)
        missing = command[0] in ("status", "table")  # nothing has run, which is the only complaint
        assert result.exit_code == (2 if missing else 0), (command, result.output)
        assert not missing or "results/width" in result.output
        if (file := line.partition(" > ")[2]) == "mine.toml":
            (tmp_path / file).write_text(result.output)
    assert {c[0] for c in commands} == {"config", "run", "sweep", "status", "table"}
    assert {path.name for path in tmp_path.iterdir()} == {"mine.toml", "width.toml"}


def test_every_page_stands_in_one_table_of_contents():
    named = []
    for page in PAGES:
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL):
            entries = [e for e in tree.split("\n") if e and not e.startswith(":") and "<self>" not in e]
            named += [(page.parent / entry).resolve() for entry in entries]
    assert len(named) == len(set(named))
    reached = {page.with_suffix("") for page in PAGES} - {
        DOCS / "index",
        DOCS / "search",
    }  # search is included
    assert reached | {GALLERY} == set(named)


def test_every_public_name_has_its_page():
    text = (DOCS / "api/index.rst").read_text()
    listed = set(re.findall(r"^   (\w+)$", text.partition("What the functions return")[0], re.MULTILINE))
    assert listed == set(sw.__all__) - {"__version__"}


def test_the_export_page_runs_in_order(tmp_path, monkeypatch, capsys):
    for name in ("pynwb", "xarray"):
        pytest.importorskip(name, reason="extra export")
    if "spikewhen" not in __import__("xarray").backends.list_engines():
        pytest.skip("the engine is an entry point: install the package, pip install -e .")
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    for block in blocks("how_to/export.md"):
        exec(compile(block, "export.md", "exec", dont_inherit=True), scope)
    assert "('rule', 'probe', 'time', 'event')" in capsys.readouterr().out
    assert (tmp_path / "run.nwb").is_file()
