"""What this machine is, for whoever reads the numbers later."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

FLAGS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512dq", "avx512vl", "avx512bw")


def examine() -> dict[str, Any]:
    """Describe processor, caches, load and software."""
    import llvmlite.binding

    from spikewhen.experiments.provenance import software

    info = _read("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", info)
    flags = re.search(r"flags\s*:\s*(.+)", info)
    present = set(flags[1].split()) if flags else set()
    return {
        "cpu": model[1].strip() if model else platform.processor() or platform.machine(),
        "llvm_cpu": llvmlite.binding.get_host_cpu_name(),
        "flags": [f for f in FLAGS if f in present],
        "cores": os.cpu_count(),
        "caches": _caches(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "numba", "llvmlite", "brian2")},
        "g++": _first_line("g++", "--version"),
        "commit": software()["commit"],
    }


def now() -> dict[str, Any]:
    """When, and how busy the machine was (runnable processes over the last 1, 5 and 15 minutes)."""
    load = [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "load": load}


def _caches() -> dict[str, str]:
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = _read(index / "type").strip()
        name = f"L{_read(index / 'level').strip()}" + {"Data": "d", "Instruction": "i"}.get(kind, "")
        found[name] = _read(index / "size").strip()
    return found


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "none"
    return (done.stdout.splitlines() or ["none"])[0]
