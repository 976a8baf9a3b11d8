"""From the command to the first simulated trial, kernels compiled before.

`spikewhen run meet.toml` at full size, with one trial, in a process of its own
that stops as soon as that trial is over. Target: 2 s.

    python -m benchmarks.startup STARTED FOLDER    is that process
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.clock import say
from benchmarks.table import markdown

TARGET_S = 2.0
OPTIONS = ("--set", "paradigm.trials_per_block=1", "--set", "paradigm.probe_repeats=0", "--threads", "1")


def first_trial(started: float, folder: str) -> None:
    """Run the command; print the seconds since `started` and leave after the first trial."""
    from spikewhen.reservoir.training import Trainer

    train = Trainer._train

    def once(self: Trainer, begin: int, end: int) -> None:
        train(self, begin, end)
        cpu = time.process_time()
        print(json.dumps({"wall_s": time.monotonic() - started, "cpu_s": cpu}), flush=True)
        os._exit(0)

    Trainer._train = once  # type: ignore[method-assign]
    from spikewhen.experiments.cli.app import main

    sys.argv = ["spikewhen", "run", "meet.toml", *OPTIONS, "--out", folder]
    main()


def measure(repeats: int = 5) -> dict[str, Any]:
    """Measure starts, and which imports they spend their time on."""
    say("start-up")
    starts = [_start() for _ in range(repeats + 1)][1:]  # the first one may compile
    wall = statistics.median(s["wall_s"] for s in starts)
    cpu = statistics.median(s["cpu_s"] for s in starts)
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "target_s": TARGET_S,
        "met": wall <= TARGET_S,
        "imports": _imports(),
    }


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    rows = [(name, f"{1000 * seconds:.0f}") for name, seconds in found["imports"].items()]
    return (
        f"from `spikewhen run` to the end of the first trial: {found['wall_s']:.2f} s "
        f"({found['cpu_s']:.2f} s of CPU), at most {found['target_s']:g} s: "
        f"{'met' if found['met'] else 'NOT met'}\n\n" + markdown(("import", "ms"), rows)
    )


def _start(*flags: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, *flags, "-m", "benchmarks.startup", str(time.monotonic()), folder],
            capture_output=True,
            text=True,
            check=True,
        )
    return {**json.loads(done.stdout.splitlines()[-1]), "stderr": done.stderr}


def _imports() -> dict[str, float]:
    """Seconds that importing each package took by itself, the largest ones, from -X importtime."""
    own: dict[str, float] = {}
    lines = _start("-X", "importtime")["stderr"]
    for line in re.finditer(r"import time:\s*(\d+) \|\s*\d+ \|\s*([\w.]+)", lines):
        package = line[2].partition(".")[0]
        own[package] = own.get(package, 0.0) + int(line[1]) / 1e6
    total = sum(own.values())
    largest = sorted(own, key=own.__getitem__, reverse=True)[:8]
    return {"all": total, **{name: own[name] for name in largest}}


if __name__ == "__main__":
    first_trial(float(sys.argv[1]), sys.argv[2])
