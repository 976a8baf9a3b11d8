"""
Export to other tools
=====================

A result goes to Neurodata Without Borders, Neo, Pynapple, xarray, SONATA and pandas. Cells that were not
recorded stand in none of them. ``pip install 'spikewhen[export]'`` brings the libraries.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pynwb

import spikewhen as sw

experiment = sw.load_config("small.toml").with_rules(["local"])
result = sw.run(experiment, seed=1000)
path = result.to_nwb(Path(tempfile.mkdtemp()) / "run.nwb")

# %%
# Whoever gets the file needs nothing of ours. The units come with their type, the trials with their times.

with pynwb.NWBHDF5IO(path, "r") as io:
    file = io.read()
    print(file.session_description)
    trials, units = file.trials.to_dataframe(), file.units.to_dataframe()
print(trials[["start_time", "cue", "event", "cue_time"]].head(3))

# %%
# xarray has the predictions with named dimensions.

data = result.to_xarray()
last = data["probe_prediction"].isel(probe=-1).sel(rule="local")

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
left.eventplot(units["spike_times"].to_list()[:60], color="k", linelengths=0.8)
left.set(xlim=(0, 5), xlabel="time (s)", ylabel="unit of the NWB file")
for start in trials["cue_time"][trials["cue_time"] < 5]:
    left.axvline(start, color="C3", lw=1)
last.plot.line(x="time", ax=right)
right.set(title="", xlabel="time after cue (ms)", ylabel="prediction on the last probe")
plt.show()
print(data.sizes)
