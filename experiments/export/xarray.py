"""xarray: a run as a data set with named dimensions, and result files opened by ``xarray.open_dataset``.

Result files hold no dimension scales of HDF5. These are references, and the reader of result files
follows none (docs/reliability.md). The names of the dimensions stand in the table of the format,
`spikewhen.reservoir.files.layout`, and this module gives them to xarray.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.analysis.score_names import SCORES
from spikewhen.experiments.export.shared import cell_types, library
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import layout, schema

if TYPE_CHECKING:
    from spikewhen.experiments.result import Result

WORDS = {
    "N": "cell",
    "N+1": "weight",
    "S": "synapse",
    "C": "cue",
    "K": "event",
    "B": "block",
    "G": "condition",
    "n": "trial",
    "q": "probe",
    "i": "item",
    "r": "kept_cell",
    "U": "state_time",
    "T of": "time",
    "m of": "moment",
    "points of": "point",
    "spikes of": "spike",
    "steps": "step",
}
"""Dimensions of the table of the format, and what they are called here."""


def to_xarray(result: Result) -> Any:
    """Return what the readouts said as an ``xarray.Dataset``.

    Variables are ``probe_y``, ``probe_p_hat``, ``probe_prediction`` and, where the run kept them, the same of
    ``trial``. Dimensions are rule, probe or trial, time (ms after the cue) and event, with the columns of the
    tables of trials and probes as coordinates. ``rate_hz`` is of cells, and NaN where one was not recorded.

    Raises
    ------
    InputError
        Where xarray is not installed.
    """
    xarray = library("xarray")
    labels = result.labels
    coords: dict[str, Any] = {"rule": labels, "event": list(result.events)}
    if labels:
        coords["time"] = ("time", result.readout(labels[0]).time_ms, {"units": "ms"})
    for one, table in (("trial", result.trials), ("probe", result.probes)):
        coords |= {f"{one}_{name}": (one, _plain(values)) for name, values in table.items()}
    coords |= {"cell_type": ("cell", cell_types(result))}
    data: dict[str, Any] = {"rate_hz": ("cell", result.spikes.rate_hz, {"units": "Hz"})}
    for one in ("trial", "probe"):
        for name in schema.OUTPUTS:
            paths = [schema.readout(label, f"{one}s", name) for label in labels]
            if paths and all(path in result for path in paths):
                dims = ("rule", one, "event") if name == "p_hat" else ("rule", one, "time", "event")
                data[f"{one}_{name}"] = (dims, np.stack([result[path] for path in paths]), {"units": "1"})
    return xarray.Dataset(data, coords, {"run_id": result.run_id, "seed": result.seed})


def group_dataset(result: Result, group: str) -> Any:
    """Return the arrays of one group of a result file, such as "/probes" or "/readouts/local/probes".

    Raises
    ------
    InputError
        Where there is no such group, or xarray is not installed.
    """
    xarray = library("xarray")
    base = "/" + group.strip("/")
    paths = [path for path in result if path.rpartition("/")[0] == base]
    if not paths:
        groups = sorted({path.rpartition("/")[0] or "/" for path in result})
        raise InputError("group", group, "one of " + ", ".join(groups))
    data: dict[str, Any] = {}
    for path in paths:
        array, units = result[path], result.attrs.get(path, {}).get("units")
        name = path.rpartition("/")[2]
        data[name] = (dimensions(path, array.shape), array, {"units": units} if units else {})
    used = {dim for dims, *_ in data.values() for dim in dims}
    coords: dict[str, Any] = {"event": list(result.events)} if "event" in used else {}
    parts = base.split("/")
    if "time" in used and parts[1] == "readouts" and "time_ms" not in data:
        coords["time"] = ("time", result.readout(parts[2]).time_ms, {"units": "ms"})
    data = {f"{name}_values" if name in used else name: value for name, value in data.items()}
    return xarray.Dataset(data, coords, {"run_id": result.run_id, "group": base})


def dimensions(path: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Name the dimensions of an array of a result file, by the table of the format."""
    name = path.rpartition("/")[2]
    dims = next((dims for pattern, (_, dims) in layout.ARRAYS.items() if re.fullmatch(pattern, path)), ())
    if dims:
        return tuple(WORDS.get(dim, f"{name}_{i}") for i, dim in enumerate(dims))
    words: tuple[str, ...] = ()
    if path.startswith(schema.scores("") + "/") and name in SCORES:
        per = SCORES[name].per
        words = (per.partition("+")[0], *(["event"] if per.endswith("+channel") else []))
    return tuple(words[i] if i < len(words) else f"{name}_{i}" for i in range(len(shape)))


def _plain(values: np.ndarray) -> np.ndarray:
    return np.array(["none" if x is None else str(x) for x in values]) if values.dtype == object else values
