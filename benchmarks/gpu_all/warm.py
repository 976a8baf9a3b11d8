"""Compile all that later rows need, in processes side by side: for the card, and for the CPU engine."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from benchmarks.gpu import rows as speed_rows
from benchmarks.gpu_all.carried import PRECISIONS, cells_of
from benchmarks.gpu_all.context import Context, Sizes
from spikewhen.gpu.backend import GpuEngine
from spikewhen.gpu.check import CASES, follow, run_on_cpu
from spikewhen.gpu.compile import compile_for_gpu, usage
from spikewhen.gpu.rule_text import rule_text
from spikewhen.gpu.workload import CHANNELS, grid_of, network_of
from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.engine import Readout


class _Shape:
    """As much of a device as the choice of a variant asks for."""

    def __init__(self, shared: int):
        self._shared = shared

    def shared_bytes(self) -> int:
        return self._shared


def tasks(sizes: Sizes) -> list[tuple[Any, ...]]:
    """Return the arguments of `warm` for each variant, from the label on."""
    found: list[tuple[Any, ...]] = []
    for name, case in CASES.items():
        for precision in PRECISIONS:
            found.append((name, name, precision, cells_of(case, sizes), False, None, True))
    local = "open loop, local rule"
    for precision in PRECISIONS:
        found.append(("over many blocks", local, precision, sizes.local, True, None, False))
    for row in speed_rows(sizes.speed_cells, 1, 1):
        found.append((row.name, row.rules, row.precision, sizes.speed_cells, False, None, False))
    found.append(("sparse rows", local, "float32", sizes.speed_cells, False, False, False))
    unique = {repr(one[1:]): one for one in found}
    return list(unique.values())


def warm(
    architecture: str,
    shared: int,
    label: str,
    what: Any,
    precision: str,
    n: int,
    wide: bool,
    dense: bool | None,
    cpu: bool,
) -> dict[str, Any]:
    """Compile one variant for the card and, if asked, the CPU engine's; returns what it takes."""
    case = CASES.get(what) if isinstance(what, str) else None
    rules = case.rules if case else what
    network = network_of(n, 0, **(case.network if case else {}))
    grid = grid_of(precision, 0, case.trace if case else None, **(case.simulation if case else {}))
    engine = GpuEngine(_Shape(shared), network, grid, wide=wide, dense=dense)  # type: ignore[arg-type]
    texts = [rule_text(Readout(rule, CHANNELS, n + 1, grid)) for rule in rules]
    variant = engine.variant(texts, False)
    start = time.perf_counter()
    use = usage(compile_for_gpu(variant.source(texts), architecture).log)
    found = {
        "variant": f"{label}, {precision}, N = {n}",
        "registers": use.registers,
        "spilled": use.spill_bytes,
        "stack": use.stack_bytes,
        "shared": variant.shared_bytes(texts),
        "threads": variant.threads,
        "seconds": round(time.perf_counter() - start, 2),
    }
    if cpu and case:
        start = time.perf_counter()
        follow(run_on_cpu, [CpuEngine(network, grid)], case, 20, 20)
        found["cpu_seconds"] = round(time.perf_counter() - start, 2)
    return found


def compile_all(context: Context) -> dict[str, Any]:
    """Compile all variants; fails if one did not compile or spills registers, and says which."""
    given = tasks(context.sizes)
    shared = context.device.shared_bytes()
    workers = min(len(given), os.cpu_count() or 1)
    variants, broken = [], []
    spawn = multiprocessing.get_context("spawn")  # a forked child would hold the parent's card
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        queued = {pool.submit(warm, context.architecture, shared, *one): one for one in given}
        for done in as_completed(queued):
            try:
                variants.append(done.result())
            except Exception as error:
                last = traceback.format_exception_only(error)[-1].strip()
                broken.append(f"{queued[done][0]}, {queued[done][2]}: {last[-1500:]}")
    if broken:
        raise RuntimeError("; ".join(broken))
    return {"variants": variants, "spilling": [v["variant"] for v in variants if v["spilled"]]}
