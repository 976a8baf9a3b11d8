"""Node perturbation: an output tries a little noise, and keeps what made the loss smaller.

Every readout step draws a noise of SD nu for every output, and one number, the change of the
loss, is known to all synapses:

``L(xi) = sum_k (s_k - y_k - xi_k)^2 / 2`` over the outputs that are taught,
``dw_k = -(eta / nu^2) G_k (L(xi) - L(0)) xi_k x``.

Its mean over the noise is ``eta G_k delta_k x``, that of least mean squares, exactly and at any
nu. Its variance grows with the number of outputs, so that it is slower than the gradient by
about that factor (Werfel, Xie & Seung 2005, Neural Comput 17:2699). Fiete & Seung 2006 (Phys
Rev Lett 97:048104) give the rule for networks. The noise is that of `exploration`. It is not
heard by the network: what is fed back, recorded and scored is y itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

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


class NodePerturbationState(NamedTuple):
    """The state of node perturbation: weights, the noise of this step, and where it comes from."""

    w: np.ndarray  # (K, M)
    xi: np.ndarray  # (K,) noise of the last step
    key: np.ndarray  # (2,) int64


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    rate, scale, half = constants
    w, xi, key = state
    active = False
    for k in range(w.shape[0]):
        active = active or gate[k] > 0
    if active:
        explore(key, clock, scale, xi)
        change = half - half
        for k in range(w.shape[0]):
            if gate[k] > 0:
                error = target[k] - y[k]
                tried = error - xi[k]
                change = change + half * (tried * tried - error * error)
        for k in range(w.shape[0]):
            if gate[k] > 0:
                c = rate * gate[k] * change * xi[k]
                for i in range(x.size):
                    w[k, i] = w[k, i] - c * x[i]


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    rate, scale, half = constants
    w, xi, key = state
    if not np.any(gate > 0):
        return
    xi[:] = scale * explore_reference(key, clock, xi.size).astype(xi.dtype)
    change = half - half
    for k in np.flatnonzero(gate > 0):
        error = target[k] - y[k]
        tried = error - xi[k]
        change = change + half * (tried * tried - error * error)
    for k in np.flatnonzero(gate > 0):
        w[k] = w[k] - (rate * gate[k] * change * xi[k]) * x


@dataclass(frozen=True)
class NodePerturbation(Rule):
    """Learning from the change of the loss that a noise of one's own makes."""

    name: ClassVar[str] = "node_perturbation"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = exploring_text(__file__)

    eta: float = param(
        0.01,
        "learning rate per readout step, that of least mean squares on average",
        ge=0,
        search=(1e-4, 0.1),
    )
    noise: float = param(0.1, "nu: SD of the noise that is tried on an output", gt=0)

    def init(self, n_channels: int, n_features: int, dtype: Any) -> NodePerturbationState:
        """Return zero weights for `n_channels` outputs."""
        return NodePerturbationState(
            w=np.zeros((n_channels, padded(n_features)), dtype), xi=np.zeros(n_channels, dtype), key=key_of(0)
        )

    def keyed(self, state: Any, noise_seed: int) -> Any:
        """Return the state with the noise of this run."""
        return state._replace(key=key_of(noise_seed))

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (eta / nu^2, nu per unit of a draw, 1 / 2)."""
        real = np.dtype(dtype).type
        return real(self.eta / (self.noise * self.noise)), real(self.noise * UNIT_SCALE), real(0.5)
