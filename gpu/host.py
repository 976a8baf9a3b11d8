"""The host as a device: the kernel's text, unmodified, compiled by a C++ compiler and run fiber by fiber.

For tests only: it is some thousand times slower than a GPU, and shows the same
bits. What a device does is allocate, upload, launch and download; everything
else of the engine is above that and does not know which device it has.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from spikewhen.gpu.compile import cache_folder
from spikewhen.gpu.device import Kernel
from spikewhen.reservoir.errors import DeviceError

FOLDER = Path(__file__).parent
OPTIONS = (
    "-std=c++17",
    "-O2",
    "-ffp-contract=off",
    "-fno-fast-math",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-Wno-unknown-pragmas",
)
ORDERS = ("ascending", "descending", "shuffled")


class HostMemory:
    """A piece of the host device's memory."""

    def __init__(self, array: np.ndarray, device: HostDevice):
        self.array, self._device = np.ascontiguousarray(array), device
        self.pointer = self.array.ctypes.data
        device.free -= array.nbytes

    def __del__(self) -> None:
        self._device.free += self.array.nbytes


class HostDevice:
    """A device that runs kernels on the host.

    Parameters
    ----------
    order : {"ascending", "descending", "shuffled"}
        In which order the warps of a block take turns.
    free : int
        Bytes it pretends to have at first.
    """

    name = "host"

    def __init__(self, order: str = "ascending", free: int = 2**31):
        self.order, self.free = ORDERS.index(order), free
        self.launches = 0

    def free_bytes(self) -> int:
        """Return the bytes that the device pretends to have left."""
        return self.free

    def shared_bytes(self) -> int:
        """Return the bytes of shared memory that a block has on compute capability 9.0."""
        return 232_448

    def upload(self, array: np.ndarray) -> HostMemory:
        """Copy an array to the device.

        Raises
        ------
        MemoryError
            Beyond what it pretends to have.
        """
        memory = HostMemory(array.copy(), self)
        if self.free < 0:
            raise MemoryError(f"{array.nbytes} bytes")
        return memory

    def download(self, memory: HostMemory, like: np.ndarray, after: Any = None) -> np.ndarray:
        """Copy memory back into a new array like `like`."""
        return memory.array.copy()

    def kernel(self, source: str, threads: int, shared_bytes: int) -> Kernel:
        """Compile a kernel, or load it from the cache."""
        library = ctypes.CDLL(str(compile_for_host(source)))
        library.launch.restype = ctypes.c_char_p

        def launch(jobs: HostMemory, buffer: int, longest: int, blocks: int) -> float:
            self.launches += 1
            fault = library.launch(
                ctypes.c_void_p(jobs.pointer),
                buffer,
                longest,
                blocks,
                threads,
                shared_bytes,
                self.order,
                ctypes.c_ulonglong(self.launches),
            )
            if fault:
                raise DeviceError(f"host device: {fault.decode()}")
            return time.perf_counter()

        return launch

    def mark(self) -> float:
        """Return the present time as a ticket."""
        return time.perf_counter()

    def elapsed_ms(self, begin: float, end: float) -> float:
        """Return the milliseconds between two tickets."""
        return 1000 * (end - begin)


def compile_for_host(source: str) -> Path:
    """Compile a kernel's source into a library; returns its path.

    Raises
    ------
    DeviceError
        If there is no C++ compiler, or it refuses the source.
    """
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise DeviceError("host device: no C++ compiler (g++); Debian, Ubuntu: apt install g++")
    text = f'#include "host.h"\n{source}\n#include "host_main.h"\n'
    headers = b"".join((FOLDER / name).read_bytes() for name in ("host.h", "host_main.h"))
    key = hashlib.sha256(repr((text, headers, OPTIONS, compiler, platform.machine())).encode()).hexdigest()[
        :32
    ]
    path = cache_folder() / f"{key}.so"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            file, made = Path(folder, "kernel.cpp"), Path(folder, "kernel.so")
            file.write_text(text, encoding="utf-8")
            command = [compiler, *OPTIONS, f"-I{FOLDER}", str(file), "-o", str(made)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise DeviceError(f"host device: {compiler} fails:\n{done.stderr}")
            made.replace(path)
    return path
