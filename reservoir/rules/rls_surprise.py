"""Recursive least squares that resets itself: a channel's P begins anew where its expectation was missed.

What `RLS` has to be told (``reset = "switch"``) this rule finds out, channel by channel. The
surprise of a trial that delivers event k is the one that unlearns in the local rule
(`spikewhen.reservoir.rules.unlearn`): ``u_k = sum_t min(s_k - y_k, 0)^2 / sum_t s_k^2``,
output where the delivered event was not, as a share of the event. Where ``u_k`` exceeds
`surprise_above` at the end of the trial, channel k's P returns to I / alpha; weights stay.
The surprising trial itself was still learned with the old P.
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


class RLSSurpriseState(NamedTuple):
    """The state of `RLS`, and what surprised each channel."""

    w: np.ndarray
    p: np.ndarray
    q: np.ndarray
    pending: np.ndarray
    missed: np.ndarray  # (K,) of the trial so far, sum of min(s - y, 0)^2
    expected: np.ndarray  # (K,) sum of s^2
    came: np.ndarray  # (K,) trials that delivered the channel's event since its P was last I / alpha
    resets: np.ndarray  # (K,) int64, how often it was
    features: np.ndarray  # (1,) int64, without padding


def is_surprised_reference(above: Any, after: Any, missed: Any, expected: Any, came: Any, k: int) -> bool:
    """Return whether channel k was surprised by the trial that ends. This is the definition."""
    return came[k] >= after and missed[k] / expected[k] > above


is_surprised: Any = nb.njit(nogil=True, error_model="numpy", _nrt=False)(is_surprised_reference)


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    above, after, start = constants[-3:]
    missed, expected, came, resets, features = state[-5:]
    none = missed.dtype.type(0)
    for k in range(missed.size):
        if gate[k] > 0:
            miss = min(target[k] - y[k], none)
            missed[k] = missed[k] + miss * miss
            expected[k] = expected[k] + target[k] * target[k]
    rls_step(constants[:-3], state[:-5], x, y, target, gate, clock, trial_end)
    if trial_end:
        p, q, pending = state[1], state[2], state[3]
        for k in range(missed.size):
            if expected[k] > 0:
                if is_surprised(above, after, missed, expected, came, k):
                    p[k] = 0
                    for i in range(features[0]):
                        p[k, i // 32 * (i // 32 + 3) // 2, i % 32, i % 32] = start
                    q[k] = 0
                    pending[k] = 0
                    came[k] = none
                    resets[k] += 1
                else:
                    came[k] = came[k] + missed.dtype.type(1)
            missed[k] = none
            expected[k] = none


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    above, after, start = constants[-3:]
    missed, expected, came, resets, features = state[-5:]
    for k in np.flatnonzero(gate > 0):
        miss = min(target[k] - y[k], missed.dtype.type(0))
        missed[k] = missed[k] + miss * miss
        expected[k] = expected[k] + target[k] * target[k]
    rls_reference_step(constants[:-3], state[:-5], x, y, target, gate, clock, trial_end)
    if trial_end:
        for k in np.flatnonzero(expected > 0):
            if is_surprised_reference(above, after, missed, expected, came, k):
                _, p, q, pending = state[:4]
                cell = np.arange(features[0])
                block, lane = cell // LANES, cell % LANES
                p[k] = 0
                p[k, block * (block + 3) // 2, lane, lane] = start
                q[k] = pending[k] = came[k] = 0
                resets[k] += 1
            else:
                came[k] = came[k] + came.dtype.type(1)
        missed[:] = expected[:] = 0


@dataclass(frozen=True)
class RLSSurprise(RLS):
    """Recursive least squares whose P begins anew where a channel's expectation was missed."""

    name: ClassVar[str] = "rls_surprise"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = f"namespace update {{\n{RLS.device}\n}}\n{device_text(__file__)}"

    surprise_above: float = param(
        0.35, "surprise u of a trial above which the channel's P returns", ge=0, search=(0.05, 1.0)
    )
    surprise_after: int = param(
        3, "deliveries since P last began before the channel may be surprised", "trials", ge=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shares_p:
            raise InputError(
                "gate.undelivered",
                self.gate.undelivered,
                "ignore or silence, where each channel resets its own P",
            )

    def init(self, n_channels: int, n_features: int, dtype: Any) -> Any:
        """Return zero weights, P = I / alpha and no surprise."""
        sums = [np.zeros(n_channels, dtype) for _ in ("missed", "expected", "came")]
        counted = [np.zeros(n_channels, np.int64), np.full(1, n_features, np.int64)]
        return RLSSurpriseState(*super().init(n_channels, n_features, dtype), *sums, *counted)

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return those of `RLS`, then (surprise_above, surprise_after, 1 / alpha), in float64."""
        own = self.surprise_above, float(self.surprise_after), 1.0 / self.alpha
        return *super().constants(readout_step_ms, dtype), *map(np.float64, own)
