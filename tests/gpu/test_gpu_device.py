"""What the GPU device asks of CuPy, against a stand-in on the host; and what it says without a GPU."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from host_kernel import needs_compiler, needs_nvrtc
from lively import VARIANTS, assert_same_bits, lively_network, outcome_of, small_grid, two_trials
from stand_in_cupy import stand_in

import spikewhen.gpu.compile as nvrtc
from spikewhen.gpu.backend import GpuBackend
from spikewhen.gpu.device import CudaDevice, why_not
from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.errors import DeviceError

pytestmark = [needs_compiler, needs_nvrtc]


@pytest.fixture
def cupy(monkeypatch):
    return stand_in(monkeypatch)


@pytest.mark.parametrize("rule", ["three_factor", "rls"])
def test_a_run_through_cupys_calls_equals_the_cpu_engine(cupy, rule):
    assert why_not() == ""
    network, grid = lively_network(), small_grid()
    backend = get_backend("gpu")
    assert isinstance(backend, GpuBackend) and backend.name == "gpu"
    trials = two_trials(grid)
    found = outcome_of(backend.load(network, grid), [VARIANTS[rule]], trials)
    assert_same_bits(found, outcome_of(CpuBackend().load(network, grid), [VARIANTS[rule]], trials))


def test_the_device_describes_itself(cupy):
    device = CudaDevice()
    assert device.free_bytes() == 2**30 + 1000 and device.shared_bytes() == 232448
    assert device.describe() == {
        "card": "Stand-in",
        "architecture": "sm_90",
        "multiprocessors": 2,
        "memory_bytes": 2**31,
        "driver": 12080,
        "runtime": 12090,
        "cupy": "0",
    }


def no_nvrtc():
    raise DeviceError("NVRTC is not installed; pip install it")


CHANGES = {
    "CuPy finds no CUDA device; run on": lambda c, m: setattr(c, "is_available", lambda: False),
    "CuPy does not import .*; pip install": lambda c, m: m.setitem(sys.modules, "cupy", None),
    "compute capability 6.1; 7.0 or newer": lambda c, m: setattr(
        c.cuda, "Device", lambda: SimpleNamespace(compute_capability="61")
    ),
    "NVRTC is not installed": lambda c, m: m.setattr(nvrtc, "nvrtc_version", no_nvrtc),
}


@pytest.mark.parametrize("words", CHANGES)
def test_what_is_missing_is_said_in_one_line(cupy, monkeypatch, words):
    CHANGES[words](cupy, monkeypatch)
    with pytest.raises(DeviceError, match=f"--backend gpu: .*{words}") as caught:
        get_backend("gpu")
    assert "\n" not in str(caught.value)


def test_a_driver_that_does_not_start_is_said(cupy, monkeypatch):
    def broken():
        raise RuntimeError("cudaErrorInsufficientDriver")

    monkeypatch.setattr(cupy.cuda, "Device", broken)
    assert why_not() == "CUDA does not start: cudaErrorInsufficientDriver; see nvidia-smi"


def test_importing_needs_no_cupy():
    names = ", ".join(f"gpu.{m}" for m in ("backend", "batch", "compile", "device", "host", "lockstep"))
    code = f"import sys; sys.modules['cupy'] = None; import {names}"
    subprocess.run([sys.executable, "-c", code], check=True)
