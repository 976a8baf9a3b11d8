"""What this machine has, and every call of CuPy that `gpu/device.py` makes, one by one."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_all.context import ROOT, Context, need_pydantic
from spikewhen.gpu import compile as compiler
from spikewhen.gpu.device import CudaDevice
from spikewhen.reservoir.types import NUMERICS_VERSION

PACKAGES = ("numpy", "numba", "llvmlite", "h5py", "cupy-cuda13x", "cupy-cuda12x", "pydantic", "typer")
TRIAL = """
extern __shared__ __align__(16) unsigned char arena[];

struct Job {
    unsigned long long out;
};

extern "C" __global__ void __launch_bounds__(64) run(const Job *jobs, int buffer, int longest)
{
    float *mine = (float *)arena + 25000, *out = (float *)jobs->out;
    mine[threadIdx.x] = buffer + longest * (int)threadIdx.x;
    __syncthreads();
    out[blockIdx.x * 64 + threadIdx.x] = mine[63 - threadIdx.x];
}
"""
SHARED = 102_400
"""Bytes of shared memory of the trial kernel; more than a block has without asking."""


def machine(context: Context) -> dict[str, Any]:
    """Return versions, cores, card and driver."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _output("git", "-C", str(ROOT), "rev-parse", "HEAD"),
        "numerics": NUMERICS_VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "cores": os.cpu_count(),
        "packages": versions,
        "nvidia_smi": _output(
            "nvidia-smi",
            "--query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.sm,power.limit,ecc.mode.current",
            "--format=csv,noheader",
        ),
    }


def nvrtc(context: Context) -> dict[str, Any]:
    """Return the version of NVRTC, and which places hold one."""
    there = [p for p in compiler.library_places() if Path(p).is_absolute()]
    major, minor = compiler.nvrtc_version()
    with Path("/proc/self/maps").open(encoding="utf-8") as maps:
        loaded = sorted({line.split()[-1] for line in maps if "nvrtc" in line})
    return {"version": f"{major}.{minor}", "files": there, "loaded": loaded}


def describe(context: Context) -> dict[str, Any]:
    """Return what the device says of itself."""
    if context.host:
        return {"card": "none: the kernel's text on the host"}
    return CudaDevice().describe()


def doctor(context: Context) -> dict[str, Any]:
    """Return what `spikewhen doctor` says."""
    need_pydantic()
    done = subprocess.run(
        [sys.executable, "-m", "spikewhen", "doctor", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
    )
    if not done.stdout.strip():
        raise RuntimeError(done.stderr[-1000:])
    found = {d["what"]: d["state"] for d in json.loads(done.stdout)}
    if not context.host and found["GPU"] != "ready":
        raise RuntimeError(f"doctor: {found['GPU']}")
    return {"exit": done.returncode, **found}


def cupy_calls(context: Context) -> dict[str, Any]:
    """Make each call of CuPy by itself; fails at the end with all that do not work."""
    if context.host:
        return {"calls": "no card"}
    import cupy

    cuda, numbers = cupy.cuda, np.arange(128, dtype=np.float32)
    kept: dict[str, Any] = {}

    def keep(name: str, value: Any) -> Any:
        kept[name] = value
        return value

    def up() -> None:
        kept["memory"] = cuda.alloc(numbers.nbytes)
        kept["memory"].copy_from_host_async(numbers.ctypes.data, numbers.nbytes, stream=kept["stream"])
        kept["stream"].synchronize()
        with kept["stream"]:
            kept["event"] = kept["stream"].record()

    def down() -> None:
        found = np.empty_like(numbers)
        kept["memory"].copy_to_host_async(found.ctypes.data, found.nbytes, stream=kept["stream"])
        kept["stream"].synchronize()
        assert np.array_equal(found, numbers), found

    def pinned() -> None:
        place = cuda.alloc_pinned_memory(numbers.nbytes)
        kept["other"].wait_event(kept["event"])
        kept["memory"].copy_to_host_async(place.ptr, numbers.nbytes, stream=kept["other"])
        kept["other"].synchronize()
        assert np.array_equal(np.frombuffer(place, np.float32, 128), numbers)

    def launch() -> None:
        path = compiler.compile_for_gpu(TRIAL, context.architecture).path
        function = cupy.RawModule(path=str(path)).get_function("run")
        function.max_dynamic_shared_size_bytes = SHARED
        kept["function"] = function

    def through_the_device() -> None:
        device = keep("device", CudaDevice())
        out = device.upload(np.zeros(128, np.float32))
        jobs = device.upload(np.array([out.pointer], np.uint64))
        begin = device.mark()
        event = device.kernel(TRIAL, 64, SHARED)(jobs, 5, 3, 2)
        found = device.download(out, np.zeros(128, np.float32), event)
        assert np.array_equal(found, np.tile(5 + 3 * np.arange(63, -1, -1, dtype=np.float32), 2)), found
        assert np.array_equal(device.download(out, np.zeros(128, np.float32)), found)
        kept["launch_ms"] = device.elapsed_ms(begin, device.mark())

    def too_much() -> None:
        try:
            cuda.alloc(2**50)
        except MemoryError:
            return
        raise AssertionError("2**50 bytes were allocated")

    calls: dict[str, Callable[[], Any]] = {
        "is_available": cupy.is_available,
        "compute_capability": lambda: keep("capability", int(cuda.Device().compute_capability)),
        "properties": lambda: keep("properties", cuda.runtime.getDeviceProperties(cuda.Device().id)),
        "name": lambda: kept["properties"]["name"].decode(),
        "multiprocessors": lambda: int(kept["properties"]["multiProcessorCount"]),
        "shared memory of a block": lambda: int(kept["properties"]["sharedMemPerBlockOptin"]),
        "memory": lambda: [int(x) for x in cuda.runtime.memGetInfo()],
        "driver": lambda: int(cuda.runtime.driverGetVersion()),
        "runtime": lambda: int(cuda.runtime.runtimeGetVersion()),
        "pool": lambda: int(cupy.get_default_memory_pool().free_bytes()),
        "stream": lambda: keep("stream", cuda.Stream(non_blocking=True)) and None,
        "other stream": lambda: keep("other", cuda.Stream(non_blocking=True)) and None,
        "up": up,
        "down": down,
        "down beside a launch": pinned,
        "load": launch,
        "through the device": through_the_device,
        "milliseconds of a launch": lambda: kept["launch_ms"],
        "free bytes": lambda: kept["device"].free_bytes(),
        "out of memory": too_much,
    }
    found: dict[str, Any] = {}
    broken = []
    for name, call in calls.items():
        try:
            found[name] = call() if name != "properties" else call() and None
        except Exception as error:  # the others say more than the first alone
            broken.append(f"{name}: {type(error).__name__}: {error}")
    if broken:
        raise RuntimeError("; ".join(broken))
    return {"calls": {k: v for k, v in found.items() if v is not None}, "made": len(calls)}


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    return (done.stdout or done.stderr).strip()
