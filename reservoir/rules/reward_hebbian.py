"""Reward-modulated Hebbian learning with exploration: all that a synapse hears is whether it went better.

An output says ``z_k = y_k + xi_k``, a noise of its own included. What it and the reward have
been of late is a low-pass of each (bars, updated before they are used):

``R = -sum_k (z_k - s_k)^2`` over the outputs that are taught,
``dw_k = eta(t) G_k m (z_k - zbar_k) x``,

with ``m = 1`` where R > Rbar and else 0 (Hoerzer, Legenstein & Maass 2014, Cereb Cortex 24:677), or
graded, ``m = R - Rbar`` (Legenstein, Chase, Schwartz & Maass 2010, J Neurosci 30:8400). Slow bars
and graded, the mean of ``xi (R - Rbar)`` is ``2 nu^2 delta``. Binary, it is
``nu / sqrt(2 pi) delta / |delta|`` while the noise is small: the size of the error is lost, so the
rate has to fall, ``eta / (1 + t / fall)``. The noise is that of `exploration`. It is not heard
by the network, unlike in the original: what is fed back, recorded and scored is y itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.elementary import exp
from spikewhen.reservoir.rules.base import Rule
from spikewhen.reservoir.rules.exploration import (
    UNIT_SCALE,
    explore,
    explore_reference,
    exploring_text,
    key_of,
)
from spikewhen.reservoir.spec import param
from spikewhen.reservoir.types import padded


class RewardHebbianState(NamedTuple):
    """The state of the reward-modulated rule: weights, running means, and where its noise comes from."""

    w: np.ndarray  # (K, M)
    xi: np.ndarray  # (K,) noise of the last step
    said: np.ndarray  # (K,) running mean of y + xi
    reward: np.ndarray  # (1,) running mean of R over the steps that were taught
    key: np.ndarray  # (2,) int64


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    eta, scale, gain, fall, graded, one = constants
    w, xi, said, reward, key = state
    explore(key, clock, scale, xi)
    active, got = False, one - one
    for k in range(w.shape[0]):
        z = y[k] + xi[k]
        said[k] = said[k] + gain * (z - said[k])
        if gate[k] > 0:
            active = True
            got = got - (z - target[k]) * (z - target[k])
    if active:
        reward[0] = reward[0] + gain * (got - reward[0])
        better = got - reward[0]
        if graded == 0:
            better = one if better > 0 else one - one
        rate = eta / (one + fall * w.dtype.type(clock)) * better
        for k in range(w.shape[0]):
            if gate[k] > 0:
                c = rate * gate[k] * ((y[k] + xi[k]) - said[k])
                for i in range(x.size):
                    w[k, i] = w[k, i] + c * x[i]


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    eta, scale, gain, fall, graded, one = constants
    w, xi, said, reward, key = state
    xi[:] = scale * explore_reference(key, clock, xi.size).astype(xi.dtype)
    z, got = y + xi, one - one
    said[:] = said + gain * (z - said)
    open_ = np.flatnonzero(gate > 0)
    for k in open_:
        got = got - (z[k] - target[k]) * (z[k] - target[k])
    if open_.size:
        reward[0] = reward[0] + gain * (got - reward[0])
        better = got - reward[0]
        if graded == 0:
            better = one if better > 0 else one - one
        rate = eta / (one + fall * w.dtype.type(clock)) * better
        for k in open_:
            w[k] = w[k] + (rate * gate[k] * (z[k] - said[k])) * x


@dataclass(frozen=True)
class RewardHebbian(Rule):
    """Hebbian learning of one's own noise, gated by whether the reward is above its mean."""

    name: ClassVar[str] = "reward_hebbian"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = exploring_text(__file__)

    eta: float = param(
        5e-4, "learning rate per readout step at the start of the run", ge=0, search=(1e-4, 1.0)
    )
    noise: float = param(0.1, "nu: SD of the noise that is added to an output", gt=0)
    mean_ms: float = param(5.0, "time constant of the running means of output and reward", "ms", gt=0)
    modulation: str = param(
        "binary",
        "binary: learn in full where the reward is above its mean, else not; graded: by the difference",
        choices=("binary", "graded"),
    )
    fall_s: float = param(20.0, "the rate falls as 1 / (1 + time / this); 0 = never", "s", ge=0)

    def init(self, n_channels: int, n_features: int, dtype: Any) -> RewardHebbianState:
        """Return zero weights for `n_channels` outputs."""
        return RewardHebbianState(
            w=np.zeros((n_channels, padded(n_features)), dtype),
            xi=np.zeros(n_channels, dtype),
            said=np.zeros(n_channels, dtype),
            reward=np.zeros(1, dtype),
            key=key_of(0),
        )

    def keyed(self, state: Any, noise_seed: int) -> Any:
        """Return the state with the noise of this run."""
        return state._replace(key=key_of(noise_seed))

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (eta, nu per unit of a draw, gain of the means, fall per step, 1 if graded, 1)."""
        real = np.dtype(dtype).type
        gain = 1.0 - float(exp(-readout_step_ms / self.mean_ms))
        fall = readout_step_ms / (1000.0 * self.fall_s) if self.fall_s > 0 else 0.0
        graded = 1.0 if self.modulation == "graded" else 0.0
        return tuple(map(real, (self.eta, self.noise * UNIT_SCALE, gain, fall, graded, 1.0)))
