"""A learning rule of one's own: normalised least mean squares (Nagumo and Noda 1967).

``dw_k = eta G_k delta_k x / (1 + x.x / M)``, with features x, error delta_k = s_k - y_k and
gate G_k of event k. (The shipped ``nlms`` divides by x.x itself.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.rules.base import Rule
from spikewhen.reservoir.spec import param
from spikewhen.reservoir.types import padded


class State(NamedTuple):
    """What the rule keeps from step to step: the readout weights, (K, M)."""

    w: np.ndarray


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    eta, one = constants
    w = state[0]
    power = x[0] * x[0]
    for i in range(1, x.size):
        power = power + x[i] * x[i]
    for k in range(w.shape[0]):
        if gate[k] > 0:
            c = eta * gate[k] * (target[k] - y[k]) / (one + power / x.size)
            for i in range(x.size):
                w[k, i] = w[k, i] + c * x[i]


@dataclass(frozen=True)
class NormalisedLMS(Rule):
    """The delta rule, with a step that shrinks as the features grow."""

    name: ClassVar[str] = "nlms"
    step: ClassVar[Any] = staticmethod(_step)

    eta: float = param(0.01, "learning rate per readout step", ge=0)

    def init(self, n_channels: int, n_features: int, dtype: Any) -> State:
        """Return zero weights for `n_channels` outputs."""
        return State(np.zeros((n_channels, padded(n_features)), dtype))

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (eta, 1), in the run's precision."""
        real = np.dtype(dtype).type
        return real(self.eta), real(1)
