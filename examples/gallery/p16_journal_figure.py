"""
A figure for a journal
======================

Panels of the shipped figures and of your own on one sheet, 183 mm wide, with letters. Inside ``paper`` the
print style holds: text of 7 points, thin lines, and text that stays text in PDF and SVG.
"""

import matplotlib.pyplot as plt

import spikewhen as sw
from spikewhen.analysis.figures.sheet import DOUBLE_MM, paper

experiment = sw.load_config("small.toml").with_rules(["local", "rls"])
result = sw.run(experiment, seed=1000)

with paper():
    figure, axes = plt.subplots(1, 3, figsize=(DOUBLE_MM / 25.4, 50 / 25.4), layout="constrained")
    result.plot.trial(axes[0], row="spikes", label="local")
    result.plot.trial(axes[1], row="prediction", label="local")
    for label in result.labels:
        scores = result.scores(label)
        first = scores["block"] == 0
        axes[2].plot(scores["trial"][first], scores["error"][first], marker="o", label=label)
    axes[2].set(xlabel="training trials", ylabel="E (1 = silence)")
    axes[2].legend()
    for ax, letter in zip(axes, "abc", strict=True):
        ax.set_title(letter, loc="left", fontsize=8, fontweight="bold")
    plt.show()
