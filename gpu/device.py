"""What the engine asks of a device, and the GPU through CuPy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class Buffer(Protocol):
    """Memory of a device."""

    pointer: int


class Kernel(Protocol):
    """A compiled kernel, ready to be launched."""

    def __call__(self, jobs: Any, buffer: int, longest: int, blocks: int) -> None: ...


class Device(Protocol):
    """Allocates, uploads, launches, downloads."""

    name: str

    def free_bytes(self) -> int: ...
    def upload(self, array: np.ndarray) -> Any: ...
    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any: ...
    def download(self, buffer: Any) -> np.ndarray: ...
    def kernel(self, source: str, threads: int, shared_bytes: int) -> Kernel: ...
    def synchronize(self) -> None: ...


def cache_folder() -> Path:
    """Where compiled kernels are kept."""
    root = os.environ.get("WHATWHEN_CACHE_DIR") or Path.home() / ".cache" / "whatwhen"
    folder = Path(root) / "kernels"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
