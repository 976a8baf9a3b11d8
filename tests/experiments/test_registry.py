"""Own rules and tasks by dotted path: found, refused in one line, and hashed with their helpers."""

import importlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from spikewhen.experiments.config import Experiment, load_config
from spikewhen.experiments.registry import dotted, resolve, shipped
from spikewhen.experiments.setup import prepare
from spikewhen.paradigms.meet import Meet
from spikewhen.reservoir.code_hash import describe_class
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules import LMS

RULE = '''
"""Rules of my own."""
from dataclasses import dataclass
from typing import ClassVar
from spikewhen.reservoir.rules import LMS
{imports}

@dataclass(frozen=True)
class SignRule(LMS):
    """Like LMS."""
    name: ClassVar[str] = "sign"

    def constants(self, readout_step_ms, dtype):
        """A docstring."""
        {inside}
        return super().constants(readout_step_ms, dtype)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An own folder; what it adds to Python's path and modules is taken away again."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # files change within a second
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    importlib.invalidate_caches()


def write(folder: Path, name: str, imports: str = "", inside: str = "pass", text: str = RULE) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.format(imports=imports, inside=inside) if text is RULE else text)
    importlib.invalidate_caches()
    return path


def code_of(folder: Path) -> str:
    """The hash of the rule as its files are now."""
    for name, module in list(sys.modules.items()):
        if str(folder) in str(getattr(module, "__file__", "")):
            del sys.modules[name]
    importlib.invalidate_caches()
    return describe_class(resolve("rule", "my_rules:SignRule", folder))


def test_a_shipped_name_needs_no_folder():
    assert resolve("rule", "lms") is LMS and resolve("paradigm", "meet") is Meet


@pytest.mark.parametrize("kind", ["rule", "paradigm", "score", "figure"])
def test_every_kind_has_shipped_names_and_suggests_them(kind):
    name = next(iter(shipped(kind)))
    assert resolve(kind, name) is shipped(kind)[name]
    with pytest.raises(InputError, match=f"did you mean {name}"):
        resolve(kind, f"{name}z")


def test_a_score_function_that_is_not_there_is_named_before_anything_is_simulated():
    class Unscored(Meet):
        scores = "no_such_scores:f"

    with pytest.raises(InputError, match=r"paradigm\.scores.*no module no_such_scores"):
        prepare(Experiment(paradigm=Unscored()))


def test_a_rule_beside_the_config_is_used_from_toml(folder):
    write(folder, "my_rules.py")
    config = folder / "a.toml"
    config.write_text('[rules.a]\nrule = "my_rules:SignRule"\neta = 0.5\n')
    rule = load_config(config).rules["a"]
    assert (type(rule).__name__, rule.eta, dotted(type(rule))) == ("SignRule", 0.5, "my_rules:SignRule")
    assert sys.path[-1] == str(folder), "at the end: nothing in it hides an installed module"
    config.write_text('[rules.a]\nrule = "my_rules:SignRule"\netta = 0.5\n')
    with pytest.raises(InputError, match=r"etta.*did you mean eta"):
        load_config(config)


def test_an_own_rule_stands_where_labels_are_taken(folder):
    write(folder, "my_rules.py")
    two = load_config("meet.toml").with_rules(["local", "my_rules:SignRule"], beside=folder)
    assert list(two.rules) == ["local", "sign"]


@pytest.mark.parametrize(
    ("name", "files", "complaint"),
    [
        ("my_rulez:SignRule", {}, "no module my_rulez; did you mean my_rules"),
        ("my_rules:SignRul", {}, "did you mean SignRule"),
        ("my_rules:dataclass", {}, "a class with base Rule, not function"),
        ("my rules:X", {}, "module:name"),
        ("no_such_rule", {}, "one of three_factor, rls, lms"),
        ("lmz", {}, "did you mean lms"),
        ("broken:X", {"broken.py": "x = 1\n1 / 0\n"}, "broken.py, line 2: ZeroDivisionError"),
        ("broken:X", {"broken.py": "x = = 1\n"}, "SyntaxError: .*broken.py, line 1"),
        ("broken:X", {"broken.py": "import no_such_thing\n"}, "broken.py, line 1.*no_such_thing"),
        ("broken:X", {"broken.py": "raise SystemExit(3)\n"}, "broken.py, line 1: SystemExit"),
        ("json:X", {"json.py": "X = 1\n"}, "a name of its own for .*json.py: module json is"),
    ],
)
def test_a_mistake_is_named_in_one_line(folder, name, files, complaint):
    write(folder, "my_rules.py")
    for file, text in files.items():
        write(folder, file, text=text)
    with pytest.raises(InputError, match=complaint) as error:
        resolve("rule", name, folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("same", ["my_rules.py", "helpers.py"])
def test_modules_of_one_name_in_two_folders_are_not_mixed_up(folder, same):
    for name in ("first", "second"):
        write(folder / name, "helpers.py", text="x = 1\n")
        write(folder / name, "my_rules.py" if same == "my_rules.py" else f"{name}.py", "import helpers")
    modules = ("my_rules", "my_rules") if same == "my_rules.py" else ("first", "second")
    resolve("rule", f"{modules[0]}:SignRule", folder / "first")
    with pytest.raises(InputError, match=f"second/{same}: module {same[:-3]} is .*first"):
        resolve("rule", f"{modules[1]}:SignRule", folder / "second")


def test_a_folder_does_not_break_what_is_installed(folder):
    for name in ("numpy", "analysis", "reservoir", "spikewhen", "typing"):
        write(folder, f"{name}.py", text="raise RuntimeError('shadowed')\n")
    write(folder, "my_rules.py", "import numpy, typing")
    with pytest.raises(InputError, match=r"numpy\.py: module numpy is|typing\.py: module typing is"):
        resolve("rule", "my_rules:SignRule", folder)
    code = "import numpy, spikewhen.analysis.scores, sys; print(numpy.__file__)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_installed_package_offers_rules_by_entry_point(monkeypatch):
    class Entry:
        name, value, dist = "offered", "a.b:C", None

        def load(self):
            return LMS

    monkeypatch.setattr(
        metadata, "entry_points", lambda group: [Entry()] if group == "spikewhen.rules" else []
    )
    assert resolve("rule", "offered") is LMS
    with pytest.raises(InputError, match="offered"):
        resolve("rule", "offred")


@pytest.mark.parametrize(
    ("imports", "inside"),
    [
        ("import helpers", "helpers.f()"),
        ("from helpers import f", "f()"),
        ("", "import helpers; helpers.f()"),
        ("", "from helpers import f; f()"),
        ("from between import g", "g()"),
        ("import package.part", "package.part.f()"),
    ],
)
def test_a_changed_helper_is_another_run_and_an_unrelated_file_is_not(folder, imports, inside):
    write(folder, "my_rules.py", imports, inside)
    write(folder, "between.py", text="def g():\n    from helpers import f\n    return f()\n")

    def helper(value: str):
        write(folder, "helpers.py", text=f"VALUES = {{'a': [{value}]}}\ndef f():\n    return VALUES\n")
        write(folder, "package/__init__.py", text="")
        write(folder, "package/part.py", text=f"def f():\n    return ({value})\n")

    helper("1.5")
    first = code_of(folder)
    write(folder, "unrelated.py", text="x = 1\n")
    helper("1.5\n# a comment\n")
    assert code_of(folder) == first
    helper("2.5")
    assert code_of(folder) != first


@pytest.mark.parametrize(
    ("before", "after", "another"),
    [
        ('"""A docstring."""', '"""Another."""', False),
        ('"""Like LMS."""', '"""Not like LMS."""', False),
        ("pass", "x = 1.5 + 2.5 + 1.5", True),
        ("pass", "print({'a', 'b', 'c', 'd'} >= {'e', 'a'})", True),
        ('"sign"', '"sigh"', True),
    ],
)
def test_of_a_class_code_counts_and_words_do_not(folder, before, after, another):
    text = RULE.format(imports="", inside="pass")
    write(folder, "my_rules.py", text=text)
    first = code_of(folder)
    write(folder, "my_rules.py", text=text.replace(before, after))
    assert (code_of(folder) != first) == another


def test_the_hash_is_the_same_in_every_process(folder):
    text = "class Own:\n    def f(self, x):\n        return x in {'a', 'b', 'c', 'd', 'e'} and [1.5, None]\n"
    write(folder, "my_own.py", text=text)
    code = f"""
from spikewhen.reservoir.own_code import load
from spikewhen.reservoir.code_hash import describe_class
print(describe_class(load("my_own:Own", {str(folder)!r})))"""
    run = [sys.executable, "-B", "-c", code]
    assert len({subprocess.check_output(run, env={**os.environ, "PYTHONHASHSEED": n}) for n in "123"}) == 1


def test_a_default_and_a_base_class_of_ones_own_count(folder):
    text = "\n".join(
        [
            "from dataclasses import dataclass, field",
            "class Base:",
            "    def f(self): return {base}",
            "@dataclass",
            "class Own(Base):",
            "    x: float = {default}",
            "    y: list = field(default_factory=lambda: [{factory}])",
        ]
    )
    values = dict(base=1, default=1.0, factory=1)
    codes = []
    for change in ({}, {}, dict(base=2), dict(default=2.0), dict(factory=2)):
        namespace: dict = {"__name__": "made"}
        exec(compile(text.format(**{**values, **change}), "made.py", "exec"), namespace)
        codes.append(describe_class(namespace["Own"]))
    assert codes[0] == codes[1] and len(set(codes)) == 4
