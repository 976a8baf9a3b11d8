"""Settle on a card what only a card can settle: ``make gpu-all``.

Rows go in the order of their value per second. Each appends a line of JSON as it
ends, so a cut loses nothing; one that no longer fits into the time is skipped and
said so; one that fails or hangs is recorded, and the next goes on in a new
process. The exit status is 0 if no row failed and at least one was done.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu_all import collect
from benchmarks.gpu_all.context import ROOT, SMALL, Context, Different, NotHere, Row, Sizes
from benchmarks.gpu_all.record import BEGUN, DIFFERENT, FAILED, OK, SKIPPED, Record

AGAIN = 75
"""Status of a process that wants to be followed by a new one."""
REAP_S = 20
"""Seconds after the deadline at which a process that does not end is ended."""


def main(arguments: list[str] | None = None) -> int:
    """Do all rows; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_all",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "gpu-all" / "rows.jsonl")
    parser.add_argument(
        "--carried", type=Path, default=ROOT / "results" / "gpu-expected", help="make gpu-expected"
    )
    parser.add_argument("--seconds", type=float, default=470, help="for everything")
    parser.add_argument("--parts", default="", help="only these numbers, as 0,1,2")
    parser.add_argument("--only", default="", help="only rows whose name holds these words")
    parser.add_argument(
        "--rehearse", action="store_true", help="without a card: small, kernels run on the host"
    )
    parser.add_argument(
        "--collect", type=Path, help="write this file from the rows that --out holds, and end"
    )
    parser.add_argument("--until", type=float, default=0, help=argparse.SUPPRESS)  # in the child
    a = parser.parse_args(arguments)
    record = Record(a.out)
    if a.collect:
        return collect.collect(record, a.collect)
    rows = chosen(SMALL if a.rehearse else Sizes(), a.parts, a.only)
    if a.until:
        return child(record, rows, Context(SMALL if a.rehearse else Sizes(), a.carried, a.until, a.rehearse))
    record.path.write_text("")
    return parent(record, rows, time.time() + a.seconds, arguments if arguments is not None else sys.argv[1:])


def chosen(sizes: Sizes, parts: str, only: str) -> list[Row]:
    """Return the rows that are asked for."""
    from benchmarks.gpu_all.rows import all_rows

    numbers = {int(p) for p in parts.split(",") if p}
    return [r for r in all_rows(sizes) if (not numbers or r.part in numbers) and only in r.name]


def parent(record: Record, rows: list[Row], deadline: float, arguments: list[str]) -> int:
    """Keep a child at work until every row has its line."""
    command = [sys.executable, "-m", "benchmarks.gpu_all", *arguments]
    command += ["--out", str(record.path.resolve()), "--until", repr(deadline)]
    for _ in rows:
        before = len(record.rows())
        try:
            status = subprocess.run(
                command, cwd=ROOT, timeout=max(1.0, deadline - time.time()) + REAP_S
            ).returncode
        except subprocess.TimeoutExpired:
            status = -9
        for name, line in record.rows().items():
            if line["state"] == BEGUN:
                record.put(name, FAILED, error=f"the process ended with status {status}")
        if status == 0 or len(record.rows()) in (before, len(rows)):  # done, or it does not even begin
            break
    print(collect.describe(record.rows()), flush=True)
    return collect.status(record.rows())


def child(record: Record, rows: list[Row], context: Context) -> int:
    """Do the rows that have no line yet; returns `AGAIN` after one that may have spoiled the process."""
    for row in rows:
        if row.name in record.rows():
            continue
        if context.seconds_left() < row.seconds:
            record.put(row.name, SKIPPED, part=row.part, why=f"{context.seconds_left():.0f} s left")
            continue
        record.put(row.name, BEGUN, part=row.part)
        watch = _watch(record, row, context)
        start = time.perf_counter()

        def put(state: str, row: Row = row, start: float = start, **found: Any) -> None:
            record.put(row.name, state, part=row.part, wall_s=round(time.perf_counter() - start, 2), **found)

        try:
            found = row.run(context)
        except Different as error:
            put(DIFFERENT, error=str(error))
        except NotHere as error:
            put(SKIPPED, why=str(error))
        except BaseException as error:
            put(FAILED, error=_last_lines(error))
            return AGAIN
        else:
            put(OK, **found)
        finally:
            watch.cancel()
    return 0


def _watch(record: Record, row: Row, context: Context) -> threading.Timer:
    """Start a clock that ends the process if a row hangs."""
    limit = min(row.limit * (20 if context.host else 1), context.seconds_left() + REAP_S / 2)
    main = threading.main_thread()

    def end() -> None:
        stack = traceback.format_stack(sys._current_frames()[main.ident or 0])
        record.put(row.name, FAILED, part=row.part, error=f"hung: over {limit:.0f} s; " + "".join(stack[-6:]))
        os._exit(AGAIN)

    clock: threading.Timer = threading.Timer(limit, end)
    clock.daemon = True
    clock.start()
    return clock


def _last_lines(error: BaseException, say: Callable = traceback.format_exception) -> str:
    return "".join(say(error))[-2500:]


if __name__ == "__main__":
    raise SystemExit(main())
