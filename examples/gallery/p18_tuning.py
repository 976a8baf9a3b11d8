"""
Tuning two rules fairly
=======================

Two rules get the same number of candidates, the same sampler and the same seeds. The network is open, so
every candidate learns from spikes that were simulated once. ``spikewhen compare --tuned`` then compares
the winners on seeds that the search has not seen.
"""

import tempfile

import matplotlib.pyplot as plt

import spikewhen as sw

found = sw.tune(
    "small.toml",
    rules=["local", "lms"],
    space={
        "local": {"eta": {"low": 0.004, "high": 0.1, "log": True}},
        "lms": {"eta": {"low": 0.001, "high": 0.1, "log": True}},
    },
    set={"paradigm.trials_per_block": 10, "paradigm.probes_after": [10]},
    candidates=6,
    seeds=[1000, 1001],
    report_seeds=[2000, 2001],
    out=tempfile.mkdtemp(),
)
print(found.winners)

# %%
# Every candidate is a row of a table. The first one of each rule is the config's own value.

figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
table = found.table()
for i, label in enumerate(found.winners):
    rows = table[table["rule"] == label].dropna(subset=["value"])
    eta = rows[f"rules.{label}.eta"].astype(float)
    ax.semilogx(eta, rows["value"], "o", color=f"C{i}", label=label)
    best = rows["value"].astype(float).idxmin()
    ax.semilogx(eta[best], rows["value"][best], "o", ms=12, mfc="none", color=f"C{i}")
ax.set(xlabel="learning rate eta", ylabel="E after 10 trials, mean of 2 seeds")
ax.legend(frameon=False)
plt.show()
