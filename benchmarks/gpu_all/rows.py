"""What is found out, in the order of its value per second."""

from __future__ import annotations

from functools import partial

from benchmarks.gpu_all import bits, seam, speed, warm, whole
from benchmarks.gpu_all.carried import PRECISIONS
from benchmarks.gpu_all.context import Context, Row, Sizes
from spikewhen.gpu.check import CASES
from spikewhen.reservoir.rules import RLS

LOCAL = "open loop, local rule"
RLS_CASES = [name for name, case in CASES.items() if any(isinstance(rule, RLS) for rule in case.rules)]
CHEAP_CASES = [name for name in CASES if name not in RLS_CASES]


def all_rows(sizes: Sizes) -> list[Row]:
    """Return all rows. The device is the first argument of each."""
    found = [
        Row(0, "machine", 3, seam.machine),
        Row(0, "nvrtc", 2, seam.nvrtc),
        Row(0, "device", 3, seam.describe),
        Row(0, "CuPy's calls", 5, seam.cupy_calls),
        Row(1, "compile", 40, warm.compile_all),
    ]

    def compared(part: int, kind: str, seconds: float, name: str, precision: str, *given, **more) -> None:
        run = partial(_compare, name, precision, *given, **more)
        found.append(Row(part, f"{kind}: {name}, {precision}", seconds, run))

    for precision in PRECISIONS:
        for name in CASES:
            compared(2, "smoke", 2, name, precision, sizes.smoke_steps, (1,))
    for precision in PRECISIONS:
        compared(2, "smoke, over many blocks", 3, LOCAL, precision, sizes.smoke_steps, (1,), wide=True)
    found.append(Row(0, "doctor", 8, seam.doctor))
    found.append(Row(5, "card", 4, speed.card))
    found.append(_speed(5, "float32", sizes.many, 12, sizes))
    found.append(_speed(5, "float32", 1, 3, sizes))
    found.append(_rls_speed(5, "float32", sizes.some, 12, sizes))
    for precision in PRECISIONS:
        for name in CHEAP_CASES:
            compared(3, "bits", 15, name, precision, sizes.steps, sizes.replicates)
    for precision in PRECISIONS:
        for name in RLS_CASES:
            compared(4, "bits", 10, name, precision, sizes.rls_steps, sizes.replicates)
            compared(4, "bits, longer", 5, name, precision, sizes.steps, sizes.replicates[1:2])
    wide = ", ".join(map(str, sizes.wide))
    found.append(Row(6, f"bits: one network over many blocks, {wide}", 20, bits.over_many_blocks))
    found.append(_large(6, sizes.wide, 15))
    found.append(Row(8, "run --backend gpu", 60, whole.runs))
    found.append(_speed(7, "float64", sizes.many, 15, sizes))
    found.append(_speed(7, "float64", 1, 3, sizes))
    found += [_speed(7, "float32", r, 6, sizes) for r in sizes.batches]
    found.append(_rls_speed(7, "float64", sizes.some, 15, sizes))
    found.append(_speed(7, "float32", sizes.many, 12, sizes, dense=False))
    for tool, name in (
        ("racecheck", RLS_CASES[0]),
        ("memcheck", RLS_CASES[0]),
        ("racecheck", CHEAP_CASES[-1]),
    ):
        run = partial(_checked, tool, name, min(300, sizes.local))
        found.append(Row(9, f"{tool}: {name}", 20, run))
    for precision in PRECISIONS:
        for name in CHEAP_CASES:
            compared(10, "repeats", 15, name, precision, sizes.steps, sizes.replicates[-1:], repeats=4)
    found.append(_large(7, sizes.largest, 60))
    return found


def _compare(name: str, precision: str, last: int, replicates: tuple, context: Context, **more):
    return bits.compare(context, name, precision, last, replicates, **more)


def _checked(tool: str, name: str, n: int, context: Context):
    return whole.checked(context, tool, name, "float32", n, 20)


def _speed(part: int, precision: str, r: int, seconds: float, sizes: Sizes, dense: bool | None = None) -> Row:
    rows = "" if dense is None else ", sparse rows"
    name = f"speed: MEET, N = {sizes.speed_cells}, {precision}, R = {r}{rows}"
    return Row(part, name, seconds, partial(speed.meet, precision=precision, replicates=r, dense=dense))


def _rls_speed(part: int, precision: str, r: int, seconds: float, sizes: Sizes) -> Row:
    name = f"speed: RLS every 2 ms, N = {sizes.speed_cells}, P {precision}, R = {r}"
    return Row(part, name, seconds, partial(speed.least_squares, precision=precision, replicates=r))


def _large(part: int, size: tuple[int, int], seconds: float) -> Row:
    name = f"speed: one network over many blocks, {size[0]} cells x {size[1]}"
    return Row(part, name, seconds, partial(speed.one_large, n=size[0], degree=size[1]))
