"""
A noise budget
==============

Where does the error of a readout come from? The trial after learning is run again from several earlier
states, after several silences and with several streams of noise. The squared error then splits into
parts that add up.
"""

import matplotlib.pyplot as plt

import spikewhen as sw

experiment = sw.load_config(
    "small.toml", values={"paradigm.trials_per_block": 10, "paradigm.probes_after": [10]}
).with_rules(["local"])
found = sw.noise_budget(experiment, seed=1000, histories=3, intervals=2, noises=3)

parts = ("bias", "state", "interval", "noise", "interaction")
meaning = ("bias of the mean", "earlier trial", "silence", "private noise", "interaction")
figure, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
for y, budget in enumerate(found.budgets.values()):
    left = 0.0
    for i, part in enumerate(parts):
        size = max(getattr(budget, part), 0.0)  # an estimate can lie a little below 0
        ax.barh(y, size, left=left, color=f"C{i}", label=meaning[i] if y == 0 else None)
        left += size
ax.set_yticks(range(len(found.budgets)), list(found.budgets))
ax.set(xlabel="squared error / mean square of the target (E squared)")
figure.legend(ncols=3, fontsize=8, frameon=False, loc="outside upper center")
plt.show()

# %%
# The budget also holds how much of each cell's activity is the same in every run.

print("cells:", found.reliability.shape[-1], "signal of all together:", found.signal.round(2))
