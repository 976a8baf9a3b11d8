"""All that changes while a run goes on, as arrays by name, and how it is put back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.health import HealthMonitor
from spikewhen.reservoir.types import State

SETTLED = "settled"


def changing(
    state: State, readouts: Mapping[str, Readout], health: HealthMonitor, settled: int
) -> dict[str, np.ndarray]:
    """Return the very arrays, not copies, of the network, of its readouts, and of the health report.

    Parameters
    ----------
    state : State
    readouts : mapping of label to Readout
    health : HealthMonitor
    settled : int
        Readout steps that the network had settled before the first trial.
    """
    found = {f"network/{name}": array for name, array in zip(state._fields, state, strict=True)}
    for label, r in readouts.items():
        rule = zip(r.state._fields, r.state, strict=True)
        found |= {f"readouts/{label}/rule/{name}": array for name, array in rule}
        mine = {"v": r.v, "window_sum": r.window_sum, "count": r.count, "seen": r.seen}
        found |= {f"readouts/{label}/{name}": array for name, array in mine.items()}
        found[f"readouts/{label}/surprise"] = r.surprise
    found |= {
        f"health/{name}": array for name, array in vars(health).items() if isinstance(array, np.ndarray)
    }
    return found | {SETTLED: np.array([settled], np.int64)}


def restore(into: Mapping[str, np.ndarray], kept: Mapping[str, np.ndarray]) -> int:
    """Put kept values into the arrays of a run; returns the steps that it had settled.

    Raises
    ------
    InputError
        If they are not of the same run.
    """
    shapes = {name: (array.shape, array.dtype) for name, array in into.items()}
    if shapes != {name: (array.shape, array.dtype) for name, array in kept.items()}:
        raise InputError(
            "checkpoint", "arrays of another run", "the state of this run; remove it to begin anew"
        )
    for name, array in into.items():
        array[...] = kept[name]
    return int(kept[SETTLED][0])
