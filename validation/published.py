"""Against published behaviour: FORCE on a sine, the network of Nicola & Clopath (2017), IZFORCESINE.

The free run is judged by the sinusoid fitted to it, not by its RMSE: a tiny
error of frequency lets the phase drift and the RMSE grow with time.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from spikewhen.analysis.free_run import rmse
from spikewhen.experiments.config import Experiment, load_config
from spikewhen.experiments.run import run as run_experiment
from spikewhen.reservoir.files import schema
from spikewhen.validation.findings import CheckResult, Context

NEEDS_BRIAN2 = False
SEEDS = (1000, 1001, 1002)
CONFIG = "force_sine.toml"
SETTLED_MS = 2000.0
"""From here on the output follows the target; the published error is given after 2 to 5 s."""

# The published code and re-implementations of it, RLS every 2 ms: about 37 Hz when learning, RMSE
# .016 to .05 after 2 to 5 s of learning, free-run residual .04 to .05. Frequency and amplitude are
# the target's, 5 Hz and 1, within 2 and 10 %.
BOUNDS = {
    "rate_learning_hz": (37 * 0.9, 37 * 1.1),
    "rmse_learning": (0.0, 0.05),
    "free_residual": (0.0, 0.08),
    "free_frequency_hz": (4.9, 5.1),
    "free_amplitude": (0.9, 1.1),
}
TITLES = {
    "rate_learning_hz": "rate when learning, Hz",
    "rmse_learning": "RMSE when learning, from 2 s on",
    "free_residual": "free run: residual of the fitted sinusoid",
    "free_frequency_hz": "free run: fitted frequency, Hz",
    "free_amplitude": "free run: fitted amplitude",
}


class Sine(NamedTuple):
    """One run."""

    rate_learning_hz: float
    rmse_learning: float
    free_residual: float
    free_frequency_hz: float
    free_amplitude: float
    rate_free_hz: float
    rate_by_second_hz: list[float]


def learn_sine(experiment: Experiment, seed: int) -> Sine:
    """Learn, run free, measure."""
    recording = run_experiment(experiment, seed)
    (label,) = experiment.rules
    n = experiment.network.n_neurons
    t = recording[schema.readout(label, "time_ms")]
    y = recording[schema.readout(label, "trials", "y")][0, :, 0]
    target = np.sin(2 * np.pi * experiment.paradigm.frequency_hz[0] * t / 1000)
    late = t > SETTLED_MS
    # The run begins with a second of settling, in which the untrained network fires at 5 to 6 Hz.
    at, end = (
        recording[schema.spikes("reservoir", "timestamps")] - recording[schema.trial("onset_ms")][0],
        float(t[-1]),
    )
    by_second = np.histogram(at, np.arange(0, end + 1, 1000))[0] / n
    found = {name: float(recording[schema.scores(label, name)][0]) for name in Sine._fields[2:5]}
    return Sine(
        rate_learning_hz=float(np.sum(at > SETTLED_MS) / n / (end - SETTLED_MS) * 1000),
        rmse_learning=rmse(y[late], target[late]),
        **found,
        rate_free_hz=float(recording[schema.spikes("probes", "timestamps")].size / n / end * 1000),
        rate_by_second_hz=[float(x) for x in by_second],
    )


def run(context: Context) -> list[CheckResult]:
    """Run the sine network on several seeds."""
    n = 1000 if context.quick else 2000
    weight = 5000 / (0.1 * math.sqrt(n))  # G / (p sqrt(N))
    changes = (f"network.n_neurons={n}", f"network.weight={weight!r}", 'record.spikes="all"')
    experiment = load_config(CONFIG, changes)
    context.say(f"N = {n}, {len(SEEDS)} seeds")
    with ThreadPoolExecutor(context.threads) as pool:
        runs = list(pool.map(lambda seed: learn_sine(experiment, seed), SEEDS))
    found = []
    for name, (low, high) in BOUNDS.items():
        values = [getattr(r, name) for r in runs]
        found.append(
            CheckResult(
                "published sine",
                f"{TITLES[name]}; N = {n}, {len(SEEDS)} seeds",
                ", ".join(f"{v:.3g}" for v in values),
                f"{low:.3g} to {high:.3g}" if low else f"at most {high:g}",
                all(low <= v <= high for v in values),
                {"values": values},
            )
        )
    return found
