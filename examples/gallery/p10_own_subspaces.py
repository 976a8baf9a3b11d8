"""
Subspaces of your own arrays
============================

The geometry works on plain arrays, such as readout weights or axes from a recording of yours. Rows are
directions among N cells. Here two planes share one of their two directions.
"""

import matplotlib.pyplot as plt
import numpy as np

from spikewhen.analysis.geometry.subspaces import overlap, principal_angles

rng = np.random.default_rng(1000)
N = 200
shared, only_what, only_when = rng.standard_normal((3, N))
what = np.stack([shared, only_what])  # (2, N): the rows span a plane
when = np.stack([shared, only_when])
angles = principal_angles(what, when)
print("principal angles:", angles.round(1), "degrees; overlap:", round(overlap(angles), 3))

# %%
# Two random planes are the chance level: in many dimensions they are nearly orthogonal.

chance = [overlap(principal_angles(*rng.standard_normal((2, 2, N)))) for _ in range(500)]
figure, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
ax.hist(chance, bins=30, color="0.7", label="two random planes, 500 draws")
ax.axvline(overlap(angles), color="C3", label="these two planes")
ax.set(xlabel="overlap (0 = orthogonal, 1 = contained)", ylabel="draws")
ax.legend(frameon=False, fontsize=8)
plt.show()
