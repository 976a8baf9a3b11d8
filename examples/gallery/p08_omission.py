"""
An omitted event
================

In three of ten trials nothing follows the cue. The network does not know beforehand, so its prediction
is the same. What differs is what comes of it: delivered events are predicted, omitted ones leave a
prediction without an event.
"""

import matplotlib.pyplot as plt
import numpy as np

import spikewhen as sw

experiment = sw.load_config(
    "small.toml",
    values={
        "paradigm.events": ["reward"],
        "paradigm.trials_per_block": 60,
        "paradigm.probes_after": [60],
        "paradigm.blocks": [{"probability": [[0.7]], "latency_ms": [[450.0]]}],
    },
).with_rules(["local"])
result = sw.run(experiment, seed=1000)

readout, trials = result.readout("local"), result.trials
said, late = readout.trials.prediction["reward"], np.arange(60) >= 30  # the second half: learned
came = trials["event"] == "reward"
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
for rows, name in ((late & came, "delivered"), (late & ~came, "omitted")):
    left.plot(readout.time_ms, said[rows].mean(axis=0), label=f"{name} ({rows.sum()} trials)")
left.axvline(450, color="0.6", lw=1, ls=":")
left.set(xlabel="time after cue (ms)", ylabel="prediction", ylim=(0, 0.85))
left.legend(frameon=False, fontsize=8)

p_hat = readout.trials.p_hat["reward"]
right.plot(np.arange(60) + 1, p_hat, color="0.4")
right.plot(np.flatnonzero(~came) + 1, p_hat[~came], "rx", label="omitted")
right.axhline(0.7, color="0.6", lw=1, ls=":")
right.set(xlabel="training trial", ylabel="learned probability", ylim=(0, 1.1))
right.legend(frameon=False, fontsize=8)
plt.show()
