"""Set-Go: a set signal, then go at one of fifteen times, with one distribution of times per block.

After Grabenhorst et al. (2019, doi 10.1038/s41467-019-13849-0; 2021, 10.1073/pnas.2019342118; 2025,
10.1038/s41467-025-57813-7): go 400 to 1400 ms after set, uniform, falling exponentially or its mirror
image; in one trial of eleven go does not come. The published rate of the exponential was not found:
its density falls by 8 from end to end, as in Los et al. (2017). Reaction times follow the density of go
rather than its hazard. A readout can be on either side (docs/tasks.md); probes show set alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from spikewhen.paradigms.base import (
    Keys,
    PlannedSession,
    Size,
    Task,
    check_what_window,
    event_items,
    probe_table,
    pulse,
    time_grid,
    trial_table,
)
from spikewhen.paradigms.event_times import Times, draw_event, time_tables
from spikewhen.reservoir.elementary import uniform
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import param, steps


@dataclass(frozen=True)
class SetGo(Task):
    """The parameters of the task; one block per distribution."""

    name: ClassVar[str] = "set_go"
    scores: ClassVar[str] = "times"
    figures: ClassVar[tuple[str, ...]] = ("event_times", "learning")

    distributions: tuple[Times, ...] = param(
        help="of the time of go, a block each, in order",
        factory=lambda: tuple(Times(density) for density in ("uniform", "exponential", "flipped")),
    )
    scale: float = param(1.0, "of all times of the distributions", gt=0, le=10)
    p_go: float = param(10 / 11, "probability that go comes", ge=0, le=1)
    trials_per_block: int = param(330, "training trials per block", ge=1)
    flash_ms: float = param(50.0, "duration of set and of go", "ms", gt=0)
    before_ms: float = param(50.0, "trial time before set", "ms", ge=0)
    beyond_ms: float = param(200.0, "trial time after the last time of go", "ms", gt=0)
    interval_min_ms: float = param(500.0, "least silence between trials", "ms", ge=0)
    interval_max_ms: float = param(800.0, "largest silence between trials", "ms", ge=0)
    stimulus_drives_reservoir: bool = param(False, "go enters the reservoir as well as teaches")
    event_ends_trial: bool = param(False, "no rule is taught anything from go on")
    sigma_ms: float = param(30.0, "width of the expectation", "ms", gt=0)
    probes_every: int = param(110, "trials between probes", ge=1)
    probe_repeats: int = param(10, "probes each time, set alone", ge=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.distributions:
            raise InputError("distributions", self.distributions, "at least one block")
        if self.interval_max_ms < self.interval_min_ms:
            allowed = f">= interval_min_ms = {self.interval_min_ms:g}"
            raise InputError("interval_max_ms", self.interval_max_ms, allowed)

    def times(self) -> list[Times]:
        """Return the distributions with their scale."""
        s = self.scale
        return [
            replace(
                d,
                from_ms=s * d.from_ms,
                to_ms=s * d.to_ms,
                mean_ms=s * d.mean_ms,
                sd_ms=s * d.sd_ms,
                times_ms=tuple(s * t for t in d.times_ms),
            )
            for d in self.distributions
        ]

    def check_rule(self, label: str, rule: Any) -> None:
        """Refuse a "what" window that ends after the first time of go."""
        first = min(t.first_ms for t in self.times())
        check_what_window(label, rule, self.before_ms, first, "scale, from_ms or times_ms")

    def _after(self, step_ms: float) -> float:
        last = max(t.last_ms for t in self.times())
        return step_ms * (round(last / step_ms) + steps("paradigm.beyond_ms", self.beyond_ms, step_ms))

    def _moments(self) -> tuple[int, ...]:
        return tuple(range(self.probes_every, self.trials_per_block + 1, self.probes_every))

    def size(self, readout_step_ms: float) -> Size:
        """Return how large the session will be; its silence as its mean."""
        blocks = len(self.distributions)
        n, moments = self.trials_per_block * blocks, len(self._moments()) * blocks
        probes, silence = moments * self.probe_repeats, (self.interval_min_ms + self.interval_max_ms) / 2
        length = round((self.before_ms + self._after(readout_step_ms)) / readout_step_ms)
        keys = Keys("trials_per_block", "probe_repeats", "scale, distributions", "interval_max_ms")
        return Size(n, probes, length, blocks, 1, 1, (n + probes) * silence, moments, keys)

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        """Draw times, catch trials and silences."""
        for name in ("before_ms", "flash_ms"):
            steps(f"paradigm.{name}", getattr(self, name), readout_step_ms)
        blocks = len(self.distributions)
        tables = time_tables([self.p_go] * blocks, self.times(), readout_step_ms)
        block = np.repeat(np.arange(blocks), self.trials_per_block)
        drawn = (tables[name][0][block, 0] for name in ("p_event", "times_ms", "weights"))
        event, at = draw_event(np.random.default_rng([seed, 2]), *drawn)
        rng = np.random.default_rng([seed, 3])
        silence = uniform(rng, self.interval_min_ms, self.interval_max_ms, block.size)
        silence = readout_step_ms * np.round(silence / readout_step_ms)
        time = time_grid(self.before_ms, self._after(readout_step_ms), readout_step_ms)
        shown = np.zeros((1, time.size, 2))
        shown[0, pulse(time, 0.0, self.flash_ms), 0] = 1.0
        trials = trial_table(block, np.zeros(block.size), silence, event, at, 0)
        return PlannedSession(
            time_ms=time,
            cues=("set",),
            events=("go",),
            conditions=("set",),
            trials=trials,
            probes=probe_table(
                block, self._moments(), [0], self.interval_min_ms, self.probe_repeats, cue=[0]
            ),
            shown=shown,
            sigma_ms=self.sigma_ms,
            blocks=tables,
            items=event_items(trials, 1, self.flash_ms) if self.stimulus_drives_reservoir else None,
            event_ends_trial=self.event_ends_trial,
        )
