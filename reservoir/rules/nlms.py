"""Normalised least mean squares (Nagumo & Noda 1967): ``dw_k = eta G_k delta_k x / (eps + x . x)``.

A step takes the share eta of the error of its own sample away, whatever the size of the
features, so that every rate up to 2 is stable. With white Gaussian features the
squared error in excess of the targets' noise v goes to
``v eta / (2 - eta) M / (M - 2)``; the textbook's ``eta / (2 - eta)`` holds for many features M.
The three-factor rule without a trace and without unlearning is this rule, up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.rules.base import Rule, device_text
from spikewhen.reservoir.simd import dot
from spikewhen.reservoir.spec import param
from spikewhen.reservoir.types import padded


class NLMSState(NamedTuple):
    """The state of normalised least mean squares: its weights."""

    w: np.ndarray  # (K, M)


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    eta, epsilon = constants
    w = state[0]
    active = False
    for k in range(w.shape[0]):
        active = active or gate[k] > 0
    if active:
        norm = epsilon + dot(x, x)
        for k in range(w.shape[0]):
            if gate[k] > 0:
                c = eta * gate[k] * (target[k] - y[k]) / norm
                for i in range(x.size):
                    w[k, i] = w[k, i] + c * x[i]


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    eta, epsilon = constants
    w = state[0]
    norm = epsilon + dot_reference(x, x)
    for k in np.flatnonzero(gate > 0):
        w[k] = w[k] + (eta * gate[k] * (target[k] - y[k]) / norm) * x


@dataclass(frozen=True)
class NLMS(Rule):
    """The delta rule with a step that shrinks as the features grow."""

    name: ClassVar[str] = "nlms"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = device_text(__file__)

    eta: float = param(
        0.03, "share of its error that a readout step corrects", ge=0, le=2, search=(0.002, 0.5)
    )
    epsilon: float = param(0.02, "added to |x|^2", gt=0)

    def init(self, n_channels: int, n_features: int, dtype: Any) -> NLMSState:
        """Return zero weights for `n_channels` outputs."""
        return NLMSState(w=np.zeros((n_channels, padded(n_features)), dtype))

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (eta, epsilon)."""
        real = np.dtype(dtype).type
        return real(self.eta), real(self.epsilon)
