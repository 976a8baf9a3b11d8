"""What is searched: every parameter, its range and why it may matter. Read and change here."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import optuna

from spikewhen.experiments.config import Experiment

SEARCH_SEEDS = (1000, 1001, 1002, 1003)
"""The four counterbalancings: identity and order of the events. Seeds 0-19 are for reporting only."""

FRESH_SEEDS = tuple(range(1100, 1112))
"""On which the best candidates and the shipped parameters are compared."""


class Parameter(NamedTuple):
    """One dimension; the start is the shipped value."""

    path: str  # in the experiment
    low: float
    high: float
    log: bool
    why: str


REGIME = (
    Parameter("network.drive_pa", 20, 140, False, "activity from the cue on; the rate that carries time"),
    Parameter("network.bias_pa", 0, 60, False, "activity between trials: what the last one leaves behind"),
    Parameter("network.bias_spread", 0.05, 0.5, False, "from all cells near threshold to few"),
    Parameter("network.cue_pa", 50, 1200, True, "how far a cue throws the network from its noise"),
    Parameter("network.cue_fraction", 0.1, 1.0, False, "how many cells follow the cue by themselves"),
    Parameter("network.weight", 0.3, 6, True, "recurrence: echoes of the cue against amplified noise"),
    Parameter("network.inhibition", 1.5, 10, True, "balance; strong inhibition silences"),
    Parameter("network.parameter_spread", 0, 0.5, False, "variety of time courses"),
    Parameter("network.slow_a_min", 0.0004, 0.004, True, "slowest adaptation: how long time is carried"),
    Parameter("network.slow_a_max", 0.008, 0.2, True, "fastest adaptation"),
    Parameter("network.synapse_decay_ms.0", 5, 60, True, "fast synapses"),
    Parameter("network.synapse_decay_ms.1", 60, 300, True, "slow synapses"),
    Parameter("trace.decay_ms", 15, 60, True, "width of a feature against its noise"),
    Parameter("trace.rise_ms", 5, 45, True, "the same, its onset"),
    Parameter("trace.normalise_ms", 1500, 20000, True, "memory of a cell's mean and SD"),
    Parameter("rules.local.eta", 0.004, 0.08, True, "speed against the rule's own variance"),
    Parameter("rules.local.gate.baseline", 0.05, 1, True, "how fast silence outside the window is learned"),
    Parameter("rules.local.gate.half_width_ms", 45, 200, True, "where the gate is fully open"),
)
"""Left out of the first phase: consolidation (averages weights, tuned with the rule in the second), epsilon
(|e||x| is about 1 with normalised features), cell mixes and out-degree (the hand search moved nothing).
Fixed by the claims: noise, step, size, no reset."""

REGIME_RLS = (
    *(p for p in REGIME if not p.path.startswith("rules.")),
    Parameter("rules.rls.alpha", 0.001, 10.0, True, "ridge of the first trials"),
    *(p._replace(path=p.path.replace("local", "rls")) for p in REGIME if ".gate." in p.path),
)
"""As many parameters for a network that least squares, told of every switch, is to learn from."""


def read(part: Any, path: str) -> Any:
    """Look up a dotted path in nested dataclasses, dicts and tuples."""
    for key in path.split("."):
        part = (
            part[key] if isinstance(part, dict) else part[int(key)] if key.isdigit() else getattr(part, key)
        )
    return part


def replaced(part: Any, path: str, value: Any) -> Any:
    """Return a copy with the value at a dotted path replaced."""
    key, _, rest = path.partition(".")
    new = replaced(read(part, key), rest, value) if rest else value
    if isinstance(part, dict):
        return {**part, key: new}
    if isinstance(part, tuple):
        return (*part[: int(key)], new, *part[int(key) + 1 :])
    return dataclasses.replace(part, **{key: new})


def suggest(trial: optuna.trial.BaseTrial, space: tuple[Parameter, ...]) -> dict[str, float]:
    """Draw a point, in three significant digits: what is shipped should be readable."""
    drawn = {p.path: trial.suggest_float(p.path, p.low, p.high, log=p.log) for p in space}
    return {path: float(f"{value:.3g}") for path, value in drawn.items()}


def applied(experiment: Experiment, values: dict[str, float]) -> Experiment:
    """Return the experiment at a point of the space."""
    for path, value in values.items():
        experiment = replaced(experiment, path, value)
    return experiment
