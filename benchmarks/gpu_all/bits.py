"""The same bits as the CPU engine on this machine, and as the hashes that were carried along."""

from __future__ import annotations

import time
import traceback
from typing import Any

from benchmarks.gpu_all.carried import KEPT, Carried, cells_of, digest_of_inputs, grid_for
from benchmarks.gpu_all.context import Context, Different
from spikewhen.gpu.backend import GpuEngine, run_batch
from spikewhen.gpu.check import CASES, first_difference, follow, run_on_cpu
from spikewhen.gpu.workload import grid_of, large_network
from spikewhen.reservoir.cpu.engine import CpuEngine


def compare(
    context: Context,
    name: str,
    precision: str,
    last: int,
    replicates: tuple[int, ...],
    repeats: int = 1,
    wide: bool = False,
    steps: int = 0,
) -> dict[str, Any]:
    """Run one case for R networks on the card and once each on the CPU, and compare every hash.

    Parameters
    ----------
    context : Context
    name : str
        Of a case of `spikewhen.gpu.check`.
    precision : str
    last : int
        Readout steps to go.
    replicates : tuple of int
        Each R by itself.
    repeats : int
        How often the card runs each.
    wide : bool
        Whether networks go over many blocks.
    steps : int
        Readout steps of the trials; 0 = as many as the carried hashes are of.

    Raises
    ------
    Different
        With every pair of witnesses that differs.
    """
    sizes, case = context.sizes, CASES[name]
    steps = steps or sizes.steps
    between, carried = min(sizes.between, last), Carried(context.carried)
    inputs = digest_of_inputs(case, precision, cells_of(case, sizes), steps)
    why, kept = carried.hashes(name, precision, inputs)
    if not why and between != sizes.between:
        why, kept = f"carried hashes are {sizes.between} ms apart", []
    kept = [hashes[: -(-last // between)] for hashes in kept]
    count = max(replicates)
    networks = [carried.network(case, sizes, seed) for seed in range(min(count, 7))]
    grids = [grid_for(case, precision, seed) for seed in range(count)]
    found: dict[str, Any] = {"carried": why or "there", "steps": 10 * last}
    broken: list[str] = []
    start = time.perf_counter()
    try:
        cpu = [CpuEngine(networks[i % len(networks)], g) for i, g in enumerate(grids)]
        expected = follow(run_on_cpu, cpu, case, steps, between, last)
    except Exception as error:
        if not kept:
            raise
        found["cpu"] = f"failed, so the carried hashes alone count: {_last_line(error)}"
        expected, replicates = kept, (1, KEPT)
    found["cpu_seconds"] = round(time.perf_counter() - start, 2)
    if kept and (place := first_difference(expected[: len(kept)], kept[:count])):
        broken.append(f"CPU engine here against carried hashes: {_say(place, between)}")
    first = [GpuEngine(context.device, a, grids[0], wide=wide) for a in networks]
    engines = [first[i % len(first)].with_noise(g.noise_seed) for i, g in enumerate(grids)]
    found["gpu_seconds"] = {}
    for r in replicates:
        for repeat in range(repeats):
            start = time.perf_counter()
            made = follow(run_batch, engines[:r], case, steps, between, last)
            found["gpu_seconds"][f"{r}/{repeat}"] = round(time.perf_counter() - start, 2)
            if place := first_difference(made, expected[:r]):
                broken.append(f"R = {r}, repeat {repeat}, against the CPU engine: {_say(place, between)}")
            if kept and (place := first_difference(made[: len(kept)], kept[:r])):
                broken.append(f"R = {r}, repeat {repeat}, against carried hashes: {_say(place, between)}")
    if broken:
        raise Different("; ".join(broken) + f"; {found}")
    return {**found, "R": replicates, "repeats": repeats, "hashes": sum(map(len, expected))}


def over_many_blocks(context: Context) -> dict[str, Any]:
    """Run one network that is cut into blocks on both, and compare."""
    n, degree = context.sizes.wide
    network, case = large_network(n, degree), CASES["open loop, local rule"]
    grid = grid_of("float32", 7)
    steps, between = context.sizes.wide_steps, max(1, context.sizes.wide_steps // 4)
    start = time.perf_counter()
    expected = follow(run_on_cpu, [CpuEngine(network, grid)], case, steps, between)
    seconds = {"cpu": round(time.perf_counter() - start, 2)}
    start = time.perf_counter()
    engine = GpuEngine(context.device, network, grid, wide=True)
    made = follow(run_batch, [engine], case, steps, between)
    seconds["gpu"] = round(time.perf_counter() - start, 2)
    if place := first_difference(made, expected):
        raise Different(f"against the CPU engine: {_say(place, between)}")
    return {"N": n, "degree": degree, "steps": 10 * steps, "seconds": seconds}


def _say(place: tuple[int, int], between: int) -> str:
    replicate, at = place
    return f"replicate {replicate} differs after step {10 * at * between}"


def _last_line(error: Exception) -> str:
    return traceback.format_exception_only(error)[-1].strip()[-300:]
