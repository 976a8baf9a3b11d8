"""What a tuning file says: which rules are tuned, over which ranges, by which score, on which seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spikewhen.experiments.axes import Range, Seed, flat
from spikewhen.experiments.parse import read_toml, refuse_deep
from spikewhen.experiments.tables import format_seeds, parse_seeds
from spikewhen.reservoir.errors import InputError

MOST_CANDIDATES = 100_000

Axis = Range | Annotated[list[Any], Field(min_length=2)]
"""Where a value is drawn from: a range, or some values."""


class OfTask(BaseModel):
    """What differs on one task; a key that is not given is that of the whole file."""

    model_config = ConfigDict(extra="forbid", strict=True)
    set: dict[str, Any] = {}
    score: str | None = None
    better: Literal["", "lower", "higher"] | None = None
    at: Literal["ends", "all"] | None = None


class TuneSpec(BaseModel):
    """What a tuning file says; `load_tuning` reads one.

    Attributes
    ----------
    config : str
        A TOML file beside the tuning file, or the name of a shipped one.
    rules : list of str
        Labels of the config's rules, or dotted paths; all of the config's by default.
    set : dict
        Changes to the config: dotted path and value.
    seeds, report_seeds : str or list of int
        On which candidates are judged, and on which the winners will be. They have no seed in common.
    candidates : int
        Of every rule, those that were given up early included.
    score : str
        What candidates are judged by; by default what the task is judged by.
    better : {"", "lower", "higher"}
        Which way that score is better; known of the scores that shipped tasks are judged by.
    at : {"ends", "all"}
        Whether the last probes of every block count, or all of them, early ones too.
    prune : bool
        Give up a candidate whose mean over the first seeds is worse than the median of the others.
    sampler : {"tpe", "random"}
    sampler_seed : int
    space : dict
        Label, dotted path in the rule, and what is drawn; for rules that are not named, what they declare.
    tasks : dict
        Name of a config, without its ending, and what differs there: further `set`, `score`, `better`, `at`.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    config: str
    rules: list[str] = []
    set: dict[str, Any] = {}
    seeds: str | list[Seed] = "1000-1003"
    report_seeds: str | list[Seed] = "0-19"
    candidates: Annotated[int, Field(ge=1, le=MOST_CANDIDATES)] = 30
    score: str = ""
    better: Literal["", "lower", "higher"] = ""
    at: Literal["ends", "all"] = "ends"
    prune: bool = True
    sampler: Literal["tpe", "random"] = "tpe"
    sampler_seed: Seed = 0
    space: dict[str, dict[str, Axis]] = {}
    tasks: dict[str, OfTask] = {}

    def on_its_task(self) -> TuneSpec:
        """Return the tuning with what its table of tasks says of its config, and without that table."""
        own = self.tasks.get(Path(self.config).stem, OfTask()).model_dump(exclude_none=True)
        own["set"] = {**self.set, **own["set"]}
        return self.model_copy(update={**own, "tasks": {}})

    @property
    def search_seeds(self) -> tuple[int, ...]:
        """The seeds on which candidates are judged."""
        return _seeds("seeds", self.seeds)

    @property
    def seeds_of_report(self) -> tuple[int, ...]:
        """The seeds that the search must not touch."""
        return _seeds("report_seeds", self.report_seeds)


def _seeds(where: str, given: str | list[int]) -> tuple[int, ...]:
    if not isinstance(given, str):
        if not given:
            raise InputError(where, given, "at least one seed")
        return tuple(dict.fromkeys(given))
    try:
        return parse_seeds(given)
    except InputError as error:
        raise InputError(where, error.value, error.allowed) from error


def refuse_meeting(search: tuple[int, ...], report: tuple[int, ...], where: str = "report_seeds") -> None:
    """Refuse seeds to report on that the search has seen.

    Raises
    ------
    InputError
    """
    if both := sorted(set(search) & set(report)):
        raise InputError(
            where, format_seeds(both), f"seeds that the search does not use; it uses {format_seeds(search)}"
        )


def load_tuning(source: str | Path | Mapping[str, Any], **changes: Any) -> TuneSpec:
    """Read and check a tuning file, or a table of the same form, with some of its values changed.

    Raises
    ------
    InputError
        Naming the file, the key, its value and what is allowed.
    """
    if isinstance(source, Mapping):
        return _checked({**source, **_given(changes)}, "")
    path = Path(source)
    if not path.is_file():
        raise InputError("TUNE", str(source), "a TOML file that says what is tuned (docs/how_to/tune.md)")
    return _checked({**read_toml(path), **_given(changes)}, f"{path}: ")


def is_tuning(source: str | Path) -> bool:
    """Whether a file is a tuning file, which names a config, and not a config itself."""
    return Path(source).is_file() and "config" in read_toml(Path(source))


def _given(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if value is not None}


def _checked(table: dict[str, Any], where: str) -> TuneSpec:
    refuse_deep(table)
    table = dict(table)
    if isinstance(table.get("set"), dict):
        table["set"] = flat(table["set"])
    if isinstance(table.get("tasks"), dict):
        table["tasks"] = {
            task: {k: flat(v) if k == "set" and isinstance(v, dict) else v for k, v in own.items()}
            if isinstance(own, dict)
            else own
            for task, own in table["tasks"].items()
        }
    if isinstance(table.get("space"), dict):
        table["space"] = {
            label: flat(axes, Range.model_fields) if isinstance(axes, dict) else axes
            for label, axes in table["space"].items()
        }
    try:
        spec = TuneSpec.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        loc = [str(part) for part in first["loc"] if part not in ("Range", "constrained-list")]
        key = ".".join(part for part in loc if not part.startswith(("list[", "function-")))
        value = "missing" if first["type"] == "missing" else first["input"]
        raise InputError(f"{where}{key or 'tuning'}", value, first["msg"]) from error
    try:
        refuse_meeting(spec.search_seeds, spec.seeds_of_report)
    except InputError as error:
        raise InputError(f"{where}{error.where}", error.value, error.allowed) from error
    return spec
