"""
A learning rule of your own
===========================

A rule is one frozen class with its parameters, ``init``, ``constants`` and a compiled ``step``.
This one follows only the sign of the error. It learns from the spikes that a finished run kept, so
nothing is simulated twice.
"""

import tempfile
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import matplotlib.pyplot as plt
import numba as nb
import numpy as np

import spikewhen as sw
from spikewhen.reservoir.types import padded


class SignState(NamedTuple):
    w: np.ndarray  # (K, M) readout weights


@nb.njit(nogil=True, error_model="numpy")
def step(constants, state, x, y, target, gate, clock, trial_end):
    eta, (w,) = constants[0], state
    for k in range(y.size):
        sign = np.sign(target[k] - y[k])
        for i in range(x.size):
            w[k, i] += eta * gate[k] * sign * x[i]


@dataclass(frozen=True)
class SignRule(sw.Rule):
    name: ClassVar[str] = "sign"
    step: ClassVar[Any] = staticmethod(step)
    eta: float = sw.param(0.003, "learning rate per readout step", ge=0)

    def init(self, n_channels, n_features, dtype):
        return SignState(np.zeros((n_channels, padded(n_features)), dtype))

    def constants(self, readout_step_ms, dtype):
        return (np.dtype(dtype).type(self.eta),)


folder = tempfile.mkdtemp()
kept = sw.run(sw.load_config("small.toml").with_rules(["local"]), seed=1000, out=folder)
trained = sw.train(kept, rules={"sign": SignRule(), "slower": SignRule(eta=0.001)})
for result, label in ((kept, "local"), (trained, "sign"), (trained, "slower")):
    readout = result.readout(label)
    plt.plot(readout.time_ms, readout.prediction["A"][-1], label=label)
plt.xlabel("time after cue (ms)")
plt.ylabel("prediction of A, last probe")
plt.legend(frameon=False)
plt.show()
