"""One table of any folder: a row for every score of every rule at every probed point of every run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spikewhen.analysis.bands import csv_text
from spikewhen.analysis.score_names import KEYS, ordered, score_of
from spikewhen.analysis.settings import of_rule, varied
from spikewhen.experiments import failed
from spikewhen.experiments.progress import say
from spikewhen.experiments.results import RunSummary
from spikewhen.experiments.sidecar import Light, read_light
from spikewhen.experiments.views import pandas
from spikewhen.reservoir.errors import InputError

FIRST = ("run_id", "seed", "rule")
POINT = ("block", "trial", "condition", "event")
LAST = ("score", "value", "health", "note", "commit")
FAILED = "failed"
"""Stands for a score in the row of a rule that has none, whose `note` says why."""

Columns = dict[str, Any]
"""A piece of the table: a value for all of its rows, or an array with one for each."""


@dataclass(frozen=True)
class LongTable:
    """The runs of one or several folders as one table.

    Attributes
    ----------
    keys : list of str
        Values of the config, by dotted path, in which the runs differ.
    pieces : list
        In the order of the rows; see `rows`.
    runs, from_sidecars : int
        Finished runs, and how many of them were read from their sidecars.
    failures : int
        Rules of runs that have no result.
    """

    keys: list[str]
    pieces: list[tuple[int, Columns]] = field(repr=False)
    runs: int
    from_sidecars: int
    failures: int

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in their order."""
        return [*FIRST, *self.keys, *POINT, *LAST]

    def __len__(self) -> int:
        return sum(n for n, _ in self.pieces)

    def rows(self) -> Iterator[tuple]:
        """Yield the rows, with the entries in the order of `columns`; what does not apply is None."""
        for n, piece in self.pieces:
            yield from zip(*(_spread(piece.get(name), n) for name in self.columns), strict=True)

    def csv(self) -> str:
        """Return the text of a CSV file; an undefined value is empty, and no cell is a formula."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(map(csv_text, self.columns))
        cells: dict[str, str] = {}

        def cell(value: Any) -> Any:
            if isinstance(value, str):
                if value not in cells:
                    cells[value] = csv_text(value)
                return cells[value]
            return "" if value is None or value != value else value

        for row in self.rows():
            writer.writerow([cell(value) for value in row])
        return out.getvalue()

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame`; texts are categories, `block` and `trial` may be missing.

        Raises
        ------
        InputError
            Where pandas is not installed.
        """
        pd = pandas()
        found = {}
        for name in self.columns:
            parts = [
                entry if isinstance(entry := piece.get(name), np.ndarray) else np.full(n, entry, object)
                for n, piece in self.pieces
            ]
            column = pd.Series(np.concatenate(parts), dtype=None if name == "value" else object)
            if name == "value":
                found[name] = column.astype(float)
            elif name in ("block", "trial"):
                found[name] = column.astype("Int64")
            elif name == "seed":
                found[name] = column.astype("int64")
            else:
                found[name] = column.infer_objects()
                if found[name].dtype == object and name not in self.keys:
                    found[name] = found[name].astype("category")
        return pd.DataFrame(found)

    def to_parquet(self, path: Path) -> None:
        """Write the table as a Parquet file.

        Raises
        ------
        InputError
            Where pandas or pyarrow is not installed.
        """
        frame = self.to_frame()
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            allowed = "pip install 'spikewhen[table]' (or write .csv, which needs nothing)"
            raise InputError("pyarrow", "not installed", allowed) from error
        mixed = [c for c in frame.columns if frame[c].dtype == object]
        frame.astype(dict.fromkeys(mixed, "string")).to_parquet(path, index=False)


def _spread(entry: Any, n: int) -> Sequence:
    return entry.tolist() if isinstance(entry, np.ndarray) else [entry] * n


def long_table(places: str | Path | Sequence[str | Path], scores: Sequence[str] = ()) -> LongTable:
    """Collect the finished and the failed runs of folders, those within them included.

    Parameters
    ----------
    places : path, or sequence of path
        Folders or result files.
    scores : sequence of str
        Only these scores, by their names in docs/scores.md; all by default.

    Raises
    ------
    InputError
        If there is no run, or none has such a score.
    """
    every = [places] if isinstance(places, str | Path) else list(places)
    files, lost = _files(every)
    found: dict[str, Light] = {}
    for path in files:
        try:
            light = read_light(path)
        except InputError as error:
            say(f"warning: {error}; a row of the table says so")
            lost.append(failed.Failed(path.stem, None, {}, {"": str(error)}))
            continue
        found.setdefault(light.run.run_id, light)
    lost = [f for f in lost if f.run_id not in found]
    if not found and not lost:
        raise InputError(str(every[0]), "no result file", "a folder with result files (*.h5)")
    order = sorted(found.values(), key=lambda light: (light.run.seed, light.run.run_id))
    settings = varied([*(light.run.config for light in order), *(f.config for f in lost)])
    keys = sorted({key for mine in settings for key in mine})
    pieces: list[tuple[int, Columns]] = []
    known: set[str] = set()
    for light, mine in zip(order, settings, strict=False):
        known |= {name for of_rule_ in light.run.scores.values() for name in of_rule_}
        pieces += _pieces(light, mine, set(scores))
    if missing := [name for name in scores if name not in known]:
        raise InputError("--scores", missing[0], f"scores of these runs: {', '.join(ordered(known))}")
    rows = [
        (1, _head(f.run_id, f.seed, label or None, mine) | {"score": FAILED, "note": reason})
        for f, mine in zip(lost, settings[len(order) :], strict=True)
        for label, reason in f.rules.items()
    ]
    sidecars = sum(light.from_sidecar for light in order)
    return LongTable(keys, [*pieces, *rows], len(order), sidecars, len(rows))


