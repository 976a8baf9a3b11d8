"""What the scores need of one recording, channels in the order of the config."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.analysis.observers import Seen
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording


Scores = dict[str, np.ndarray]
"""Scores of one readout by name, see `spikewhen.analysis.score_names`."""

Features = Callable[["Recording", str, np.ndarray, float], np.ndarray]
"""Like `spikewhen.reservoir.replay.features`."""


class Task(NamedTuple):
    """What the network faced; channels in the order of the config."""

    probability: np.ndarray  # (B, C, K)
    latency_ms: np.ndarray  # (B, C, K)
    latency_sd_ms: np.ndarray  # (B, C, K)
    late_ms: np.ndarray  # (B, C, K) the second time of an event; latency_ms where there is none
    late_share: np.ndarray  # (B, C, K) share of its deliveries that come then
    first_trial: np.ndarray  # (B,) trials of the run before the block
    seen: Seen  # every trial
    trial_block: np.ndarray  # (n,)
    probe_block: np.ndarray  # (q,)
    probe_trial: np.ndarray  # (q,) trials of the block before the probe
    probe_cue: np.ndarray  # (q,)
    channels: np.ndarray  # (K,) stored channel of each of ours

    @property
    def probe_seen(self) -> np.ndarray:
        """Trials of the run before each probe, (q,)."""
        return self.probe_trial + self.first_trial[self.probe_block]

    @property
    def contingencies(self) -> tuple[np.ndarray, ...]:
        """All that a block sets, each (B, C, K)."""
        return self.probability, self.latency_ms, self.latency_sd_ms, self.late_ms, self.late_share

    @property
    def only_ms(self) -> np.ndarray:
        """Latency (B, C, K) of events that come at one time, NaN of those that come at two."""
        return np.where(self.late_share > 0, np.nan, self.latency_ms)

    def expected(
        self, target: Callable, time_ms: np.ndarray, sigma_ms: float, probes: Any = slice(None)
    ) -> np.ndarray:
        """Return a target of `spikewhen.analysis.targets` (q, T, K) for some probes."""
        p, latency, sd, late, share = (self.of_probes(a)[probes] for a in self.contingencies)
        return target(time_ms, p, latency, sd, sigma_ms, late, share)

    def of_probes(self, table: np.ndarray) -> np.ndarray:
        """Rows (q, K) of a (B, C, K) table, one per probe."""
        return table[self.probe_block, self.probe_cue]

    def of_trials(self, table: np.ndarray) -> np.ndarray:
        """Rows (n, K) of a (B, C, K) table, one per training trial."""
        return table[self.trial_block, self.seen.cue]


class Readout(NamedTuple):
    """What one readout said on the probes."""

    time_ms: np.ndarray  # (T,)
    sigma_ms: float
    factored: bool
    y: np.ndarray  # (q, T, K)
    p_hat: np.ndarray  # (q, K)
    prediction: np.ndarray  # (q, T, K)


class Points(NamedTuple):
    """The probed moments: probes of one block, trial and cue are repeats."""

    table: np.ndarray  # (P, 3) block, trial, cue, ascending
    of_probe: np.ndarray  # (q,) point of each probe

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over the repeats where defined, (q, ...) to (P, ...)."""
        values = np.asarray(values, float)
        known = np.isfinite(values)
        total, n = np.zeros((2, len(self.table), *values.shape[1:]))
        np.add.at(total, self.of_probe, np.where(known, values, 0))
        np.add.at(n, self.of_probe, known)
        return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def channel_order(recording: Recording) -> np.ndarray:
    """Return the stored channel (K,) that plays each event of the config.

    Seeds may swap the roles of the first two events; means over seeds need the
    roles. Found by comparing the stored probabilities with the config's; equal
    probabilities everywhere leave the stored order.
    """
    stored = recording[schema.block("probability")]
    order = np.arange(stored.shape[2])
    blocks = recording.config.get("paradigm", {}).get("blocks", ())
    if len(blocks) == len(stored) and order.size > 1:
        configured = np.array([b["probability"] for b in blocks], float)
        swapped = np.r_[1, 0, order[2:]]
        if not np.array_equal(stored, configured) and np.array_equal(stored[..., swapped], configured):
            return swapped
    return order


def read_task(recording: Recording) -> Task:
    """Collect the task of a recording."""
    order = channel_order(recording)
    event = recording[schema.trial("event")]
    block, first = recording[schema.probe("block")], recording[schema.block("first_trial")]
    probability, latency, sd = (
        recording[schema.block(name)][..., order] for name in ("probability", "latency_ms", "latency_sd_ms")
    )
    late, share = latency, np.zeros_like(latency)
    if schema.block("late_share") in recording:
        late, share = (recording[schema.block(name)][..., order] for name in ("late_ms", "late_share"))
    return Task(
        probability,
        latency,
        sd,
        late,
        share,
        first,
        Seen(
            recording[schema.trial("cue")],
            np.where(event < 0, -1, np.argsort(order)[event]),
            recording[schema.trial("event_time_ms")],
        ),
        recording[schema.trial("block")],
        block,
        recording[schema.probe("after_trial")] - first[block],
        recording[schema.probe("cue")],
        order,
    )


def read_readout(recording: Recording, label: str, channels: np.ndarray) -> Readout:
    """Collect what a readout said on the probes."""
    y, p_hat, prediction = (recording[schema.readout(label, "probes", k)] for k in schema.OUTPUTS)
    return Readout(
        np.asarray(recording[schema.readout(label, "time_ms")], float),
        float(recording[schema.readout(label, "sigma_ms")][0]),
        bool(recording.attrs[schema.readout(label)]["factored"]),
        y[..., channels],
        p_hat[..., channels],
        prediction[..., channels],
    )


def probed_points(task: Task) -> Points:
    """Group the probes that repeat each other."""
    rows = np.stack([task.probe_block, task.probe_trial, task.probe_cue], axis=1)
    table, index = np.unique(rows, axis=0, return_inverse=True)
    return Points(table, index.ravel())
