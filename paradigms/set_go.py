"""Set-Go: a set signal, then go at one of fifteen times, with one distribution of times per block.

After Grabenhorst et al. (2019, doi 10.1038/s41467-019-13849-0; 2021, 10.1073/pnas.2019342118; 2025,
10.1038/s41467-025-57813-7): go 400 to 1400 ms after set, uniform, falling exponentially or its mirror
image; in one trial of eleven go does not come. The published rate of the exponential was not found:
its density falls by 8 from end to end, as in Los et al. (2017). Reaction times follow the density of go
rather than its hazard. A readout can be on either side (docs/tasks.md); probes show set alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from spikewhen.paradigms.event_times import Course, TimedTask, Times
from spikewhen.reservoir.elementary import uniform
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import param, steps


@dataclass(frozen=True)
class SetGo(TimedTask):
    """The parameters of the task; one block per distribution."""

    name: ClassVar[str] = "set_go"
    names: ClassVar[tuple[str, str]] = ("set", "go")

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
    probes_every: int = param(110, "trials between probes", ge=1)

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

    def contingencies(self) -> list[tuple[float, Times]]:
        """Return the probability of go and its times in each block."""
        return [(self.p_go, times) for times in self.times()]

    def course(self, step_ms: float) -> Course:
        """Return the course of a trial."""
        for name in ("before_ms", "flash_ms"):
            steps(f"paradigm.{name}", getattr(self, name), step_ms)
        last = step_ms * round(max(t.last_ms for t in self.times()) / step_ms)
        after = last + step_ms * steps("paradigm.beyond_ms", self.beyond_ms, step_ms)
        return Course(self.before_ms, after, self.flash_ms, self.flash_ms, self.interval_min_ms)

    def mean_silence_ms(self) -> float:
        """Return about how long a silence is."""
        return (self.interval_min_ms + self.interval_max_ms) / 2

    def silences(self, seed: int, step_ms: float, event: np.ndarray, time_ms: np.ndarray) -> np.ndarray:
        """Draw silences, all alike likely."""
        rng = np.random.default_rng([seed, 3])
        silence = uniform(rng, self.interval_min_ms, self.interval_max_ms, event.size)
        return step_ms * np.round(silence / step_ms)
