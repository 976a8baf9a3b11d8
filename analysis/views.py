"""What the scores need of one recording; an axis over events is in the order of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.analysis.observers import Seen
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording


class Scores(dict[str, np.ndarray]):
    """Scores of one readout by name, see `spikewhen.analysis.score_names`.

    Attributes
    ----------
    undefined : dict of str to str
        Why a score is NaN that a longer run, or another config, would have.
    """

    def __init__(self, *found: Any, **values: np.ndarray):
        super().__init__(*found, **values)
        self.undefined: dict[str, str] = dict(getattr(found[0], "undefined", {})) if found else {}

    def add(self, other: Mapping[str, np.ndarray]) -> None:
        """Take over other scores, with the reasons of those that are undefined."""
        self.update(other)
        self.undefined |= getattr(other, "undefined", {})

    def without(self, names: Iterable[str], reason: str) -> Scores:
        """Enter scores of the whole run as NaN, for a reason; returns itself."""
        for name in names:
            self[name], self.undefined[name] = np.full(1, np.nan), reason
        return self


Features = Callable[["Recording", str, np.ndarray, float], np.ndarray]
"""Like `spikewhen.reservoir.replay.features`."""


class Task(NamedTuple):
    """What the network faced in MEET; a condition is a cue."""

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
        """Return the rows (q, K) of a (B, C, K) table, one per probe."""
        return table[self.probe_block, self.probe_cue]

    def of_trials(self, table: np.ndarray) -> np.ndarray:
        """Return the rows (n, K) of a (B, C, K) table, one per training trial."""
        return table[self.trial_block, self.seen.cue]


class Readout(NamedTuple):
    """What one readout said on the probes."""

    time_ms: np.ndarray  # (T,)
    sigma_ms: float
    factored: bool
    y: np.ndarray  # (q, T, K)
    p_hat: np.ndarray  # (q, K)
    prediction: np.ndarray  # (q, T, K)


class Clock(NamedTuple):
    """The readout steps of a run's trials and probes, whichever of them were kept."""

    begin_ms: float  # of a trial's record, after cue onset
    step_ms: float

    def every(self, every_ms: float) -> float:
        """Return the multiple of the step, at least one, that is nearest to a time."""
        return self.step_ms * max(1, round(every_ms / self.step_ms))

    def times(self, n: int, every_ms: float) -> np.ndarray:
        """Return the ends (n,) of strides counted from the record's begin, ms after cue onset."""
        return self.begin_ms + every_ms * np.arange(1, n + 1)

    def step_of(self, time_ms: np.ndarray) -> np.ndarray:
        """Return which readout steps end at these times."""
        return np.round((np.asarray(time_ms, float) - self.begin_ms) / self.step_ms).astype(np.int64) - 1


def read_clock(recording: Recording, kept_ms: np.ndarray) -> Clock:
    """Return the clock of a run; of a recording that does not hold it, by the kept readout steps (T,)."""
    step = float(recording.config.get("simulation", {}).get("readout_step_ms", 1.0))
    before = recording.attrs.get(schema.block(), {}).get("before_steps")
    if before is not None:
        return Clock(-int(before) * step, step)
    return Clock(float(kept_ms[0] - (kept_ms[1] - kept_ms[0] if len(kept_ms) > 1 else step)), step)


class Points(NamedTuple):
    """The probed moments: probes of one block, trial and condition are repeats."""

    table: np.ndarray  # (P, 3) block, trial, condition, ascending
    of_probe: np.ndarray  # (q,) point of each probe

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over the repeats where it is defined, (q, ...) to (P, ...)."""
        values = np.asarray(values, float)
        known = np.isfinite(values)
        total, n = np.zeros((2, len(self.table), *values.shape[1:]))
        np.add.at(total, self.of_probe, np.where(known, values, 0))
        np.add.at(n, self.of_probe, known)
        return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def read_task(recording: Recording) -> Task:
    """Collect the tables of a run of MEET, or of a task that stores the same ones.

    Raises
    ------
    InputError
        If the run is of a task without events that have probabilities and latencies.
    """
    if schema.block("probability") not in recording:
        raise InputError(
            schema.block("probability"), "missing", "a task of events with probabilities, such as meet"
        )
    block, first = recording[schema.probe("block")], recording[schema.block("first_trial")]
    probability, latency, sd = (
        recording[schema.block(name)] for name in ("probability", "latency_ms", "latency_sd_ms")
    )
    late, share = latency, np.zeros_like(latency)
    if schema.block("late_share") in recording:
        late, share = (recording[schema.block(name)] for name in ("late_ms", "late_share"))
    return Task(
        probability,
        latency,
        sd,
        late,
        share,
        first,
        Seen(*(recording[schema.trial(name)] for name in ("cue", "event", "event_time_ms"))),
        recording[schema.trial("block")],
        block,
        recording[schema.probe("after_trial")] - first[block],
        recording[schema.probe("cue")],
    )


def check_courses(recording: Recording, label: str) -> None:
    """Refuse a run that did not keep what a readout said in every step of its probes.

    Raises
    ------
    InputError
    """
    if schema.readout(label, "probes", "y") not in recording:
        allowed = "time courses on probes, which a sweep and prune keep with --drop spikes,trials,cells"
        raise InputError(f"probes of {label}", "not kept", allowed)


def read_readout(recording: Recording, label: str) -> Readout:
    """Collect what a readout said on the probes; errors as `check_courses`."""
    check_courses(recording, label)
    y, p_hat, prediction = (recording[schema.readout(label, "probes", k)] for k in schema.OUTPUTS)
    return Readout(
        np.asarray(recording[schema.readout(label, "time_ms")], float),
        float(recording[schema.readout(label, "sigma_ms")][0]),
        bool(recording.attrs[schema.readout(label)]["factored"]),
        y,
        p_hat,
        prediction,
    )


def first_trials(recording: Recording) -> np.ndarray:
    """Return how many trials of the run came before each block, (B,)."""
    block = recording[schema.trial("block")]
    return np.searchsorted(block, np.arange(int(block.max()) + 1))


def probed_points(recording: Recording) -> Points:
    """Group the probes of a run that repeat each other.

    Raises
    ------
    InputError
        If it has no probes.
    """
    block, condition = (recording[schema.probe(name)] for name in ("block", "condition"))
    if not block.size:
        raise InputError(schema.probe("block"), 0, "at least one probe: scores and figures are of probes")
    return group_probes(
        block, recording[schema.probe("after_trial")] - first_trials(recording)[block], condition
    )


def group_probes(block: np.ndarray, trial: np.ndarray, condition: np.ndarray) -> Points:
    """Group probes (q,) that agree in block, trials of the block before, and condition."""
    rows = np.stack([block, trial, condition], axis=1)
    table, index = np.unique(rows, axis=0, return_inverse=True)
    return Points(table, index.ravel())


def condition_names(recording: Recording) -> list[str]:
    """Return the names of the conditions; numbers from 1 where the run has none."""
    names = schema.names(recording, "conditions")
    if names:
        return names
    used = (recording[path] for path in (schema.trial("condition"), schema.probe("condition")))
    return [str(i + 1) for i in range(max(int(a.max(initial=-1)) for a in used) + 1)]
