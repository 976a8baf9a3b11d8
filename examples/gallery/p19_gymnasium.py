"""
A task for agents of gymnasium
==============================

The tasks of this project are environments of gymnasium too, with no network in them. Here an agent that
only counts the time since set learns when go comes. Taught through the trial it learns the density, and where
go ends the trial the hazard. Readouts of a reservoir do the same (see the page on tasks).
"""

import matplotlib.pyplot as plt
import numpy as np

from spikewhen.experiments.environment import TaskEnvironment
from spikewhen.paradigms import SetGo
from spikewhen.paradigms.event_times import Times

STEP_MS = 10.0


def learn(ends_trial):
    """Keep the mean of what was taught in each step of a trial."""
    task = SetGo(
        distributions=(Times("uniform"),), scale=0.6, trials_per_block=1000, event_ends_trial=ends_trial
    )
    environment = TaskEnvironment(task, step_ms=STEP_MS)
    expected, taught = np.zeros(400), np.zeros(400)
    seen, _ = environment.reset(seed=1000)
    clock, over = 399, False
    while not over:
        clock = 0 if seen[0] > 0 else min(clock + 1, 399)  # steps since set went out
        seen, _, over, _, info = environment.step(expected[[clock]])
        if info["counts"]:
            taught[clock] += 1
            expected[clock] += (info["gt"][0] - expected[clock]) / taught[clock]
    return expected


figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for ends_trial, label in ((False, "taught through the trial"), (True, "go ends the trial")):
    expected = learn(ends_trial)[:95]
    ax.plot(50 + STEP_MS * np.arange(expected.size), expected, label=label)
ax.set(xlabel="time after set (ms)", ylabel="how much go is expected")
ax.legend(frameon=False)
plt.show()