def _files(places: Sequence[str | Path]) -> tuple[list[Path], list[failed.Failed]]:
    files: list[Path] = []
    lost: list[failed.Failed] = []
    for place in map(Path, places):
        if place.is_dir():
            files += sorted(place.rglob("*.h5"))
            lost += failed.read_all(place)
        elif place.is_file():
            files.append(place)
        else:
            raise InputError(str(place), "not there", "a folder with result files (*.h5), or a result file")
    return files, lost


def _head(run_id: str, seed: int | None, rule: str | None, settings: Mapping[str, Any]) -> Columns:
    mine = of_rule(settings, rule or "")
    return {"run_id": run_id, "seed": seed, "rule": rule} | {
        k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in mine.items()
    }


def _pieces(light: Light, settings: Mapping[str, Any], wanted: set[str]) -> Iterator[tuple[int, Columns]]:
    run = light.run
    facts = {"health": "; ".join(run.warnings) or "ok", "commit": light.commit}
    for label, found in run.scores.items():
        head = _head(run.run_id, run.seed, label, settings) | facts
        if not found:
            yield 1, head | {"score": FAILED, "note": run.scoring_failed or "no score"}
        points = _points(run, found)
        for name in ordered(found):
            if not wanted or name in wanted:
                values = np.asarray(found[name], float)
                if values.size:
                    yield (
                        values.size,
                        head
                        | {"score": name, "value": values.ravel()}
                        | _where(name, found, values, points, run),
                    )


def _points(run: RunSummary, found: Mapping[str, np.ndarray]) -> Columns:
    if not all(key in found for key in KEYS):
        return {}
    block, trial, condition = (np.asarray(found[key]).astype(int) for key in KEYS)
    return {"block": block + 1, "trial": trial, "condition": _names(run.conditions, condition)}


def _where(
    name: str, found: Mapping[str, Any], values: np.ndarray, points: Columns, run: RunSummary
) -> Columns:
    """Say for each value, in the order of its array, which block, trial, condition and event it is of."""
    per, _, channels = score_of(name, found).per.partition("+")
    n = values.shape[0]
    where: Columns = {}
    if per == "point":
        where = dict(points)
    elif per == "block":
        where = {"block": np.arange(n) + 1}
    if values.ndim > 1:
        each = values.size // n
        where = {key: np.repeat(column, each) for key, column in where.items()}
        if channels and values.ndim == 2:
            where["event"] = np.tile(_names(run.events, np.arange(each)), n)
    return where


def _names(names: Sequence[str], index: np.ndarray) -> np.ndarray:
    """Return names by index, and where there are none, numbers from 1."""
    return np.array([names[i] if i < len(names) else i + 1 for i in index.tolist()], object)


def table(places: str | Path | Sequence[str | Path], scores: Sequence[str] = ()) -> Any:
    """Return one table of all runs of a folder, as a `pandas.DataFrame`.

    A row for every run, rule, block, probed point and score, with the values of the config in
    which runs differ as columns named by their dotted path. A rule that failed has a row with
    the score "failed", and the reason as `note`. Parameters and errors as in `long_table`.
    """
    return long_table(places, scores).to_frame()


def to_xarray(frame: Any) -> Any:
    """Return the scores of a table as an `xarray.Dataset`, with the varied values as dimensions.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `table` returns it, or some of its rows. A value of the config that is of one rule
        alone is a dimension only in a table of that rule.

    Returns
    -------
    xarray.Dataset
        A variable per score. Dimensions are the varied values, seed, rule, block, trial,
        condition and event, as far as they apply. Runs that failed are NaN.

    Raises
    ------
    InputError
        If the varied values form no grid, or xarray is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        allowed = "pip install 'spikewhen[table]' (or use the data frame)"
        raise InputError("xarray", "not installed", allowed) from error
    keys = [name for name in frame.columns if name not in (*FIRST, *POINT, *LAST)]
    kept = frame[frame["score"] != FAILED]
    partly = [key for key in keys if kept[key].isna().any()]
    if partly:
        raise InputError(partly[0], "not of every row", "rows of one rule: frame[frame.rule == ...]")
    combined = len(frame[keys].drop_duplicates()) if keys else 1
    whole = int(np.prod([frame[key].nunique() for key in keys], dtype=int))
    if combined != whole:
        raise InputError("axes", ", ".join(keys), f"a grid of {whole} points, of which {combined} are there")
    arrays = {}
    for name, rows in kept.groupby("score", observed=True):
        point = [column for column in POINT if rows[column].notna().all()]
        index = [*keys, "seed", "rule", *point]
        plain = {"category": object, "Int64": int}
        flat = rows[index].astype(
            {c: plain[str(rows[c].dtype)] for c in index if str(rows[c].dtype) in plain}
        )
        series = flat.assign(value=rows["value"]).set_index(index)["value"]
        if series.index.has_duplicates:
            raise InputError(str(name), "several values at one point", "one run of each setting and seed")
        arrays[str(name)] = series.to_xarray()
    return xarray.Dataset(arrays)
