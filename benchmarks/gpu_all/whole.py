"""The whole way: `run --backend gpu` against files made on the CPU; and the checkers of races and memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu_all.carried import Carried
from benchmarks.gpu_all.contents import contents, run_into
from benchmarks.gpu_all.context import ROOT, Context, Different, NotHere, need_pydantic

NETWORK = "network/synapses/target"
"""Tells whose file it is; the name of a file is the hash of a config, in which every new setting shows."""
NAMES = ("", "config", "software")
"""Versions, settings and what they hash to."""
TOOLS = ("/usr/local/cuda*/bin", "/usr/local/cuda*/compute-sanitizer", "/opt/nvidia/*/compute-sanitizer")


def runs(context: Context) -> dict[str, Any]:
    """Run on the card and on this machine's CPU, and compare the files.

    Raises
    ------
    Different
        If the files of card and CPU differ in a byte, or either from what was carried along.
    NotHere
        If what configs need is not installed.
    """
    need_pydantic()
    seconds = {}
    broken = []
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for backend in ("gpu", "cpu"):
            start = time.perf_counter()
            made[backend] = run_into(Path(folder, backend), context.sizes.seeds, backend, context.host)
            seconds[backend] = round(time.perf_counter() - start, 2)
        if list(made["gpu"]) != list(made["cpu"]):
            broken.append(f"names: {list(made['gpu'])} and {list(made['cpu'])}")
        else:
            differ = [n for n, p in made["gpu"].items() if p.read_bytes() != made["cpu"][n].read_bytes()]
            if differ:
                one, other = (contents(made[backend][differ[0]]) for backend in ("gpu", "cpu"))
                places = sorted(key for key in one | other if one.get(key) != other.get(key))
                broken.append(f"{len(differ)} files of card and CPU differ, {differ[0]} in {places[:12]}")
        kept = Carried(context.carried).expected.get("files")
        here = {backend: {n: contents(p) for n, p in found.items()} for backend, found in made.items()}
        for backend in here if kept else ():
            if unlike := _unlike(here[backend], kept, False):
                broken.append(f"{backend} here against carried contents: {unlike}")
    scores = _unlike(here["gpu"], kept, True) if kept else "none"
    if broken:
        raise Different("; ".join(broken) + f"; scores: {scores or 'equal'}")
    return {
        "files": len(here["gpu"]),
        "carried": "equal contents" if kept else "none",
        "carried_scores": scores or "equal",
        "seconds": seconds,
    }


def _unlike(here: dict[str, dict[str, str]], kept: dict[str, dict[str, str]], scores: bool) -> str:
    """Say what differs: of the scores, in which SciPy and BLAS of a machine have a say, or of all else."""
    mine, theirs = ({held[NETWORK]: held for held in files.values()} for files in (here, kept))
    if unknown := set(mine) - set(theirs):
        return f"{len(unknown)} of {len(mine)} networks are not among them"
    places = [
        (network, key)
        for network in mine
        for key in mine[network] | theirs[network]
        if key.startswith("scores") == scores
        and key.partition("@")[0] not in NAMES
        and mine[network].get(key) != theirs[network].get(key)
    ]
    named = sorted({key for _, key in places})
    return f"{len({n for n, _ in places})} files, in {named[:12]}" if places else ""


def sanitizer() -> str:
    """Find NVIDIA's compute-sanitizer."""
    if found := shutil.which("compute-sanitizer"):
        return found
    for pattern in TOOLS:
        for folder in sorted(Path("/").glob(pattern[1:])):
            if (folder / "compute-sanitizer").is_file():
                return str(folder / "compute-sanitizer")
    raise NotHere("no compute-sanitizer on the path or beside the CUDA toolkit")


def checked(context: Context, tool: str, name: str, precision: str, n: int, steps: int) -> dict[str, Any]:
    """Run a short case under one of compute-sanitizer's tools.

    Raises
    ------
    Different
        If the tool has something to say, or the bits differ.
    """
    words = [name, precision, str(n), str(steps)]
    command = [sys.executable, "-m", "benchmarks.gpu_all.sanitized", *words]
    if context.host:
        command.append("host")
    else:
        command = [sanitizer(), "--tool", tool, "--error-exitcode", "9", "--print-limit", "10", *command]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ))
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise Different(f"{tool} ends with {done.returncode}: {said[:2500]}")
    return {"tool": tool, "said": said[-300:], "seconds_of_it": round(time.perf_counter() - start, 1)}
