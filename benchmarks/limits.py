"""What this machine's core can do: bandwidth by working set, vector operations per second.

Numba kernels of our own, so no compiler is needed. Reading sums an array,
updating multiplies it in place (bytes read and written both count). The vector
rate alternates products and sums that must not be fused, as in the simulator.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np

from benchmarks.clock import cores, say
from benchmarks.table import markdown

REASSOCIATE = {"reassoc", "nsz", "nnan", "ninf"}  # fastmath without contraction
SIZES = tuple(2**k for k in range(13, 29))  # bytes
PRECISIONS = ("float32", "float64")


@nb.njit(fastmath=REASSOCIATE, boundscheck=False)
def _read(x, passes):
    total = x.dtype.type(0)
    for _ in range(passes):
        for i in range(x.size):
            total += x[i]
        x[0] = total  # a pass may not be left out
    return total


@nb.njit(fastmath=False, boundscheck=False)
def _update(x, passes, factor):
    for _ in range(passes):
        for i in range(x.size):
            x[i] = x[i] * factor
    return x[0]


@nb.njit(fastmath=False, boundscheck=False)
def _multiply_add(x, passes, a, b):
    """4 products and 4 sums per element and pass: longer chains wait for themselves."""
    for _ in range(passes):
        for i in range(x.size):
            y = x[i]
            y = y * a + b
            y = y * b + a
            y = y * a + b
            y = y * b + a
            x[i] = y
    return x[0]


@nb.njit(boundscheck=False)
def _integer(x, passes, a, b):
    """4 products of 32-bit halves, 4 masks and 4 exclusive ors per element and pass."""
    low = np.uint64(0xFFFFFFFF)
    for _ in range(passes):
        for i in range(x.size):
            y = x[i]
            y = (y & low) * a ^ b
            y = (y & low) * b ^ a
            y = (y & low) * a ^ b
            y = (y & low) * b ^ a
            x[i] = y
    return x[0]


def rate(call: Callable[[int], Any], work: float, seconds: float = 0.01, repeats: int = 7) -> float:
    """Return the best work per CPU second; a call takes a number of passes, each doing `work`."""
    call(1)
    passes = 1
    while (spent := _time(call, passes)) < seconds / 4:
        passes *= 4
    passes = max(1, round(passes * seconds / spent))
    return work * passes / min(_time(call, passes) for _ in range(repeats))


def _time(call: Callable[[int], Any], passes: int) -> float:
    start = time.process_time()
    call(passes)
    return time.process_time() - start


def measure() -> dict[str, Any]:
    """Measure the curves and rates; the best of several, for a limit is what is possible."""
    say("limits of this machine")
    found: dict[str, Any] = {"bytes": list(SIZES), "read_gb_s": {}, "update_gb_s": {}, "gop_s": {}}
    with cores(1):
        for name in PRECISIONS:
            real = np.dtype(name).type
            arrays = [np.ones(size // real().itemsize, real) for size in SIZES]
            found["read_gb_s"][name] = [rate(lambda p, x=x: _read(x, p), x.nbytes) / 1e9 for x in arrays]
            found["update_gb_s"][name] = [
                rate(lambda p, x=x: _update(x, p, real(1)), 2 * x.nbytes) / 1e9 for x in arrays
            ]
            x = np.ones(1024, real)
            found["gop_s"][name] = (
                rate(lambda p, x=x: _multiply_add(x, p, real(0.5), real(0.25)), 8 * x.size) / 1e9
            )
        words = np.ones(1024, np.uint64)
        a, b = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
        found["gop_s"]["integer"] = rate(lambda p: _integer(words, p, a, b), 12 * words.size) / 1e9
    return found


def bandwidth(limits: dict[str, Any], which: str, precision: str, working_set: float) -> float:
    """Return bytes per second at a working set, between the measured ones."""
    curve = limits[f"{which}_gb_s"][precision]
    return 1e9 * float(np.interp(np.log(working_set), np.log(limits["bytes"]), curve))


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    rows = [
        (
            _size(size),
            *(f"{found[which][p][i]:.0f}" for which in ("read_gb_s", "update_gb_s") for p in PRECISIONS),
        )
        for i, size in enumerate(found["bytes"])
    ]
    header = ("working set", *(f"{which} {p}" for which in ("read", "update") for p in PRECISIONS))
    rates = ", ".join(f"{name} {value:.0f}" for name, value in found["gop_s"].items())
    return (
        "one core, GB/s\n\n"
        + markdown(header, rows)
        + f"\n\nvector operations without fusion, 10^9/s: {rates}"
    )


def _size(n: int) -> str:
    return f"{n // 2**20} MB" if n >= 2**20 else f"{n // 2**10} kB"
