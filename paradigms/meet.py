"""MEET, the multi-event expectation task (Yamada & Chao, arXiv 2510.14382).

A cue is followed by event k at latency t_k with probability p_k, or by nothing.
The statistics hold for a block, then switch. A probe is a cue alone with
learning off: the network must produce the expectation by itself,
``z*_k(t) = p_k s_k(t)``, ``s_k(t) = exp(-(t - t_k)^2 / 2 sigma^2)``.

Any number of interleaved cues, each with its own contingencies; any number of
events; fixed or jittered latencies, or two for one event, so that what and when can
depend on each other; probabilities that need not add up to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from spikewhen.paradigms.base import Keys, Size, Task, bump, check_what_window, pulse
from spikewhen.reservoir.elementary import normal, uniform
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.gate import TeachingSignal
from spikewhen.reservoir.spec import Spec, param, steps
from spikewhen.reservoir.types import ProbeTable, Session, TrialTable

Rows = tuple[tuple[float, ...], ...]
DURATIONS = ("cue_ms", "event_ms", "before_ms", "after_ms", "interval_min_ms", "interval_max_ms")
"""Of `Meet`: each a multiple of the readout step."""


@dataclass(frozen=True)
class Block(Spec):
    """The contingencies of one block of trials. Rows are cues, columns are events."""

    probability: Rows = param(help="p(event | cue)", ge=0, le=1)
    latency_ms: Rows = param(help="time of the event after cue onset", unit="ms", gt=0)
    latency_sd_ms: Rows = param((), "SD of the latency, cut at 2 SD; empty = fixed", "ms", ge=0)
    late_ms: Rows = param((), "a second, later time of the event, with the same SD; empty = none", "ms", gt=0)
    late_share: Rows = param(
        (), "share of the event's deliveries that come then, not at latency_ms", ge=0, lt=1
    )
    trials: int = param(0, "trials in this block; 0 = trials_per_block", ge=0)


@dataclass(frozen=True)
class Meet(Task):
    """The parameters of the task: its timing, channels and blocks."""

    name: ClassVar[str] = "meet"
    scores: ClassVar[str] = "events"
    figures: ClassVar[tuple[str, ...]] = (
        "schematic",
        "trial",
        "learning",
        "recalibration",
        "calibration",
        "geometry",
    )

    cues: tuple[str, ...] = param(("cue",), "names of the cues")
    events: tuple[str, ...] = param(("A", "B"), "names of the events, one readout channel each")
    blocks: tuple[Block, ...] = param(
        help="blocks in order",
        factory=lambda: tuple(
            Block(((p, round(1 - p, 12)),), ((a, b),))
            for p, a, b in (
                (0.8, 300.0, 600.0),
                (0.8, 450.0, 750.0),
                (0.2, 450.0, 750.0),
                (0.6, 250.0, 650.0),
                (0.8, 300.0, 600.0),
            )
        ),
    )
    trials_per_block: int = param(100, "training trials per block", ge=1)
    cue_ms: float = param(100.0, "duration of a cue", "ms", gt=0)
    event_ms: float = param(50.0, "duration of an event", "ms", gt=0)
    before_ms: float = param(50.0, "trial time before cue onset", "ms", ge=0)
    after_ms: float = param(1000.0, "trial time after cue onset", "ms", gt=0)
    interval_min_ms: float = param(500.0, "least silence between trials", "ms", ge=0)
    interval_max_ms: float = param(800.0, "largest silence between trials", "ms", ge=0)
    stimulus_drives_reservoir: bool = param(False, "events enter the reservoir as well as teach")
    event_strength: float = param(1.0, "amplitude of an injected event, in units of event_pa", ge=0)
    sigma_ms: float = param(30.0, "width of the expectation", "ms", gt=0)
    probes_after: tuple[int, ...] = param(
        (1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100), "trials of a block before each probe, from 0 on", ge=0
    )
    probe_repeats: int = param(10, "probes each time, per cue", ge=0)
    counterbalance: bool = param(True, "swap identity and order of the first two events over seeds")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.cues or not self.events:
            raise InputError("cues" if not self.cues else "events", (), "at least one name")
        for field, names in (("cues", self.cues), ("events", self.events)):
            if len(set(names)) < len(names):
                raise InputError(field, names, "each name once")
        if not self.blocks:
            raise InputError("blocks", self.blocks, "at least one block")
        for i, block in enumerate(self.blocks):
            self._check_block(f"blocks[{i}]", block)
        if self.interval_max_ms < self.interval_min_ms:
            raise InputError(
                "interval_max_ms", self.interval_max_ms, f">= interval_min_ms = {self.interval_min_ms:g}"
            )
        if self.cue_ms > self.after_ms:
            raise InputError("cue_ms", self.cue_ms, f"<= after_ms = {self.after_ms:g} ms")

    def _check_block(self, where: str, block: Block) -> None:
        shape = (len(self.cues), len(self.events))
        tables = {"probability": block.probability, "latency_ms": block.latency_ms}
        if block.latency_sd_ms:
            tables["latency_sd_ms"] = block.latency_sd_ms
        if block.late_ms or block.late_share:
            tables |= {"late_ms": block.late_ms, "late_share": block.late_share}
        for name, rows in tables.items():
            if len(rows) != shape[0] or any(len(row) != shape[1] for row in rows):
                raise InputError(
                    f"{where}.{name}",
                    rows,
                    f"{shape[0]} row(s), one per cue, of {shape[1]} events (paradigm.cues, events)",
                )
        for c, row in enumerate(block.probability):
            if sum(row) > 1 + 1e-9:
                raise InputError(f"{where}.probability[{c}]", row, "probabilities that add up to at most 1")
        sd = np.array(block.latency_sd_ms or np.zeros(shape))
        early, share = np.array(block.latency_ms), np.array(block.late_share or np.zeros(shape))
        late = np.where(share > 0, block.late_ms or early, early)
        inside = f"inside the trial, from 0 to after_ms = {self.after_ms:g}, with 2 SD (latency_sd_ms)"
        if np.any((share > 0) & (late <= early)):
            raise InputError(f"{where}.late_ms", block.late_ms, "above latency_ms where late_share > 0")
        if np.any((share > 0) & (late + 2 * sd > self.after_ms)):
            raise InputError(f"{where}.late_ms", block.late_ms, inside)
        if (early + 2 * sd).max() > self.after_ms or (early - 2 * sd).min() <= 0:
            raise InputError(f"{where}.latency_ms", block.latency_ms, inside)

    def check_rule(self, label: str, rule: Any) -> None:
        """Refuse a "what" window that begins before the trial, or ends after the first possible event."""
        earliest = min(
            min(row) - 2 * (max(sd) if sd else 0.0)
            for b in self.blocks
            for row, sd in zip(b.latency_ms, b.latency_sd_ms or ((),) * len(b.latency_ms), strict=True)
        )
        check_what_window(label, rule, self.before_ms, earliest, "latency_ms less twice latency_sd_ms")

    def size(self, readout_step_ms: float) -> Size:
        """Return how large the session will be; its silence as its mean."""
        for name in DURATIONS:
            steps(f"paradigm.{name}", getattr(self, name), readout_step_ms)
        trials = [block.trials or self.trials_per_block for block in self.blocks]
        asked = set(self.probes_after)
        moments = sum(after <= n for n in trials for after in asked)
        probes = moments * self.probe_repeats * len(self.cues)
        return Size(
            trials=sum(trials),
            probes=probes,
            steps=round((self.before_ms + self.after_ms) / readout_step_ms),
            blocks=len(self.blocks),
            n_cues=len(self.cues),
            n_channels=len(self.events),
            silence_ms=(sum(trials) + probes) * (self.interval_min_ms + self.interval_max_ms) / 2,
            moments=moments,
            keys=Keys(
                "trials_per_block, blocks", "probe_repeats", "before_ms, after_ms", "interval_max_ms, blocks"
            ),
        )

    def plan(self, seed: int, readout_step_ms: float) -> MeetSession:
        """Draw a session.

        Parameters
        ----------
        seed : int
            Task seed.
        readout_step_ms : float
            Every time of the task is a multiple of it.
        """
        return MeetSession(self, seed, readout_step_ms)


def counterbalanced(table: np.ndarray, latency: bool, seed: int) -> np.ndarray:
    """Give the first two events of a ``(B, C, K)`` table the roles that a seed gives them.

    Seeds 2 and 3 modulo 4 swap order: the events exchange all that belongs to their
    times, probabilities stay. (Odd seeds swap identity as well: event A is played by
    channel 1, see `event_channels`.)
    """
    out = table.copy()
    if table.shape[2] > 1 and latency and seed // 2 % 2:
        out[..., [0, 1]] = out[..., [1, 0]]
    return out


def event_channels(n: int, seed: int) -> np.ndarray:
    """Return the channel of each event, ``(n,)``: odd seeds swap the first two."""
    channels = np.arange(n)
    if n > 1 and seed % 2:
        channels[:2] = 1, 0
    return channels


class MeetSession(Session):
    """The trials and probes of one seed. Tables follow the order of the events; conditions are the cues."""

    def __init__(self, spec: Meet, seed: int, step_ms: float):
        self.spec, self._step = spec, step_ms
        for name in DURATIONS:
            steps(f"paradigm.{name}", getattr(spec, name), step_ms)
        self.cues, self.events, self.conditions, self.sigma_ms = (
            spec.cues,
            spec.events,
            spec.cues,
            spec.sigma_ms,
        )
        k = len(spec.events)
        self.channels = event_channels(k, seed) if spec.counterbalance else np.arange(k)
        n_before = steps("before_ms", spec.before_ms, step_ms)
        n_after = steps("after_ms", spec.after_ms, step_ms)
        self.time_ms = step_ms * (np.arange(n_before + n_after) + 1 - n_before)
        self.probability = self._table("probability", seed)
        self.latency, self.latency_sd = self._table("latency_ms", seed), self._table("latency_sd_ms", seed)
        self.late_share = self._table("late_share", seed)
        self.late = np.where(self.late_share > 0, self._table("late_ms", seed), self.latency)
        sizes = [b.trials or spec.trials_per_block for b in spec.blocks]
        first = np.concatenate([[0], np.cumsum(sizes)])[:-1]
        self.blocks = {
            "probability": (self.probability, "1"),
            "latency_ms": (self.latency, "ms"),
            "latency_sd_ms": (self.latency_sd, "ms"),
            "first_trial": (first, "1"),
        }
        if self.late_share.any():
            self.blocks |= {"late_ms": (self.late, "ms"), "late_share": (self.late_share, "1")}
        self.trials = self._draw_trials(
            np.random.default_rng([seed, 2]),
            np.random.default_rng([seed, 4]),
            np.repeat(np.arange(len(sizes)), sizes),
        )
        self.probes = self._draw_probes(np.random.default_rng([seed, 3]), first, sizes)

    def _table(self, name: str, seed: int) -> np.ndarray:
        """Return one field of all blocks as a table, (B, C, K), with zeros where a block has none.

        All fields but the probability belong to the time of the events.
        """
        spec, shape = self.spec, (self.n_cues, self.n_channels)
        table = np.array([getattr(b, name) or np.zeros(shape) for b in spec.blocks], float)
        table = table.reshape(len(spec.blocks), *shape)
        return counterbalanced(table, name != "probability", seed) if spec.counterbalance else table

    def _by_channel(self, of_events: np.ndarray) -> np.ndarray:
        """Put a last axis over events, (..., K), in the order of the channels."""
        out = np.empty_like(of_events)
        out[..., self.channels] = of_events
        return out

    def _on_grid(self, time_ms: np.ndarray) -> np.ndarray:
        return np.round(time_ms / self._step) * self._step

    def _intervals(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return self._on_grid(uniform(rng, self.spec.interval_min_ms, self.spec.interval_max_ms, n))

    def _draw_trials(
        self, rng: np.random.Generator, late_rng: np.random.Generator, block: np.ndarray
    ) -> TrialTable:
        n = block.size
        cue = rng.integers(0, self.n_cues, n)
        # Drawn over the channels, not the events: what a seed means does not depend on names.
        edges = np.cumsum(self._by_channel(self.probability)[block, cue], axis=1)
        channel = (rng.random(n)[:, None] >= edges - 1e-12).sum(axis=1)
        came = channel < self.n_channels
        event = np.argsort(self.channels)[np.where(came, channel, 0)]
        # Cut at 2 SD: the first of 64 draws that lies inside, so every trial uses as many numbers.
        z = normal(rng, (n, 64))
        z = z[np.arange(n), np.argmax(np.abs(z) <= 2, axis=1)]
        late = late_rng.random(n) < self.late_share[block, cue, event]
        mean = np.where(late, self.late[block, cue, event], self.latency[block, cue, event])
        time = self._on_grid(mean + z * self.latency_sd[block, cue, event])
        return TrialTable(
            block,
            cue,
            cue,
            np.where(came, event, -1),
            np.where(came, time, np.nan),
            self._intervals(rng, n),
        )

    def _draw_probes(self, rng: np.random.Generator, first: np.ndarray, sizes: list[int]) -> ProbeTable:
        rows = [
            (first[b] + after, r, b, c)
            for b, size in enumerate(sizes)
            for after in sorted(set(self.spec.probes_after))
            if after <= size
            for r in range(self.spec.probe_repeats)
            for c in range(self.n_cues)
        ]
        after, repeat, block, cue = np.array(rows, np.int64).reshape(-1, 4).T.copy()
        return ProbeTable(after, repeat, block, cue, cue, self._intervals(rng, after.size))

    def inputs(self, trial: int) -> np.ndarray:
        """Return amplitudes ``(T, n_cues + K)`` of a trial: its cue, and its event if it is injected."""
        out = self._cue_alone(int(self.trials.cue[trial]))
        event = int(self.trials.event[trial])
        if self.spec.stimulus_drives_reservoir and event >= 0:
            on = self._during(self.trials.event_time_ms[trial], self.spec.event_ms)
            out[on, self.n_cues + self.channels[event]] = self.spec.event_strength
        return out

    def probe_inputs(self, probe: int) -> np.ndarray:
        """Return amplitudes ``(T, n_cues + K)`` of a probe: its cue alone."""
        return self._cue_alone(int(self.probes.cue[probe]))

    def _cue_alone(self, cue: int) -> np.ndarray:
        out = np.zeros((self.time_ms.size, self.n_cues + self.n_channels))
        out[self._during(0.0, self.spec.cue_ms), cue] = 1.0
        return out

    def _during(self, onset_ms: float, duration_ms: float) -> np.ndarray:
        return pulse(self.time_ms, onset_ms, duration_ms, self._step)

    def teaching(self, trial: int) -> TeachingSignal:
        """Return bumps s_k(t) around the delivered event's time, and around the expected times elsewhere.

        Of two times the more frequent one is expected.
        """
        table = self.trials
        row = table.block[trial], table.cue[trial]
        time = np.where(self.late_share[row] > 0.5, self.late[row], self.latency[row])
        event = int(table.event[trial])
        if event >= 0:
            time[event] = table.event_time_ms[trial]
            event = int(self.channels[event])
        time = self._by_channel(time)
        signal = bump(self.time_ms, time, self.sigma_ms)
        return TeachingSignal(self.time_ms, signal, event, time)
