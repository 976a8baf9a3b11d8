"""Other contingencies on the spikes of a run, without simulating them again.

With the loop open and events not injected, no spike depends on which event comes, or
when: a network's activity under every probability and latency is that of one run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from spikewhen.experiments.train import recorded_experiment
from spikewhen.paradigms.meet import Block
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.files.schema import read_network
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.replay_engine import RecordedEngine
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.training import RecordSpec, Trainer


def learned_under(
    recording: Recording, conditions: Sequence[Block], labels: Sequence[str]
) -> Iterator[Recording]:
    """Train the rules of a run of one block again, on its spikes, under each condition.

    Parameters
    ----------
    recording : Recording
        With all spikes, loop open, events not injected, not counterbalanced.
    conditions : sequence of Block
        In place of the run's own block.
    labels : sequence of str
        Which rules, each from zero weights.

    Yields
    ------
    Recording
        What a run of that condition gives: readouts on probes, weights, trials.

    Raises
    ------
    InputError
    """
    experiment = recorded_experiment(recording).with_rules(list(labels))
    meet = experiment.paradigm
    for where, value, allowed in (
        ("paradigm.stimulus_drives_reservoir", meet.stimulus_drives_reservoir, False),
        ("paradigm.counterbalance", meet.counterbalance, False),
        ("paradigm.blocks", len(meet.blocks), 1),
    ):
        if value != allowed:
            raise InputError(where, value, f"{allowed}, to learn other contingencies from the same spikes")
    seeds = experiment.seeds.resolve(recording.config["seed"])
    grid = make_grid(experiment.simulation, experiment.trace, seeds.noise)
    network = read_network(recording)
    for block in conditions:
        session = replace(meet, blocks=(block,)).plan(seeds.task, grid.readout_step_ms)
        engine, sink = RecordedEngine(recording, grid, session), MemorySink()
        trainer = Trainer(
            engine,
            network,
            grid,
            session,
            experiment.rules,
            sink,
            RecordSpec(spikes="none", trials=False),
            experiment.simulation.settle_ms,
        )
        if not np.array_equal(trainer.onsets_ms(), recording[schema.trial("onset_ms")]):
            raise InputError("paradigm.blocks", block, "a block of as many trials as the run's")
        trainer.run()
        yield sink.recording
