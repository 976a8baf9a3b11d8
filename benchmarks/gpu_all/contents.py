"""Runs from the command line, and what their files hold."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks.gpu_all.context import ROOT

CONFIG = Path(__file__).parent / "runs.toml"


def contents(path: Path) -> dict[str, str]:
    """Digest every data set and attribute of a file; its bytes may change with the version of HDF5."""
    found: dict[str, str] = {}

    def visit(name: str, item: Any) -> None:
        for key, value in item.attrs.items():
            found[f"{name}@{key}"] = _digest(np.asarray(value))
        if isinstance(item, h5py.Dataset):
            found[name] = _digest(np.asarray(item[()]))

    with h5py.File(path) as file:
        visit("", file)
        file.visititems(visit)
    return found


def _digest(array: np.ndarray) -> str:
    data = repr(array.tolist()).encode() if array.dtype.kind in "OSU" else array.tobytes()
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def run_into(folder: Path, seeds: str, backend: str, host: bool = False) -> dict[str, Path]:
    """Run the config from the command line; returns its files by name."""
    words = ["run", str(CONFIG), "--seeds", seeds, "--backend", backend, "--out", str(folder)]
    command = [sys.executable, "-m", "benchmarks.gpu_all.command", *words, *(["--host"] if host else [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"run --backend {backend} ends with {done.returncode}: {done.stderr[-1500:]}")
    return {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*.h5"))}


def contents_on_cpu(seeds: str) -> dict[str, dict[str, str]]:
    """Run on the CPU and digest each file."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: contents(path) for name, path in run_into(Path(folder), seeds, "cpu").items()}
