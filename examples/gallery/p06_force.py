"""
FORCE on a target of yours
==========================

The output is fed back into the network while RLS learns it: FORCE. The target is an array. After the
learning runs the network goes on alone, with learning off.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import spikewhen as sw

DURATION_MS, TRIALS = 1000.0, 4
t = np.arange(int(DURATION_MS)) + 1.0
target = 2 * np.abs(2 * ((5 * t / 1000 + 0.25) % 1) - 1) - 1  # a triangle wave of 5 Hz

experiment = sw.load_config(
    "force_sine.toml",
    values={
        "network.n_neurons": 400,
        "network.weight": 1118.0 * np.sqrt(2000 / 400),  # G / (p sqrt(N)), as in the shipped config
        "simulation.readout_step_ms": 1.0,
        "simulation.dt_ms": 0.1,
        "paradigm.duration_ms": DURATION_MS,
        "paradigm.trials": TRIALS,
    },
)
task = sw.Signal(target=target, duration_ms=DURATION_MS, trials=TRIALS)
result = sw.run(replace(experiment, paradigm=task), seed=1000)

readout = result.readout("force")
figure, (first, free) = plt.subplots(2, 1, figsize=(6, 3.6), sharex=True, layout="constrained")
first.plot(readout.time_ms, readout.trials.y["signal"][0], label="output")
first.set_title("first learning run", loc="left")
free.plot(readout.time_ms, readout.y["signal"][0])
free.set_title("free run, learning off", loc="left")
for ax in (first, free):
    ax.plot(t, target, "k:", lw=1, label="target")
    ax.set(ylabel="output", ylim=(-3, 3))
first.legend(frameon=False, ncols=2, fontsize=8)
free.set_xlabel("time (ms)")
plt.show()
