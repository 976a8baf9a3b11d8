"""What a learning rule costs: operations per second of task time and bytes of state."""

from __future__ import annotations

import json
import math

import numpy as np

from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording


def cost_of(recording: Recording, label: str) -> dict[str, float]:
    """Count additions and multiplications per second of task time while learning, and bytes of state.

    Per readout step and channel that learns, with n features: y takes 2 n operations,
    the local rule's norms 4 n and its update 2 n. An update of least squares takes
    2 n^2 for P x, 1.5 n^2 for the symmetric correction of P, and 4 n for the weights.
    The local rule learns on one channel at a time; so does least squares where each
    channel has a P of its own.

    Parameters
    ----------
    recording : Recording
    label : str
        Of a "three_factor" or an "rls" readout.
    """
    parameters = json.loads(recording.attrs[schema.readout(label)]["parameters"])
    when = recording[schema.rule_state(label, "w")]
    channels, n = len(when), recording[schema.weights(label, "w")].shape[2]
    config = recording.config
    steps_per_s = 1000.0 / config["simulation"]["readout_step_ms"]
    operations = 2.0 * n * channels * steps_per_s  # y of every channel
    learning = channels if parameters["gate"]["undelivered"] != "ignore" else 1
    if "interval_ms" in parameters:
        matrices = learning if _shapes(recording, label)["p"][0][0] > 1 else 1
        operations += (3.5 * n * n * matrices + 4.0 * n * learning) * 1000.0 / parameters["interval_ms"]
    else:
        operations += (4.0 * n + 2.0 * n * learning) * steps_per_s
    fields = _shapes(recording, label).values()
    state = sum(math.prod(shape) * np.dtype(real).itemsize for shape, real in fields)
    return {"operations per second": operations, "bytes of state": float(state)}


def _shapes(recording: Recording, label: str) -> dict[str, tuple]:
    """Shape and type of every field of a rule's state, of those too that the file does not hold."""
    prefix = f"{schema.rule_state(label)}/"
    kept = {
        path.removeprefix(prefix): (a.shape, a.dtype)
        for path, a in recording.arrays.items()
        if path.startswith(prefix)
    }
    return kept | json.loads(recording.attrs[schema.rule_state(label)]["left_out"])
