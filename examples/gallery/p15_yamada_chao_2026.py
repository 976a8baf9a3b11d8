"""
Yamada & Chao 2026: learning again after a switch
=================================================

The paper (Communications Biology, doi 10.1038/s42003-026-10836-2) asks what a local rule does when timing
or probability switch. This is a small version with 150 of the 1,000 cells and 20 of the 100 trials per
block. The study with its claims is ``spikewhen claims``.
"""

import matplotlib.pyplot as plt
import numpy as np

import spikewhen as sw

blocks = [
    ("first", [[0.8, 0.2]], [[300.0, 600.0]]),
    ("timing switches", [[0.8, 0.2]], [[450.0, 750.0]]),
    ("probability switches", [[0.2, 0.8]], [[450.0, 750.0]]),
    ("back to the first", [[0.8, 0.2]], [[300.0, 600.0]]),
]
table = [{"probability": p, "latency_ms": latency} for _, p, latency in blocks]
experiment = sw.load_config("small.toml", values={"paradigm.blocks": table}).with_rules(["local", "rls"])
result = sw.run(experiment, seed=1000)

figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 4.5), sharex=True, layout="constrained")
for label, color in (("local", "C0"), ("rls", "C1")):
    scores = result.scores(label)
    for block in range(len(blocks)):
        here = scores["block"] == block
        x = scores["trial"][here] + 20 * block
        name = {"local": "local three-factor rule", "rls": "least squares (RLS)"}[label]
        top.plot(x, scores["error"][here], color, marker="o", ms=3, label=name if block == 0 else None)
p_hat = result.readout("local").trials.p_hat["A"]
bottom.plot(np.arange(p_hat.size) + 1, p_hat, "C0", label="learned")
bottom.step(20 * np.arange(5), [p[0][0] for _, p, _ in blocks] + [0.8], "k:", where="post", label="true")
for i, (name, *_) in enumerate(blocks):
    top.axvline(20 * i, color="0.7", lw=1)
    top.text(20 * i + 0.5, 1.02, name, transform=top.get_xaxis_transform(), fontsize=8)
top.set_ylabel("E (1 = silence)")
top.legend(frameon=False, fontsize=8)
bottom.set(xlabel="training trials", ylabel="probability of A", ylim=(0, 1.1))
bottom.legend(frameon=False, fontsize=8)
plt.show()
