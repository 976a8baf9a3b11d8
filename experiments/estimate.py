"""What a run costs, from the numbers that decide it, before anything of that size is allocated."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spikewhen.paradigms.base import Size
from spikewhen.reservoir.types import Session, TimeGrid

NS_PER_NEURON_STEP = 1.2
NS_PER_SYNAPTIC_EVENT = 1.0
NS_PER_TRACE = 2.0
"""One cell at one readout step, where spikes come from a recording."""
NS_PER_WEIGHT = 1.9
"""One readout weight, read and updated at one readout step."""
NS_PER_ENTRY_OF_P = 0.12
"""One entry of the N x N matrix of least squares in one update."""
NS_OF_SCORES, NS_OF_CEILING = 14e3, 2.4e3
"""Per N^2, where all spikes are kept: replay and geometry, and the ridge ceiling of one block."""
NS_OF_DRAWING = 5.0
"""Per pair of cells, of drawing the synapses."""
NS_PER_PIECE = 3e5
"""The run is cut wherever states of cells are kept."""
ASSUMED_RATE_HZ = 4.0
FIXED_S, FIXED_BYTES = 1.0, 300e6
"""Of a warm start (the very first run compiles for some 15 s more), and of the libraries.

These constants were measured on one core of a 2-core x86-64 machine at N = 1000,
dt = 0.1 ms, double precision, noise on. Expect a factor of two either way.
"""
FIXED_DISK = 0.3e6
"""Of the headers of some hundred arrays in a file, and of the JSON beside it."""
BYTES_PER_TRIAL, BYTES_PER_PROBE = 1300, 250
"""Of the tables of a session while they are drawn: a trial's jitter is one of 64 draws."""


class Estimate(NamedTuple):
    """What one run costs on one core."""

    seconds: float
    memory_bytes: float
    disk_bytes: float


class Part(NamedTuple):
    """What one value of a config, or a few, adds to the cost of a run."""

    keys: str
    seconds: float = 0.0
    memory_bytes: float = 0.0
    disk_bytes: float = 0.0


def size_of(session: Session) -> Size:
    """Return the numbers of a session that is planned."""
    trials, probes = session.trials, session.probes
    return Size(
        trials=trials.block.size,
        probes=probes.block.size,
        steps=session.time_ms.size,
        blocks=int(trials.block.max(initial=-1)) + 1,
        n_cues=session.n_cues,
        n_channels=session.n_channels,
        silence_ms=float(trials.interval_ms.sum() + probes.interval_ms.sum()),
        moments=len(set(probes.after_trial.tolist())),
    )


