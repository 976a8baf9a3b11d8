"""
Learning curves of three rules
==============================

In an open loop the readouts do not act on the network. So three rules learn from the very same
spikes, and their difference comes from the rules alone.
"""

import matplotlib.pyplot as plt
import numpy as np

import spikewhen as sw

names = {"local": "three factors", "rls": "least squares (RLS)", "lms": "LMS"}
result = sw.run(sw.load_config("small.toml").with_rules(list(names)), seed=1000)

figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for label, name in names.items():
    scores = result.scores(label)
    for block in np.unique(scores["block"]):
        here = scores["block"] == block
        x = scores["trial"][here] + 20 * block  # 20 trials per block
        ax.plot(x, scores["error"][here], marker="o", ms=3, color=f"C{list(names).index(label)}",
                label=name if block == 0 else None)  # fmt: skip
ax.axhline(1, color="0.6", lw=1, ls=":")
ax.axvline(20, color="0.6", lw=1)
ax.text(20.4, 0.92, "timing switches", transform=ax.get_xaxis_transform(), fontsize=8)
ax.set(xlabel="training trials", ylabel="E (1 = silence)")
ax.legend(frameon=False, fontsize=8)
plt.show()
