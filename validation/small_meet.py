"""A small MEET, and what is measured in it: the shipped protocol on 300 cells, in half a block."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from spikewhen.analysis.score_run import score_run
from spikewhen.experiments.config import Experiment, load_config
from spikewhen.experiments.setup import prepare
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.engine import Engine
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.schema import write_text
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.files.static import write_declared, write_static
from spikewhen.reservoir.types import Network, TimeGrid
from spikewhen.validation.activity import statistics
from spikewhen.validation.findings import Context

N = 300
TRIALS = 50
PROBED = (30, 40, 50)
REPEATS = 8

Load = Callable[[Network, TimeGrid], Engine]


class Outcome(NamedTuple):
    """What is measured of one run."""

    rate_hz: float
    cv: float
    error: float  # E, mean over the probed trials


def small_meet(*changes: str) -> Experiment:
    """Return the experiment."""
    size = (f"network.n_neurons={N}", "network.out_degree=30", "network.weight=8.0")
    return shortened(load_config("meet.toml", (*size, *changes)).with_rules(["local"]))


def shortened(
    experiment: Experiment, trials: int = TRIALS, probed: tuple[int, ...] = PROBED, repeats: int = REPEATS
) -> Experiment:
    """Return the experiment with one short block."""
    paradigm = replace(
        experiment.paradigm,
        blocks=experiment.paradigm.blocks[:1],
        trials_per_block=trials,
        probes_after=probed,
        probe_repeats=repeats,
    )
    return replace(experiment, paradigm=paradigm)


def measure(experiment: Experiment, seed: int, load: Load | None = None) -> Outcome:
    """Run a seed on an engine and measure rate, CV and E.

    Parameters
    ----------
    experiment : Experiment
    seed : int
    load : callable, optional
        Network and grid to engine; the CPU engine by default.
    """
    setup, sink = prepare(experiment, seed), MemorySink()
    network = setup.build()
    trainer = setup.trainer(network, (load or CpuBackend().load)(network, setup.grid), sink)
    write_text(sink, schema.CONFIG, json.dumps(setup.config))
    write_static(sink, network, setup.session, trainer.onsets_ms())
    write_declared(sink, experiment.paradigm)
    trainer.run()
    recording = sink.recording
    (scores,) = score_run(recording).values()
    time_ms, neuron = (recording[schema.spikes("reservoir", name)] for name in ("timestamps", "node_ids"))
    settle = experiment.simulation.settle_ms
    activity = statistics(time_ms, neuron, network.n_neurons, settle, trainer.duration_ms)
    return Outcome(activity.rate_hz, activity.cv, float(np.mean(scores["error"])))


def measure_all(
    context: Context, text: str, jobs: Sequence[tuple[Experiment, int, Load | None]]
) -> list[Outcome]:
    """Measure many, several at once; the order is kept."""
    with ThreadPoolExecutor(context.threads) as pool:
        futures = [pool.submit(measure, *job) for job in jobs]
        return [future.result() for future in context.each(futures, text)]
