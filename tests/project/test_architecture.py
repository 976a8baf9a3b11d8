"""Who may import whom, and a few things no package may do. The table is in CONTRIBUTING.md."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 350
ALLOWED = {
    "reservoir": {
        "spikewhen.reservoir",
        "numpy",
        "numba",
        "llvmlite",
        "h5py",
    },  # llvmlite is Numba's own code generator
    "gpu": {"spikewhen.gpu", "spikewhen.reservoir", "numpy", "numba", "h5py", "cupy"},
    "paradigms": {
        "spikewhen.paradigms",
        "numpy",
        "spikewhen.reservoir.types",
        "spikewhen.reservoir.spec",
        "spikewhen.reservoir.sessions",
        "spikewhen.reservoir.elementary",
        "spikewhen.reservoir.errors",
        "spikewhen.reservoir.rules.gate",
    },
    "analysis": {
        "spikewhen.analysis",
        "numpy",
        "scipy",
        "matplotlib",
        "h5py",
        "threadpoolctl",
        "spikewhen.reservoir.types",
        "spikewhen.reservoir.files",
        "spikewhen.reservoir.replay",
        "spikewhen.reservoir.errors",
        "spikewhen.reservoir.own_code",
    },
}
PACKAGES = (*ALLOWED, "examples", "experiments", "spikewhen", "validation")
LAZY = {
    "reservoir/backends.py": "spikewhen.gpu",
    "paradigms/neurogym.py": "gymnasium",
    "analysis/figures/fonts.py": "fontTools",  # comes with Matplotlib
}
ORACLE = "brian2"
ORACLE_USERS = ("benchmarks/", "tests/", "validation/")


def imports(tree: ast.AST, in_function: bool = False) -> Iterator[tuple[str, int, bool]]:
    """Yield (dotted name, line, inside a function); relative imports begin with a dot."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, in_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from ((f"{origin}.{alias.name}", node.lineno, in_function) for alias in node.names)
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            # importlib.import_module("x"), __import__("x")
            yield from (
                (str(a.value), a.lineno, in_function) for a in node.args[:1] if isinstance(a, ast.Constant)
            )
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, in_function or function)


def within(name: str, allowed: set[str]) -> bool:
    """Whether a dotted name is one of the allowed or inside one."""
    return any(name == a or name.startswith(f"{a}.") for a in allowed)


def faults(path: str, source: str) -> list[str]:
    """Return what a file, named relative to the root, does that it must not."""
    package, tree, found = path.split("/")[0], ast.parse(source), []
    for name, line, in_function in imports(tree):
        where = f"{path}:{line}: "
        top = name.split(".")[0]
        if top == ORACLE and not path.startswith(ORACLE_USERS):
            found.append(where + f"only {', '.join(ORACLE_USERS)} import {ORACLE}")
        elif package not in PACKAGES:
            continue
        elif name.startswith("."):
            found.append(where + "relative import")
        elif package in ALLOWED and top not in sys.stdlib_module_names and not within(name, ALLOWED[package]):
            if not within(name, {LAZY.get(path, "nothing")}):
                found.append(where + f"{package} must not import {name}")
            elif not in_function:
                found.append(where + f"import {name} inside the function that needs it")
    if package not in PACKAGES:
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "fastmath":
            if not (isinstance(node.value, ast.Constant) and node.value.value is False):
                found.append(f"{path}:{node.value.lineno}: fastmath")
    if (lines := source.count("\n")) > MAX_LINES:
        found.append(f"{path}: {lines} lines, more than {MAX_LINES}")
    return found


def sources() -> list[str]:
    """Return the Python files of packages, tests and benchmarks, relative to the root."""
    folders = (*PACKAGES, "benchmarks", "docs", "tests")
    return sorted(p.relative_to(ROOT).as_posix() for f in folders for p in (ROOT / f).rglob("*.py"))


def test_the_packages_are_found():
    assert {path.split("/")[0] for path in sources()} >= set(PACKAGES)


