"""Neo, the objects of Elephant and other tools: a block with the training run, and segments of probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.experiments.export.shared import cell_types, library, trains, trials
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.experiments.result import Result


def to_neo(result: Result, probes: bool = False) -> Any:
    """Return a run as a ``neo.Block``.

    The first segment is the training run, with a spike train for every recorded cell and an epoch for every
    trial. A cell that was not recorded has no spike train. ``annotations`` of a train hold ``cell`` and
    ``cell_type``.

    Parameters
    ----------
    result : Result
    probes : bool
        Add a segment for every probe, whose time 0 is its cue; as many trains as cells in each.

    Raises
    ------
    InputError
        Without Neo, or without recorded spikes.
    """
    neo, units = library("neo"), library("quantities")
    found = trains(result)
    block = neo.Block(name=result.run_id, description=f"simulation, seed {result.seed}", seed=result.seed)
    run = neo.Segment(name="training")
    for cell, kind, times in zip(found.cells.tolist(), found.types, found.times_s, strict=True):
        train = neo.SpikeTrain(times, units="s", t_stop=found.duration_s, cell=cell, cell_type=kind)
        run.spiketrains.append(train)
    when = trials(result)
    labels = np.array([_label(when.columns, i) for i in range(when.start_s.size)])
    epoch = neo.Epoch(
        times=when.start_s * units.s,
        durations=(when.stop_s - when.start_s) * units.s,
        labels=labels,
        name="trials",
        array_annotations={name: np.array(values) for name, values in when.columns.items()},
    )
    run.epochs.append(epoch)
    run.events.append(neo.Event(times=when.cue_s * units.s, labels=labels, name="cue onset"))
    block.segments.append(run)
    if probes:
        block.segments += [_probe(neo, result, i) for i in range(len(result.probes["block"]))]
    return block


def _label(columns: dict[str, list], i: int) -> str:
    return ", ".join(f"{name} {values[i]}" for name, values in columns.items())


def _probe(neo: Any, result: Result, i: int) -> Any:
    """Return a probe, which begins with the silence before its cue."""
    time_ms, cell = result.spikes.probe(i)
    step_ms = result.config["simulation"]["readout_step_ms"]
    before = result.attrs[schema.block()]["before_steps"]
    steps, silence_ms = (result[schema.probe(name)][i] for name in ("steps", "interval_ms"))
    start_ms, stop_ms = -before * step_ms - float(silence_ms), (int(steps) - before) * step_ms
    types = cell_types(result)
    segment = neo.Segment(name=f"probe {i}", **{k: str(v[i]) for k, v in result.probes.items()})
    for one in result.spikes.recorded.tolist():
        times = time_ms[cell == one]
        train = neo.SpikeTrain(
            times, units="ms", t_start=start_ms, t_stop=stop_ms, cell=one, cell_type=types[one]
        )
        segment.spiketrains.append(train)
    return segment
