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
from typing import ClassVar

import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.gate import TeachingSignal
from spikewhen.reservoir.spec import Spec, param, steps
from spikewhen.reservoir.types import ProbeTable, TrialTable

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Block(Spec):
    """Contingencies that hold for a number of trials; rows are cues, columns events."""

    probability: Rows = param(help="p(event | cue)", ge=0, le=1)
    latency_ms: Rows = param(help="time of the event after cue onset", unit="ms", gt=0)
    latency_sd_ms: Rows = param((), "SD of the latency, cut at 2 SD; empty = fixed", "ms", ge=0)
    late_ms: Rows = param((), "a second, later time of the event, with the same SD; empty = none", "ms", gt=0)
    late_share: Rows = param(
        (), "share of the event's deliveries that come then, not at latency_ms", ge=0, lt=1
    )
    trials: int = param(0, "trials in this block; 0 = trials_per_block", ge=0)


@dataclass(frozen=True)
class Meet(Spec):
    """Timing, channels and blocks of the task."""

    name: ClassVar[str] = "meet"

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
        (1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100), "trials of a block after which to probe", ge=1
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
            raise InputError("interval_max_ms", self.interval_max_ms, f">= {self.interval_min_ms:g} ms")
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
                    f"{where}.{name}", rows, f"{shape[0]} row(s), one per cue, of {shape[1]} events"
                )
        for c, row in enumerate(block.probability):
            if sum(row) > 1 + 1e-9:
                raise InputError(f"{where}.probability[{c}]", row, "probabilities that add up to at most 1")
        sd = np.array(block.latency_sd_ms or np.zeros(shape))
        early, share = np.array(block.latency_ms), np.array(block.late_share or np.zeros(shape))
        late = np.where(share > 0, block.late_ms or early, early)
        if np.any((share > 0) & (late <= early)):
            raise InputError(f"{where}.late_ms", block.late_ms, "above latency_ms where late_share > 0")
        if np.any((share > 0) & (late + 2 * sd > self.after_ms)):
            raise InputError(
                f"{where}.late_ms",
                block.late_ms,
                f"inside the trial, up to {self.after_ms:g} ms after the cue (with 2 SD of jitter)",
            )
        last = np.array(block.latency_ms) + 2 * sd
        first = np.array(block.latency_ms) - 2 * sd
        if last.max() > self.after_ms or first.min() <= 0:
            raise InputError(
                f"{where}.latency_ms",
                block.latency_ms,
                f"inside the trial, 0 to {self.after_ms:g} ms after the cue (with 2 SD of jitter)",
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
    """Swap the first two events of a ``(B, C, K)`` table.

    Odd seeds swap identity (channel 0 plays B), seeds 2 and 3 modulo 4 swap
    order (the events exchange all that belongs to their times, probabilities stay).
    """
    out = table.copy()
    if table.shape[2] < 2:
        return out
    if latency and seed // 2 % 2:
        out[..., [0, 1]] = out[..., [1, 0]]
    if seed % 2:
        out[..., [0, 1]] = out[..., [1, 0]]
    return out


class MeetSession:
    """One seed's trials and probes."""

    def __init__(self, spec: Meet, seed: int, step_ms: float):
        self.spec, self._step = spec, step_ms
        for name in ("cue_ms", "event_ms", "before_ms", "after_ms", "interval_min_ms", "interval_max_ms"):
            steps(f"paradigm.{name}", getattr(spec, name), step_ms)
        self.n_cues, self.n_channels, self.sigma_ms = len(spec.cues), len(spec.events), spec.sigma_ms
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
        """One table of all blocks, (B, C, K); zeros where a block has none. All but p belong to the time."""
        spec, shape = self.spec, (self.n_cues, self.n_channels)
        table = np.array([getattr(b, name) or np.zeros(shape) for b in spec.blocks], float)
        table = table.reshape(len(spec.blocks), *shape)
        return counterbalanced(table, name != "probability", seed) if spec.counterbalance else table

    def _on_grid(self, time_ms: np.ndarray) -> np.ndarray:
        return np.round(time_ms / self._step) * self._step

    def _intervals(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return self._on_grid(rng.uniform(self.spec.interval_min_ms, self.spec.interval_max_ms, n))

    def _draw_trials(
        self, rng: np.random.Generator, late_rng: np.random.Generator, block: np.ndarray
    ) -> TrialTable:
        n = block.size
        cue = rng.integers(0, self.n_cues, n)
        edges = np.cumsum(self.probability[block, cue], axis=1)
        event = (rng.random(n)[:, None] >= edges - 1e-12).sum(axis=1)
        event = np.where(event < self.n_channels, event, -1)
        known = np.maximum(event, 0)
        # Cut at 2 SD: the first of 64 draws that lies inside, so every trial uses as many numbers.
        z = rng.standard_normal((n, 64))
        z = z[np.arange(n), np.argmax(np.abs(z) <= 2, axis=1)]
        late = late_rng.random(n) < self.late_share[block, cue, known]
        mean = np.where(late, self.late[block, cue, known], self.latency[block, cue, known])
        time = self._on_grid(mean + z * self.latency_sd[block, cue, known])
        return TrialTable(block, cue, event, np.where(event < 0, np.nan, time), self._intervals(rng, n))

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
        return ProbeTable(after, repeat, block, cue, self._intervals(rng, after.size))

    def inputs(self, trial: int | None, cue: int) -> np.ndarray:
        """Amplitudes ``(T, n_cues + K)`` of a trial, or of a probe of `cue`."""
        start = self.time_ms - self._step  # a readout step covers [start, start + step)
        out = np.zeros((start.size, self.n_cues + self.n_channels))
        tiny = 1e-6 * self._step
        out[(start >= -tiny) & (start < self.spec.cue_ms - tiny), cue] = 1.0
        if trial is not None and self.spec.stimulus_drives_reservoir and self.trials.event[trial] >= 0:
            onset = self.trials.event_time_ms[trial]
            on = (start >= onset - tiny) & (start < onset + self.spec.event_ms - tiny)
            out[on, self.n_cues + self.trials.event[trial]] = self.spec.event_strength
        return out

    def teaching(self, trial: int) -> TeachingSignal:
        """Bumps s_k(t) around the delivered event's time, the expected ones elsewhere.

        Of two times the more frequent one is expected.
        """
        table = self.trials
        row = table.block[trial], table.cue[trial]
        time = np.where(self.late_share[row] > 0.5, self.late[row], self.latency[row])
        event = int(table.event[trial])
        if event >= 0:
            time[event] = table.event_time_ms[trial]
        signal = np.exp(-((self.time_ms[:, None] - time) ** 2) / (2 * self.sigma_ms**2))
        return TeachingSignal(self.time_ms, signal, event, time)
