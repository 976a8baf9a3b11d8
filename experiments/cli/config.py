"""The commands `spikewhen config`."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import Config, Json, Set, asked_jobs
from spikewhen.experiments.cli.output import echo
from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.config import Experiment

config_app = typer.Typer(
    rich_markup_mode=None,
    help="Begin a config of your own, look at every value, check it.",
    epilog=examples(
        "spikewhen config list",
        "spikewhen config new my.toml --from meet.toml",
        "spikewhen config show meet.toml > all.toml",
        "spikewhen config validate my.toml",
    ),
)


@config_app.command("list", epilog=examples("spikewhen config list"))
def config_list() -> None:
    """List the configs that come with the package."""
    from spikewhen.experiments.tables import align

    echo(align(shipped()))


@config_app.command(
    "new", epilog=examples("spikewhen config new my.toml", "spikewhen config new my.toml --from force_sine")
)
def config_new(
    path: Annotated[Path, typer.Argument(metavar="NAME.toml", help="The file to write.")],
    source: Annotated[
        str, typer.Option("--from", metavar="CONFIG", help="The config to copy, comments and all.")
    ] = "meet.toml",
) -> None:
    """Copy a shipped config, to begin one of your own.

    A file that is there is never replaced.
    """
    from spikewhen.experiments.config import find_config

    text = find_config(source).read_text(encoding="utf-8")
    target = path if path.suffix == ".toml" else path.with_name(f"{path.name}.toml")
    try:
        with open(target, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise InputError("NAME.toml", str(target), "a file that is not there yet") from error
    except OSError as error:
        raise InputError("NAME.toml", str(target), f"a file to write ({error.strerror})") from error
    echo(f"{target}: a copy of {source}; run it with: spikewhen run {target}")


@config_app.command(
    "show",
    epilog=examples(
        "spikewhen config show meet.toml --set network.feedback_pa=20",
        "spikewhen config show meet.toml > all.toml",
    ),
)
def config_show(config: Config, set_: Set = None, as_json: Json = False) -> None:
    """Print every value of a config, with its unit, its meaning and what is allowed.

    The output is a config itself, with every default written out: it gives the same
    runs, under the same names.
    """
    from spikewhen.experiments.config import load_config

    experiment = load_config(config, tuple(set_ or ()))
    if as_json:
        values = [v._asdict() for s in sections(experiment) for v in s.values]
        return echo(json.dumps(values, default=os.fspath))
    echo(to_toml(experiment, shutil.get_terminal_size().columns))


@config_app.command("validate", epilog=examples("spikewhen config validate my.toml"))
def config_validate(config: Config, set_: Set = None) -> None:
    """Check a config as a run would, without running it."""
    from spikewhen.experiments.config import load_config

    jobs = asked_jobs(config, load_config(config, tuple(set_ or ())), (0,), Path(), "cpu")
    rules = [label for job in jobs for label in job.experiment.rules]
    ids = ", ".join(job.run_id for job in jobs)
    echo(f"{config}: valid")
    echo(f"{len(rules)} rules ({', '.join(rules)}), {jobs[0].steps} trials and probes; seed 0 is {ids}")


def shipped() -> list[tuple[str, str]]:
    """Names of the shipped configs, each with the first sentence of its opening comment."""
    from spikewhen.experiments.config import CONFIGS

    found = []
    for path in sorted(CONFIGS.glob("*.toml")):
        comment = path.read_text(encoding="utf-8").split("\n\n", 1)[0].replace("\n", " ").replace("# ", "")
        found.append((path.name, comment.split(". ")[0].rstrip(".")))
    return found


class Value(NamedTuple):
    """One value of a config."""

    path: str
    value: Any
    unit: str
    meaning: str
    allowed: str


class Section(NamedTuple):
    """The values under one header."""

    header: str
    values: list[Value]


def sections(experiment: Experiment) -> Iterator[Section]:
    """Yield every value of an experiment, by section, in an order that TOML can write."""
    for field in dataclasses.fields(experiment):
        part = getattr(experiment, field.name)
        if field.name == "rules":
            for label, rule in part.items():
                kind = Value(f"rules.{label}.rule", _class_name("rule", rule), "1", "which rule it is", "")
                yield from _sections(f"rules.{label}", rule, [kind])
        else:
            first = []
            if field.name == "paradigm":
                first = [Value("paradigm.name", _class_name("paradigm", part), "1", "which task it is", "")]
            yield from _sections(field.name, part, first)


def _class_name(kind: str, part: Any) -> str:
    from spikewhen.experiments.registry import dotted, shipped

    return part.name if type(part) in shipped(kind).values() else dotted(type(part))


def _sections(where: str, spec: Any, first: list[Value], header: str = "[{}]") -> Iterator[Section]:
    plain, inside = [*first], []
    for field in dataclasses.fields(spec):
        value, path = getattr(spec, field.name), f"{where}.{field.name}"
        if dataclasses.is_dataclass(value):
            inside.append((path, value, "[{}]"))
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            inside += [(f"{path}[{i}]", item, "[[{}]]") for i, item in enumerate(value)]
        else:
            plain.append(_value(path, value, field.metadata))
    name = "".join(part.partition("]")[2] if i else part for i, part in enumerate(where.split("[")))
    yield Section(header.format(name), plain)
    for path, value, form in inside:
        yield from _sections(path, value, [], form)


def _value(path: str, value: Any, about: Any) -> Value:
    from spikewhen.reservoir.spec import allowed

    limited = about and (about["choices"] or any(v is not None for v in about["bounds"].values()))
    limits = allowed(about).removeprefix("a finite number ") if limited else ""
    return Value(path, value, about.get("unit", "1"), about.get("help", ""), limits)


def to_toml(experiment: Experiment, width: int = 80) -> str:
    """Write an experiment as a config with a comment for every value, at most `width` wide where possible."""
    lines = []
    for section in sections(experiment):
        lines += ["", section.header]
        for v in section.values:
            left = f"{v.path.rsplit('.', 1)[1]} = {_toml(v.value)}"
            limits = "" if v.allowed in v.meaning else v.allowed
            about = ", ".join(part for part in ("" if v.unit == "1" else v.unit, limits) if part)
            note = v.meaning + (f" ({about})" if about else "")
            note = re.sub("([<>]=?) ", "\\1\N{NO-BREAK SPACE}", note)
            if len(left) > 34:
                lines.append(left)
                left = ""
            for part in textwrap.wrap(note, max(width - 38, 30)):
                lines.append(f"{left:<36}# {part}".replace("\N{NO-BREAK SPACE}", " "))
                left = ""
            lines += [left] if left else []
    return "\n".join(lines[1:])


def _toml(value: Any) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | os.PathLike):
        return json.dumps(os.fspath(value), ensure_ascii=False)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return repr(value)
