"""Measure and write benchmarks/results: `python -m benchmarks [PART ...]`, all parts by default."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import comparison, machine, table
from benchmarks.clock import say

RESULTS = Path(__file__).parent / "results"


def _table() -> tuple[dict[str, Any], str]:
    comparison.check_peers()
    rows, checks = comparison.measure()
    same = [
        (
            c["work"],
            str(c["n"]),
            c["who"],
            f"{c['rate_hz']:.3f}",
            "" if c["rmse"] != c["rmse"] else f"{c['rmse']:.4f}",
        )
        for c in checks
    ]
    text = (
        "CPU seconds per second of biological time; ratio = peer / ours, median of pairs\n\n"
        + table.markdown(table.HEADER, [table.cells(r) for r in rows])
        + "\n\nWhat every side did: mean rate, RMSE of the output over the second half\n\n"
        + table.markdown(("work", "n", "who", "rate, Hz", "RMSE"), same)
    )
    return comparison.as_json(rows, checks), text


PARTS = {"table": _table}


def main() -> int:
    """Measure the parts asked for and merge them into cpu.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=", ".join(PARTS))
    parts = parser.parse_args().parts or list(PARTS)
    path = RESULTS / "cpu.json"
    RESULTS.mkdir(exist_ok=True)
    for part in parts:
        start = time.perf_counter()
        try:
            found, text = PARTS[part]()
        except comparison.Missing as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        print(f"\n{text}\n", flush=True)
        say(f"{part}: {time.perf_counter() - start:.0f} s")
        whole = json.loads(path.read_text()) if path.exists() else {}
        whole |= {"machine": machine.examine(), part: {**machine.now(), **found}}
        path.write_text(json.dumps(whole, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
