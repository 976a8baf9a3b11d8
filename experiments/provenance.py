"""What differs between two equal runs: written beside the result, never into it."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spikewhen.experiments.jobs import Job, cores
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import read_run


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all.

    Raises
    ------
    OSError
    """
    temporary = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_sidecar(job: Job, started: float, spent_s: tuple[float, float], backend: str, threads: int) -> Path:
    """Write ``<run_id>.json``: when, where, how long.

    Parameters
    ----------
    started : float
        Seconds since 1970.
    spent_s : pair of float
        Seconds the run took, by the clock and of its thread's CPU time.
    threads : int
        Runs that went on at once.
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
        software = read_run(job.recording, (schema.SOFTWARE,)).software
        facts["trained_on"] = {"run_id": job.recording.stem, "software": software}
    path = job.path.with_suffix(".json")
    write_whole(path, json.dumps(facts, indent=2) + "\n")
    return path
