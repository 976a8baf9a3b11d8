"""The smallest run that goes through everything, and what a folder must look like after torture."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from small import spikewhen

TEXT = """
[network]
n_neurons = 20
out_degree = 5
weight = 10.0

[simulation]
settle_ms = 20.0

[paradigm]
name = "meet"
trials_per_block = 1
after_ms = 400.0
interval_min_ms = 50.0
interval_max_ms = 60.0
probes_after = [1]
probe_repeats = 1

[[paradigm.blocks]]
probability = [[0.8, 0.2]]
latency_ms = [[150.0, 300.0]]

[health]
silent_max = 1.0

[rules.local]
rule = "three_factor"
"""

COMMAND = [sys.executable, "-m", "spikewhen"]
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def write(folder: Path) -> Path:
    """Write the config into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def run(config: Path, out: Path, seeds: str, *more: str, threads: int = 1):
    """Run seeds in this process."""
    return spikewhen("run", config, "--seeds", seeds, "--threads", threads, "--out", out, *more)


def results(folder: Path) -> dict[str, tuple[int, str]]:
    """Every result file: its size, and a hash of its bytes."""
    found = {path.name: path.read_bytes() for path in folder.glob("*.h5")}
    return {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in found.items()}


def leftovers(folder: Path) -> list[str]:
    """Whatever is there beside results, sidecars and the summary."""
    if not folder.exists():
        return []
    return sorted(p.name for p in folder.iterdir() if p.suffix not in (".h5", ".json") or p.name[0] == ".")


def errors(stderr: str) -> list[str]:
    """The lines that say what failed; there must be no traceback beside them."""
    assert "Traceback" not in stderr and "unexpected" not in stderr, stderr
    return [line for line in stderr.splitlines() if line.startswith("error: ")]
