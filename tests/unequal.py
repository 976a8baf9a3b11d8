"""A task of trials of different length and conditions apart from its input channels."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikewhen.paradigms.base import PlannedSession, Task, probe_table, pulse, time_grid, trial_table
from spikewhen.reservoir.spec import param


@dataclass(frozen=True)
class Unequal(Task):
    """Two flashes and an event, an interval apart each; the interval is the condition."""

    name: ClassVar[str] = "unequal"
    scores: ClassVar[str] = "target"
    figures: ClassVar[tuple[str, ...]] = ("learning", "target")

    intervals_ms: tuple[float, ...] = param((20.0, 30.0, 40.0), "between flashes", "ms", gt=0)
    trials_per_block: int = param(6, "training trials", ge=1)
    injected: bool = param(False, "the event enters the reservoir")

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        """Draw conditions and intervals."""
        rng = np.random.default_rng([seed, 2])
        interval = np.array(self.intervals_ms)
        g, n = interval.size, 2 * self.trials_per_block
        time = time_grid(10.0, 2 * interval.max() + 20, readout_step_ms)
        shown = np.zeros((g, time.size, 4))
        for c in range(g):
            shown[c, pulse(time, 0.0, 10.0), 0] = shown[c, pulse(time, interval[c], 10.0), 1] = 1
            shown[c, pulse(time, 2 * interval[c], 5.0), 2 + c % 2] = float(self.injected)
        block, condition = np.repeat([0, 1], self.trials_per_block), rng.integers(0, g, n)
        probes = probe_table(block, (2, self.trials_per_block), range(g), 20.0, repeats=2)
        steps = np.round((10 + 2 * interval + 20) / readout_step_ms).astype(int)
        return PlannedSession(
            time_ms=time,
            cues=("first", "second"),
            events=("even", "odd"),
            conditions=tuple(f"{x:g} ms" for x in interval),
            trials=trial_table(
                block,
                condition,
                interval_ms=rng.integers(10, 30, n),
                event=np.where(rng.random(n) < 0.8, condition % 2, -1),
                event_time_ms=2 * interval[condition],
            ),
            probes=probes,
            shown=shown,
            sigma_ms=5.0,
            trial_steps=steps[condition],
            probe_steps=steps[probes.condition],
        )
