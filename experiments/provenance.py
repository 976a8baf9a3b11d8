"""What made a file: versions and commit go into it; when, where and how long, beside it."""

from __future__ import annotations

import json
import multiprocessing
import platform
import subprocess
import sys
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from spikewhen.experiments.digest import with_digest
from spikewhen.experiments.jobs import Job, cores
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.integrity import write_whole
from spikewhen.reservoir.files.recording import read_run

PACKAGES = ("numpy", "numba", "h5py", "scipy")
"""Whose versions can decide a bit of a result file."""

ROOT = Path(__file__).resolve().parent.parent
"""Of a checkout; of an installed wheel, the package."""


@cache
def software() -> dict[str, str]:
    """Versions of what made a file, and the commit: of the checkout, or of the wheel's build."""
    found = {name: metadata.version(name) for name in PACKAGES}
    try:
        found["spikewhen"] = metadata.version("spikewhen")
    except metadata.PackageNotFoundError:  # run from the checkout without installing it
        found["spikewhen"] = "not installed"
    found["commit"] = checkout_commit(ROOT) if (ROOT / "pyproject.toml").is_file() else _built_commit()
    return found


def same_code_as(commit: str) -> None:
    """Note the commit of the command whose very code this process runs; a machine may lack git."""
    software()["commit"] = commit


def checkout_commit(root: Path) -> str:
    """Return the commit of a checkout, with ``-modified`` if tracked files differ, or ``"unknown"``."""
    if not (root / ".git").exists():  # else git would name the commit of whatever lies around it
        return _built_commit()
    found, complaint = _git(root, "rev-parse", "HEAD")
    if found:
        changed, _ = _git(root, "status", "--porcelain", "--untracked-files=no")
        return f"{found}-modified" if changed else found
    if multiprocessing.parent_process() is None:  # once, not by every worker
        warnings.warn(
            f"the commit is not recorded: git says of {root}: {complaint or 'nothing'}", stacklevel=3
        )
    return "unknown"


def _built_commit() -> str:
    """Return the commit that a wheel or an archive of the sources was built from."""
    try:
        return import_module("spikewhen._commit").COMMIT
    except ModuleNotFoundError:
        return "unknown"


def _git(root: Path, *arguments: str) -> tuple[str, str]:
    """Return what git answers, and the last line of its complaint."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    complaint = " ".join(done.stderr.split())
    return (done.stdout.strip(), "") if done.returncode == 0 else ("", complaint)


def write_sidecar(
    job: Job,
    started: float,
    spent_s: tuple[float, float],
    backend: str,
    threads: int,
    more: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``<run_id>.json``: when, where, how long.

    Parameters
    ----------
    started : float
        Seconds since 1970.
    spent_s : pair of float
        Seconds the run took, by the clock and of its thread's CPU time.
    threads : int
        Runs that went on at once.
    more : mapping, optional
        Further entries.
    """
    facts: dict[str, Any] = {
        "run_id": job.run_id,
        "config": job.name,
        "seed": job.seed,
        "rules": list(job.experiment.rules),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "wall_seconds": round(spent_s[0], 3),
        "cpu_seconds": round(spent_s[1], 3),
        "backend": backend,
        "threads": threads,
        "host": {
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
            "cores": cores(),
            "python": sys.version.split()[0],
        },
    }
    if job.recording is not None:
        made_by = read_run(job.recording, (schema.SOFTWARE,))
        facts["trained_on"] = {"run_id": made_by.run_id, "software": made_by.software}
    path = job.path.with_suffix(".json")
    write_whole(path, json.dumps(with_digest(facts | dict(more or {}))) + "\n")
    return path
