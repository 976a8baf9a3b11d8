"""What the GPU device asks of CuPy, against a stand-in on the host; and what it says without a GPU."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from host_kernel import needs_compiler, needs_nvrtc
from lively import VARIANTS, assert_same_bits, lively_network, outcome_of, small_grid, two_trials

import spikewhen.gpu.compile as nvrtc
from spikewhen.gpu.backend import GpuBackend
from spikewhen.gpu.device import CudaDevice, why_not
from spikewhen.gpu.host import HostDevice
from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.errors import DeviceError

pytestmark = [needs_compiler, needs_nvrtc]


class Memory:
    """A block of the stand-in's memory, poisoned: nothing may rely on zeros."""

    def __init__(self, nbytes):
        self.array = np.full(max(nbytes, 1), 0xAB, np.uint8)
        self.ptr = self.array.ctypes.data

    def copy_from_host_async(self, place, nbytes, stream=None):
        assert stream is not None and nbytes <= self.array.size
        ctypes.memmove(self.ptr, place, nbytes)

    def copy_to_host_async(self, place, nbytes, stream=None):
        assert stream is not None and stream.waits_for_launches
        ctypes.memmove(place, self.ptr, nbytes)


class Pinned(bytearray):
    """Pinned host memory; CuPy rounds it up."""

    def __init__(self, nbytes):
        super().__init__(nbytes + 512)
        self.ptr = ctypes.addressof((ctypes.c_char * len(self)).from_buffer(self))


class Stream:
    """Everything is done at once here; a stream that waits for nothing has no business to copy."""

    def __init__(self, non_blocking):
        assert non_blocking
        self.waits_for_launches = False

    def __enter__(self):
        self.waits_for_launches = True
        return self

    def __exit__(self, *error):
        pass

    def record(self):
        return SimpleNamespace(stream=self)

    def wait_event(self, event):
        self.waits_for_launches = event.stream is not self

    def synchronize(self):
        pass


class Function:
    """The kernel: its text run on the host."""

    max_dynamic_shared_size_bytes = 0

    def __init__(self, source):
        self.source = source

    def __call__(self, grid, block, arguments, *, shared_mem):
        (blocks,), (threads,), (jobs, buffer, longest) = grid, block, arguments
        assert [type(a) for a in arguments] == [np.uint64, np.int32, np.int32]
        assert shared_mem == self.max_dynamic_shared_size_bytes > 0
        run = HostDevice().kernel(self.source, threads, shared_mem)
        run(SimpleNamespace(pointer=int(jobs)), int(buffer), int(longest), blocks)


@pytest.fixture
def cupy(monkeypatch):
    """A stand-in for CuPy with one device of compute capability 9.0."""
    sources = {}
    compiled = nvrtc.compile_for_gpu

    def compile_and_remember(source, architecture):
        assert architecture == "sm_90"
        found = compiled(source, architecture)
        sources[str(found.path)] = source
        return found

    monkeypatch.setattr(nvrtc, "compile_for_gpu", compile_and_remember)
    properties = {"name": b"Stand-in", "multiProcessorCount": 2, "sharedMemPerBlockOptin": 232448}
    runtime = SimpleNamespace(
        memGetInfo=lambda: (2**30, 2**31),
        driverGetVersion=lambda: 12080,
        runtimeGetVersion=lambda: 12090,
        getDeviceProperties=lambda index: properties,
    )
    module = SimpleNamespace(
        __version__="0",
        is_available=lambda: True,
        get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: 1000),
        RawModule=lambda path: SimpleNamespace(
            get_function=lambda name: Function(sources[path]) if name == "run" else None
        ),
        cuda=SimpleNamespace(
            alloc=Memory,
            alloc_pinned_memory=Pinned,
            Stream=Stream,
            runtime=runtime,
            Device=lambda: SimpleNamespace(compute_capability="90", id=0),
        ),
    )
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


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
