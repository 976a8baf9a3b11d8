"""A tapped delay line fires one cell after another, each once after its delay, on every backend."""

import numpy as np
import pytest
from host_kernel import needs_compiler
from lively import LINE, VARIANTS, N, assert_same_bits, outcome_of, small_grid

from spikewhen.gpu.backend import GpuEngine
from spikewhen.gpu.host import HostDevice
from spikewhen.reservoir.cpu.engine import CpuBackend, CpuEngine
from spikewhen.reservoir.network import NetworkSpec, build_network
from spikewhen.reservoir.reference import ReferenceBackend
from spikewhen.reservoir.types import Trials

HALF = 90  # ms of a trial; adaptation is then down to 8 %
LONG = 400  # and to 1e-5


def line_trials(grid, n_cues=1, half=HALF) -> Trials:
    """Two trials with a cue of 5 ms; with two cues the second trial has the other."""
    inputs = np.zeros((2 * half, n_cues + 2), grid.dtype)
    inputs[5:10, 0] = inputs[half + 5 : half + 10, n_cues - 1] = 1
    end = np.full(2 * half, -1, np.int64)
    end[[half - 1, -1]] = 0, 1
    return Trials(0, 0, inputs, np.zeros((0, N), grid.dtype), end, np.eye(2, dtype=grid.dtype), True)


def line(n_cues=1, dt_ms=0.1, **changes):
    return build_network(NetworkSpec(**{**LINE, **changes}), 3, n_cues, 2, dt_ms)


def fired(left, dt_ms, half=HALF):
    """Cells and times after cue onset, of each of the two trials."""
    time, cell = (left["spike_step"] + 1) * dt_ms, left["spike_neuron"]
    return [(cell[part], time[part] - half * i - 5) for i in (0, 1) for part in [time // half == i]]


@pytest.mark.parametrize("noise", [0.0, 20.0])
@pytest.mark.parametrize("dt_ms", [0.1, 0.5])
def test_each_cell_fires_once_eleven_ms_after_its_delay(dt_ms, noise):
    grid = small_grid(dt_ms=dt_ms, steps_per_readout=round(1 / dt_ms), noise=noise)
    left = outcome_of(CpuBackend().load(line(dt_ms=dt_ms), grid), [], line_trials(grid, half=LONG))
    trials = fired(left, dt_ms, LONG)
    for cell, time in trials:
        assert np.array_equal(cell, np.arange(N)), "in the order of the line"
        # Noise moves the head by two steps of .5 ms at the most, as it does every other cell.
        assert time[0] == pytest.approx(6.25, abs=1 if noise else 0.5)
        assert time[1:] == pytest.approx(11 + 40 * np.arange(1, N) / N, abs=1)
    if noise == 0:
        lag = trials[0][1][1:] - 40 * np.arange(1, N) / N
        assert np.ptp(lag) <= 1.01 * dt_ms, "all cells alike, but for the rounding of delays"
        assert np.allclose(trials[0][1], trials[1][1], atol=1e-9), "both trials alike"


def test_a_cue_drives_its_own_line():
    grid = small_grid(noise=0.0)
    left = outcome_of(CpuBackend().load(line(n_cues=2), grid), [], line_trials(grid, n_cues=2))
    for i, (cell, _) in enumerate(fired(left, 0.1)):
        assert np.array_equal(cell, np.arange(i, N, 2))


def test_a_longer_cue_makes_every_cell_fire_as_often_as_the_head():
    grid = small_grid(noise=0.0)
    trials = line_trials(grid)
    trials.inputs[5:35, 0] = 1
    cell, _ = fired(outcome_of(CpuBackend().load(line(), grid), [], trials), 0.1)[0]
    counts = np.bincount(cell, minlength=N)
    assert counts[0] > 1 and np.all(counts == counts[0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_reference_and_the_cpu_agree_on_a_line(dtype):
    network, grid = line(), small_grid(dtype, normalise_ms=30.0)
    trials, rules = line_trials(grid), [VARIANTS["three_factor"]]
    expected = outcome_of(ReferenceBackend().load(network, grid), rules, trials)
    assert_same_bits(outcome_of(CpuEngine(network, grid), rules, trials), expected)
    assert expected["spike_step"].size == 2 * N and expected["0.w"].any()


@needs_compiler
def test_the_gpu_text_agrees_on_a_line():
    network, grid = line(), small_grid(normalise_ms=30.0)
    trials, rules = line_trials(grid), [VARIANTS["three_factor"]]
    expected = outcome_of(CpuEngine(network, grid), rules, trials)
    assert_same_bits(outcome_of(GpuEngine(HostDevice("shuffled"), network, grid), rules, trials), expected)


def test_the_head_of_a_line_takes_no_constant_current():
    """A head that fired by itself would send its spike down the whole line."""
    spec = NetworkSpec(**{**LINE, "bias_pa": 90.0, "drive_pa": 20.0})
    network = build_network(spec, 0, 2, 2, 0.1)
    assert not network.cells.bias[:2].any() and not network.encoders.drive[0, :2].any()
    assert (network.cells.bias[2:] > 40).all() and (network.encoders.drive[0, 2:] > 8).all()
