"""The command `spikewhen doctor`: what this machine has, and how to get what it lacks."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import Json
from spikewhen.experiments.cli.output import echo

REQUIRED = ("numpy", "numba", "h5py", "scipy", "matplotlib", "pydantic", "typer", "tqdm")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("spikewhen doctor", "spikewhen doctor --json"))(doctor)


def doctor(as_json: Json = False) -> None:
    """Check what this machine has, and say how to get what it lacks.

    It looks at versions, cores, the cache of compiled kernels, HDF5 and the GPU. The
    exit code is 0 if everything needed is there, else 1.
    """
    found = examine()
    echo(json.dumps([f._asdict() for f in found]) if as_json else describe(found))
    if not all(f.ok or not f.needed for f in found):
        raise typer.Exit(1)


class Diagnosis(NamedTuple):
    """One thing looked at."""

    what: str
    state: str
    ok: bool
    mend: str = ""
    needed: bool = True


def examine() -> list[Diagnosis]:
    """Look at everything; takes a few seconds."""
    found = [_python(), *map(_package, REQUIRED), _cores(), _numba(), _cache(), _hdf5(), _gpu(), _brian()]
    return found


def _python() -> Diagnosis:
    version = platform.python_version()
    state = f"{version} on {platform.system()} {platform.machine()}"
    return Diagnosis("python", state, sys.version_info >= (3, 11), "install Python 3.11 or newer")


def _package(name: str) -> Diagnosis:
    try:
        return Diagnosis(name, metadata.version(name), True)
    except metadata.PackageNotFoundError:
        return Diagnosis(name, "not installed", False, f"pip install {name}")


def _cores() -> Diagnosis:
    from spikewhen.experiments.jobs import cores

    return Diagnosis("cores", f"{cores()} to use of {os.cpu_count()}; as many runs go on at once", True)


def _numba() -> Diagnosis:
    from numba import config

    state = (
        "off: it is needed"
        if config.DISABLE_JIT
        else "on; runs go on side by side, so its own threads are not used"
    )
    return Diagnosis("numba JIT", state, not config.DISABLE_JIT, "unset NUMBA_DISABLE_JIT")


def _cache() -> Diagnosis:
    from spikewhen.reservoir.cpu.kernels import Variant, open_loop

    folder = place = Path(open_loop(Variant("euler", True, False))._cache.cache_path)
    while not place.exists():
        place = place.parent
    ok = os.access(place, os.W_OK)
    state = f"{folder}{'' if ok else ' cannot be written: every start compiles'}"
    return Diagnosis("kernel cache", state, ok, "export NUMBA_CACHE_DIR=$HOME/.cache/numba", needed=False)


def _hdf5() -> Diagnosis:
    import h5py

    packs = bool(h5py.h5z.filter_avail(h5py.h5z.FILTER_DEFLATE))
    state = f"{h5py.version.hdf5_version}, gzip {'there' if packs else 'missing'}"
    return Diagnosis("HDF5", state, packs, "pip install --force-reinstall h5py")


def _gpu() -> Diagnosis:
    from spikewhen.gpu.device import why_not

    reason, _, mend = why_not().partition("; ")
    return Diagnosis("GPU", reason or "ready", not reason, mend, needed=False)


def _brian() -> Diagnosis:
    try:
        version = metadata.version("Brian2")
    except metadata.PackageNotFoundError:
        return Diagnosis(
            "Brian2",
            "not installed (only the cross-checks need it)",
            False,
            "pip install brian2",
            needed=False,
        )
    done = subprocess.run(
        [sys.executable, "-c", "import brian2"], capture_output=True, text=True, timeout=120
    )
    if done.returncode == 0:
        return Diagnosis("Brian2", version, True)
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return Diagnosis(
        "Brian2",
        f"{version} does not import: {reason}",
        False,
        "pip install --upgrade brian2",
        needed=False,
    )


def describe(found: list[Diagnosis]) -> str:
    """Write it for a person."""
    lines = []
    for f in found:
        mark = "ok" if f.ok else "--" if not f.needed else "!!"
        lines.append(f"{mark}  {f.what:<13}{f.state}")
        if not f.ok and f.mend:
            lines.append(f"    {'':<13}what to do: {f.mend}")
    broken = sum(not f.ok and f.needed for f in found)
    lines.append("Everything needed is there." if not broken else f"Needed and not there: {broken}.")
    return "\n".join(lines)
