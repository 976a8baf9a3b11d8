"""
A sweep
=======

One experiment at many settings. Every point is a plain run in a folder, so the same call again repeats
nothing. The table has a row per run and score.
"""

import tempfile

import matplotlib.pyplot as plt

import spikewhen as sw

found = sw.sweep(
    "small.toml",
    grid={"network.weight": [2.0, 8.0, 16.0], "rules.local.eta": [0.006, 0.024]},
    set={"paradigm.trials_per_block": 10, "paradigm.probes_after": [10], "record.spikes": "none"},
    seeds=[1000, 1001],
    rules=["local"],
    out=tempfile.mkdtemp(),
)
print(found.overview().text())

# %%
# ``to_xarray`` puts the scores on the grid of the axes, with seeds as one more dimension.

error = found.to_xarray(["error"])["error"].isel(block=0, trial=-1).mean("seed").squeeze()
figure, ax = plt.subplots(figsize=(4.5, 3), layout="constrained")
for eta in error["rules.local.eta"].values:
    line = error.sel({"rules.local.eta": eta})
    ax.plot(line["network.weight"], line, marker="o", label=f"eta {eta:g}")
ax.set(xlabel="weight of the recurrent synapses", ylabel="E after 10 trials, mean of 2 seeds")
ax.legend(frameon=False)
plt.show()
