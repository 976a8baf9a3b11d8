"""One training trial and one probe of a run, as a figure shows them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from spikewhen.analysis.figures.runs import Series
from spikewhen.analysis.targets import bump, marginal_target
from spikewhen.analysis.views import check_courses, read_task
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording


class Shown(NamedTuple):
    """A trial or a probe, as it is drawn."""

    name: str
    cue: int
    event: int  # -1 = nothing
    event_time_ms: float
    spike_ms: np.ndarray  # after cue onset; from before the trial on
    spike_cell: np.ndarray
    y: np.ndarray  # (T, K)
    p_hat: np.ndarray  # (K,)
    z: np.ndarray  # (T, K)
    target: np.ndarray  # (T, K) s_k of the teacher in training, or z* on a probe
    training: bool = False


def _block(recording: Recording) -> int:
    return int(np.min(recording[schema.probe("block")]))


def training_trial(series: Series) -> Shown:
    """Return the last trial with an event before the last probes of the first probed block.

    Where it was probed before its first trial alone, that first trial.
    """
    r = series.runs[0]
    task = read_task(r)
    block = _block(r)
    seen = int(task.probe_seen[task.probe_block == block].max())
    rows = np.flatnonzero(task.trial_block == block)
    rows = rows[rows < seen] if rows[0] < seen else rows[:1]
    came = rows[task.seen.event[rows] >= 0]
    i = int(came[-1] if came.size else rows[-1])
    t, sigma = (
        np.asarray(r[schema.readout(series.label, "time_ms")], float),
        float(r[schema.readout(series.label, "sigma_ms")][0]),
    )
    event = int(task.seen.event[i])
    y, p_hat, z = (r.sliced(schema.readout(series.label, "trials", k))[i] for k in schema.OUTPUTS)
    target = np.zeros_like(y)
    if event >= 0:
        target[:, event] = bump(t, task.seen.time_ms[i], sigma)
    onset, wide = r[schema.trial("onset_ms")][i], 1.0  # the ends themselves are found below
    here = _rows(r, schema.spikes("reservoir", "timestamps"), onset + t[0] - 600 - wide, onset + t[-1] + wide)
    where = r.sliced(schema.spikes("reservoir", "timestamps"))[here] - onset
    near = (where > t[0] - 600) & (where <= t[-1])
    return Shown(
        f"training trial {i + 1 - task.first_trial[block]} of block {block + 1}",
        int(task.seen.cue[i]),
        event,
        float(task.seen.time_ms[i]),
        where[near],
        r.sliced(schema.spikes("reservoir", "node_ids"))[here][near],
        y,
        p_hat,
        z,
        target,
        training=True,
    )


def _rows(recording: Recording, path: str, begin: float, end: float) -> slice:
    """Return the rows of an ascending array with values from `begin` to below `end`, read where looked at."""
    values = recording.sliced(path)
    rows = range(values.shape[0])
    return slice(*(bisect_left(rows, bound, key=lambda i: values[i]) for bound in (begin, end)))


def last_probe(series: Series) -> Shown:
    """Return the first of the last probes of the first probed block."""
    return _probe(series, np.max)


def early_probe(series: Series) -> Shown:
    """Return the first of the first probes of the first probed block."""
    return _probe(series, np.min)


def _probe(series: Series, which: Callable) -> Shown:
    r = series.runs[0]
    task = read_task(r)
    block = _block(r)
    seen = int(which(task.probe_trial[task.probe_block == block]))
    q = int(np.flatnonzero((task.probe_block == block) & (task.probe_trial == seen))[0])
    t, sigma = (
        np.asarray(r[schema.readout(series.label, "time_ms")], float),
        float(r[schema.readout(series.label, "sigma_ms")][0]),
    )
    check_courses(r, series.label)
    y, p_hat, z = (r.sliced(schema.readout(series.label, "probes", k))[q] for k in schema.OUTPUTS)
    mine = _rows(r, schema.spikes("probes", "probe"), q, q + 1)
    return Shown(
        f"cue-only probe after trial {seen} of block {block + 1}",
        int(task.probe_cue[q]),
        -1,
        np.nan,
        r.sliced(schema.spikes("probes", "timestamps"))[mine],
        r.sliced(schema.spikes("probes", "node_ids"))[mine],
        y,
        p_hat,
        z,
        task.expected(marginal_target, t, sigma, q),
    )


def traces(
    shown: Shown, cells: np.ndarray, time_ms: np.ndarray, decay_ms: float, rise_ms: float
) -> np.ndarray:
    """Return spike traces (cells, T) of one trial: a kernel summed over the spikes up to each time."""
    out = np.zeros((cells.size, time_ms.size))
    for row, cell in zip(out, cells, strict=True):
        since = time_ms - shown.spike_ms[shown.spike_cell == cell][:, None]
        since, past = np.maximum(since, 0), since >= 0
        kernel = np.exp(-since / decay_ms)
        if rise_ms == decay_ms:
            kernel = kernel * since / decay_ms**2
        elif rise_ms > 0:
            kernel = (kernel - np.exp(-since / rise_ms)) / (decay_ms - rise_ms)
        row += np.where(past, kernel, 0).sum(0)
    return out
