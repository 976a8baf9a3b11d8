"""Measure into benchmarks/results: cpu.json, cpu.png and the tables of README.md. All parts, or those named.

python -m benchmarks [table] [limits] [code] [scaling] [threads] [end_to_end] [startup] [memory]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import (
    code,
    comparison,
    end_to_end,
    figure,
    kernels,
    limits,
    machine,
    memory,
    readme,
    scaling,
    startup,
    threads,
)
from benchmarks.clock import say

RESULTS, README = Path(__file__).parent / "results", Path(__file__).parent / "README.md"


def _limits() -> dict[str, Any]:
    found = limits.measure()
    return {"machine": found, "parts": kernels.measure(found)}


def _describe_limits(found: dict[str, Any]) -> str:
    return f"{limits.describe(found['machine'])}\n\n{kernels.describe(found['parts'])}"


PARTS = {
    "table": (comparison.measure, comparison.describe),
    "limits": (_limits, _describe_limits),
    "code": (code.measure, code.table),
    "scaling": (scaling.measure, scaling.describe),
    "threads": (threads.measure, threads.describe),
    "end_to_end": (end_to_end.measure, end_to_end.describe),
    "startup": (startup.measure, startup.describe),
    "memory": (memory.measure, memory.describe),
}


def main() -> int:
    """Measure parts, put each into cpu.json when it is done, and draw the figure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}")
    parts = parser.parse_args().parts or list(PARTS)
    if unknown := [part for part in parts if part not in PARTS]:
        return _refuse(f"PART {unknown[0]!r}: any of {', '.join(PARTS)}")
    if "table" in parts:
        try:
            comparison.check_peers()
        except comparison.Missing as error:
            return _refuse(str(error))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "cpu.json"
    for part in parts:
        measure, describe = PARTS[part]
        started, before = time.perf_counter(), machine.now()
        found = {**before, **measure()}
        whole = json.loads(path.read_text()) if path.exists() else {}
        whole |= {"machine": machine.examine(), part: found}
        path.write_text(json.dumps(_rounded(whole), indent=1, allow_nan=False) + "\n")
        print(f"\n{describe(found)}\n", flush=True)
        say(f"{part}: {time.perf_counter() - started:.0f} s")
    README.write_text(readme.fill(README.read_text(encoding="utf-8"), whole), encoding="utf-8")
    figure.draw(whole, RESULTS / "cpu.png")
    say(f"written: {path}, {RESULTS / 'cpu.png'}, {README}")
    return 0


def _refuse(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 2


def _rounded(value: Any) -> Any:
    """Keep five digits of every number: no clock has more."""
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
