"""Least mean squares (Widrow & Hoff 1960): ``dw_k = eta G_k delta_k x``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.rules.base import Rule, device_text
from spikewhen.reservoir.spec import param
from spikewhen.reservoir.types import padded


class LMSState(NamedTuple):
    """The state of least mean squares: its weights."""

    w: np.ndarray  # (K, M)


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    eta = constants[0]
    w = state[0]
    for k in range(w.shape[0]):
        if gate[k] > 0:
            c = eta * gate[k] * (target[k] - y[k])
            for i in range(x.size):
                w[k, i] = w[k, i] + c * x[i]


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    eta = constants[0]
    w = state[0]
    for k in np.flatnonzero(gate > 0):
        w[k] = w[k] + (eta * gate[k] * (target[k] - y[k])) * x


@dataclass(frozen=True)
class LMS(Rule):
    """The plain delta rule. It has no normalisation, so only small rates are stable."""

    name: ClassVar[str] = "lms"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = device_text(__file__)

    eta: float = param(0.01, "learning rate per readout step", ge=0, search=(1e-4, 0.1))

    def init(self, n_channels: int, n_features: int, dtype: Any) -> LMSState:
        """Return zero weights for `n_channels` outputs."""
        return LMSState(w=np.zeros((n_channels, padded(n_features)), dtype))

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (eta,)."""
        return (np.dtype(dtype).type(self.eta),)
