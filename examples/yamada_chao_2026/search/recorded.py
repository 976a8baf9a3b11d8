"""The search's session simulated once per seed; candidate rules train on its spikes."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from spikewhen.examples.yamada_chao_2026.search.evaluate import BROKEN, Score, probe_errors
from spikewhen.experiments.config import Experiment
from spikewhen.experiments.setup import Setup, prepare
from spikewhen.reservoir.errors import ActivityError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.files.static import write_static
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.replay_engine import RecordedEngine
from spikewhen.reservoir.types import Network


class Simulated(NamedTuple):
    """One seed's session with all its spikes."""

    setup: Setup
    network: Network
    recording: Recording


def simulate(experiment: Experiment, seed: int) -> Simulated:
    """Simulate without any rule, and keep every spike."""
    setup, sink = prepare(experiment, seed), MemorySink()
    network = setup.build()
    trainer = setup.trainer(network, setup.load(network), sink, rules={}, record=RecordSpec(spikes="all"))
    write_static(sink, network, setup.session, trainer.onsets_ms())
    sink.annotate(schema.SPIKES, **trainer.run())
    return Simulated(setup, network, sink.recording)


def train(simulated: Simulated, rules: dict[str, Any], trials: bool = False) -> Recording:
    """Train rules on the spikes; `trials` also keeps what was said in training trials."""
    setup, network, recording = simulated
    record = RecordSpec(spikes="none", trials=trials, readouts_every_ms=25.0 if trials else 1.0)
    sink, engine = MemorySink(), RecordedEngine(recording, setup.grid, setup.session)
    setup.trainer(network, engine, sink, rules=rules, record=record).run()
    return sink.recording


def train_and_score(simulated: Simulated, rule: Any) -> Score:
    """Train one rule and score its probes."""
    try:
        found = train(simulated, {"rule": rule})
    except ActivityError:
        return BROKEN
    errors = probe_errors(simulated.setup.session, found[schema.readout("rule", "probes", "prediction")])
    health = simulated.recording.attrs[schema.SPIKES]
    return Score({"rule": errors}, health["rate_hz"], health["fraction_silent"])


def once_per_process(experiment: Experiment):
    """Return a function from seed to session, each simulated when first asked for."""
    return cache(lambda seed: simulate(experiment, seed))
