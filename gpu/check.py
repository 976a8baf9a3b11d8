"""The GPU leaves the same bits as the Numba engine: ``make gpu-check``, or ``python -m spikewhen.gpu.check``.

Every case runs R networks on the GPU, again and again, and once each on the
CPU; after every thousand steps everything that changes is hashed: membranes,
currents, traces, spikes, outputs, weights, P. Needs a GPU: without one it ends
with an error, so it cannot pass on a CPU.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from spikewhen.gpu.backend import GpuEngine, run_batch
from spikewhen.gpu.batch import Request
from spikewhen.gpu.device import CudaDevice, Device
from spikewhen.gpu.workload import grid_of, network_of, taught, trials_of
from spikewhen.reservoir.cell_states import part_of
from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.engine import Activity
from spikewhen.reservoir.errors import DeviceError
from spikewhen.reservoir.rules import (
    LMS,
    NLMS,
    RLS,
    TD,
    Gate,
    Kalman,
    NodePerturbation,
    Retrospective,
    RewardHebbian,
    RLSSurprise,
    ThreeFactor,
    Unlearn,
    WhatReadout,
)

BETWEEN_HASHES = 100
"""Readout steps, i.e. a thousand steps of 0.1 ms."""


class Case(NamedTuple):
    """A kind of network and the rules that learn from it."""

    network: dict
    trace: dict
    simulation: dict
    rules: list


LOCAL = ThreeFactor(eta=0.1, eligibility_ms=20.0, consolidation=0.1)
UNLEARNS = ThreeFactor(
    eta=0.1,
    consolidation=0.5,
    unlearn=Unlearn(above=0.01, all_at=0.5, after=1, rate=0.1, error=0.1),
    what=WhatReadout(anneal=True, restart=0.1, restart_after=2),
)
WAITS = Retrospective(eta=0.1, back=0.02, late_ms=10.0, unlearn=Unlearn(above=0.0, all_at=2.0, after=1))
LEAST_SQUARES = RLS(memory_trials=20)
LIMITED = RLS(memory_trials=0.02, interval_ms=1.0, alpha=0.1, growth_limit=1.5)
SURPRISED = RLSSurprise(surprise_above=0.0, surprise_after=1)
EXPLORE = [NodePerturbation(), RewardHebbian(), RewardHebbian(modulation="graded"), TD(trace_ms=20.0)]
WALKS = Kalman(drift=1.0)
ONE_P = RLS(gate=Gate(kind="none", undelivered="zero"), precision="float32")
CASES = {
    "open loop, all rules": Case({}, {}, {}, [LOCAL, LMS(eta=0.001), LEAST_SQUARES, LIMITED, ONE_P]),
    "open loop, local rule": Case({}, {}, {}, [ThreeFactor()]),
    "open loop, rules that unlearn": Case({}, {}, {}, [UNLEARNS, WAITS, SURPRISED]),
    "open loop, rules that normalise or walk": Case({}, {}, {}, [NLMS(), WALKS]),
    "open loop, rules that explore or look ahead": Case({}, {}, {}, EXPLORE),
    "closed loop, local rule": Case(dict(feedback_pa=20.0), dict(rise_ms=0.0), {}, [LOCAL]),
    "closed loop, LMS, delays": Case(
        dict(feedback_pa=20.0, delay_max_ms=3.0), dict(normalise_ms=0.0), {}, [LMS(eta=0.001)]
    ),
    "closed loop, RLS, double exponential, Heun": Case(
        dict(feedback_pa=20.0, synapse_rise_ms=2.0), {}, dict(scheme="heun"), [LEAST_SQUARES]
    ),
    "closed loop, RLS with one P in float32": Case(dict(feedback_pa=20.0), {}, {}, [ONE_P]),
}


def follow(
    run: Callable, engines: list, case: Case, steps: int, between: int = BETWEEN_HASHES, last: int = 0
) -> list[list[str]]:
    """Advance all engines side by side; returns a hash per replicate and `between` readout steps.

    Parameters
    ----------
    run : callable
        ``run(engines, requests)`` returns activities, or errors in their place.
    engines : list
        With ``start``, ``grid`` and ``network``.
    case : Case
    steps : int
        Readout steps of the trials, which are drawn as a whole.
    between : int
        Readout steps from one hash to the next.
    last : int
        The readout step to end at; 0 = at the end of the trials.
    """
    grid, n = engines[0].grid, engines[0].network.n_neurons
    trials = [trials_of(grid, n, steps, seed) for seed in range(len(engines))]
    states = [e.start() for e in engines]
    readouts, teaching = zip(*[taught(case.rules, n, grid, t) for t in trials], strict=True)
    hashes: list[list[str]] = [[] for _ in engines]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for begin in range(0, last or steps, between):
            requests = []
            for i in range(len(engines)):
                end = min(begin + between, last or steps)
                piece, lesson = part_of(trials[i], teaching[i], grid, begin, end)
                requests.append(Request(states[i], piece, readouts[i], lesson))
            for found, made in zip(hashes, pool.map(_hash, requests, run(engines, requests)), strict=True):
                found.append(made)
    return hashes


def _hash(request: Request, activity: Activity | Exception) -> str:
    if isinstance(activity, Exception):
        raise activity
    digest = hashlib.blake2b(digest_size=12)
    arrays = [activity.spike_step, activity.spike_neuron, *activity.y, *activity.p_hat, *request.state]
    for readout in request.readouts:
        arrays += [*readout.state, readout.v, readout.window_sum, readout.count, readout.seen]
        arrays += [readout.surprise]
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def run_on_cpu(engines: list[CpuEngine], requests: list[Request]) -> list[Activity]:
    """Run each request on an engine of its own, on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda e, q: e.run(*q), engines, requests))


