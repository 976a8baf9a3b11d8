"""Pynapple: spikes as a TsGroup, trials as an IntervalSet, predictions as TsdFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spikewhen.experiments.export.shared import library, predictions, trains, trials

if TYPE_CHECKING:
    from spikewhen.experiments.result import Result


class Pynapple(NamedTuple):
    """A run as objects of Pynapple; times in seconds on the clock of the training run."""

    spikes: Any  # TsGroup by cell index, with the metadata cell_type; recorded cells only
    trials: Any  # IntervalSet with the metadata block, cue, condition, event
    predictions: dict[str, Any]  # TsdFrame by rule, a column per event


def to_pynapple(result: Result) -> Pynapple:
    """Return a run as objects of Pynapple.

    A recorded cell that never fired is in the group with a rate of 0; one that was not recorded is not there.

    Raises
    ------
    InputError
        Without Pynapple, or without recorded spikes.
    """
    nap = library("pynapple")
    found, when = trains(result), trials(result)
    whole = nap.IntervalSet(0.0, found.duration_s)
    by_cell = dict(zip(found.cells.tolist(), found.times_s, strict=True))
    group = nap.TsGroup(
        {cell: nap.Ts(t=times, time_support=whole) for cell, times in by_cell.items()},
        time_support=whole,
        metadata={"cell_type": found.types},
    )
    intervals = nap.IntervalSet(when.start_s, when.stop_s, metadata=when.columns)
    frames = {}
    for label in result.labels:
        times, values = predictions(result, label)
        if times.size:
            frames[label] = nap.TsdFrame(t=times, d=values, columns=list(result.events))
    return Pynapple(group, intervals, frames)
