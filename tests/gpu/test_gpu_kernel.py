"""The GPU kernel's text, unmodified and run on the host, equals the CPU engine bit for bit; faults show."""

import shutil

import numpy as np
import pytest
from host_kernel import needs_compiler
from lively import ON_GPU, VARIANTS, N, assert_same_bits, lively_network, outcome_of, small_grid, two_trials

from spikewhen.gpu.backend import GpuEngine
from spikewhen.gpu.host import ORDERS, HostDevice
from spikewhen.gpu.source import Variant
from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.errors import DeviceError

pytestmark = needs_compiler

PRECISIONS = [np.float64, np.float32]

OPTIONS = {
    "plain": (dict(), dict()),
    "quiet": (dict(), dict(noise=0.0)),
    "sparse": (dict(delay_min_ms=0.1, delay_max_ms=3.0), dict(normalise_ms=30.0)),
    "double": (
        dict(synapse_rise_ms=2.0, weight=80.0),
        dict(trace_rise_ms=2.0, normalise_ms=30.0, noise_hold_steps=5, scheme="heun"),
    ),
    "double_delays": (
        dict(synapse_rise_ms=2.0, weight=80.0, delay_max_ms=3.0),
        dict(trace_rise_ms=2.0, trace_scale=0.5),
    ),
}
"""Every option that changes the kernel's text, of network and grid."""


def compare(network, grid, rules, trials, orders=ORDERS, **options):
    """Compare with the CPU engine; returns what both left."""
    expected = outcome_of(CpuEngine(network, grid), rules, trials)
    for order in orders:
        found = outcome_of(GpuEngine(HostDevice(order), network, grid, **options), rules, trials)
        assert_same_bits(found, expected)
    return expected


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_several_warps_equal_the_cpu_engine(dtype, option):
    """300 cells: three warps, the last with cells that fill up; orders of warps change nothing."""
    network_options, grid_options = OPTIONS[option]
    network = lively_network(n_neurons=300, out_degree=30, **{"weight": 10.0, **network_options})
    grid = small_grid(dtype, **grid_options)
    trials = two_trials(grid, 300, n_steps=50, current=option == "double")
    left = compare(network, grid, [VARIANTS["three_factor"]], trials)
    assert left["spike_step"].size > 150 and np.unique(left["spike_neuron"]).size > 100
    assert left["0.w"].any() and left["0.V"].any() and left["0.p_hat"][1].any()


@pytest.mark.parametrize("threads", [0, 96], ids=["", "three warps"])
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_all_rules_learn_the_same_beside_each_other(dtype, threads):
    """More threads than cells, too: a rule's work must not depend on who owns a cell."""
    network, grid = lively_network(), small_grid(dtype)
    left = compare(network, grid, list(ON_GPU.values()), two_trials(grid), threads=threads)
    for i, rule in enumerate(ON_GPU.values()):
        assert left[f"{i}.w"].any(), rule
        assert left[f"{i}.V"].any() == (rule.what is not None)


CLOSED = ["three_factor_consolidation", "lms", "rls", "rls_float32"]


@pytest.mark.parametrize("variant", CLOSED)
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_rules_learn_the_same_in_the_closed_loop(dtype, variant):
    network = lively_network(feedback_pa=60.0, n_neurons=100)
    grid = small_grid(dtype, normalise_ms=30.0)
    trials = two_trials(grid, 100, n_steps=60)
    left = compare(network, grid, [VARIANTS[variant]], trials, threads=64)
    assert left["state.output"].any() and left["spike_step"].size > 60


@pytest.mark.parametrize("n, threads", [(1, 32), (31, 32), (128, 32), (300, 32), (300, 64)])
def test_sizes_around_lanes_and_blocks_change_nothing(n, threads):
    """One thread with one group of cells or several, state in registers or in memory."""
    network = lively_network(n_neurons=n, out_degree=min(10, n - 1), bias_pa=400.0)
    grid = small_grid()
    trials = two_trials(grid, n, n_steps=40)
    left = compare(network, grid, [VARIANTS["rls"]], trials, ("shuffled",), threads=threads)
    assert left["spike_step"].size > 0


@pytest.mark.parametrize("rule", [VARIANTS["three_factor"], VARIANTS["rls"]], ids=["local", "rls"])
def test_rows_in_full_equal_sparse_rows(rule):
    network, grid = lively_network(n_neurons=300, out_degree=30, weight=10.0), small_grid()
    trials = two_trials(grid, 300, n_steps=40)
    for dense in (True, False):
        compare(network, grid, [rule], trials, ("shuffled",), dense=dense)


@pytest.mark.parametrize("option", ["plain", "sparse", "double_delays"])
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_network_over_many_blocks_equals_the_cpu_engine(dtype, option):
    """300 cells on three blocks of a warp; with feedback and RLS where there are delays."""
    network_options, grid_options = OPTIONS[option]
    closed = option == "sparse"
    options = {"weight": 10.0, "feedback_pa": 20.0 * closed, **network_options}
    network, grid = lively_network(n_neurons=300, out_degree=30, **options), small_grid(dtype, **grid_options)
    rule = VARIANTS["rls" if closed else "three_factor_consolidation"]
    trials = two_trials(grid, 300, n_steps=50)
    left = compare(network, grid, [rule], trials, wide=True, threads=32)
    assert left["spike_step"].size > 150 and left["0.w"].any()


