"""Constants of the loop are the same numbers on every processor, and the right ones."""

import math
from decimal import Decimal

import pytest
from lively import lively_network, small_grid

from spikewhen.reservoir.step_constants import derive, trace_tables

RISING = dict(trace_decay_ms=20.0, trace_rise_ms=35.0)


def test_traces_jump_by_the_exact_powers():
    grid = small_grid(**RISING)
    m, dt = grid.steps_per_readout, Decimal(grid.dt_ms)
    fast, slow = ((-dt / tau).exp() for tau in (35, 20))
    couple = [sum(slow**i * fast ** (n - 1 - i) for i in range(n)) * dt for n in range(m + 1)]
    jump, inflow_jump, tables = trace_tables(grid)
    left = range(m - 1, -1, -1)
    assert jump == pytest.approx([float(couple[q] / 700) for q in left], rel=1e-14)
    assert inflow_jump == pytest.approx([float(slow**q / 700) for q in left], rel=1e-14)
    assert tables == pytest.approx([float(fast**m), float(couple[m]), float(slow**m)], rel=1e-14)


def test_factors_are_exponentials():
    network, grid = lively_network(), small_grid(**RISING)
    expected = [math.exp(-grid.dt_ms / tau) for tau in network.synapses.decay_ms]
    assert derive(network, grid).current_factor == pytest.approx(expected, rel=3e-16)
