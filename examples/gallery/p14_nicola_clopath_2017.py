"""
Nicola & Clopath 2017: FORCE in a spiking network
=================================================

The benchmark of the paper (Nature Communications 8:2208, ModelDB 190565): a recurrent network of
Izhikevich cells learns a 5 Hz sine. This is a small version with 400 of its 2,000 cells, 2 s of learning
in place of 5, and longer steps. The shipped ``force_sine.toml`` is the full one.
"""

import matplotlib.pyplot as plt
import numpy as np

import spikewhen as sw

experiment = sw.load_config(
    "force_sine.toml",
    values={
        "network.n_neurons": 400,
        "network.weight": 1118.0 * np.sqrt(2000 / 400),  # G / (p sqrt(N)): G stays 5000
        "simulation.readout_step_ms": 1.0,
        "simulation.dt_ms": 0.1,
        "paradigm.duration_ms": 1000.0,
        "paradigm.trials": 2,
    },
)
result = sw.run(experiment, seed=1000)
readout = result.readout("force")

figure, axes = plt.subplots(3, 1, figsize=(6, 5), layout="constrained")
runs = (*readout.trials.y["signal"], readout.y["signal"][0])
for i, y in enumerate(runs):
    color = "C1" if i == 2 else "C0"
    name = "free run, learning off" if i == 2 else "learning" if i == 0 else None
    axes[0].plot(readout.time_ms + 1000 * i, y, color, label=name)
t = np.arange(3000) + 1.0
axes[0].plot(t, np.sin(2 * np.pi * 5 * t / 1000), "k:", lw=1, label="target")
axes[0].set(xlabel="time (ms)", ylabel="output", ylim=(-2, 2))
axes[0].legend(frameon=False, fontsize=8, ncols=3)

axes[1].plot(result.spikes.time_ms, result.spikes.cell, "k.", ms=1)
axes[1].set(xlabel="time (ms)", ylabel="cell", xlim=(0, 2000))
axes[2].hist(result.spikes.rate_hz, bins=30, color="0.6")
axes[2].set(xlabel="mean rate while learning (Hz)", ylabel="recorded cells")
plt.show()

# %%
# Scores of the free run. The phase drifts, as the paper reports for long runs.

scores = result.scores("force")
print({name: values.round(3).tolist() for name, values in scores.items()})
