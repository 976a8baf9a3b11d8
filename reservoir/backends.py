"""Backends by name. A backend that cannot run here is an error, never replaced."""

from __future__ import annotations

from numba import config

from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.engine import Backend
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.reference import ReferenceBackend

BACKENDS = ("cpu", "gpu", "reference")


def get_backend(name: str, threads: int = 1) -> Backend:
    """Return the backend called `name`.

    Parameters
    ----------
    name : str
        One of `BACKENDS`.
    threads : int
        That one large network may use on the CPU, see `spikewhen.reservoir.cpu.engine.CpuBackend`.

    Raises
    ------
    InputError
        If there is none of that name, or compiling is switched off.
    DeviceError
        If a GPU is asked for and there is none; says what is missing.
    """
    if name == "cpu":
        if config.DISABLE_JIT:
            raise InputError("NUMBA_DISABLE_JIT", config.DISABLE_JIT, "unset: the engine is compiled")
        return CpuBackend(threads)
    if name == "reference":
        return ReferenceBackend()
    if name == "gpu":
        from spikewhen.gpu.backend import GpuBackend

        return GpuBackend()
    raise InputError("--backend", name, "one of " + ", ".join(BACKENDS))
