"""When it will come: the error-modulated, gated three-factor Hebbian rule.

``y_k = w_k . x``, ``dw_k = eta G_k(t) delta_k e / (eps + |e| |x|)``,
``delta_k = s_k - y_k``. Three factors: the presynaptic trace e (x itself or its
low-pass, the eligibility), the error delta of the channel, and the attention
gate G. Source: Yamada & Chao (arXiv 2510.14382) for error, gate and trace; the
division, without which the rule diverges at useful rates, is our choice.

With ``teacher = "target"`` delta is s_k itself, plain gated Hebbian learning: a
control without the error, whose weights grow for as long as it learns.

With ``consolidation`` beta > 0 the learning weights f are kept apart from the
weights w that speak: at the end of a trial ``w <- w + beta (f - w)``, an average
over the last 1/beta trials that removes most of the rule's own variance.

With ``unlearn.all_at`` or ``unlearn.rate`` > 0 a channel also loses weights where its event
was expected and did not come (`spikewhen.reservoir.rules.unlearn`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.elementary import exp
from spikewhen.reservoir.rules.base import Rule, device_text
from spikewhen.reservoir.rules.unlearn import Unlearn, kept, kept_reference
from spikewhen.reservoir.simd import dot
from spikewhen.reservoir.spec import param
from spikewhen.reservoir.types import padded


class ThreeFactorState(NamedTuple):
    """The state of the three-factor rule: weights and eligibility."""

    w: np.ndarray  # (K, M) weights w that make y
    learning: np.ndarray  # (K, M) weights f that learn; (0, M) without consolidation
    eligibility: np.ndarray  # (M,) e
    # (K,) each, of the trial so far and of earlier trials; (0,) where nothing is unlearned at trial ends:
    missed: np.ndarray  # sum of min(s - y, 0)^2
    expected: np.ndarray  # sum of s^2
    came: np.ndarray  # trials that delivered the channel's event


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    eta, epsilon, e_keep, e_gain, beta, own, above, width, after, rate, slack = constants
    w, learning, e, missed, expected, came = state
    one, none = w.dtype.type(1), w.dtype.type(0)
    for i in range(x.size):
        e[i] = e_keep * e[i] + e_gain * x[i]
    consolidate = learning.shape[0] > 0
    weights = learning if consolidate else w
    active = False
    for k in range(w.shape[0]):
        active = active or gate[k] > 0
    for k in range(missed.size):
        if gate[k] > 0:
            miss = min(target[k] - y[k], none)
            missed[k] = missed[k] + miss * miss
            expected[k] = expected[k] + target[k] * target[k]
    if active:
        norm = epsilon + math.sqrt(dot(e, e) * dot(x, x))
        for k in range(w.shape[0]):
            if gate[k] > 0:
                out = dot(weights[k], x) if consolidate else y[k]
                c = eta * gate[k] * (target[k] - own * out) / norm
                excess = y[k] - target[k] - slack
                if rate > 0 and excess > 0:
                    keep = one - min(one, rate * excess)
                    for i in range(x.size):
                        weights[k, i] = keep * weights[k, i]
                for i in range(x.size):
                    weights[k, i] = weights[k, i] + c * e[i]
    if trial_end:
        for k in range(missed.size):
            if expected[k] > 0:
                keep = kept(above, width, after, missed, expected, came, k)
                if keep < one:
                    for i in range(x.size):
                        weights[k, i] = keep * weights[k, i]
                    if consolidate:
                        for i in range(x.size):
                            w[k, i] = keep * w[k, i]
                came[k] = came[k] + one
            missed[k] = none
            expected[k] = none
    if consolidate and trial_end:
        for k in range(w.shape[0]):
            for i in range(x.size):
                w[k, i] = w[k, i] + beta * (learning[k, i] - w[k, i])


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    eta, epsilon, e_keep, e_gain, beta, own, above, width, after, rate, slack = constants
    w, learning, e, missed, expected, came = state
    one, none = w.dtype.type(1), w.dtype.type(0)
    e[:] = e_keep * e + e_gain * x
    consolidate = learning.shape[0] > 0
    weights = learning if consolidate else w
    for k in np.flatnonzero(gate[: missed.size] > 0):
        miss = min(target[k] - y[k], none)
        missed[k] = missed[k] + miss * miss
        expected[k] = expected[k] + target[k] * target[k]
    if np.any(gate > 0):
        norm = epsilon + np.sqrt(dot_reference(e, e) * dot_reference(x, x))
        for k in np.flatnonzero(gate > 0):
            out = dot_reference(weights[k], x) if consolidate else y[k]
            excess = y[k] - target[k] - slack
            if rate > 0 and excess > 0:
                weights[k] = (one - min(one, rate * excess)) * weights[k]
            weights[k] = weights[k] + (eta * gate[k] * (target[k] - own * out) / norm) * e
    if trial_end:
        for k in np.flatnonzero(expected > 0):
            keep = kept_reference(above, width, after, missed, expected, came, k)
            weights[k] = keep * weights[k]
            if consolidate:
                w[k] = keep * w[k]
            came[k] = came[k] + one
        missed[:] = expected[:] = 0
    if consolidate and trial_end:
        w[:] = w + beta * (learning - w)


@dataclass(frozen=True)
class ThreeFactor(Rule):
    """The local rule: error times gate times eligibility, normalised."""

    name: ClassVar[str] = "three_factor"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = device_text(__file__)

    eta: float = param(0.03, "learning rate per readout step", ge=0, search=(0.002, 0.2))
    epsilon: float = param(0.02, "added to |e||x|", gt=0)
    teacher: str = param(
        "error", "delta: error = target - output; target = the target alone", choices=("error", "target")
    )
    eligibility_ms: float = param(0.0, "low-pass of x; 0 = x itself", "ms", ge=0)
    consolidation: float = param(
        0.0, "beta: share moved to the speaking weights per trial; 0 = off", ge=0, le=1
    )

    unlearn: Unlearn = param(help="what a missed expectation unlearns", factory=Unlearn, later=True)

    def init(self, n_channels: int, n_features: int, dtype: Any) -> ThreeFactorState:
        """Return zero weights for `n_channels` outputs."""
        m = padded(n_features)
        surprised = n_channels if self.unlearn.at_trial_ends else 0
        return ThreeFactorState(
            w=np.zeros((n_channels, m), dtype),
            learning=np.zeros((n_channels if self.consolidation > 0 else 0, m), dtype),
            eligibility=np.zeros(m, dtype),
            missed=np.zeros(surprised, dtype),
            expected=np.zeros(surprised, dtype),
            came=np.zeros(surprised, dtype),
        )

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (eta, epsilon, eligibility factor, its gain, beta, share of y in delta) and `unlearn`."""
        real = np.dtype(dtype).type
        keep = exp(-readout_step_ms / self.eligibility_ms) if self.eligibility_ms > 0 else 0.0
        own = 1.0 if self.teacher == "error" else 0.0
        numbers = self.eta, self.epsilon, keep, 1.0 - keep, self.consolidation, own
        return tuple(map(real, (*numbers, *self.unlearn.constants())))
