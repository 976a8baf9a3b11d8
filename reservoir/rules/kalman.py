"""The Kalman filter of weights that walk at random (Kalman 1960): least squares with a rate that never dies.

The world is taken to be ``s_k = w_k . x + noise`` with weights that gain a variance q per
second. In units of the noise's variance, with P the uncertainty of the weights,

``P <- P + q dt I``, ``kappa = P x``, ``w <- w + (delta / (1 + x . kappa)) kappa``,
``P <- P - kappa kappa^T / (1 + x . kappa)``, ``P(0) = I / alpha``.

A gate value g weighs a sample, as in `spikewhen.reservoir.rules.rls`: its noise has the
variance 1 / g. Uncertainty grows with all the time that passes, taught or not, so that a
rare event is learned faster when it comes. Without a walk (q = 0) it is RLS that
remembers everything. For one constant feature of size 1, updated every dt, the gain goes
to ``K = (sqrt(r^2 + 4 r) - r) / 2`` with r = q dt. Where forgetting makes P grow as
1 / lambda per update in unexcited directions, a walk lets it grow linearly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.base import device_text
from spikewhen.reservoir.rules.rls import RLS
from spikewhen.reservoir.rules.rls import _reference_step as rls_reference_step
from spikewhen.reservoir.rules.rls import _step as rls_step
from spikewhen.reservoir.spec import param
from spikewhen.reservoir.types import LANES


class KalmanState(NamedTuple):
    """The state of `RLS`, and when each P was last updated."""

    w: np.ndarray
    p: np.ndarray
    q: np.ndarray
    pending: np.ndarray
    last: np.ndarray  # (n_p,) int64, clock of the last update
    features: np.ndarray  # (1,) int64, without padding


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    interval, drift = constants[2], constants[-1]
    p, last, features = state[1], state[-2], state[-1]
    if clock % interval == 0:
        for a in range(p.shape[0]):
            if gate[a] > 0:
                # What waits to be subtracted from P does not mind what is added to it before.
                grown = drift * p.dtype.type(clock - last[a])
                for i in range(features[0]):
                    block, lane = i // 32, i % 32
                    at = block * (block + 3) // 2
                    p[a, at, lane, lane] = p[a, at, lane, lane] + grown
                last[a] = clock
    rls_step(constants[:-1], state[:-2], x, y, target, gate, clock, trial_end)


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    interval, drift = constants[2], constants[-1]
    p, last, features = state[1], state[-2], state[-1]
    if clock % interval == 0:
        cell = np.arange(features[0])
        block, lane = cell // LANES, cell % LANES
        for a in np.flatnonzero(gate[: len(p)] > 0):
            grown = drift * p.dtype.type(clock - last[a])
            p[a, block * (block + 3) // 2, lane, lane] += grown
            last[a] = clock
    rls_reference_step(constants[:-1], state[:-2], x, y, target, gate, clock, trial_end)


@dataclass(frozen=True)
class Kalman(RLS):
    """The Kalman filter of weights that walk at random; least squares where they do not."""

    name: ClassVar[str] = "kalman"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = f"namespace update {{\n{RLS.device}\n}}\n{device_text(__file__)}"
    advice: ClassVar[str] = "raise alpha or lower drift"

    drift: float = param(
        0.01,
        "q: variance that a weight gains by its walk, in units of the targets' noise",
        "1/s",
        ge=0,
        search=(1e-4, 10.0),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory_trials > 0:
            raise InputError("memory_trials", self.memory_trials, "0, where a drift forgets")
        if self.precision != "float64":
            raise InputError("precision", self.precision, "float64, where P grows and shrinks")

    def init(self, n_channels: int, n_features: int, dtype: Any) -> Any:
        """Return zero weights and P = I / alpha."""
        start = super().init(n_channels, n_features, dtype)
        return KalmanState(*start, np.zeros(len(start.p), np.int64), np.full(1, n_features, np.int64))

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return those of `RLS`, then the variance gained per readout step, in float64."""
        return *super().constants(readout_step_ms, dtype), np.float64(self.drift * readout_step_ms / 1000.0)