def parts_of(experiment: Any, grid: TimeGrid, size: Size, simulate: bool = True) -> list[Part]:
    """Return what a run costs, part by part.

    Parameters
    ----------
    experiment : spikewhen.experiments.config.Experiment
    grid : TimeGrid
    size : Size
        Of the session.
    simulate : bool
        False where rules are trained on spikes that are there.
    """
    spec, record, simulation = experiment.network, experiment.record, experiment.simulation
    n, k, step = float(spec.n_neurons), float(size.n_channels), grid.readout_step_ms
    trials, probes, rules = float(size.trials), float(size.probes), len(experiment.rules)
    trial_ms = size.steps * step
    real = grid.dtype.itemsize
    degree = {"out_degree": spec.out_degree, "probability": spec.probability * n}.get(spec.connectivity, 1.0)

    def passing(total_ms: float) -> float:
        """Seconds in which a time of the run passes."""
        work = NS_PER_TRACE * n * total_ms / step
        if simulate:
            spikes = n * ASSUMED_RATE_HZ * total_ms / 1000
            work = NS_PER_NEURON_STEP * n * total_ms / grid.dt_ms + NS_PER_SYNAPTIC_EVENT * spikes * degree
        return 1e-9 * (work + NS_PER_WEIGHT * rules * k * n * total_ms / step)

    kept = (trials if record.trials else 0.0) + probes
    readouts = rules * kept * (trial_ms / record.readouts_every_ms) * k * 2 * real
    weights = rules * (size.moments + 1.0) * k * 2 * n * real
    slots = 1 + spec.delay_max_ms / grid.dt_ms if spec.delay_max_ms > 0 else 0.0
    inputs = size.n_cues + k
    keys = size.keys
    scoring = 0.0
    if record.spikes == "all" and size.n_cues:
        scoring = 1e-9 * ((NS_OF_SCORES if record.geometry else 0) + NS_OF_CEILING * size.blocks) * n**2
    drawing = 1e-9 * NS_OF_DRAWING * n**2 if simulate and spec.connectivity != "delay_line" else 0.0
    session = f"paradigm.{keys.steps}, {keys.trials}, {keys.probes}"
    parts = [
        Part("the start", FIXED_S, FIXED_BYTES, FIXED_DISK),
        Part("network.n_neurons", drawing + scoring, n * (degree * 32 + inputs * 24), 0.8 * n * degree * 16),
        Part("network.delay_max_ms", 0.0, n * 2 * slots * real),  # of slots a probe has its own
        Part(f"paradigm.{keys.trials}", 0.0, trials * BYTES_PER_TRIAL),
        Part(f"paradigm.{keys.probes}", 0.0, probes * BYTES_PER_PROBE),
        Part(f"paradigm.{keys.steps}", 0.0, size.steps * 8.0 * (3 + 2 * inputs + 4 * k)),
        Part(f"record.readouts_every_ms, {session}", 0.0, readouts, 0.42 * readouts),
        Part("the weights kept at probes", 0.0, weights, 0.8 * weights),
    ]
    times = {
        "simulation.settle_ms": simulation.settle_ms,
        f"paradigm.{keys.silence}": size.silence_ms,
        session: (trials + probes) * trial_ms,
    }
    for key, total_ms in times.items():
        kept_spikes = n * ASSUMED_RATE_HZ * total_ms / 1000 * _share_kept(record, n)
        parts.append(Part(key, passing(total_ms)))
        parts.append(Part(f"record.spikes, {key}", 0.0, 20 * kept_spikes, 4 * kept_spikes))
    if record.keeps_states:
        types = len(spec.excitatory_mix) + len(spec.inhibitory_mix)
        cells = len(record.cells) or min(n, record.cells_per_type * types)
        moments = kept * trial_ms / record.cells_every_ms
        states = moments * cells * len(record.variables) * real
        keys_of = f"record.cells, record.cells_every_ms, {session}"
        parts.append(Part(keys_of, 1e-9 * NS_PER_PIECE * moments, states, 0.8 * states))
    for label, rule in experiment.rules.items():
        if hasattr(rule, "shares_p") and hasattr(rule, "interval_ms"):  # a matrix of cells by cells
            every_channel = not rule.shares_p and rule.gate.undelivered != "ignore"
            updates = trials * trial_ms / rule.interval_ms * (k if every_channel else 1)
            itemsize = np.dtype(getattr(rule, "precision", "float64")).itemsize
            p_bytes = (1 if rule.shares_p else k) * n**2 / 2 * itemsize
            most_bytes = 1.25 * p_bytes  # a mask while it is checked
            if hasattr(rule, "every_trials"):  # ridge: both halves, copied, solved every few trials
                p_bytes, updates = 2 * p_bytes, updates + trials / rule.every_trials * n / 6
                most_bytes = 2 * p_bytes
            seconds = 1e-9 * NS_PER_ENTRY_OF_P * updates * n**2
            kept_bytes = 0.8 * p_bytes if record.whole_rule_states else 0.0
            parts.append(Part(f"rules.{label}, network.n_neurons", seconds, most_bytes, kept_bytes))
    return parts


def _share_kept(record: Any, n: float) -> float:
    return {"none": 0.0, "all": 1.0}.get(record.spikes, min(record.spike_subset, n) / n)


def total(parts: list[Part]) -> Estimate:
    """Add up what a run costs."""
    return Estimate(*(float(sum(column)) for column in list(zip(*parts, strict=True))[1:]))
