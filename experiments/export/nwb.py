"""Neurodata Without Borders: units, trials and predictions of a run, in one file.

A simulation has no electrodes, no brain region and no subject, and none are written. Probes branch off the
training run with clocks of their own, so their spikes stand in a table, not among the units.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.experiments.export.shared import library, predictions, trains, trials
from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.result import Result


def to_nwb(result: Result, path: str | Path, **about: Any) -> Path:
    """Write a run as an NWB file.

    Parameters
    ----------
    result : Result
    path : path
        Ends in ``.nwb``; an existing file is refused.
    **about
        Further fields of ``pynwb.NWBFile``, such as ``experimenter`` or ``institution``, and
        ``session_start_time``; by default the time at which the run's file was computed, else now.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        Without pynwb, without recorded spikes, or where the file exists.
    """
    pynwb = library("pynwb")
    path = Path(path)
    if path.suffix != ".nwb" or path.exists():
        raise InputError("path", str(path), "a new file whose name ends in .nwb")
    file = nwb_file(result, **about)
    with pynwb.NWBHDF5IO(path, "w") as out:
        out.write(file)
    return path


def nwb_file(result: Result, **about: Any) -> Any:
    """Return a run as a ``pynwb.NWBFile``; parameters and errors as in `to_nwb`."""
    pynwb = library("pynwb")
    config = result.config
    task = config["paradigm"]["name"]
    fields: dict[str, Any] = {
        "session_description": f"Simulation of a spiking network in the task {task}, seed {result.seed}",
        "identifier": result.run_id,
        "session_start_time": started(result),
        "session_id": result.run_id,
        "source_script": json.dumps(config, sort_keys=True),
        "source_script_file_name": f"{result.run_id}.toml",
        "keywords": ["simulation", "spiking neural network", task],
        "experiment_description": (
            f"{config['network']['n_neurons']} simulated cells learn to predict events by rules: "
            f"{', '.join(result.labels)}. Nothing was recorded from an animal."
        ),
    }
    file = pynwb.NWBFile(**(fields | about))
    _add_units(pynwb, file, result)
    _add_trials(file, result)
    _add_predictions(pynwb, file, result)
    _add_probes(pynwb, file, result)
    return file


def started(result: Result) -> datetime:
    """Return when the run was computed, as the file beside it says; now for a run without one."""
    beside = result.path.with_suffix(".json") if result.path else None
    if beside is not None and beside.is_file():
        return datetime.fromisoformat(json.loads(beside.read_text(encoding="utf-8"))["started"])
    return datetime.now(UTC)


def _add_units(pynwb: Any, file: Any, result: Result) -> None:
    found = trains(result)
    file.units = pynwb.misc.Units(
        name="units",
        resolution=result.config["simulation"]["dt_ms"] / 1000,
        description=(
            f"The {found.cells.size} of {result.spikes.n_cells} cells whose spikes were recorded, in "
            "the training run. Spike times are exact: there were no electrodes, and nothing was sorted."
        ),
    )
    file.add_unit_column("cell", "index of the simulated cell in the network")
    file.add_unit_column("cell_type", "type of the simulated cell")
    whole = np.array([[0.0, found.duration_s]])
    for cell, kind, times in zip(found.cells.tolist(), found.types, found.times_s, strict=True):
        file.add_unit(spike_times=times, obs_intervals=whole, cell=cell, cell_type=kind)


ABOUT = {
    "block": "block of the task, counted from 1",
    "cue": "cue shown at cue_time",
    "condition": "condition of the task",
    "event": "event that followed; none where it was omitted",
}


def _add_trials(file: Any, result: Result) -> None:
    found = trials(result)
    for name in found.columns:
        file.add_trial_column(name, ABOUT[name])
    file.add_trial_column("cue_time", "onset of the cue, s; time 0 of the trial")
    with_events = bool(np.isfinite(found.event_s).any())
    if with_events:
        file.add_trial_column("event_time", "onset of the event, s; NaN where it was omitted")
    for i in range(found.start_s.size):
        row: dict[str, Any] = {name: values[i] for name, values in found.columns.items()}
        if with_events:
            row["event_time"] = float(found.event_s[i])
        file.add_trial(
            start_time=float(found.start_s[i]),
            stop_time=float(found.stop_s[i]),
            cue_time=float(found.cue_s[i]),
            **row,
        )


def _add_predictions(pynwb: Any, file: Any, result: Result) -> None:
    kept = {label: predictions(result, label) for label in result.labels}
    if not any(times.size for times, _ in kept.values()):
        return
    module = file.create_processing_module(
        "predictions", "What the readouts predicted in the training trials"
    )
    for label, (times, values) in kept.items():
        module.add(
            pynwb.TimeSeries(
                name=f"prediction_{label}",
                description=f"Prediction of rule {label}; a column per event: {', '.join(result.events)}",
                data=np.asarray(values, np.float64),
                timestamps=times,
                unit="1",
            )
        )


def _add_probes(pynwb: Any, file: Any, result: Result) -> None:
    probes = result.probes
    if not len(probes) or not len(probes["block"]):
        return
    table = pynwb.core.DynamicTable(
        name="probe_trials",
        description=(
            "Probes show the cue alone with learning off. Each branches off the training run, so its clock "
            "begins at its own cue onset."
        ),
    )
    columns = [name for name in ("block", "cue", "condition") if name in probes]
    for name in columns:
        table.add_column(name, ABOUT[name].replace(" at cue_time", ""))
    table.add_column("after_trial", "training trials finished before the probe")
    table.add_column("spike_times_after_cue", "times of all recorded spikes after the cue, s", index=True)
    table.add_column("spike_cells", "index of the cell of each spike", index=True)
    for i in range(len(probes["block"])):
        time_ms, cell = result.spikes.probe(i)
        row = {name: _plain(probes[name][i]) for name in columns}
        spikes = {"spike_times_after_cue": time_ms / 1000, "spike_cells": cell.astype(np.int64)}
        table.add_row(after_trial=int(probes["after_trial"][i]), **row, **spikes)
    module = file.create_processing_module("probes", "Probes of what was learned")
    module.add(table)


def _plain(value: Any) -> str | int:
    return "none" if value is None else int(value) if isinstance(value, (int, np.integer)) else str(value)
