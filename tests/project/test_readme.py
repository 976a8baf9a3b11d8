"""What the README shows is run: its scripts in order, its commands as far as they cost nothing."""

from __future__ import annotations

import re
import shlex
import sys
import types
from pathlib import Path

import fake_study
from typer.testing import CliRunner

from spikewhen.experiments.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
SCRIPTS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    shlex.split(line.partition("#")[0].removeprefix("$ spikewhen"))
    for line in README.splitlines()
    if line.startswith("$ spikewhen")
]


def test_the_scripts_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("readme")
    monkeypatch.setitem(sys.modules, "readme", module)
    scope = vars(module)
    for script in SCRIPTS:
        exec(compile(script, "README.md", "exec", dont_inherit=True), scope)
    assert scope["prediction"].shape == (10, 1050)
    assert scope["compared"].labels == ["local", "sign"]
    trained, compared = (scope[k].scores("sign")["error"].tolist() for k in ("trained", "compared"))
    assert trained == compared
    assert (tmp_path / "prediction.png").stat().st_size > 1000
    assert scope["own"]["/network/neurons/bias"][0] == scope["mine"].cells.bias[0]


def test_the_commands_are_understood_in_order(tmp_path, monkeypatch):
    """As a reader types them, one after the other; what costs minutes only says what it would do."""
    monkeypatch.chdir(tmp_path)
    made = set()
    with fake_study.clean_slate("my_paper"):
        for command in COMMANDS:
            costly = command[0] in ("run", "compare") or (command[0] == "study" and command[1] != "new")
            words = [*command, "--dry-run"] if costly and "--dry-run" not in command else command
            result = CliRunner().invoke(app, words)
            if any(word.startswith("results/") for word in command[1:2]):
                # The files do not exist here, which is the only complaint.
                assert result.exit_code == 2 and "results/meet" in result.output, (command, result.output)
            else:
                assert result.exit_code == 0, (command, result.output)
            if "new" in command:
                made.add(command[-1])
            assert {path.name for path in tmp_path.iterdir()} == made, command
    assert len(COMMANDS) > 10 and made == {"my.toml", "my_paper"}


def test_every_file_the_documents_name_is_there():
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for target in re.findall(r"\]\(((?!https?:)[^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} names {target}"
