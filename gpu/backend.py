"""The place of the GPU engine: says exactly why it cannot run here."""

from __future__ import annotations

from reservoir.errors import DeviceError
from reservoir.types import Engine, Grid, Network


def why_not() -> str:
    """Say in one line what keeps a GPU from being used, and what this machine has."""
    try:
        import cupy

        found = "CuPy finds a CUDA device" if cupy.is_available() else "CuPy finds no CUDA device"
    except ImportError:
        found = "CuPy is not installed"
    return f"this version has no GPU engine ({found}); run with --backend cpu"


class GpuBackend:
    """Asking for it where it cannot run is an error, never a CPU run.

    Raises
    ------
    DeviceError
    """

    name = "gpu"

    def __init__(self) -> None:
        raise DeviceError(f"--backend gpu: {why_not()}")

    def load(self, network: Network, grid: Grid) -> Engine:
        """Load a network onto the device."""
        raise DeviceError(why_not())
