"""Peak memory of MEET at N = 1000, float64, all spikes kept, over the number of trials.

`spikewhen run meet.toml` with the local rule, probes and scores as shipped, in a
process of its own; the peak resident set is what the system reports of it.

    python -m benchmarks.memory TRIALS FOLDER    is that process
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.clock import say
from benchmarks.table import markdown
from spikewhen.analysis.algebra import ENVIRONMENT

TRIALS = (100, 300, 1000)


def run(trials: int, folder: str) -> None:
    """Run and print the peak before scoring and at the end, MB."""
    from benchmarks.meet import experiment
    from spikewhen.experiments import run as runs

    score, peaks = runs._score, []

    def scored(*arguments: Any) -> Any:
        peaks.append(peak_mb())
        return score(*arguments)

    runs._score = scored
    probes = ("paradigm.probe_repeats=4", "paradigm.probes_after=[1, 10, 50, 100]")
    path = runs.run_to_file(experiment(trials, *probes), 0, folder)
    print(json.dumps({"simulated": peaks[0], "scored": peak_mb(), "file": path.stat().st_size / 1e6}))


def peak_mb() -> float:
    """Largest resident set of this process so far.

    On Linux from VmHWM: a child's ru_maxrss begins at that of the process that started it.
    """
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024 / 1e6  # type: ignore[index]
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure() -> dict[str, Any]:
    """Measure one run for each number of trials."""
    rows = []
    for trials in TRIALS:
        say(f"memory, {trials} trials")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.memory", str(trials), folder],
                capture_output=True,
                text=True,
                check=True,
                env=os.environ | ENVIRONMENT,
            )
        rows.append({"trials": trials, **json.loads(done.stdout)})
    first, last = rows[0], rows[-1]
    more = last["trials"] - first["trials"]
    return {"rows_mb": rows, "kb_per_trial": 1000 * (last["simulated"] - first["simulated"]) / more}


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    rows = [
        (str(r["trials"]), f"{r['simulated']:.0f}", f"{r['scored']:.0f}", f"{r['file']:.0f}")
        for r in found["rows_mb"]
    ]
    return (
        "MEET, N = 1000, float64, all spikes kept: peak resident set, MB\n\n"
        + markdown(("trials", "simulating", "and scoring", "file"), rows)
        + f"\n\nsimulating grows by {found['kb_per_trial']:.1f} kB per trial"
    )


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2])
