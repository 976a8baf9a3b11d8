"""
A lesion
========

Networks are arrays, so a lesion is a changed array. Here all synapses of some cells are cut before
learning: of the inhibitory ones, and of as many excitatory ones.
"""

import matplotlib.pyplot as plt
import numpy as np

import spikewhen as sw

experiment = sw.load_config("small.toml").with_rules(["local"])
intact = sw.build_network(experiment.network, seed=1000, n_cues=1, n_channels=2, dt_ms=0.1)
synapses = intact.synapses
sender = np.repeat(np.arange(intact.n_neurons), np.diff(synapses.indptr))  # of every synapse
inhibitory = np.unique(sender[synapses.weight < 0])
excitatory = np.setdiff1d(np.arange(intact.n_neurons), inhibitory)
some = np.random.default_rng(1000).choice(excitatory, inhibitory.size, replace=False)


def without(cells):
    """Cut every synapse that the cells send."""
    weight = np.where(np.isin(sender, cells), 0.0, synapses.weight)
    return intact._replace(synapses=synapses._replace(weight=weight))


networks = {
    "intact": intact,
    f"without {some.size} excitatory": without(some),
    f"without {inhibitory.size} inhibitory": without(inhibitory),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
for i, (name, network) in enumerate(networks.items()):
    result = sw.run(experiment, seed=1000, network=network)
    scores = result.scores("local")
    first = scores["block"] == 0
    left.plot(scores["trial"][first], scores["error"][first], marker="o", ms=3, label=name)
    right.bar(i, result.health["rate_hz"])
left.set(xlabel="training trials", ylabel="E (1 = silence)")
left.legend(frameon=False, fontsize=8)
right.set_xticks(range(3), ["intact", "excitatory", "inhibitory"])
right.set(ylabel="mean rate (Hz)", xlabel="synapses cut of")
plt.show()
