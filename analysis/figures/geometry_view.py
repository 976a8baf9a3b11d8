"""The readouts whose geometry can be shown, and its scores, computed where none are stored."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from spikewhen.analysis.figures.runs import Group, Runs, Series, Source
from spikewhen.analysis.geometry.activity import block_activity, learned_weights, probe_activity
from spikewhen.analysis.geometry.overlap import BlockReferences, score_geometry
from spikewhen.analysis.views import Scores, read_readout, read_task
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

MAX_LABELS = 4
EVERY_MS = 10.0

log = logging.getLogger(__name__)


def judged_readouts(runs: Runs) -> tuple[Group, list[Series]]:
    """Find an experiment with weights of both readouts, and activity to judge them by."""
    for group in runs.meet:
        series = [
            s
            for s in runs.series([group])
            if all(
                r.attrs[schema.readout(s.label)]["factored"] and schema.weights(s.label, "v") in r
                for r in s.runs
            )
        ]
        series = [s for s in series if _judged(s)]
        if series:
            return group, series[:MAX_LABELS]
    raise InputError(
        "recordings",
        len(runs),
        "a factored readout that learned both what and when, and its geometry scored or all spikes kept",
    )


def _judged(series: Series) -> bool:
    """Return whether some run has learned directions, and every such run has their scores or its spikes."""
    learned = [r for r in series.runs if _learned(r, series.label)]
    return bool(learned) and all(_scored(r, series.label) or _replayable(r) for r in learned)


def _learned(recording: Recording, label: str) -> bool:
    task = read_task(recording)
    return learned_weights(recording, label, int(task.probe_block.max()), task) is not None


def _scored(recording: Recording, label: str) -> bool:
    return schema.scores(label, "overlap_chance") in recording


def _replayable(recording: Recording) -> bool:
    return recording.holds_all_spikes


def found_geometry(
    source: Source, labels: Sequence[str] | None = None
) -> tuple[Group, list[Series], dict[Series, list[Scores]]]:
    """Return an experiment with its readouts, and the scores of each by run."""
    runs = Runs.of(source)
    group, series = judged_readouts(runs)
    series = [s for s in series if labels is None or s.label in labels]
    if not series:
        raise InputError("labels", labels, "labels of readouts that learned what and when")
    return group, series, {s: [_scores(runs, r, s.label) for r in s.runs] for s in series}


def _scores(runs: Runs, recording: Recording, label: str) -> Scores:
    """Return the scores, computing those in the activity where they are not stored."""
    found = Scores(runs.scores(recording, label))
    if "overlap_chance" not in found and _learned(recording, label):
        log.info("geometry of %s, %s: replaying the spikes", recording.run_id, label)
        from spikewhen.reservoir.replay import features  # loads Numba, which stored scores do not need

        task = read_task(recording)
        readout = read_readout(recording, label)
        last = int(task.probe_block.max())
        known = BlockReferences(block_activity(recording, readout, task, features, EVERY_MS, last))
        rows = np.flatnonzero(task.probe_block == last)
        rows = rows[task.probe_trial[rows] == task.probe_trial[rows].max()]
        probes = probe_activity(recording, readout, task, features, EVERY_MS, rows)
        found.add(score_geometry(recording, label, task, last, known, probes))
    return found