@pytest.mark.parametrize("path", sources())
def test_file_keeps_the_rules(path):
    assert faults(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("reservoir/cpu/engine.py", "import scipy", "must not import scipy"),
        ("reservoir/cpu/engine.py", "import matplotlib.pyplot as plt", "must not import matplotlib.pyplot"),
        (
            "reservoir/cpu/engine.py",
            "from spikewhen.analysis import scores",
            "must not import spikewhen.analysis.scores",
        ),
        ("reservoir/cpu/engine.py", "def f():\n    import pydantic", "must not import pydantic"),
        ("reservoir/cpu/engine.py", "def f():\n    import spikewhen.gpu", "must not import spikewhen.gpu"),
        ("reservoir/cpu/engine.py", "if True:\n    import cupy", "must not import cupy"),
        (
            "reservoir/cpu/engine.py",
            "import importlib\nimportlib.import_module('cupy')",
            "must not import cupy",
        ),
        ("reservoir/cpu/engine.py", "__import__('cupy')", "must not import cupy"),
        ("reservoir/backends.py", "from spikewhen.gpu.backend import GpuBackend", "inside the function"),
        ("reservoir/rules/lms.py", "from . import identity", "relative import"),
        ("gpu/backend.py", "import torch", "must not import torch"),
        (
            "gpu/backend.py",
            "from spikewhen.paradigms.meet import Meet",
            "must not import spikewhen.paradigms.meet",
        ),
        ("paradigms/meet.py", "import spikewhen.reservoir", "must not import spikewhen.reservoir"),
        (
            "paradigms/meet.py",
            "from spikewhen.reservoir import cpu",
            "must not import spikewhen.reservoir.cpu",
        ),
        (
            "paradigms/meet.py",
            "from spikewhen.reservoir.rules import RULES",
            "must not import spikewhen.reservoir.rules.RULES",
        ),
        ("paradigms/meet.py", "import numba", "must not import numba"),
        (
            "paradigms/meet.py",
            "from spikewhen.reservoir.types_of_ours import f",
            "must not import spikewhen.reservoir.types_of_ours",
        ),
        (
            "analysis/scores.py",
            "from spikewhen.reservoir.network import build",
            "must not import spikewhen.reservoir.network",
        ),
        (
            "analysis/figures/learning.py",
            "from spikewhen.experiments import run",
            "must not import spikewhen.experiments.run",
        ),
        ("experiments/cli/app.py", "import brian2", "import brian2"),
        ("experiments/cli/app.py", "from .config import load_config", "relative import"),
        ("docs/example.py", "from brian2 import ms", "import brian2"),
        ("reservoir/cpu/engine.py", "@nb.njit(fastmath=True)\ndef f(): ...", "fastmath"),
        ("reservoir/cpu/engine.py", "@nb.njit(fastmath={'reassoc'})\ndef f(): ...", "fastmath"),
        ("experiments/cli/app.py", "x = 1\n" * (MAX_LINES + 1), "351 lines"),
    ],
)
def test_a_planted_fault_is_found(path, source, complaint):
    assert [f for f in faults(path, source) if complaint in f], faults(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("reservoir/backends.py", "def f():\n    from spikewhen.gpu.backend import GpuBackend"),
        (
            "reservoir/cpu/engine.py",
            "import json, os.path\nimport numpy.typing\nfrom spikewhen.reservoir.types import TimeGrid",
        ),
        ("gpu/backend.py", "def f():\n    from cupy.cuda import nvrtc"),
        (
            "paradigms/meet.py",
            "from spikewhen.reservoir import types\n"
            "from spikewhen.reservoir.rules.gate import TeachingSignal",
        ),
        (
            "analysis/scores.py",
            "from spikewhen.reservoir.files.recording import Recording\nimport scipy.stats",
        ),
        ("validation/oracle.py", "def f():\n    import brian2"),
        ("experiments/cli/app.py", "import typer, cupy, spikewhen.analysis.scores"),
        ("benchmarks/peers.py", "from . import tools\nimport brian2, torch"),
        ("reservoir/cpu/engine.py", "@nb.njit(fastmath=False)\ndef f(): ..."),
        ("experiments/cli/app.py", "x = 1\n" * MAX_LINES),
    ],
)
def test_what_is_allowed_passes(path, source):
    assert faults(path, source) == []
