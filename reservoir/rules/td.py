"""Temporal-difference learning, TD(lambda), on the features: a value in place of a bump (Sutton 1988).

An output says what reward is still to come, ``V_k = w_k . x``, discounted by gamma per readout
step. Each step compares what was said with what came and what is said now,

``delta_k = r_k + gamma V_k(x) - V_k(x')``, ``e <- gamma lambda e + x'``, ``dw_k = alpha G_k delta_k e``,

with x' the features one step before; both values are of the weights before the change. The
reward r_k is the target that the gate gives: with ``gate.kind = "reward"`` it is 1 in the step
in which event k comes, and where a task teaches a signal that signal. Nothing else is
taught, so the rule is causal.

Where a trial is an episode (``episodes = "trial"``), nothing follows its end: the value after
its last step is 0, and what was before its first is forgotten, as wherever the gates of
all outputs are closed. Else (``"never"``) one trial goes on from the other through the silence between, where
it learns with ``gate.between``, as models of dopamine do (Starkweather et al. 2017, Nat Neurosci 20:581).
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
from spikewhen.reservoir.rules.what import WhatReadout
from spikewhen.reservoir.simd import dot
from spikewhen.reservoir.spec import param
from spikewhen.reservoir.types import padded


class TDState(NamedTuple):
    """The state of TD(lambda): weights, trace, the step before."""

    w: np.ndarray  # (K, M)
    trace: np.ndarray  # (M,) e
    past: np.ndarray  # (M,) x'
    running: np.ndarray  # (1,) int64, whether there is a step before


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    alpha, gamma, keep, episodic = constants
    w, trace, past, running = state
    none = w.dtype.type(0)
    active = False
    for k in range(w.shape[0]):
        active = active or gate[k] > 0
    goes_on = active or not episodic > 0
    if running[0] > 0 and goes_on:
        for i in range(x.size):
            trace[i] = keep * trace[i] + past[i]
        for k in range(w.shape[0]):
            if gate[k] > 0:
                c = alpha * gate[k] * (target[k] + gamma * y[k] - dot(w[k], past))
                for i in range(x.size):
                    w[k, i] = w[k, i] + c * trace[i]
    if goes_on:
        for i in range(x.size):  # past[:] = x would compile an error of shapes, with all of its text
            past[i] = x[i]
        running[0] = 1
    if trial_end and active and episodic > 0:
        for i in range(x.size):
            trace[i] = keep * trace[i] + past[i]
        for k in range(w.shape[0]):
            if gate[k] > 0:
                c = alpha * gate[k] * (none - dot(w[k], past))
                for i in range(x.size):
                    w[k, i] = w[k, i] + c * trace[i]
    if episodic > 0 and (trial_end or not active):
        if running[0] > 0:
            trace[:] = none
            past[:] = none
        running[0] = 0


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    alpha, gamma, keep, episodic = constants
    w, trace, past, running = state
    none, open_ = w.dtype.type(0), np.flatnonzero(gate > 0)
    goes_on = open_.size > 0 or not episodic > 0
    if running[0] > 0 and goes_on:
        trace[:] = keep * trace + past
        for k in open_:
            w[k] = w[k] + (alpha * gate[k] * (target[k] + gamma * y[k] - dot_reference(w[k], past))) * trace
    if goes_on:
        past[:], running[0] = x, 1
    if trial_end and open_.size and episodic > 0:
        trace[:] = keep * trace + past
        for k in open_:
            w[k] = w[k] + (alpha * gate[k] * (none - dot_reference(w[k], past))) * trace
    if episodic > 0 and (trial_end or not open_.size):
        trace[:] = past[:] = running[0] = 0


@dataclass(frozen=True)
class TD(Rule):
    """TD(lambda): the discounted reward that is still to come, learned from one step to the next."""

    name: ClassVar[str] = "td"
    learns: ClassVar[str] = "value"  # its output is no expectation of the event at its time
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = device_text(__file__)

    alpha: float = param(0.01, "learning rate per readout step", ge=0, search=(1e-4, 0.1))
    discount_ms: float = param(
        1000.0, "time in which a value falls to 1/e, gamma = exp(-readout step / this); 0 = none", "ms", ge=0
    )
    trace_ms: float = param(
        50.0, "time in which lambda falls to 1/e, lambda = exp(-readout step / this); 0 = none", "ms", ge=0
    )
    episodes: str = param(
        "trial",
        "trial: nothing follows a trial's end; never: trials go on from each other",
        choices=("trial", "never"),
    )
    factored: bool = param(False, "prediction = p_hat times y; else y alone: a value holds the probability")
    gate: Gate = param(help="when weights may change: kind is reward", factory=lambda: Gate(kind="reward"))
    what: WhatReadout | None = param(None, "the offline readout of identity")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gate.kind != "reward":
            raise InputError("gate.kind", self.gate.kind, "reward, for this rule")

    def init(self, n_channels: int, n_features: int, dtype: Any) -> TDState:
        """Return zero weights for `n_channels` outputs."""
        m = padded(n_features)
        return TDState(
            w=np.zeros((n_channels, m), dtype),
            trace=np.zeros(m, dtype),
            past=np.zeros(m, dtype),
            running=np.zeros(1, np.int64),
        )

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (alpha, gamma, gamma lambda, 1 if a trial is an episode)."""
        real = np.dtype(dtype).type
        gamma = float(exp(-readout_step_ms / self.discount_ms)) if self.discount_ms > 0 else 1.0
        decay = float(exp(-readout_step_ms / self.trace_ms)) if self.trace_ms > 0 else 0.0
        return tuple(map(real, (self.alpha, gamma, gamma * decay, 1.0 if self.episodes == "trial" else 0.0)))
