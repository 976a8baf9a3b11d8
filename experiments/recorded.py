"""The experiment that a recording is of, and what its rules learn of other contingencies from its spikes.

Claims measure with this. It leads to no figure, so that an edit of one does not make them measure again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from spikewhen.experiments.config import SECTIONS, Experiment, load_config
from spikewhen.experiments.setup import prepare
from spikewhen.paradigms.meet import Block
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.files.static import read_network
from spikewhen.reservoir.record import STATES, RecordSpec
from spikewhen.reservoir.replay_engine import RecordedEngine

FREE = ("rules", "trace", "record", "health")
"""Sections of a config that no spike depends on while the loop is open."""


def recorded_experiment(
    recording: Recording, overrides: tuple[str, ...] = (), *, keep_rules: bool = True
) -> Experiment:
    """Rebuild the experiment that a run was of.

    Parameters
    ----------
    recording : Recording
    overrides : tuple of str
        Changes to what no spike depends on, e.g. ``"rules.local.eta=0.05"``.
    keep_rules : bool
        False leaves the recording's rules out, for others to take their place. A rule of a
        user's, like a task, is imported by the path that the file holds, e.g.
        ``my_rules:SignRule``; its folder has to be on the Python path.

    Raises
    ------
    InputError
    """
    for item in overrides:
        if item.partition("=")[0].strip().partition(".")[0] not in FREE:
            raise InputError("--set", item, f"only {', '.join(FREE)}: all else decided the spikes")
    config = recording.config
    table = {name: config[name] for name in (*SECTIONS, "paradigm")}
    # The states of cells stand in the recording; spikes alone do not give them.
    table["record"] = {k: v for k, v in config["record"].items() if k not in STATES}
    attrs = recording.attrs
    if "code" in config["paradigm"]:  # of a user's own: the file names its class
        table["paradigm"] = {**_without_code(config["paradigm"]), "name": attrs[schema.block()]["task"]}
    table["rules"] = {
        "none": {"rule": "lms", "what": "none", "factored": False}
    }  # one that any task can teach
    if keep_rules:
        table["rules"] = {
            label: {**_without_code(rule), "rule": attrs[schema.readout(label)]["rule_class"]}
            if "code" in rule
            else rule
            for label, rule in config["rules"].items()
        }
    return load_config(table, overrides)


def _without_code(table: dict) -> dict:
    return {k: v for k, v in table.items() if k != "code"}


def learned_under(
    recording: Recording, conditions: Sequence[Block], labels: Sequence[str]
) -> Iterator[Recording]:
    """Train the rules of a run of one block again, on its spikes, under other contingencies.

    With the loop open and events not injected, no spike depends on which event comes, or
    when: the activity under every probability and latency is that of one run.

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
    network, quiet = read_network(recording), RecordSpec(spikes="none", trials=False)
    for block in conditions:
        changed = replace(experiment, paradigm=replace(meet, blocks=(block,)), record=quiet)
        setup, sink = prepare(changed, recording.config["seed"]), MemorySink()
        engine = RecordedEngine(recording, setup.grid, setup.session)
        trainer = setup.trainer(network, engine, sink)
        if not np.array_equal(trainer.onsets_ms(), recording[schema.trial("onset_ms")]):
            raise InputError("paradigm.blocks", block, "a block of as many trials as the run's")
        trainer.run()
        yield sink.recording
