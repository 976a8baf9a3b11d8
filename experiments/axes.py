"""The axes of a sweep: which values of a config vary, and over which points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spikewhen.analysis.settings import setting_name, short_names
from spikewhen.experiments.parse import read_toml, refuse_deep
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.dropping import PARTS

SWEEPS = Path(__file__).parent / "sweeps"
MOST_POINTS = 100_000

Seed = Annotated[int, Field(ge=0)]


class Range(BaseModel):
    """From where to where a value is drawn; both ends may be reached where it is an integer."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _check(self) -> Range:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("low must be above 0 where log = true")
        return self

    def at(self, share: float) -> int | float:
        """Return the value at a share of the range, 0 to 1."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        low, high = (self.low, self.high + 1) if whole else (self.low, self.high)
        if self.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        return min(int(value), int(self.high)) if whole else float(value)


class Drawn(BaseModel):
    """Points that are drawn: independently, or as a Latin hypercube, which fills each range evenly."""

    model_config = ConfigDict(extra="forbid", strict=True)
    n: Annotated[int, Field(ge=1, le=MOST_POINTS)]
    seed: Seed = 0
    values: Annotated[dict[str, Range], Field(min_length=1)]


Values = Annotated[list[Any], Field(min_length=1)]


class SweepSpec(BaseModel):
    """What a sweep file says; `load_sweep` reads one.

    Attributes
    ----------
    config : str
        A TOML file beside the sweep file, or the name of a shipped one.
    seeds : str or list of int
        Such as ``"0-9"``.
    rules : list of str
        Labels of the config's rules; all by default.
    set : dict
        Changes to every run: dotted path and value.
    grid, zip : dict
        Dotted path and values: every value with every other, or first with first.
    random, latin : Drawn
    drop : list of str, optional
        What goes of each run once it is scored, as `spikewhen prune` has it; see `dropped`.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    config: str
    seeds: str | list[Seed] = "0"
    rules: list[str] = []
    set: dict[str, Any] = {}
    grid: dict[str, Values] = {}
    zip: dict[str, Values] = {}
    random: Drawn | None = None
    latin: Drawn | None = None
    drop: list[Literal["spikes", "trials", "cells", "probes"]] | None = None

    @property
    def dropped(self) -> list[str]:
        """What goes of each run once it is scored; by default all parts that the file does not ask for."""
        if self.drop is not None:
            return list(self.drop)
        named = [path.partition("_")[0] for path in (*self.set, *self.axes)]
        asked = {part: f"record.{part}" for part in PARTS} | {"probes": "record.readouts"}
        return [part for part in PARTS if asked[part] not in named]

    @property
    def axes(self) -> list[str]:
        """Return the dotted path of every axis."""
        drawn = [path for part in (self.random, self.latin) if part for path in part.values]
        return [*self.grid, *self.zip, *drawn]

    def dropping(self, parts: Sequence[str] | None) -> SweepSpec:
        """Return the sweep with other parts to drop, if any were asked for.

        Raises
        ------
        InputError
        """
        if parts is None:
            return self
        if unknown := sorted(set(parts) - set(PARTS)):
            raise InputError("--drop", ", ".join(unknown), f"none, or some of {', '.join(PARTS)}")
        return self.model_copy(update={"drop": list(parts)})


@dataclass(frozen=True)
class Point:
    """One setting of a sweep."""

    values: dict[str, Any] = field(default_factory=dict)  # by dotted path
    name: str = ""  # for people: ``weight 4``


def load_sweep(source: str | Path | Mapping[str, Any]) -> SweepSpec:
    """Read and check a sweep file, or a table of the same form.

    Raises
    ------
    InputError
        Naming the file, the key, its value and what is allowed.
    """
    if isinstance(source, Mapping):
        return _checked(dict(source), "")
    path = find_sweep(source)
    return _checked(read_toml(path), f"{path}: ")


