"""How many times faster than life: the MEET reservoir in the open loop, one core.

    python benchmarks/open_loop.py [--neurons 1000] [--seconds 5] [--repeats 7]

Reports the median over repeats of biological over CPU time, with noise on and
off, without a readout, with the local rule, and the cost of one RLS update.
CPU time, not wall time: other work on the machine then matters less.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from reservoir.cpu import CpuBackend
from reservoir.grid import SimulationSpec, TraceSpec, make_grid
from reservoir.network import NetworkSpec, build_network
from reservoir.rules import RLS, ThreeFactor
from reservoir.types import Readout, Teaching, Trials


def measure(n: int, seconds: float, repeats: int, precision: str, noise: float, rules: list) -> float:
    """Return the median CPU seconds for `seconds` of life."""
    network = build_network(NetworkSpec(n_neurons=n), 0, 1, 2, 0.1)
    grid = make_grid(SimulationSpec(precision=precision, noise=noise), TraceSpec(), 1)
    steps = round(seconds * 1000)
    trials = Trials(
        0, 0, np.zeros((steps, 3), precision), np.zeros((0, n), precision), np.full(steps, -1),
        np.zeros((0, 2), precision), True,
    )  # fmt: skip
    ones = np.ones((steps, 2), precision)
    teaching = [Teaching(ones, ones, np.zeros(steps, np.int8)) for _ in rules]
    engine = CpuBackend().load(network, grid)
    state = engine.start()
    readouts = [Readout(r, 2, n + 1, grid) for r in rules]
    times = []
    for _ in range(repeats + 1):  # the first one compiles
        start = time.process_time()
        engine.run(state, trials, readouts, teaching)
        times.append(time.process_time() - start)
    return statistics.median(times[1:])


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--neurons", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=7)
    a = parser.parse_args()
    print(f"N = {a.neurons}, dt = .1 ms, median of {a.repeats}, one core, times real time")
    print("| precision | noise | reservoir | with local rule | RLS update, ms |")
    print("|---|---|---|---|---|")
    for precision in ("float64", "float32"):
        for noise in (20.0, 0.0):
            bare = measure(a.neurons, a.seconds, a.repeats, precision, noise, [])
            local = measure(a.neurons, a.seconds, a.repeats, precision, noise, [ThreeFactor()])
            rls = RLS(interval_ms=20.0, precision=precision)
            update = (measure(a.neurons, a.seconds, a.repeats, precision, noise, [rls]) - bare) / (
                a.seconds * 50 * 2  # two channels, each with its P
            )
            print(
                f"| {precision} | {'on' if noise else 'off'} | {a.seconds / bare:.0f} | "
                f"{a.seconds / local:.0f} | {1000 * update:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
