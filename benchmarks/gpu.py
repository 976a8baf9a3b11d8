"""How fast the GPU is: ``make gpu-bench``, or ``python -m benchmarks.gpu``. Needs a GPU.

Times are between device events, medians of warm launches that each carry all
networks through the same segment of life; nothing is uploaded or downloaded in
between. Beside them stand what a step takes, counted from the kernel's text (a
count of instructions a warp issues, and of bytes to and from memory), and the
share of what this card was just measured to issue and to move.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from spikewhen.gpu.backend import USABLE, GpuEngine, bytes_of_replicate
from spikewhen.gpu.batch import Batch, Request
from spikewhen.gpu.device import CudaDevice, Device
from spikewhen.gpu.rule_text import FOLDER, RuleText, rule_text
from spikewhen.gpu.source import Variant
from spikewhen.gpu.upload import Loaded, arrange
from spikewhen.gpu.workload import CHANNELS, grid_of, large_network, network_of, taught, trials_of
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import DeviceError
from spikewhen.reservoir.rules import RLS, Gate, ThreeFactor

THREEFRY = (12 * 6 + 16) / 8
"""Instructions per cell and step: twelve rounds of 2 sums, 2 turns and 2 exclusive ors, and 16 sums of keys;
one call serves 4 cells in 2 steps."""
DRAW = 4 / 2 + 4
"""Digit sums (a pair of draws), then shift, subtract, convert, scale."""
MEMBRANE = 14 + 8
"""Products and sums of the equations, current and drive; compare, select, ballot, any."""
SPIKE = 8
"""Per spike, row of 32 targets and warp: address, load, add; the mask."""
READOUT = 40
"""Per cell and readout step: traces, mean, variance, division, root, features, drive."""
DOT_AND_UPDATE = 6
"""Per weight and readout step: two products with their loads, the update with load and store."""
RATE_HZ = 3.0
"""Assumed where it enters; spikes are a small part."""

ONE_P = Gate(kind="none", undelivered="zero")
"""One P serves all channels, as in FORCE."""


class Row(NamedTuple):
    """One line of the table."""

    name: str
    precision: str
    replicates: int
    rules: list
    goal: str
    dense: bool | None = None  # whether rows of weights are kept in full


def rows(n: int, many: int, some: int) -> list[Row]:
    """Return what is measured: `many` networks with a local rule, `some` with least squares."""
    table = []
    for precision, goal, single in (("float32", "20 (35)", "100 (240)"), ("float64", "10", "-")):
        table.append(Row(f"MEET, N = {n}, local rule", precision, many, [ThreeFactor()], goal))
        table.append(Row(f"MEET, N = {n}, local rule", precision, 1, [ThreeFactor()], single))
        rls = RLS(interval_ms=2.0, precision=precision, gate=ONE_P)
        goal = "5" if precision == "float32" else "2.5"
        table.append(Row(f"RLS every 2 ms, N = {n}, P {precision}", "float32", some, [rls], goal))
    return table


def measure(device: Device, row: Row, n: int, life_ms: int, repeats: int) -> tuple[list[float], int]:
    """Return the milliseconds of warm launches, each `life_ms` of all networks, and the number of these."""
    grid = grid_of(row.precision, 0)
    first = GpuEngine(device, network_of(n), grid, dense=row.dense)
    steps = life_ms * (repeats + 1)
    trials = trials_of(grid, n, steps)
    texts = [rule_text(r) for r in taught(row.rules, n, grid, trials)[0]]
    variant = first.variant(texts, False)
    readouts, teaching = taught(row.rules, n, grid, trials)
    lessons = [t._replace(gate=np.ones_like(t.gate)) for t in teaching]
    # Every network has weights and noise of its own; drawn once, as the time does not depend on the draw.
    one = Request(first.start(), trials, readouts, lessons)
    count = replicates_that_fit(device, first, variant, texts, one, row.replicates)
    arrays = arrange(variant, first.derived)
    requests = [
        Request(first.start(), trials, [Readout(rule, CHANNELS, n + 1, grid) for rule in row.rules], lessons)
        for _ in range(count)
    ]
    capacity = 4 * variant.sub_steps * n
    batch = Batch(
        device,
        variant,
        texts,
        [Loaded(device, arrays) for _ in range(count)],
        [grid._replace(noise_seed=i) for i in range(count)],
        requests,
        capacity,
    )
    launch, jobs = batch.ready()
    times = []
    for repeat in range(repeats + 1):
        begin = device.mark()
        launch(jobs, repeat % 2, life_ms, count)
        times.append(device.elapsed_ms(begin, device.mark()))
        reached = batch.stacks[f"reached{repeat % 2}"].read()[:, 1]
        if not np.all(reached == (repeat + 1) * life_ms):
            raise DeviceError(f"{row.name}: a launch stopped early, at {int(reached.min())} ms")
    return times[1:], count


def measure_large(device: Device, n: int, degree: int, life_ms: int, repeats: int) -> list[float]:
    """Return the milliseconds that `life_ms` of one sparse network takes again and again, float32."""
    grid, rules = grid_of("float32", 0), [ThreeFactor()]
    engine = GpuEngine(device, large_network(n, degree), grid, wide=True)
    trials = trials_of(grid, n, life_ms * (repeats + 1))
    readouts, lessons = taught(rules, n, grid, trials)
    texts = [rule_text(r) for r in readouts]
    variant = engine.variant(texts, False)
    request = Request(engine.start(), trials, readouts, lessons)
    batch = Batch(
        device, variant, texts, [engine.loaded(variant)], [grid], [request], 4 * variant.sub_steps * n
    )
    launch, jobs = batch.ready()
    times = []
    for repeat in range(repeats + 1):
        begin = device.mark()
        batch.queue_phases(launch, jobs, life_ms)
        times.append(device.elapsed_ms(begin, device.mark()))
        if (reached := int(batch.stacks["progress"].read()[0, 0])) != (repeat + 1) * life_ms:
            raise DeviceError(f"the large network stopped early, at {reached} ms")
    return times[1:]


def replicates_that_fit(
    device: Device, engine: GpuEngine, variant: Variant, texts: list[RuleText], request: Request, wanted: int
) -> int:
    """Fewer than wanted where memory is short; the table then says so."""
    need = bytes_of_replicate(engine, variant, texts, request) + engine.bytes_to_load(variant)
    return max(1, min(wanted, int(USABLE * device.free_bytes() / need)))


def instructions_and_bytes(row: Row, n: int) -> tuple[float, float]:
    """Count what one network takes per millisecond of life: warp instructions, and bytes of memory."""
    real = np.dtype(row.precision).itemsize
    warps, steps, spikes = n / 32, 10, RATE_HZ * n / 1000
    issued = steps * warps * (THREEFRY + DRAW + MEMBRANE) + spikes * warps * SPIKE + warps * READOUT
    moved = spikes * n * real  # rows of weights
    for rule in row.rules:
        if isinstance(rule, RLS):
            size, updates = np.dtype(rule.precision).itemsize, 1 / rule.interval_ms
            entries = n * n / 2
            issued += updates * entries / 32 * 10
            moved += updates * entries * 1.5 * size  # every second update writes
        else:
            issued += 2 * warps * DOT_AND_UPDATE
            moved += 2 * n * 3 * real
    return issued, moved


def limits(device: Device, blocks: int, numbers: int, rounds: int) -> dict[str, float]:
    """Measure what the card issues (warp instructions per second) and moves (bytes per second)."""
    source = (FOLDER / "limits.cu").read_text(encoding="utf-8")
    launch = device.kernel(source, 256, 64)
    memory = device.upload(np.ones((numbers, 4), np.float32))
    job = device.upload(np.array([memory.pointer, numbers], np.uint64))
    found = {}
    for name, kind, per_launch in (
        ("issued", 0, blocks * 8 * rounds * 32.0),
        ("issued_integer", 1, blocks * 8 * rounds * 16 * 2.0),
        ("moved", 2, numbers * 32.0),
    ):
        times = []
        for _ in range(6):
            begin = device.mark()
            launch(job, kind, blocks if kind == 2 else rounds, blocks)
            times.append(device.elapsed_ms(begin, device.mark()))
        found[name] = per_launch / (1e-3 * statistics.median(times[1:]))
    return found


def report(
    device: Device, n: int, many: int, some: int, life_ms: int, repeats: int, card: dict[str, float]
) -> None:
    """Print the table."""
    print(
        f"measured on this card: {card['issued']:.3g} warp instructions per second (float), "
        f"{card['issued_integer']:.3g} (wide products), {card['moved']:.3g} bytes per second"
    )
    print(f"medians of {repeats} launches of {life_ms} ms of life, warm, device events")
    print("| what | precision | R | times life | goal (aim) | ms per launch | instructions | bytes |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows(n, many, some):
        try:
            times, count = measure(device, row, n, life_ms, repeats)
        except MemoryError:
            print(f"| {row.name} | {row.precision} | {row.replicates} | out of memory | {row.goal} | | | |")
            continue
        ms = statistics.median(times)
        issued, moved = (x * count * life_ms / (1e-3 * ms) for x in instructions_and_bytes(row, n))
        fewer = "" if count == row.replicates else f" (of {row.replicates}: memory)"
        print(
            f"| {row.name} | {row.precision} | {count}{fewer} | {life_ms / ms:.1f} | {row.goal} | "
            f"{ms:.2f} | {issued / card['issued']:.0%} | {moved / card['moved']:.0%} |",
            flush=True,
        )


def report_large(device: Device, n: int, degree: int, life_ms: int, repeats: int) -> None:
    """Print the line of the large sparse network."""
    try:
        ms = statistics.median(measure_large(device, n, degree, life_ms, repeats))
        found = f"{life_ms / ms:.2f} times life, {ms / life_ms:.3f} ms per ms"
    except MemoryError:
        found = "out of memory"
    print(
        f"one network of {n} cells x {degree} synapses, float32, local rule, many blocks: {found}", flush=True
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure on the GPU; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--neurons", type=int, default=1000)
    parser.add_argument("--networks", type=int, default=1024, help="with the local rule")
    parser.add_argument("--rls-networks", type=int, default=256)
    parser.add_argument("--large-neurons", type=int, default=100_000)
    parser.add_argument("--large-degree", type=int, default=1000)
    parser.add_argument("--life-ms", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=7)
    a = parser.parse_args(arguments)
    try:
        device = CudaDevice()
        described = device.describe()
        print(f"gpu-bench, {datetime.now(UTC):%Y-%m-%d}: {described}")
        card = limits(device, 16 * described["multiprocessors"], 2**26, 4096)
        report(device, a.neurons, a.networks, a.rls_networks, a.life_ms, a.repeats, card)
        report_large(device, a.large_neurons, a.large_degree, 100, 3)
    except DeviceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
