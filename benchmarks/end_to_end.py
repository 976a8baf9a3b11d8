"""What a user pays: whole commands, each in a process of its own, with files and scores; seed 1500.

CPU seconds of the process and its children, wall seconds, the file, and how many seconds of biological time
pass in one of CPU. Kernels are compiled before.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.clock import say
from benchmarks.table import markdown

ROUNDS, SEED = 3, "1500"
SMALL = ("--set", "network.n_neurons=300", "--set", "network.out_degree=30")
SHORT = ("--set", "paradigm.trials_per_block=1", "--set", "paradigm.probe_repeats=1")


class Taken(NamedTuple):
    """What a command took."""

    cpu_s: float
    wall_s: float
    file_mb: float


def python(folder: Path, *words: str) -> Taken:
    """Carry out a command of Python, which writes into an empty folder."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    line = [sys.executable, *words]
    subprocess.run(line, check=True, capture_output=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(cpu, wall, sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6)


def command(folder: Path, *words: str) -> Taken:
    """Carry out a command of `spikewhen`."""
    return python(folder, "-m", "spikewhen", *words)


def simulate(out: Path, *more: str) -> Taken:
    """Run the shipped experiment."""
    return command(out, "run", "meet.toml", "--seed", SEED, "--out", str(out), "--threads", "1", *more)


def simulate_one_rule(out: Path) -> Taken:
    """Run the shipped experiment with its local rule alone."""
    script = f"sw.run(sw.load_config('meet.toml').with_rules(['local']), {SEED}, out={str(out)!r}, threads=1)"
    return python(out, "-c", f"import spikewhen as sw; {script}")


def life_s(folder: Path) -> float:
    """Return the biological seconds of the one run in a folder, probes included."""
    from spikewhen.experiments.result import open_run
    from spikewhen.reservoir.files import schema

    with open_run(next(folder.glob("*.h5"))) as found:
        one = found.labels[0]
        step_ms = float(np.diff(found[schema.readout(one, "time_ms")][:2])[0])
        probes_ms = step_ms * found[schema.probe("steps")].sum() + found[schema.probe("interval_ms")].sum()
        return float(found.attrs[schema.spikes("reservoir")]["duration_ms"] + probes_ms) / 1000


def measure() -> dict[str, Any]:
    """Carry out every command, one after the other, again and again."""
    taken: dict[str, list[Taken]] = {}
    lives: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        say("end to end: kernels")
        simulate(Path(folder) / "warm", *SHORT)
        for i in range(ROUNDS):
            say(f"end to end: round {i + 1} of {ROUNDS}")
            root = Path(folder) / str(i)
            shipped, small, trained = root / "shipped", root / "small", root / "trained"
            whole = simulate(shipped)
            run = str(next(shipped.glob("*.h5")))
            rows = {
                "run meet.toml": whole,
                "run meet.toml, 300 cells": simulate(small, *SMALL),
                "train, one rule on kept spikes": command(
                    trained, "train", run, "--rule", "local", "--out", str(trained)
                ),
                "run meet.toml, that rule alone": simulate_one_rule(root / "one"),
                "figures of one run": command(shipped / "figures", "figures", str(shipped)),
            }
            for name, row in rows.items():
                taken.setdefault(name, []).append(row)
            lives = {"run meet.toml": life_s(shipped), "run meet.toml, 300 cells": life_s(small)}
    return {
        "rows": [
            {
                "command": name,
                "cpu_s": statistics.median(t.cpu_s for t in each),
                "wall_s": statistics.median(t.wall_s for t in each),
                "file_mb": each[-1].file_mb,
                "life_s": lives.get(name),
            }
            for name, each in taken.items()
        ]
    }


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    rows = [
        (
            r["command"],
            f"{r['cpu_s']:.3g}",
            f"{r['wall_s']:.3g}",
            f"{r['file_mb']:.3g}",
            "" if r["life_s"] is None else f"{r['life_s'] / r['cpu_s']:.3g}",
        )
        for r in found["rows"]
    ]
    return markdown(("command", "CPU s", "wall s", "files, MB", "times life"), rows)
