"""SONATA spike files, as libsonata and the tools of the Blue Brain Project and BMTK read them.

Layout: https://github.com/AllenInstitute/sonata, "Spike file". No filter is used, since common builds of
libsonata have none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.result import Result

POPULATION = "reservoir"
SORTING = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")


def to_sonata(result: Result, path: str | Path) -> Path:
    """Write the spikes of the training run as a SONATA spike file, population "reservoir".

    A SONATA file cannot say which cells were not recorded, and they would look silent. So a run has to have
    recorded all cells.

    Parameters
    ----------
    result : Result
    path : path
        Ends in ``.h5``; an existing file is refused.

    Raises
    ------
    InputError
        Where the file exists, or not all cells were recorded.
    """
    path, spikes = Path(path), result.spikes
    if path.suffix != ".h5" or path.exists():
        raise InputError("path", str(path), "a new file whose name ends in .h5")
    if spikes.recorded.size < spikes.n_cells:
        allowed = (
            'a run with record.spikes = "all", since SONATA cannot tell unrecorded cells from silent ones'
        )
        raise InputError("spikes", f"{spikes.recorded.size} of {spikes.n_cells} cells recorded", allowed)
    with h5py.File(path, "x") as file:
        file.attrs["version"], file.attrs["magic"] = np.array([0, 1], np.uint32), np.uint32(0x0A7A)
        group = file.create_group(f"spikes/{POPULATION}")
        group.attrs.create("sorting", 2, dtype=SORTING)
        group["timestamps"] = np.asarray(spikes.time_ms, np.float64)
        group["timestamps"].attrs["units"] = "ms"
        group["node_ids"] = np.asarray(spikes.cell, np.uint64)
    return path
