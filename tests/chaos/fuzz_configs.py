"""Shipped configs with a few values changed at random, and what becomes of them up to the plan of a run."""

from __future__ import annotations

import copy
import datetime
import random
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.experiments.cli.config import _toml as written
from spikewhen.experiments.config import CONFIGS, load_config
from spikewhen.experiments.jobs import make_jobs
from spikewhen.reservoir.errors import InputError

LONGEST = 300
"""Letters of a message."""

NUMBERS: tuple[Any, ...] = (
    *(
        0,
        1,
        -1,
        2,
        3,
        7,
        100,
        2**31 - 1,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        -(2**63),
        10**30,
        10**400,
    ),
    *(0.0, -0.0, 0.1, 0.3, 0.5, 1.0, -1.5, 1e-12, 1e-10, 5e-324, 1e9, 1e12, 1e15, 9e15, 1e300, 1.8e308),
    *(float("inf"), float("-inf"), float("nan"), 1e-3, 33.3, 1000.0, 1e6),
)
WORDS = (
    *(
        "",
        " ",
        "all",
        "none",
        "rls",
        "meet",
        "three_factor",
        "100",
        "true",
        "1e5",
        "../../x",
        "a/b",
        ".",
        "..",
    ),
    *(
        "os:path",
        "my_rules:Rule",
        ":x",
        "x:",
        "a:b:c",
        "x\x00y",
        "\x1b[31mred",
        "line\nbreak",
        "\u202egnp.exe",
    ),
    *("\ud800", "é", "音", "名前" * 300, "x" * 5000, "$\\foo$", "=cmd()", "{", "%s", "events"),
)
OTHERS: tuple[Any, ...] = (
    *(True, False, None, [], {}, [[]], [[], [1]], {"": {}}, {"a": {"b": {"c": 1}}}, {"kind": "x"}, [None]),
    *(datetime.date(1979, 5, 27), datetime.time(7, 32), datetime.datetime(1979, 5, 27), [True], {"x\x00": 1}),
)
Path_ = tuple[str | int, ...]


class Mutant(NamedTuple):
    """A config and where it was changed."""

    origin: str
    table: dict[str, Any]
    changed: list[Path_]


def mutants(seed: int, n: int) -> Iterator[Mutant]:
    """Yield changed configs; the same seed gives the same ones."""
    rng = random.Random(seed)
    shipped = {path.name: tomllib.loads(path.read_text("utf-8")) for path in sorted(CONFIGS.glob("*.toml"))}
    for _ in range(n):
        name = rng.choice(list(shipped))
        table, changed = copy.deepcopy(shipped[name]), []
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            changed.append(_change(rng, table))
        yield Mutant(name, table, changed)


def places(value: Any, at: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of every value inside another."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from places(item, (*at, key))


def _change(rng: random.Random, table: dict[str, Any]) -> Path_:
    every = list(places(table))
    if not every:
        table["network"] = _value(rng, 0)
        return ("network",)
    path = rng.choice(every)
    inside: Any = table
    for key in path[:-1]:
        inside = inside[key]
    key, how = path[-1], rng.random()
    if how < 0.1:
        del inside[key]
    elif how < 0.2 and isinstance(inside, dict):
        key = rng.choice((f"{key}x", "", "x\x00y", "音", "k" * 3000, "name", "rule", "trials", key[::-1]))
        inside[key] = _value(rng, 0)
    elif how < 0.25 and isinstance(inside, list):
        inside.extend([inside[key]] * rng.choice((1, 3, 2000)))
    elif how < 0.45 and isinstance(inside[key], (int, float)) and not isinstance(inside[key], bool):
        inside[key] = inside[key] * rng.choice((-1, 0, 0.5, 1.0001, 2, 10, 1000, 1e6, 1e12, 1e-6, 1e-12))
    else:
        inside[key] = _value(rng, inside[key])
    return (*path[:-1], key)


def _value(rng: random.Random, old: Any) -> Any:
    how = rng.random()
    if how < 0.45:
        return rng.choice(NUMBERS)
    if how < 0.65:
        return rng.choice(WORDS)
    if how < 0.85:
        return copy.deepcopy(rng.choice(OTHERS))
    if how < 0.9:
        deep: Any = old
        for _ in range(rng.choice((2, 20, 300))):
            deep = [deep] if rng.random() < 0.5 else {"x": deep}
        return deep
    return [copy.deepcopy(old)] * rng.choice((0, 1, 2, 5, 3000))


def outcome(mutant: Mutant, folder: Path, as_file: bool) -> str:
    """Load, check and plan a config; return "planned", or the message that refuses it.

    Raises
    ------
    Exception
        Anything but `InputError`.
    """
    source: Any = mutant.table
    if as_file:
        source = folder / "mutant.toml"
        with _as_deep_as_it_is():
            text = _file(mutant.table)
        source.write_text(text, "utf-8", "surrogatepass")
    try:
        make_jobs("mutant", load_config(source), [0], folder)
    except InputError as error:
        return str(error)
    return "planned"


def _file(table: dict[str, Any]) -> str:
    return "".join(f"{written(str(key))} = {_in_toml(value)}\n" for key, value in table.items())


@contextmanager
def _as_deep_as_it_is() -> Iterator[None]:
    """Let a table be written that is nested deeper than Python likes."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _in_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(str(k))} = {_in_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_in_toml, value)) + "]"
    return written(value)


def faults(message: str, mutant: Mutant) -> Iterator[str]:
    """Say what is wrong with a message of refusal."""
    if len(message) > LONGEST:
        yield f"{len(message)} letters"
    if not message.isprintable() and any(ord(x) < 32 or 0xD800 <= ord(x) < 0xE000 for x in message):
        yield "control characters"
    if not any(_names(message, path) for path in mutant.changed):
        yield "nothing named that was changed"


def _names(message: str, path: Path_) -> bool:
    words = [str(key) for key in path if isinstance(key, str)]
    last = words[-1]
    if message.endswith(("valid TOML", "in UTF-8")):  # which names the line
        return True
    if len(last) > 40 or not last.isidentifier():  # cut, or escaped
        return True
    if last in message:
        return True
    return len(words) > 1 and ".".join(words[:-1]) in message
