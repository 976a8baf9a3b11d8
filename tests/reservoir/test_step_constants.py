"""Constants of the loop are the same numbers on every processor."""

import math

import numpy as np
from lively import lively_network, small_grid

from spikewhen.reservoir.step_constants import derive, trace_tables

RISING = dict(trace_decay_ms=20.0, trace_rise_ms=35.0)


def test_traces_jump_by_the_numbers_of_the_c_library():
    """NumPy's own powers gave ...ap-10 in the fourth place on one processor and ...9p-10 on another."""
    jumps = trace_tables(small_grid(**RISING))[1]
    assert [float(jumps[i]).hex() for i in (0, 3, 9)] == [
        "0x1.66034af80019cp-10",
        "0x1.6b6c6cbce9ddap-10",
        "0x1.767dce434a9b1p-10",
    ]


def test_numpys_own_powers_and_exponentials_make_no_constant(monkeypatch):
    def refused(*_):
        raise AssertionError("the last digit of this one depends on the processor")

    network, grid = lively_network(), small_grid(**RISING)
    expected = derive(network, grid)
    for name in ("exp", "power", "exp2", "float_power"):
        monkeypatch.setattr(np, name, refused)
    found = derive(network, grid)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found, expected, strict=True))
    factors = {math.exp(-grid.dt_ms / tau) for tau in network.synapses.decay_ms.tolist()}
    assert set(found.current_factor.tolist()) == factors