def find_sweep(source: str | Path) -> Path:
    """Return the path of a sweep file, looking among the shipped ones by name.

    Raises
    ------
    InputError
    """
    path = Path(source)
    shipped = SWEEPS / path.with_suffix(".toml").name
    if path.is_file():
        return path
    if path.parent == Path(".") and shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.name for p in SWEEPS.glob("*.toml")))
    raise InputError("SWEEP", str(source), f"a TOML file with axes, or the shipped {names}")


SECTIONS: dict[str, Literal["drawn", "listed"]] = {
    "grid": "listed",
    "zip": "listed",
    "random": "drawn",
    "latin": "drawn",
}


def _checked(table: dict[str, Any], where: str) -> SweepSpec:
    refuse_deep(table)
    table = dict(table)
    for name, kind in SECTIONS.items():
        if name not in table or not isinstance(table[name], dict):
            continue
        if kind == "listed":
            table[name] = flat(table[name])
        else:
            own = {k: v for k, v in table[name].items() if k in ("n", "seed")}
            rest = {k: v for k, v in table[name].items() if k not in own}
            table[name] = own | {"values": flat(rest, Range.model_fields)}
    if isinstance(table.get("set"), dict):
        table["set"] = flat(table["set"])
    try:
        spec = SweepSpec.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part not in ("values",))
        value = "missing" if first["type"] == "missing" else first["input"]
        raise InputError(f"{where}{key or 'sweep'}", value, first["msg"]) from error
    _refuse_twice(spec, where)
    return spec


def flat(table: Mapping[str, Any], leaves: Any = (), where: str = "") -> dict[str, Any]:
    """Return tables within tables by dotted path, as TOML reads ``network.weight = [4, 8]``."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        path = f"{where}.{name}" if where else name
        if isinstance(value, Mapping) and not (leaves and value and set(value) <= set(leaves)):
            found |= flat(value, leaves, path)
        else:
            found[path] = value
    return found


def _refuse_twice(spec: SweepSpec, where: str) -> None:
    paths = [*spec.set, *spec.axes]
    for path in paths:
        if paths.count(path) > 1:
            raise InputError(
                f"{where}{path}", "named twice", "each value in one of set, grid, zip, random, latin"
            )
        if path.split(".")[0] in ("seed", "seeds"):
            raise InputError(f"{where}{path}", "an axis", 'seeds = "0-9", which is the axis of seeds')
    lengths = {path: len(values) for path, values in spec.zip.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{where}zip", lengths, "as many values of each")


def points(spec: SweepSpec) -> list[Point]:
    """Return every setting of a sweep: grid x zip x random x latin.

    Raises
    ------
    InputError
        If they are too many.
    """
    axes: list[list[dict[str, Any]]] = [[{path: v} for v in values] for path, values in spec.grid.items()]
    if spec.zip:
        columns = zip(*spec.zip.values(), strict=True)
        axes.append([dict(zip(spec.zip, values, strict=True)) for values in columns])
    axes += [_drawn(part, latin) for part, latin in ((spec.random, False), (spec.latin, True)) if part]
    total = math.prod(map(len, axes))
    if total > MOST_POINTS:
        raise InputError("axes", f"{total} points", f"at most {MOST_POINTS}")
    every = [
        {path: value for part in chosen for path, value in part.items()}
        for chosen in itertools.product(*axes)
    ]
    short = short_names(path for point in every[:1] for path in point)
    return [Point(values, setting_name(values, short)) for values in every]


def _drawn(part: Drawn, latin: bool) -> list[dict[str, Any]]:
    """Return drawn points. Independent ones stay where they are when n grows; a Latin hypercube moves."""
    d = len(part.values)
    if latin:
        from scipy.stats import qmc

        shares = qmc.LatinHypercube(d, rng=np.random.default_rng(part.seed)).random(part.n)
    else:
        shares = np.random.default_rng(part.seed).random((part.n, d))
    return [
        {path: r.at(float(s)) for (path, r), s in zip(part.values.items(), row, strict=True)}
        for row in shares
    ]
