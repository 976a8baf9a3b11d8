"""Rows of speed: warm launches between device events, as in `benchmarks.gpu`."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.gpu import ONE_P, Row, instructions_and_bytes, limits, measure, measure_large
from benchmarks.gpu_all.context import Context
from spikewhen.reservoir.rules import RLS, ThreeFactor


def card(context: Context) -> dict[str, Any]:
    """Measure what the card issues and moves per second."""
    numbers, rounds = context.sizes.traffic
    describe = getattr(context.device, "describe", dict)()
    return limits(context.device, 16 * describe.get("multiprocessors", 1), numbers, rounds)


def meet(context: Context, precision: str, replicates: int, dense: bool | None = None) -> dict[str, Any]:
    """Measure R networks of 1,000 cells with a local rule."""
    return _measure(context, Row("MEET", precision, replicates, [ThreeFactor()], "", dense))


def least_squares(context: Context, precision: str, replicates: int) -> dict[str, Any]:
    """Measure R networks of 1,000 cells with one P each, corrected every 2 ms."""
    rule = RLS(interval_ms=2.0, precision=precision, gate=ONE_P)
    return _measure(context, Row("RLS", "float32", replicates, [rule], ""))


def _measure(context: Context, row: Row) -> dict[str, Any]:
    n, life = context.sizes.speed_cells, context.sizes.life_ms
    times, count = measure(context.device, row, n, life, context.sizes.launches)
    issued, moved = (
        x * count * life / (1e-3 * statistics.median(times)) for x in instructions_and_bytes(row, n)
    )
    return {
        "N": n,
        "R": count,
        "wanted": row.replicates,
        "times_life": round(life / statistics.median(times), 2),
        "networks_times_life": round(count * life / statistics.median(times), 1),
        "ms": [round(t, 3) for t in times],
        "life_ms": life,
        "issued_per_s": issued,
        "moved_per_s": moved,
    }


def one_large(context: Context, n: int, degree: int) -> dict[str, Any]:
    """Measure one sparse network over many blocks."""
    life = min(100, context.sizes.life_ms)
    times = measure_large(context.device, n, degree, life, min(3, context.sizes.launches))
    return {
        "N": n,
        "degree": degree,
        "times_life": round(life / statistics.median(times), 3),
        "ms": [round(t, 2) for t in times],
        "life_ms": life,
    }
