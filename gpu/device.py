"""The interface that the engine needs of a device, and a GPU that offers it through CuPy.

A launch goes into one stream; what it left can come down in another while the
next launch runs. Nothing of CuPy is imported before a `CudaDevice` is made.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from spikewhen.reservoir.errors import DeviceError


class Kernel(Protocol):
    """A compiled kernel; a call queues a launch and returns a ticket for it."""

    def __call__(self, jobs: Any, buffer: int, longest: int, blocks: int) -> Any: ...


class Device(Protocol):
    """A device allocates, uploads, launches and downloads. Its memory has an address, ``pointer``."""

    name: str

    def free_bytes(self) -> int: ...
    def shared_bytes(self) -> int:
        """Return the bytes of shared memory that a block can have."""
        ...

    def upload(self, array: np.ndarray) -> Any: ...
    def download(self, memory: Any, like: np.ndarray, after: Any = None) -> np.ndarray:
        """Copy memory back, once the launch `after`, else every launch, is done."""
        ...

    def kernel(self, source: str, threads: int, shared_bytes: int) -> Kernel: ...
    def mark(self) -> Any:
        """Return a ticket for this moment, after all launches so far."""
        ...

    def elapsed_ms(self, begin: Any, end: Any) -> float:
        """Wait for the second of two tickets; return the time between them on the device."""
        ...


def why_not() -> str:
    """Say in one line what keeps a GPU from being used, and how to mend it; empty if nothing does."""
    try:
        import cupy
    except ImportError as error:
        return f"CuPy does not import ({error}); pip install 'spikewhen[gpu]'"
    try:
        if not cupy.is_available():
            return "CuPy finds no CUDA device; run on a machine with an NVIDIA GPU and its driver"
        capability = int(cupy.cuda.Device().compute_capability)
    except RuntimeError as error:
        return f"CUDA does not start: {error}; see nvidia-smi"
    if capability < 70:
        return f"the GPU has compute capability {capability / 10}; 7.0 or newer is needed"
    from spikewhen.gpu.compile import nvrtc_version

    try:
        nvrtc_version()
    except DeviceError as error:
        return str(error)
    return ""


class CudaMemory:
    """A piece of a GPU's memory, which is freed with this object."""

    def __init__(self, memory: Any):
        self.memory, self.pointer = memory, int(memory.ptr)


class CudaDevice:
    """The GPU that CuPy currently uses.

    Raises
    ------
    DeviceError
        If there is none, or something is missing; says what.
    """

    name = "gpu"

    def __init__(self) -> None:
        if reason := why_not():
            raise DeviceError(f"--backend gpu: {reason}")
        import cupy

        self._cupy = cupy
        self.device = cupy.cuda.Device()
        self.architecture = f"sm_{self.device.compute_capability}"
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self._copies = cupy.cuda.Stream(non_blocking=True)
        self._kernels: dict[tuple, Kernel] = {}

    def describe(self) -> dict[str, Any]:
        """Return the names and versions of the card, its driver and CUDA."""
        runtime = self._cupy.cuda.runtime
        properties = runtime.getDeviceProperties(self.device.id)
        return {
            "card": properties["name"].decode(),
            "architecture": self.architecture,
            "multiprocessors": int(properties["multiProcessorCount"]),
            "memory_bytes": int(runtime.memGetInfo()[1]),
            "driver": int(runtime.driverGetVersion()),
            "runtime": int(runtime.runtimeGetVersion()),
            "cupy": self._cupy.__version__,
        }

    def free_bytes(self) -> int:
        """Return the bytes that can still be allocated, including what CuPy keeps for reuse."""
        free, _ = self._cupy.cuda.runtime.memGetInfo()
        return int(free) + int(self._cupy.get_default_memory_pool().free_bytes())

    def shared_bytes(self) -> int:
        """Return the bytes of shared memory that a block can have."""
        properties = self._cupy.cuda.runtime.getDeviceProperties(self.device.id)
        return int(properties["sharedMemPerBlockOptin"])

    def upload(self, array: np.ndarray) -> CudaMemory:
        """Copy an array to the GPU.

        Raises
        ------
        MemoryError
        """
        array = np.ascontiguousarray(array)
        memory = self._cupy.cuda.alloc(array.nbytes)
        memory.copy_from_host_async(array.ctypes.data, array.nbytes, stream=self.stream)
        self.stream.synchronize()
        return CudaMemory(memory)

    def download(self, memory: CudaMemory, like: np.ndarray, after: Any = None) -> np.ndarray:
        """Copy memory back into a new array like `like`."""
        if after is None:
            found = np.empty(like.shape, like.dtype)
            memory.memory.copy_to_host_async(found.ctypes.data, like.nbytes, stream=self.stream)
            self.stream.synchronize()
            return found
        # Only into pinned memory does a copy run beside a launch.
        self._copies.wait_event(after)
        pinned = self._cupy.cuda.alloc_pinned_memory(like.nbytes)
        memory.memory.copy_to_host_async(pinned.ptr, like.nbytes, stream=self._copies)
        self._copies.synchronize()
        count = like.nbytes // like.itemsize
        return np.frombuffer(pinned, like.dtype, count).reshape(like.shape).copy()

    def kernel(self, source: str, threads: int, shared_bytes: int) -> Kernel:
        """Compile a kernel, or load it from the cache on disk, once."""
        key = source, threads, shared_bytes
        if key not in self._kernels:
            self._kernels[key] = self._load(*key)
        return self._kernels[key]

    def _load(self, source: str, threads: int, shared_bytes: int) -> Kernel:
        from spikewhen.gpu.compile import compile_for_gpu

        path = compile_for_gpu(source, self.architecture).path
        function = self._cupy.RawModule(path=str(path)).get_function("run")
        function.max_dynamic_shared_size_bytes = shared_bytes

        def launch(jobs: CudaMemory, buffer: int, longest: int, blocks: int) -> Any:
            with self.stream:
                function(
                    (blocks,),
                    (threads,),
                    (np.uint64(jobs.pointer), np.int32(buffer), np.int32(longest)),
                    shared_mem=shared_bytes,
                )
                return self.stream.record()

        return launch

    def mark(self) -> Any:
        """Record an event in the stream and return it."""
        with self.stream:
            return self.stream.record()

    def elapsed_ms(self, begin: Any, end: Any) -> float:
        """Return the milliseconds between two events on the GPU."""
        end.synchronize()
        return float(self._cupy.cuda.get_elapsed_time(begin, end))
