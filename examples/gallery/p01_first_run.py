"""
A first run
===========

One experiment is simulated, asked and drawn. After a cue, event A or event B follows, each at a
time and with a probability of its own.
"""

import matplotlib.pyplot as plt

import spikewhen as sw

experiment = sw.load_config("small.toml").with_rules(["local"])
result = sw.run(experiment, seed=1000)
print(result)

# %%
# E is the error of the prediction on probes, which show the cue alone: 0 is perfect, 1 is what
# silence scores. The panel of the shipped figure shows it beside simpler predictors.

figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
result.plot.learning(ax, block=1)
plt.show()
