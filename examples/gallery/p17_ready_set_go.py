"""
Ready, set, go
==============

Two flashes come an interval apart, and go is due the same interval after the second. The readout is taught
go, then produces it by itself: probes show ready and set alone. The shipped ``ready_set_go.toml`` has two
priors and more cells.
"""

import matplotlib.pyplot as plt
import numpy as np

import spikewhen as sw

experiment = sw.load_config(
    "ready_set_go.toml",
    values={
        "network.n_neurons": 150,
        "network.out_degree": 30,
        "network.weight": 1.5,
        "paradigm.priors": [{"low_ms": 480.0, "high_ms": 800.0, "count": 3}],
        "paradigm.trials_per_block": 60,
        "paradigm.probes_every": 60,
        "paradigm.probe_repeats": 4,
    },
).with_rules(["rls"])
result = sw.run(experiment, seed=1000)

readout, probes, scores = result.readout("rls"), result.probes, result.scores("rls")
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
intervals = np.array([float(name.removesuffix(" ms")) for name in result.conditions])
for i, (name, interval) in enumerate(zip(result.conditions, intervals, strict=True)):
    rows = probes["condition"] == name
    left.plot(readout.time_ms, readout.prediction["go"][rows].mean(axis=0), f"C{i}", label=name)
    left.axvline(2 * interval, color=f"C{i}", lw=1, ls=":")
left.set(xlabel="time after ready (ms)", ylabel="prediction of go")
left.legend(title="interval", frameon=False, fontsize=8)

right.plot(intervals, scores["production_ms"], "o", label="rise to half the peak")
right.plot(intervals, scores["production_peak_ms"], "s", mfc="none", label="peak")
right.plot(intervals, intervals, "k:", lw=1, label="interval shown")
right.set(xlabel="interval from ready to set (ms)", ylabel="produced interval (ms)")
right.legend(frameon=False, fontsize=8)
plt.show()
