"""When it will come, taught by nothing but what has come: a causal three-factor rule.

The rule of `spikewhen.reservoir.rules.three_factor` compares its output with a target
that rises before the event, so its teacher knows the future. Here error and target
exist from the event's onset on. What an early output did wrong is known only then;
until then a trace per synapse, the product of pre- and postsynaptic activity, keeps
what was predicted. With q = t - late, while a cue has come and no event,

``e_k <- keep e_k + [y_k(q)]_+ x(q) / (eps + |x(q)|^2)``, ``keep = exp(-step / trace)``,

and at the onset of event k, once,

``w_k <- (1 - f) (w_k - back e_k)``,  f of the missed expectation `u_k` (`Unlearn`) with
``u_k = sum_q [y_k(q)]_+^2 / sum_t s_k^2``.

From then on it learns as the three-factor rule does, ``dw_k = eta G_k (s_k - y_k) x / (eps + |x|^2)``.
The trace is late so that the rise just before the event, which was right, is not in it. Expectations of
the channels whose event did not come are dismissed, and so are those of a trial that delivers nothing.

Three factors: pre, post or its error, and a modulator that the event releases. Eligibility
traces that wait about a second for a modulator: Izhikevich 2007, Cereb Cortex 17:2443;
Yagishita et al. 2014, Science 345:1616; Gerstner et al. 2018, Front Neural Circuits 12:53.
The late trace of pre times post, consumed with a negative sign, is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.elementary import exp
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.base import Rule, device_text
from spikewhen.reservoir.rules.gate import Gate
from spikewhen.reservoir.rules.unlearn import Unlearn, kept, kept_reference
from spikewhen.reservoir.simd import dot
from spikewhen.reservoir.spec import param, steps
from spikewhen.reservoir.types import padded


class RetrospectiveState(NamedTuple):
    """The state of the retrospective rule: weights, and what this trial has predicted so far."""

    w: np.ndarray  # (K, M) weights
    trace: np.ndarray  # (K, M) e, zero at the start of a trial
    past: np.ndarray  # (D, M) features of the last D readout steps of waiting, a ring
    past_y: np.ndarray  # (D, K) outputs of the same steps
    predicted: np.ndarray  # (K,) sum of [y]_+^2 up to `late` before now
    squares: np.ndarray  # (K,) sum of s^2 since the event's onset
    expected: np.ndarray  # (K,) twice that sum of the last delivery: a target is half over at its onset
    came: np.ndarray  # (K,) deliveries
    waiting: np.ndarray  # (2,) int64: readout steps of waiting in this trial; 1 once an event has come


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    eta, epsilon, keep, back, above, width, after = constants
    w, trace, past, past_y, predicted, squares, expected, came, waiting = state
    one, none = w.dtype.type(1), w.dtype.type(0)
    open_, event = False, -1
    for k in range(y.size):
        open_ = open_ or gate[k] > 0
        if gate[k] > 0 and target[k] > 0 and event < 0:
            event = k
    if open_ and event < 0 and waiting[1] == 0:
        place = waiting[0] % past.shape[0]
        if waiting[0] >= past.shape[0]:
            norm = epsilon + dot(past[place], past[place])
            for k in range(y.size):
                said = max(past_y[place, k], none)
                predicted[k] = predicted[k] + said * said
                c = said / norm
                for i in range(x.size):
                    trace[k, i] = keep * trace[k, i] + c * past[place, i]
        for i in range(x.size):
            past[place, i] = x[i]
        for k in range(y.size):
            past_y[place, k] = y[k]
        waiting[0] += 1
    if open_ and event >= 0 and waiting[1] == 0:
        waiting[1] = 1
        share = one
        if width > 0 and expected[event] > 0:
            share = kept(above, width, after, predicted, expected, came, event)
        came[event] = came[event] + one
        for i in range(x.size):
            w[event, i] = share * (w[event, i] - back * trace[event, i])
    if open_ and waiting[1] == 1:
        norm = epsilon + dot(x, x)
        for k in range(y.size):
            if gate[k] > 0:
                squares[k] = squares[k] + target[k] * target[k]
                c = eta * gate[k] * (target[k] - y[k]) / norm
                for i in range(x.size):
                    w[k, i] = w[k, i] + c * x[i]
    if trial_end:
        for k in range(y.size):
            if squares[k] > 0:
                expected[k] = squares[k] + squares[k]
            squares[k] = none
            predicted[k] = none
        trace[:] = none
        past[:] = none
        past_y[:] = none
        waiting[:] = 0


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    eta, epsilon, keep, back, above, width, after = constants
    w, trace, past, past_y, predicted, squares, expected, came, waiting = state
    one, none = w.dtype.type(1), w.dtype.type(0)
    open_ = np.any(gate > 0)
    here = np.flatnonzero((gate > 0) & (target > 0))
    if open_ and here.size == 0 and waiting[1] == 0:
        place = waiting[0] % len(past)
        if waiting[0] >= len(past):
            said = np.maximum(past_y[place], none)
            predicted[:] = predicted + said * said
            norm = epsilon + dot_reference(past[place], past[place])
            for k in range(y.size):
                trace[k] = keep * trace[k] + (said[k] / norm) * past[place]
        past[place], past_y[place] = x, y
        waiting[0] += 1
    if open_ and here.size and waiting[1] == 0:
        waiting[1], event = 1, here[0]
        share = one
        if width > 0 and expected[event] > 0:
            share = kept_reference(above, width, after, predicted, expected, came, event)
        came[event] = came[event] + one
        w[event] = share * (w[event] - back * trace[event])
    if open_ and waiting[1] == 1:
        norm = epsilon + dot_reference(x, x)
        for k in np.flatnonzero(gate > 0):
            squares[k] = squares[k] + target[k] * target[k]
            w[k] = w[k] + (eta * gate[k] * (target[k] - y[k]) / norm) * x
    if trial_end:
        expected[:] = np.where(squares > 0, squares + squares, expected)
        squares[:] = predicted[:] = none
        trace[:] = past[:] = past_y[:] = none
        waiting[:] = 0


@dataclass(frozen=True)
class Retrospective(Rule):
    """The causal local rule: error from the event on, and a late trace of what was predicted before."""

    name: ClassVar[str] = "retrospective"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = device_text(__file__)

    eta: float = param(
        0.03, "learning rate per readout step, after the event's onset", ge=0, search=(0.002, 0.2)
    )
    epsilon: float = param(0.02, "added to |x|^2", gt=0)
    back: float = param(0.005, "share of the trace that the event's onset subtracts", ge=0)
    trace_ms: float = param(1000.0, "time constant of the trace", "ms", gt=0)
    late_ms: float = param(
        60.0, "what was predicted later than this before now is not in it", "ms", gt=0, le=1000
    )
    unlearn: Unlearn = param(help="what a missed expectation unlearns, at the event's onset", factory=Unlearn)
    gate: Gate = param(
        help="when weights may change: kind is expectation", factory=lambda: Gate(kind="expectation")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gate.kind != "expectation":
            raise InputError("gate.kind", self.gate.kind, "expectation, for this rule")
        if self.unlearn.rate > 0:
            raise InputError("unlearn.rate", self.unlearn.rate, "0: before the event no error is known")

    def init(
        self, n_channels: int, n_features: int, dtype: Any, readout_step_ms: float = 1.0
    ) -> RetrospectiveState:
        """Return zero weights, and room for the steps of `late_ms`."""
        m, late = padded(n_features), steps("late_ms", self.late_ms, readout_step_ms)
        return RetrospectiveState(
            w=np.zeros((n_channels, m), dtype),
            trace=np.zeros((n_channels, m), dtype),
            past=np.zeros((late, m), dtype),
            past_y=np.zeros((late, n_channels), dtype),
            predicted=np.zeros(n_channels, dtype),
            squares=np.zeros(n_channels, dtype),
            expected=np.zeros(n_channels, dtype),
            came=np.zeros(n_channels, dtype),
            waiting=np.zeros(2, np.int64),
        )

    def start(self, n_channels: int, n_features: int, readout_step_ms: float, dtype: Any) -> Any:
        """Return the state at the start of a run."""
        return self.init(n_channels, n_features, dtype, readout_step_ms)

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (eta, epsilon, factor of the trace per step, back, above, width or 0, after)."""
        steps("late_ms", self.late_ms, readout_step_ms)  # said before anything is drawn
        real = np.dtype(dtype).type
        keep = exp(-readout_step_ms / self.trace_ms)
        above, width, after, _, _ = self.unlearn.constants()
        width = width if self.unlearn.at_trial_ends else 0.0
        return tuple(map(real, (self.eta, self.epsilon, keep, self.back, above, width, after)))
