"""What this machine's core can do: bandwidth by working set, vector operations per second.

Numba kernels of our own, so no compiler is needed. Reading sums an array,
updating multiplies it in place (bytes read and written both count). The vector
rate alternates products and sums that must not be fused, as in the simulator.
"""

from __future__ import annotations

import time
from typing import Any

import numba as nb
import numpy as np

from benchmarks.clock import cores, say
from benchmarks.table import markdown

REASSOCIATE = {"reassoc", "nsz", "nnan", "ninf"}  # fastmath without contraction
SIZES = tuple(2**k for k in range(13, 29))  # bytes
PRECISIONS = ("float32", "float64")
SMALL = 1024  # numbers: in the first-level cache


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
    a, b = a & low, b & low
    for _ in range(passes):
        for i in range(x.size):
            y = x[i]
            y = (y & low) * a ^ b
            y = (y & low) * b ^ a
            y = (y & low) * a ^ b
            y = (y & low) * b ^ a
            x[i] = y
    return x[0]


@nb.njit(fastmath=False, boundscheck=False, error_model="numpy")
def _root_quotient(x, passes, a):
    """One square root and one quotient per element and pass."""
    for _ in range(passes):
        for i in range(x.size):
            x[i] = a / np.sqrt(x[i])
    return x[0]


@nb.njit(fastmath=False, boundscheck=False)
def _scatter(x, passes, places, weights):
    """Add to elements in random order, one by one."""
    for _ in range(passes):
        for p in range(places.size):
            x[places[p]] += weights[p]
    return x[0]


def rate(
    kernel: Any, work: float, x: np.ndarray, *rest: Any, seconds: float = 0.01, repeats: int = 7
) -> float:
    """Return the best work per CPU second of ``kernel(x, passes, *rest)``, each pass doing `work`."""

    def spend(passes: int) -> float:
        start = time.process_time()
        kernel(x, passes, *rest)
        return time.process_time() - start

    spend(1)
    passes = 1
    while (spent := spend(passes)) < seconds / 4:
        passes *= 4
    passes = max(1, round(passes * seconds / spent))
    return work * passes / min(spend(passes) for _ in range(repeats))


def products_and_sums(precision: str) -> float:
    """Return products and sums per nanosecond, nothing fused."""
    one = np.dtype(precision).type(1)
    return 1e-9 * rate(_multiply_add, 8 * SMALL, np.ones(SMALL, one.dtype), one / 2, one / 4)


def measure() -> dict[str, Any]:
    """Measure the curves and rates; the best of several, for a limit is what is possible."""
    say("limits of this machine")
    found: dict[str, Any] = {"bytes": list(SIZES), "read_gb_s": {}, "update_gb_s": {}}
    with cores(1):
        for name in PRECISIONS:
            one = np.dtype(name).type(1)
            arrays = [np.ones(size // one.itemsize, one.dtype) for size in SIZES]
            found["read_gb_s"][name] = [1e-9 * rate(_read, x.nbytes, x) for x in arrays]
            found["update_gb_s"][name] = [1e-9 * rate(_update, 2 * x.nbytes, x, one) for x in arrays]
            x = np.ones(SMALL, one.dtype)
            places = np.random.default_rng(0).permutation(SMALL).astype(np.uint32)
            found[name] = {
                "products and sums": products_and_sums(name),
                "roots with quotients": 1e-9 * rate(_root_quotient, SMALL, x, one),
                "scattered additions": 1e-9 * rate(_scatter, SMALL, x, places, x.copy()),
            }
        words, a, b = np.ones(SMALL, np.uint64), np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
        integer = 1e-9 * rate(_integer, 12 * SMALL, words, a, b)
        for name in PRECISIONS:
            found[name]["64-bit integers"] = integer
    return found


def bandwidth(limits: dict[str, Any], which: str, precision: str, working_set: float) -> float:
    """Return bytes per second at a working set, between the measured ones."""
    curve = limits[f"{which}_gb_s"][precision]
    return 1e9 * float(np.interp(np.log(working_set), np.log(limits["bytes"]), curve))


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    curves = [(which, p) for which in ("read", "update") for p in PRECISIONS]
    rows = [
        (_size(size), *(f"{found[f'{which}_gb_s'][p][i]:.0f}" for which, p in curves))
        for i, size in enumerate(found["bytes"])
    ]
    rates = [(name, *(f"{found[p][name]:.3g}" for p in PRECISIONS)) for name in found[PRECISIONS[0]]]
    return (
        "one core, GB/s\n\n"
        + markdown(("working set", *(f"{which} {p}" for which, p in curves)), rows)
        + "\n\n10^9 per second, in the first-level cache, without fusion\n\n"
        + markdown(("operations", *PRECISIONS), rates)
    )


def _size(n: int) -> str:
    return f"{n // 2**20} MB" if n >= 2**20 else f"{n // 2**10} kB"
