"""
Reward timing: density or hazard
================================

A reward comes at one of nine delays after an odour. Taught through the whole trial, a readout follows
the density of the delays. Taught until the reward, it follows a hazard, which rises the longer one has
waited. Both learn from the same spikes.
"""

import matplotlib.pyplot as plt
import numpy as np

import spikewhen as sw

experiment = sw.load_config(
    "reward_timing.toml",
    values={
        "network.n_neurons": 150,
        "network.out_degree": 30,
        "network.weight": 1.5,
        "paradigm.p_reward": [1.0],
        "paradigm.trials_per_block": 100,
        "paradigm.probes_every": 100,
    },
).with_rules(["local_merged", "local_merged_stopped"])
result = sw.run(experiment, seed=1000)

names = {"local_merged": "taught through the trial", "local_merged_stopped": "taught until the reward"}
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for label, name in names.items():
    readout = result.readout(label)
    (event,) = readout.events
    ax.plot(readout.time_ms, readout.prediction[event].mean(axis=0), label=name)
delays = np.unique(result.trials["event_time_ms"])
ax.plot(delays, np.zeros(delays.size), "k|", ms=10, label="delays of the reward")
ax.set(xlabel="time after the odour (ms)", ylabel="prediction, mean of 10 probes")
ax.legend(frameon=False, fontsize=8)
plt.show()

# %%
# Scores say which of the two shapes a readout follows: the error against the density, and against the hazard.

for label in result.labels:
    scores = result.scores(label)
    print(label, {name: scores[name].round(2).tolist() for name in ("error", "error_hazard")})