def test_a_network_that_no_block_holds_goes_over_many():
    network, grid = lively_network(n_neurons=20_000, out_degree=2, bias_pa=80.0), small_grid()
    engine = GpuEngine(HostDevice(), network, grid)
    assert engine.variant([], False).wide and not GpuEngine(HostDevice(), lively_network(), grid).wide
    trials = two_trials(grid, 20_000, n_steps=4)
    found = outcome_of(engine, [VARIANTS["lms"]], trials)
    assert_same_bits(found, outcome_of(CpuEngine(network, grid), [VARIANTS["lms"]], trials))


# planted faults

FAULTS = {
    "the barrier of a step is missing": {
        "const bool spikes = __syncthreads_or(any);": "const bool spikes = any;"
    },
    "the barrier between features and outputs is missing": {
        "failed = __syncthreads_or(exploded(state));": "failed = exploded(state);"
    },
    "the mask is not double-buffered": {"step++, into ^= 1)": "step++)"},
    "shared memory is not set": {"x[i] = i == N ? job.numbers[FEATURE_BIAS] : real(0);": ";"},
    "spikes are taken in descending order": {
        "some; some &= some - 1)": "some;)",
        "const int w = __ffs(some) - 1;": "const int w = 31 - __builtin_clz(some); some ^= 1u << w;",
    },
    "a lane leaves before a barrier": {
        "FOR_EACH_READOUT(READ_OUT)\n        __syncthreads();": (
            "FOR_EACH_READOUT(READ_OUT)\n        if (tid != 5) __syncthreads();"
        )
    },
    "sums are folded from the other end": {
        "for (int h = 16; h; h >>= 1)": "for (int h = 1; h < 32; h <<= 1)"
    },
    "the rule does not wait for its sums": {"__syncthreads();\n        const real norm": "const real norm"},
    "numbers are contracted": {"acc = acc + a[i] * b[i];": "acc = __builtin_fma(a[i], b[i], acc);"},
}


def plant(monkeypatch, changes):
    """Change the kernel's text."""
    whole = Variant.source

    def source(self, rules):
        text = whole(self, rules)
        for right, wrong in changes.items():
            assert right in text, "the place of the fault is gone"
            text = text.replace(right, wrong)
        return text

    monkeypatch.setattr(Variant, "source", source)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault, monkeypatch):
    """The comparison fails, or the host device stops; without the fault it passes."""
    network, grid = lively_network(n_neurons=300, out_degree=100, weight=10.0), small_grid(np.float32)
    trials = two_trials(grid, 300, n_steps=40)
    compare(network, grid, [VARIANTS["three_factor"]], trials)
    plant(monkeypatch, FAULTS[fault])
    with pytest.raises((AssertionError, DeviceError)) as caught:
        compare(network, grid, [VARIANTS["three_factor"]], trials)
    assert "is gone" not in str(caught.value) and "fails:" not in str(caught.value)


WIDE_FAULTS = {
    "spikes are delivered in descending order": {
        "for (i64 e = 0; e < job.listed[SPIKES]; e++)": "for (i64 e = job.listed[SPIKES] - 1; e >= 0; e--)"
    },
    "a block delivers to the targets of another": {"(WIDE ? blockIdx.x * WARPS : 0)": "0"},
}


@pytest.mark.parametrize("fault", WIDE_FAULTS)
def test_a_planted_fault_in_a_network_over_many_blocks_is_caught(fault, monkeypatch):
    network, grid = lively_network(n_neurons=300, out_degree=100, weight=10.0), small_grid(np.float32)
    trials = two_trials(grid, 300, n_steps=40)
    compare(network, grid, [VARIANTS["lms"]], trials, wide=True, threads=64)
    plant(monkeypatch, WIDE_FAULTS[fault])
    with pytest.raises((AssertionError, DeviceError)) as caught:
        compare(network, grid, [VARIANTS["lms"]], trials, wide=True, threads=64)
    assert "is gone" not in str(caught.value) and "fails:" not in str(caught.value)


def test_threads_that_part_at_a_barrier_are_named(monkeypatch):
    plant(monkeypatch, {"FOR_EACH_READOUT(READ_OUT)": "FOR_EACH_READOUT(READ_OUT) if (tid == 5) return;"})
    grid = small_grid()
    with pytest.raises(DeviceError, match=r"block 0: not all threads reach a barrier \(kernel.cu:\d+\)"):
        outcome_of(GpuEngine(HostDevice(), lively_network(), grid), [VARIANTS["lms"]], two_trials(grid))


def test_without_a_compiler_the_host_device_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DeviceError, match="no C\\+\\+ compiler"):
        grid = small_grid()
        outcome_of(GpuEngine(HostDevice(), lively_network(), grid), [], two_trials(grid))


# long

LONG = {"open": list(ON_GPU), **{name: [name] for name in ("three_factor", "lms", "rls", "rls_float32")}}


@pytest.mark.long
@pytest.mark.parametrize("loop", LONG)
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_hundred_thousand_steps_equal_the_cpu_engine(dtype, loop):
    """All rules in the open loop; the closed loop rule by rule. 10 s of 40 cells at dt = 0.1 ms."""
    network = lively_network(feedback_pa=0.0 if loop == "open" else 40.0)
    grid = small_grid(dtype, normalise_ms=1000.0)
    trials = two_trials(grid, N, n_steps=10_000)
    left = compare(network, grid, [VARIANTS[v] for v in LONG[loop]], trials, ("shuffled",))
    assert left["spike_step"].size > 5000 and left["spike_step"].max() > 99_000
