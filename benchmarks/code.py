"""The generated code of the inner loops: what a row of 32 numbers takes, instruction by instruction.

A loop is compiled by itself, from the vector code that the engine uses, over rows that
stay in the first-level cache. Its vector instructions are counted in what Numba hands to
the assembler; the time of a row stands beside what its products, sums and comparisons
take at the measured rate. Nothing may be fused; what is spilled goes through the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from benchmarks.clock import cores, say
from benchmarks.limits import PRECISIONS, products_and_sums, rate
from benchmarks.table import markdown
from spikewhen.reservoir.cpu.layout import STRIDE
from spikewhen.reservoir.cpu.membrane import membrane
from spikewhen.reservoir.tiles import beside, tile_twice
from spikewhen.reservoir.types import LANES, aligned

ROWS = 16
"""Rows of cells of a loop that is timed: 12 kB in float32, 25 in float64."""

KINDS = {
    "products": r"v?mulp[sd]",
    "sums": r"v?(add|sub)p[sd]",
    "comparisons": r"v?cmp\w*p[sd]|v?(max|min)p[sd]",
    "fused": r"vfn?m(add|sub)\w*",
}
COLUMNS = (*KINDS, "loads", "stores", "spills")


class Loop(NamedTuple):
    """A compiled function of (array, passes, ...)."""

    function: Any
    arguments: tuple  # without the number of passes
    rows: int  # per pass
    products: int  # of a number; they tell how many rows, or what part of one, the code of a turn holds


def count(assembly: str) -> dict[str, int]:
    """Count vector instructions by kind, with loads, stores and spills; scalar ones only if fused (AT&T)."""
    found = dict.fromkeys(COLUMNS, 0)
    for line in assembly.splitlines():
        name, _, operands = line.strip().partition("\t")
        if not re.search(r"%[xyz]mm", operands):
            continue
        for kind, pattern in KINDS.items():
            found[kind] += bool(re.fullmatch(pattern, name))
        if re.fullmatch(r"\w+s[sd]", name):
            continue
        if "(%rsp" in operands:
            found["spills"] += 1
        elif "(" in operands:
            found["stores" if operands.rstrip().endswith(")") else "loads"] += 1
    return found


def body(function: Any) -> str:
    """Return the assembly of a compiled function, without its wrappers for Python."""
    (assembly,) = function.inspect_asm().values()
    return assembly[: assembly.index(".size")]


def vector_bytes(assembly: str) -> int:
    """Width of the widest vectors in use."""
    return next((b for r, b in (("zmm", 64), ("ymm", 32)) if f"%{r}" in assembly), 16)


def _cells(precision: str) -> tuple[np.ndarray, ...]:
    """Cells at rest, with a shape and scales that keep them there."""
    shape = np.repeat([-60.0, -40.0, 1.0, 1e30], LANES)
    scale = np.repeat([0.01, 1e-3, 1e-3, 1.0, 1.0], LANES)
    cells = np.full(STRIDE * ROWS, 1e-3)
    return tuple(aligned(a.astype(precision)) for a in (cells, shape, np.tile(scale, ROWS)))


def _neuron_update(precision: str) -> Loop:
    row, real = membrane("euler", True, False, (True, False)), np.dtype(precision).type

    @nb.njit(nogil=True, error_model="numpy", _nrt=False)
    def neuron_update(cells, passes, shape, scale, words, fired, half, noise_scale):
        for _ in range(passes):
            for w in range(fired.size):
                at = STRIDE * w
                fired[w] = row(
                    cells,
                    at,
                    words,
                    32 * w,
                    shape,
                    0,
                    scale,
                    160 * w,
                    half,
                    noise_scale,
                    noise_scale,
                )

    words = aligned(np.ones(LANES * ROWS, np.uint32))
    rest = (words, np.zeros(ROWS, np.uint32), np.uint32(0), real(1e-3))
    return Loop(neuron_update, (*_cells(precision), *rest), ROWS, products=7)


def _rls_tile(precision: str) -> Loop:
    @nb.njit(nogil=True, error_model="numpy", _nrt=False)
    def rls_tile(p, passes, q, x, sums, columns):
        for _ in range(passes):
            tile_twice(p, 0, q, 0, q, 32, q, 0, q, 32, x, 0, x, 32, sums, 0, columns, 0)

    sizes = (LANES * LANES, 2 * LANES, 2 * LANES, LANES)
    p, q, x, columns = (aligned(np.zeros(n, precision)) for n in sizes)
    sums = beside(p, p.size)
    sums[:] = 0
    # Two of the four are one: both corrections are by the same vector here.
    return Loop(rls_tile, (p, q, x, sums, columns), LANES, products=3)


LOOPS: dict[str, Callable[[str], Loop]] = {
    "MEET: neuron update with noise": _neuron_update,
    "RLS: a row of a tile of P": _rls_tile,
}


def measure() -> dict[str, Any]:
    """Count and time every loop in both precisions."""
    found = []
    with cores(1):
        for precision in PRECISIONS:
            per_ns = products_and_sums(precision)
            for name, make in LOOPS.items():
                say(f"generated code: {name}, {precision}")
                loop = make(precision)
                array, *rest = loop.arguments
                ns = 1e9 / rate(loop.function, loop.rows, array, *rest)
                assembly = body(loop.function)
                numbers = vector_bytes(assembly) / np.dtype(precision).itemsize
                counted = count(assembly)
                rows = counted["products"] * numbers / (loop.products * LANES)
                counts = {k: v / rows for k, v in counted.items()}
                least = numbers * sum(counts[k] for k in ("products", "sums", "comparisons")) / per_ns
                found.append({"loop": name, "precision": precision, **counts, "ns": ns, "least_ns": least})
    return {"rows": found}


HEADER = ("a row of 32", "precision", *COLUMNS, "ns", "ns at the measured rate")


def table(found: dict[str, Any]) -> str:
    """Write it for people."""
    rows = [
        (r["loop"], r["precision"], *(f"{r[k]:.3g}" for k in (*COLUMNS, "ns", "least_ns")))
        for r in found["rows"]
    ]
    return markdown(HEADER, rows)
