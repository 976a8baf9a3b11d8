"""pandas: spikes, cells, trials, probes and scores as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.experiments.export.shared import cell_types
from spikewhen.experiments.views import pandas

if TYPE_CHECKING:
    from spikewhen.experiments.result import Result


def to_frames(result: Result) -> dict[str, Any]:
    """Return a run as pandas tables: "spikes", "cells", "trials", "probes" and "scores".

    ``cells`` has a row for every cell; ``recorded`` says whether its spikes were kept, and ``rate_hz`` is NaN
    where they were not.

    Raises
    ------
    InputError
        Where pandas is not installed.
    """
    pd, spikes = pandas(), result.spikes
    time_ms, cell = (spikes.time_ms, spikes.cell) if spikes.recorded.size else (np.zeros(0), np.zeros(0, int))
    index = np.arange(spikes.n_cells)
    cells = {
        "cell": index,
        "cell_type": cell_types(result),
        "recorded": np.isin(index, spikes.recorded),
        "rate_hz": spikes.rate_hz,
    }
    return {
        "spikes": pd.DataFrame({"time_ms": time_ms, "cell": cell}),
        "cells": pd.DataFrame(cells),
        "trials": result.trials.to_frame(),
        "probes": result.probes.to_frame(),
        "scores": result.to_frame(),
    }
