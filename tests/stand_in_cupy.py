"""A stand-in for CuPy with one device of compute capability 9.0, whose kernels run on the host."""

import ctypes
import sys
from types import SimpleNamespace

import numpy as np

import spikewhen.gpu.compile as nvrtc
from spikewhen.gpu.host import HostDevice


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
        return SimpleNamespace(stream=self, synchronize=lambda: None)

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


def stand_in(monkeypatch):
    """Put the stand-in where CuPy would be, until the test ends; returns it."""
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
            get_elapsed_time=lambda begin, end: 0.5,
            runtime=runtime,
            Device=lambda: SimpleNamespace(compute_capability="90", id=0),
        ),
    )
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module
