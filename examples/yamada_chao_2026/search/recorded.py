"""The search's session simulated once per seed; candidate rules train on its spikes."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from spikewhen.examples.yamada_chao_2026.search.evaluate import BROKEN, Score, probe_errors
from spikewhen.experiments.config import Experiment
from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.errors import ActivityError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.files.schema import write_static
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.network import build_network
from spikewhen.reservoir.replay_engine import RecordedEngine
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.training import RecordSpec, Trainer
from spikewhen.reservoir.types import Network, TimeGrid


class Simulated(NamedTuple):
    """One seed's session with all its spikes."""

    grid: TimeGrid
    session: Any
    network: Network
    settle_ms: float
    recording: Recording


def simulate(experiment: Experiment, seed: int) -> Simulated:
    """Simulate without any rule, and keep every spike."""
    seeds = experiment.seeds.resolve(seed)
    grid = make_grid(experiment.simulation, experiment.trace, seeds.noise)
    session = experiment.paradigm.plan(seeds.task, grid.readout_step_ms)
    network = build_network(experiment.network, seeds.network, session.n_cues, session.n_channels, grid.dt_ms)
    sink, settle = MemorySink(), experiment.simulation.settle_ms
    engine = get_backend("cpu").load(network, grid)
    trainer = Trainer(engine, network, grid, session, {}, sink, RecordSpec(spikes="all"), settle)
    write_static(sink, network, session, trainer.onsets_ms())
    sink.annotate(schema.SPIKES, **trainer.run())
    return Simulated(grid, session, network, settle, sink.recording)


def train(simulated: Simulated, rules: dict[str, Any], trials: bool = False) -> Recording:
    """Train rules on the spikes; `trials` also keeps what was said in training trials."""
    grid, session, network, settle, recording = simulated
    record = RecordSpec(spikes="none", trials=trials, readouts_every_ms=25.0 if trials else 1.0)
    sink, engine = MemorySink(), RecordedEngine(recording, grid, session)
    Trainer(engine, network, grid, session, rules, sink, record, settle).run()
    return sink.recording


def train_and_score(simulated: Simulated, rule: Any) -> Score:
    """Train one rule and score its probes."""
    try:
        found = train(simulated, {"rule": rule})
    except ActivityError:
        return BROKEN
    errors = probe_errors(simulated.session, found[schema.readout("rule", "probes", "prediction")])
    health = simulated.recording.attrs[schema.SPIKES]
    return Score({"rule": errors}, health["rate_hz"], health["fraction_silent"])


def p_hat_rmse(simulated: Simulated, rules: dict[str, Any]) -> dict[str, float]:
    """Return the root mean squared error of p-hat over all training trials and channels, by rule."""
    found, trials = train(simulated, rules, trials=True), simulated.session.trials
    p = simulated.session.probability[trials.block, trials.cue]
    return {
        label: float(np.sqrt(np.mean((found[schema.readout(label, "trials", "p_hat")] - p) ** 2)))
        for label in rules
    }


def once_per_process(experiment: Experiment):
    """Return a function from seed to session, each simulated when first asked for."""
    return cache(lambda seed: simulate(experiment, seed))
