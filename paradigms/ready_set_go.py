"""Ready, set, go: two flashes a sample interval apart, and go is due the same interval after the second.

After Jazayeri & Shadlen (2010, doi 10.1038/nn.2590) and Sohn et al. (2019, doi
10.1016/j.neuron.2019.06.012): the sample is uniform over the values of a prior, and people and monkeys
produce intervals that regress to its mean, the more so for the longer prior. One block per prior; ours are
the two of Sohn et al. at half their length, since set and go have to fit into the memory of the reservoir.
The readout is taught go and then produces it by itself: probes show ready and set alone, with the intervals
of all priors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from spikewhen.paradigms.base import (
    Keys,
    PlannedSession,
    Size,
    Task,
    check_what_window,
    probe_table,
    pulse,
    time_grid,
    trial_table,
)
from spikewhen.reservoir.elementary import uniform
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import Spec, param, steps


@dataclass(frozen=True)
class Prior(Spec):
    """Sample intervals that are all alike frequent."""

    low_ms: float = param(480.0, "shortest interval, before it is scaled", "ms", gt=0)
    high_ms: float = param(800.0, "longest interval", "ms", gt=0)
    count: int = param(5, "evenly spaced intervals", ge=2, le=100)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.high_ms <= self.low_ms:
            raise InputError("high_ms", self.high_ms, f"above low_ms = {self.low_ms:g}")


@dataclass(frozen=True)
class ReadySetGo(Task):
    """The parameters of the task; one block per prior."""

    name: ClassVar[str] = "ready_set_go"
    scores: ClassVar[str] = "production"
    figures: ClassVar[tuple[str, ...]] = ("production", "target")

    priors: tuple[Prior, ...] = param(
        help="of the sample interval, a block each, in order",
        factory=lambda: (Prior(480.0, 800.0), Prior(800.0, 1200.0)),
    )
    scale: float = param(0.5, "of all intervals of the priors", gt=0, le=10)
    trials_per_block: int = param(300, "training trials per block", ge=1)
    flash_ms: float = param(40.0, "duration of ready and of set", "ms", gt=0)
    before_ms: float = param(50.0, "trial time before ready", "ms", ge=0)
    beyond_ms: float = param(200.0, "trial time after go is due", "ms", gt=0)
    interval_min_ms: float = param(500.0, "least silence between trials", "ms", ge=0)
    interval_max_ms: float = param(800.0, "largest silence between trials", "ms", ge=0)
    sigma_ms: float = param(30.0, "width of the expectation", "ms", gt=0)
    probes_every: int = param(100, "trials between probes", ge=1)
    probe_repeats: int = param(10, "probes of each interval each time, ready and set alone", ge=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.priors:
            raise InputError("priors", self.priors, "at least one block")
        if self.interval_max_ms < self.interval_min_ms:
            allowed = f">= interval_min_ms = {self.interval_min_ms:g}"
            raise InputError("interval_max_ms", self.interval_max_ms, allowed)

    def intervals(self, step_ms: float) -> list[np.ndarray]:
        """Return the intervals of each prior, scaled, on the grid of readout steps."""
        found = []
        for i, p in enumerate(self.priors):
            t = step_ms * np.round(self.scale * np.linspace(p.low_ms, p.high_ms, p.count) / step_ms)
            if np.any(np.diff(t) < 0.5 * step_ms) or t[0] < self.flash_ms:
                allowed = f"intervals of at least flash_ms, a readout step ({step_ms:g} ms) apart"
                raise InputError(f"paradigm.priors[{i}].count", p.count, allowed)
            found.append(t)
        return found

    def check_rule(self, label: str, rule: Any) -> None:
        """Refuse a "what" window that ends after the earliest go."""
        earliest = 2 * self.scale * min(p.low_ms for p in self.priors)
        check_what_window(label, rule, self.before_ms, earliest, "twice the shortest interval")

    def _moments(self) -> tuple[int, ...]:
        return tuple(range(self.probes_every, self.trials_per_block + 1, self.probes_every))

    def _times(self, step_ms: float) -> np.ndarray:
        longest = 2 * max(t[-1] for t in self.intervals(step_ms))
        return time_grid(self.before_ms, longest + self.beyond_ms, step_ms)

    def size(self, readout_step_ms: float) -> Size:
        """Return how large the session will be; its silence as its mean."""
        for name in ("before_ms", "beyond_ms", "flash_ms"):
            steps(f"paradigm.{name}", getattr(self, name), readout_step_ms)
        blocks, kinds = len(self.priors), np.unique(np.concatenate(self.intervals(readout_step_ms))).size
        n, moments = self.trials_per_block * blocks, len(self._moments()) * blocks
        probes, silence = (
            moments * self.probe_repeats * kinds,
            (self.interval_min_ms + self.interval_max_ms) / 2,
        )
        keys = Keys("trials_per_block", "probe_repeats, priors", "scale, priors", "interval_max_ms")
        length = self._times(readout_step_ms).size
        return Size(n, probes, length, blocks, 2, 1, (n + probes) * silence, moments, keys)

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        """Draw intervals and silences."""
        of_prior = self.intervals(readout_step_ms)
        interval = np.unique(np.concatenate(of_prior))  # one condition each
        share = np.array([np.isin(interval, t) / t.size for t in of_prior])  # (B, G)
        time = self._times(readout_step_ms)
        shown = np.zeros((interval.size, time.size, 3))  # ready, set, go
        for row, t in zip(shown, interval, strict=True):
            row[pulse(time, 0.0, self.flash_ms), 0] = 1.0
            row[pulse(time, t, self.flash_ms), 1] = 1.0
        rng, n = np.random.default_rng([seed, 2]), self.trials_per_block
        condition = np.concatenate([rng.choice(interval.size, n, p=p) for p in share])
        block = np.repeat(np.arange(len(share)), n)
        silence = uniform(
            np.random.default_rng([seed, 3]), self.interval_min_ms, self.interval_max_ms, block.size
        )
        probes = probe_table(
            block, self._moments(), range(interval.size), self.interval_min_ms, self.probe_repeats
        )
        length = np.searchsorted(time, 2 * interval + self.beyond_ms - 1e-6) + 1
        return PlannedSession(
            time_ms=time,
            cues=("ready", "set"),
            events=("go",),
            conditions=tuple(f"{t:g} ms" for t in interval),
            trials=trial_table(
                block,
                condition,
                readout_step_ms * np.round(silence / readout_step_ms),
                event=0,
                event_time_ms=2 * interval[condition],
            ),
            probes=probes,
            shown=shown,
            sigma_ms=self.sigma_ms,
            blocks={"interval_ms": (np.tile(interval, (len(share), 1)), "ms"), "p_interval": (share, "1")},
            trial_steps=length[condition],
            probe_steps=length[probes.condition],
        )
