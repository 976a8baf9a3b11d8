"""Kernels compiled with bounds checks, where NUMBA_BOUNDSCHECK=1 is set before Numba is imported.

``python within_bounds.py short`` runs the open loop; ``long`` the closed one, delays and currents too.
Then a trial is planted that ends outside its table, which must be noticed.
"""

from __future__ import annotations

import sys

import numpy as np
from lively import lively_network, small_grid

from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules import LMS
from spikewhen.reservoir.types import Teaching, Trials


def segment(n_neurons: int, current: bool, end: int) -> tuple[Trials, Teaching]:
    """A trial of 50 readout steps that ends in row `end` of a table of one."""
    rng, length = np.random.default_rng(0), 50
    ends = np.full(length, -1, np.int64)
    ends[-1] = end
    trials = Trials(
        first_step=0,
        stream=0,
        inputs=rng.random((length, 3)),
        current=np.full((length if current else 0, n_neurons), 50.0),
        trial_end=ends,
        outcome=np.ones((1, 2)),
        learn=True,
    )
    return trials, Teaching(np.ones((length, 2)), np.ones((length, 2)), np.ones(length, np.int8))


def run(end: int = 0, current: bool = False, **network: float) -> None:
    """Run the segment."""
    grid = small_grid(dt_ms=0.5, steps_per_readout=2)
    engine = CpuEngine(lively_network(0.5, **network), grid)
    trials, taught = segment(engine.network.n_neurons, current, end)
    readout = Readout(LMS(eta=0.1), 2, engine.network.n_neurons + 1, grid)
    activity = engine.run(engine.start(), trials, [readout], [taught])
    assert activity.spike_step.size and np.isfinite(activity.y[0]).all()


if __name__ == "__main__":
    run()
    print("open ok", flush=True)
    if sys.argv[1] == "long":
        run(current=True, delay_max_ms=3.0)
        run(current=True, feedback_pa=20.0)
        print("closed ok", flush=True)
    try:
        run(end=3)
        print("planted unnoticed")
    except InputError as error:  # what fails in a readout's loop is told as the rule's
        print("planted", type(error.__cause__).__name__)
