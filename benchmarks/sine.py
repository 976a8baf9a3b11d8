"""The sine benchmark (force_sine.toml) on our engine, and its network for everyone.

Nicola & Clopath (2017), IZFORCESINE: N Izhikevich cells that are all alike,
double-exponential synapses, the output fed back every step of .04 ms. Without
learning the readout's weights are zero, but traces, output and feedback are
computed every step; with learning, least squares updates them every 2 ms from
the first step on.
"""

from __future__ import annotations

import math
import time

import numpy as np

from benchmarks.clock import Run
from spikewhen.experiments.config import Experiment, load_config
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.engine import Activity, Readout
from spikewhen.reservoir.network import build_network
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.types import Network, Teaching, Trials

G, SEED = 5000.0, 0
SAMPLE = 10  # steps


def experiment(n: int, precision: str = "float64", precision_of_p: str = "float64") -> Experiment:
    """Return the shipped config with `n` cells; weights scale as G / (p sqrt(n))."""
    base = load_config("force_sine.toml")
    weight = G / (base.network.probability * math.sqrt(n))
    return load_config(
        "force_sine.toml",
        (
            f"network.n_neurons={n}",
            f"network.weight={weight!r}",
            f"simulation.precision={precision}",
            f"rules.force.precision={precision_of_p}",
        ),
    )


def network(n: int) -> Network:
    """Draw the network that everyone simulates."""
    e = experiment(n)
    return build_network(e.network, SEED, 0, 1, e.simulation.dt_ms)


def target(n_steps: int) -> np.ndarray:
    """Return the sine at the end of every step, ``(n_steps,)``."""
    e = experiment(1000)
    return e.paradigm.plan(0, e.simulation.dt_ms).target(0)[:n_steps, 0]


class Ours:
    """The sine benchmark on our engine, from the start every time.

    Parameters
    ----------
    net : Network
    seconds : float
        Biological time of a run.
    learns : bool
    precision, precision_of_p : {"float32", "float64"}
    """

    def __init__(
        self, net: Network, seconds: float, learns: bool, precision: str, precision_of_p: str = "float64"
    ):
        e = experiment(net.n_neurons, precision, precision_of_p)
        self.grid = make_grid(e.simulation, e.trace, SEED)
        self.engine = CpuBackend().load(net, self.grid)
        self.rule, self.n, self.seconds, self.learns = e.rules["force"], net.n_neurons, seconds, learns
        steps = round(seconds * 1000 / self.grid.dt_ms)
        real = self.grid.dtype
        self.target = target(steps)
        self.teaching = Teaching(
            self.target[:, None].astype(real), np.ones((steps, 1), real), np.zeros(steps, np.int8)
        )
        self.trials = Trials(
            0,
            0,
            np.zeros((steps, 1), real),
            np.zeros((0, self.n), real),
            np.full(steps, -1),
            np.zeros((0, 1), real),
            learns,
        )

    def simulate(self) -> tuple[float, Activity]:
        """Return CPU seconds and what happened."""
        state = self.engine.start()
        readout = Readout(self.rule, 1, self.n + 1, self.grid)
        start = time.process_time()
        activity = self.engine.run(state, self.trials, [readout], [self.teaching])
        return time.process_time() - start, activity

    def __call__(self) -> Run:
        """Run once."""
        cpu, activity = self.simulate()
        rate = activity.spike_neuron.size / self.n / self.seconds
        return Run(cpu / self.seconds, rate, rmse(sampled(activity.y[0][:, 0]), self.target, self.learns))


def sampled(series: np.ndarray) -> np.ndarray:
    """Return every tenth value, which is what is kept of Brian2's output."""
    return series[SAMPLE - 1 :: SAMPLE]


def rmse(samples: np.ndarray, wanted: np.ndarray, learns: bool) -> float:
    """Error of sampled outputs over the second half of a run; NaN without learning."""
    if not learns:
        return math.nan
    half, wanted = len(samples) // 2, sampled(wanted)[: len(samples)]
    return float(np.sqrt(np.mean((samples[half:] - wanted[half:]) ** 2)))
