"""
A single trial
==============

One training trial from the input to the prediction. Each row is a panel of the shipped figure
"trial", drawn onto axes of our own.
"""

import matplotlib.pyplot as plt

import spikewhen as sw

experiment = sw.load_config("small.toml").with_rules(["local"])
result = sw.run(experiment, seed=1000)

rows = ("inputs", "spikes", "traces", "timing", "prediction")
figure, axes = plt.subplots(len(rows), 1, figsize=(6, 8), sharex=True, layout="constrained")
for ax, row in zip(axes, rows, strict=True):
    result.plot.trial(ax, row=row, moment="training")
    ax.set_title("")
    ax.set(xlabel="")
axes[-1].set_xlabel("time after cue (ms)")
plt.show()

# %%
# What is drawn can also be had as arrays: the last trial's prediction of each event, and the cells
# that fired.

said = result.readout("local").trials
print({event: round(float(values[-1].max()), 2) for event, values in said.prediction.items()})
print(f"{result.spikes.time_ms.size} spikes of {result.spikes.recorded.size} recorded cells")
