"""The scripts of the gallery, as far as they can be looked at without running them; `make docs` runs them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from spikewhen.experiments.config import load_config

GALLERY = Path(__file__).resolve().parents[2] / "examples" / "gallery"
SCRIPTS = sorted(GALLERY.glob("*.py"))
LONGEST = 60
"""Lines; more is a tutorial."""


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_short_and_has_a_title_text_and_figure(path):
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    assert re.fullmatch(r"p\d\d_[a-z_0-9]+\.py", path.name), "the build runs no script of another name"
    assert len(lines) <= LONGEST, f"{len(lines)} lines"
    title, line, nothing, *text = (ast.get_docstring(ast.parse(source)) or "").splitlines()
    assert set(line) == {"="} and len(line) == len(title) and not nothing and text
    assert "plt.show()" in source


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_script_runs_a_seed_that_is_reported(path):
    seeds = re.findall(r"seeds?=\(?\[?\"?(\d+)|range\((\d+),", path.read_text(encoding="utf-8"))
    assert all(int(a or b) >= 1000 for a, b in seeds), seeds


def test_the_config_of_the_gallery_is_one():
    experiment = load_config(GALLERY / "small.toml")
    assert list(experiment.rules) == ["local", "rls", "lms"]
