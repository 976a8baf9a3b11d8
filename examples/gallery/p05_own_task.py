"""
A task of your own
==================

A task is one frozen class whose ``plan`` returns a session. Here each of two tones announces the
same event at another time, and a third tone announces nothing.
"""

from dataclasses import dataclass
from typing import ClassVar

import matplotlib.pyplot as plt
import numpy as np

import spikewhen as sw
from spikewhen.paradigms.base import PlannedSession, Task, probe_table, pulse, time_grid, trial_table


@dataclass(frozen=True)
class ThreeTones(Task):
    name: ClassVar[str] = "three_tones"
    scores: ClassVar[str] = "target"
    figures: ClassVar[tuple[str, ...]] = ("target",)
    trials: int = sw.param(60, "training trials", ge=1)

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        at = np.array([250.0, 500.0, np.nan])  # ms; the third tone announces nothing
        tone = np.random.default_rng([seed, 2]).integers(0, 3, self.trials)
        time = time_grid(before_ms=50.0, after_ms=700.0, step_ms=readout_step_ms)
        shown = np.zeros((3, time.size, 4))  # three tones, then the event
        for i in range(3):
            shown[i, pulse(time, 0.0, 100.0), i] = 1
        block = np.zeros(self.trials, int)
        return PlannedSession(
            time_ms=time,
            cues=("low", "middle", "high"),
            events=("reward",),
            conditions=("low", "middle", "high"),
            trials=trial_table(block, tone, 500.0, np.where(tone < 2, 0, -1), at[tone], cue=tone),
            probes=probe_table(block, (20, self.trials), range(3), 500.0, repeats=2, cue=range(3)),
            shown=shown,
        )


small = sw.load_config("small.toml")
result = sw.run(
    sw.Experiment(network=small.network, paradigm=ThreeTones(), rules={"rls": sw.RLS()}), seed=1000
)
readout, probes = result.readout("rls"), result.probes
for i, tone in enumerate(result.conditions):
    rows = (probes["condition"] == tone) & (probes["after_trial"] == 60)
    plt.plot(readout.time_ms, readout.prediction["reward"][rows].mean(0), f"C{i}", label=f"{tone} tone")
plt.xlabel("time after tone (ms)")
plt.ylabel("prediction of the reward")
plt.legend(frameon=False)
plt.show()
