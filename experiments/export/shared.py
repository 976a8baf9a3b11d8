"""What several formats need of a result."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.experiments.result import Result


def library(module: str, name: str = "") -> Any:
    """Import a library that an export writes with.

    Parameters
    ----------
    module : str
        What is imported.
    name : str, optional
        What is installed, where it is called otherwise.

    Raises
    ------
    InputError
        Where it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(name or module, "not installed", "pip install 'spikewhen[export]'") from error


class Trains(NamedTuple):
    """Spikes of the training run by cell, of the cells that were recorded."""

    cells: np.ndarray  # (r,) indices
    types: list[str]  # of these cells
    times_s: list[np.ndarray]  # ascending, on the run's clock
    duration_s: float


def trains(result: Result) -> Trains:
    """Sort the spikes of the training run by cell.

    Raises
    ------
    InputError
        If none were recorded.
    """
    spikes = result.spikes
    time_s, cell = spikes.time_ms / 1000, spikes.cell
    order = np.argsort(cell, kind="stable")
    recorded = spikes.recorded
    first = np.asarray(np.searchsorted(cell[order], recorded))
    last = np.asarray(np.searchsorted(cell[order], recorded, side="right"))
    times = [time_s[order[a:b]] for a, b in zip(first, last, strict=True)]
    types = cell_types(result)
    return Trains(recorded, [types[i] for i in recorded], times, duration_s(result))


def cell_types(result: Result) -> list[str]:
    """Return the type of every cell, by name."""
    names = result.attrs[schema.CELL_TYPE]["names"]
    return [str(names[i]) for i in result[schema.CELL_TYPE]]


def duration_s(result: Result) -> float:
    """Return how long the training run took on its own clock."""
    return result.spikes.duration_ms / 1000


class Trials(NamedTuple):
    """The training trials on the run's clock, in seconds; row i is a trial."""

    start_s: np.ndarray
    stop_s: np.ndarray
    cue_s: np.ndarray  # onset: time 0 of the trial
    event_s: np.ndarray  # NaN where the event was omitted
    columns: dict[str, list[str | int]]  # block (from 1), cue, condition, event


def trials(result: Result) -> Trials:
    """Return when trials began and ended, and what they were of."""
    step_s = result.config["simulation"]["readout_step_ms"] / 1000
    cue_s = result[schema.trial("onset_ms")] / 1000
    start_s = cue_s - result.attrs[schema.block()]["before_steps"] * step_s
    table = result.trials
    named = {name: table[name].tolist() for name in ("block", "cue", "condition", "event") if name in table}
    columns = {name: [_said(x) for x in values] for name, values in named.items()}
    return Trials(
        start_s,
        start_s + result[schema.trial("steps")] * step_s,
        cue_s,
        cue_s + result[schema.trial("event_time_ms")] / 1000,
        columns,
    )


def _said(value: Any) -> str | int:
    return "none" if value is None else value if isinstance(value, int) else str(value)


def predictions(result: Result, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the prediction of all training trials on the run's clock: times in s (R,), values (R, K).

    Between trials, and where a trial was shorter than the longest, nothing was said, and there is no row.
    A run that did not keep its trials has no rows.
    """
    path = schema.readout(label, "trials", "prediction")
    if path not in result:
        return np.zeros(0), np.zeros((0, len(result.events)))
    values = result[path]
    time_s = result[schema.trial("onset_ms")][:, None] / 1000 + result.readout(label).time_ms / 1000
    said = np.isfinite(values).all(axis=-1)
    return time_s[said], values[said]
