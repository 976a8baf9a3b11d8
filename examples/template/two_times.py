"""A task of one's own: each of two cues says when one event will come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikewhen.paradigms.base import PlannedSession, Task, probe_table, pulse, time_grid, trial_table
from spikewhen.reservoir.spec import param


@dataclass(frozen=True)
class TwoTimes(Task):
    """A cue at 0 ms, and the event some time after it; which cue it is tells the time."""

    name: ClassVar[str] = "two_times"
    scores: ClassVar[str] = "target"
    figures: ClassVar[tuple[str, ...]] = ("learning", "target")

    latency_ms: tuple[float, ...] = param((150.0, 300.0), "time of the event after each cue", "ms", gt=0)
    cue_ms: float = param(50.0, "duration of a cue", "ms", gt=0)
    trials: int = param(80, "training trials", ge=1)
    probes_after: tuple[int, ...] = param((1, 20, 80), "trials after which to probe, cues alone", ge=1)

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        """Draw the order of the cues and the pauses between trials."""
        rng = np.random.default_rng([seed, 7])
        latency = np.array(self.latency_ms)
        cues = range(latency.size)
        time = time_grid(before_ms=50.0, after_ms=latency.max() + 200.0, step_ms=readout_step_ms)
        shown = np.zeros((latency.size, time.size, latency.size + 1))  # condition, time, cues and event
        for cue in cues:
            shown[cue, pulse(time, 0.0, self.cue_ms), cue] = 1.0
        cue_of_trial = rng.integers(0, latency.size, self.trials)
        block = np.zeros(self.trials, int)
        return PlannedSession(
            time_ms=time,
            cues=tuple(f"cue {cue + 1}" for cue in cues),
            events=("event",),
            conditions=tuple(f"{t:g} ms" for t in latency),
            trials=trial_table(
                block,
                condition=cue_of_trial,
                interval_ms=rng.integers(200, 400, self.trials),
                event=0,
                event_time_ms=latency[cue_of_trial],
                cue=cue_of_trial,
            ),
            probes=probe_table(block, self.probes_after, cues, interval_ms=300.0, repeats=2, cue=list(cues)),
            shown=shown,
            sigma_ms=30.0,
        )