def check(
    device: Device, name: str, precision: str, replicates: int, n: int, steps: int, repeats: int
) -> str:
    """Compare one case; returns "" if every hash agrees, else the first that does not."""
    case = CASES[name]
    drawn = [network_of(n, seed, **case.network) for seed in range(min(replicates, 7))]
    networks = [drawn[i % len(drawn)] for i in range(replicates)]
    grids = [grid_of(precision, 1000 + i, case.trace, **case.simulation) for i in range(replicates)]
    cpu = [CpuEngine(a, g) for a, g in zip(networks, grids, strict=True)]
    expected = follow(run_on_cpu, cpu, case, steps)
    first = [GpuEngine(device, a, grids[0]) for a in drawn]
    engines = [first[i % len(first)].with_noise(g.noise_seed) for i, g in enumerate(grids)]
    for repeat in range(repeats):
        if place := first_difference(follow(run_batch, engines, case, steps), expected):
            replicate, at = place
            before = at * BETWEEN_HASHES * grids[0].steps_per_readout
            return f"repeat {repeat}, replicate {replicate}: differs after step {before}"
    return ""


def first_difference(found: list[list[str]], expected: list[list[str]]) -> tuple[int, int] | None:
    """Return the replicate and the place of the first hash that differs, or None."""
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        for at, (a, b) in enumerate(zip(one, other, strict=True)):
            if a != b:
                return i, at
    return None


def main(arguments: list[str] | None = None) -> int:
    """Check everything on the GPU; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--neurons", type=int, default=1000, help="of networks with local rules")
    parser.add_argument(
        "--rls-neurons", type=int, default=160, help="P, up and down for every hash, grows as N^2"
    )
    parser.add_argument("--cases", default="", help="only those whose name holds these words")
    parser.add_argument("--steps", type=int, default=100_000, help="of 0.1 ms")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--replicates", default="1,7,256")
    a = parser.parse_args(arguments)
    try:
        device = CudaDevice()
        print(f"gpu-check, {datetime.now(UTC):%Y-%m-%d}: {device.describe()}")
        replicates = [int(r) for r in a.replicates.split(",")]
        return report(device, a.neurons, a.rls_neurons, a.steps, a.repeats, replicates, a.cases)
    except DeviceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def report(
    device: Device, n: int, n_rls: int, steps: int, repeats: int, replicates: list[int], only: str = ""
) -> int:
    """Check every case and print a line for each. Return 0 if all are equal, else 1."""
    different = done = 0
    print(f"{steps} steps, a hash every 1000, {repeats} repeats, against the Numba engine")
    for name, case in CASES.items():
        size = n_rls if any(isinstance(rule, RLS) for rule in case.rules) else n
        for precision in ("float32", "float64") if only in name else ():
            for r in replicates:
                found = check(device, name, precision, r, size, steps // 10, repeats)
                different, done = different + bool(found), done + 1
                print(f"{name}, {precision}, N = {size}, R = {r}: {found or 'equal'}", flush=True)
    print(f"{different} of {done} differ" if different or not done else f"all {done} equal")
    return int(different > 0 or done == 0)


if __name__ == "__main__":
    sys.exit(main())
