"""Taking times: on one core, in turns."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Run(NamedTuple):
    """What one run cost and did."""

    cpu_s: float  # per second of biological time
    rate_hz: float
    rmse: float  # of the output against the target over the second half; NaN where nothing is learned


@contextmanager
def cores(count: int) -> Iterator[None]:
    """Stay on so many cores, where the system lets us choose."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-count:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def in_turns(contestants: dict[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Run all contestants one after the other, again and again, after one round to warm up."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for i in range(rounds + 1):
        for name, run in contestants.items():
            taken = run()
            if i > 0:
                runs[name].append(taken)
    return runs


def say(line: str) -> None:
    """Report progress, on stderr: stdout is for the tables."""
    print(line, file=sys.stderr, flush=True)
