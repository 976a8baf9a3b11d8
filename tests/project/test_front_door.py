"""`import spikewhen as sw`: its names, what importing loads, what Tab shows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import spikewhen as sw

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "spikewhen" / "__init__.py").read_text(encoding="utf-8")


def loaded_by(code: str) -> set[str]:
    """Modules that a fresh Python holds after some code, without those that it begins with."""
    ask = f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    return set(subprocess.check_output([sys.executable, "-c", ask], cwd=ROOT, text=True).split())


def test_importing_loads_nothing_but_itself():
    everything = loaded_by("import spikewhen; dir(spikewhen)")
    assert {m.split(".")[0] for m in everything} - set(sys.stdlib_module_names) == {"spikewhen"}
    assert {m for m in everything if m.startswith("spikewhen")} == {"spikewhen"}


@pytest.mark.parametrize(
    ("names", "left_alone"),
    [
        ("open_run", {"numba", "scipy", "matplotlib", "pandas"}),
        ("Rule, param", {"scipy.linalg", "matplotlib", "pydantic", "pandas"}),
        ("Meet, Signal", {"scipy.linalg", "matplotlib", "pydantic", "pandas"}),
        ("run, train", {"scipy.linalg", "matplotlib", "pandas"}),
    ],
)
def test_a_name_loads_only_what_it_needs(names, left_alone):
    loaded = loaded_by(f"from spikewhen import {names}")
    assert not loaded & left_alone


@pytest.mark.parametrize("name", [n for n in sw.__all__ if n != "__version__"])
def test_a_public_name_is_there_and_documented(name):
    assert getattr(sw, name).__doc__
    assert getattr(sw, name) is vars(sw)[name], "found once, then kept"


def test_tab_shows_the_public_names_and_no_other():
    assert dir(sw) == sorted(sw.__all__)
    assert not any(n.startswith("_") and n != "__version__" for n in dir(sw))


def test_type_checkers_see_the_same_names():
    (block,) = (
        n for n in ast.parse(SOURCE).body if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)
    )
    seen = {(i.module, a.name) for i in block.body if isinstance(i, ast.ImportFrom) for a in i.names}
    assert seen == {(f"spikewhen.{place}", name) for name, place in sw._WHERE.items()}


def test_a_stranger_is_refused():
    with pytest.raises(AttributeError, match="recieve"):
        sw.recieve  # noqa: B018
