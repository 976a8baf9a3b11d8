"""The score of a candidate: E of the learned prediction, early and late, before and after two switches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from spikewhen.analysis.scores import error
from spikewhen.analysis.targets import marginal_target
from spikewhen.experiments.config import Experiment, load_config
from spikewhen.experiments.setup import prepare
from spikewhen.paradigms.meet import Block
from spikewhen.reservoir.errors import ActivityError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.sinks import MemorySink

BLOCKS = (
    Block(((0.8, 0.2),), ((300.0, 600.0),)),
    Block(((0.8, 0.2),), ((450.0, 750.0),)),  # timing switches
    Block(((0.2, 0.8),), ((450.0, 750.0),)),  # probability switches
)
"""The session of the search, 100 trials each: the first three blocks of meet.toml."""

POINTS = (20, 50, 100)
"""Trials of a block after which is probed: speed counts as much as the end."""

WORST = 1.5
"""Value of a network that runs away or falls silent; silence of the readout alone scores 1."""

RATE_HZ = (1.0, 6.0)
"""Wanted mean rate. Outside, a tenth of the log of the excess is added to the score."""

LULL, BIN_MS = 0.2, 50.0
"""Least rate in any bin after cue onset, as a share of the mean there; below, .03 of the log is added.

A strong cue makes all cells fire at once, and silences all of them for a fifth of a second.
"""


class Score(NamedTuple):
    """What one seed gave."""

    errors: dict[str, np.ndarray]  # by rule: (blocks, points) mean E over repeats
    rate_hz: float
    silent: float  # fraction of cells
    lull: float = np.nan  # least over mean rate after cue onset; NaN where it was not looked at

    def value(self) -> float:
        """Return the number that is minimised, of the only rule."""
        if not 0.2 < self.rate_hz < 30:
            return WORST
        (errors,) = self.errors.values()
        excess = max(np.log(RATE_HZ[0] / self.rate_hz), np.log(self.rate_hz / RATE_HZ[1]), 0)
        lull = 0.0 if np.isnan(self.lull) else max(np.log(LULL / max(self.lull, 1e-3)), 0)
        return min(float(errors.mean() + 0.1 * excess + 0.03 * lull), WORST)


BROKEN = Score({}, np.nan, np.nan)
"""Score of a network whose state or readout is no longer finite."""


def task(
    blocks: tuple[Block, ...] = BLOCKS, points: tuple[int, ...] = POINTS, repeats: int = 3
) -> Experiment:
    """Return meet.toml with the local rule only, a short session, single precision, few spikes kept."""
    quick = ('simulation.precision="float32"', 'record.spikes="subset"', "record.trials=false")
    experiment = load_config("meet.toml", quick).with_rules(["local"])
    paradigm = replace(experiment.paradigm, blocks=blocks, probes_after=points, probe_repeats=repeats)
    return replace(experiment, paradigm=paradigm)


def score(experiment: Experiment, seed: int) -> Score:
    """Run one seed in memory and score its probes."""
    setup, sink = prepare(experiment, seed), MemorySink()
    session, network = setup.session, setup.build()
    trainer = setup.trainer(network, setup.load(network), sink)
    try:
        report = trainer.run()
    except ActivityError:
        return BROKEN
    errors = {
        label: probe_errors(session, sink.recording[schema.readout(label, "probes", "prediction")])
        for label in experiment.rules
    }
    dt, end = setup.grid.dt_ms, float(session.time_ms[-1])
    at = sink.recording[schema.spikes("probes", "step")] * dt
    rate = np.histogram(at, np.arange(0.0, end + 1, BIN_MS))[0]
    lull = float(rate.min() / rate.mean()) if rate.any() else 0.0
    return Score(errors, report["rate_hz"], report["fraction_silent"], lull)


def probe_errors(session: Any, prediction: np.ndarray) -> np.ndarray:
    """Return E, mean over repeats and cues, ``(blocks, points)``, from predictions ``(probes, T, K)``."""
    probes, first = session.probes, session.blocks["first_trial"][0]
    p, latency, sd = (
        table[probes.block, probes.cue]
        for table in (session.probability, session.latency, session.latency_sd)
    )
    target = marginal_target(session.time_ms, p, latency, sd, session.sigma_ms)
    e = error(prediction, target, session.time_ms)
    after = probes.after_trial - first[probes.block]
    return np.array(
        [[e[(probes.block == b) & (after == n)].mean() for n in np.unique(after)] for b in range(len(first))]
    )
