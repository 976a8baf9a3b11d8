"""The attention gate: when, and on which channel, a teacher lets weights change.

A `TeachingSignal` is what the task knows about one trial; a `Gate` turns it into a
target s_k(t) and a gate G_k(t) for one rule. The gate does not depend on the
network's activity, so it is computed once per trial, outside the loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from spikewhen.reservoir.elementary import exp
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import Spec, param


class TeachingSignal(NamedTuple):
    """What a task knows about one trial, on the trial's readout steps."""

    time_ms: np.ndarray  # (T,) after cue onset, negative before
    signal: np.ndarray  # (T, K) s_k(t), around the delivered or else the expected time
    event: int  # delivered channel, -1 = omission; -2 = a signal that is always there
    event_time_ms: np.ndarray  # (K,) delivered, else expected time
    stop_ms: float = math.inf  # from here on nothing is taught, whatever the gate


CONTINUOUS = -2
"""`TeachingSignal.event` of a task whose target is a signal, not an event."""


@dataclass(frozen=True)
class Gate(Spec):
    """G_k(t): 1 in the latency window of the delivered event, a baseline elsewhere.

    Reported (Yamada & Chao): "restricting plasticity to the active channel and
    its latency window". Baseline, widths and time constants are our choice.
    """

    kind: str = param(
        "window",
        "window: 1 in the window, baseline outside; epoch: 1 from the cue on; "
        "event: 1 from event onset for two half widths, 0 before and after; "
        "expectation: 1 on all channels from the cue to event onset, then as window, with no target before; "
        "reward: 1 on all channels in the whole trial, the target 1 in the step of event onset and else 0; "
        "none: always 1",
        choices=("window", "epoch", "event", "expectation", "reward", "none"),
    )
    channel: str = param(
        "delivered",
        "where it opens: on the delivered event's channel, or (a control) on the next one, "
        "at the delivered event's time; targets stay true",
        choices=("delivered", "other"),
    )
    baseline: float = param(0.4, "g0: gate outside the window, after the cue; 0 = literal window", ge=0)
    half_width_ms: float = param(100.0, "half width of the window", "ms", gt=0)
    shift_ms: float = param(0.0, "the window's centre minus the event's time", "ms")
    time_constant_ms: float = param(
        0.0,
        "low-pass of the gate, of gain 1: its integral stays, a window's peak falls to "
        "1 - exp(-its length / this); 0 = immediate",
        "ms",
        ge=0,
    )
    causal: bool = param(False, "error and gate exist only from event onset; the traces alone reach back")
    undelivered: str = param(
        "ignore",
        "channels not delivered: learn nothing, learn silence outside their windows, or learn 0",
        choices=("ignore", "silence", "zero"),
    )
    stop_at_event: bool = param(False, "all plasticity ends at event onset (for injected events)")
    between: float = param(
        0.0, "gate in the silence between trials, on all channels, with a target of 0", ge=0, later=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channel == "other" and self.undelivered != "ignore":
            raise InputError("undelivered", self.undelivered, 'ignore, where channel = "other"')
        if self.kind in ("expectation", "reward"):
            for name, value, plain in (
                ("channel", self.channel, "delivered"),
                ("undelivered", self.undelivered, "ignore"),
                ("time_constant_ms", self.time_constant_ms, 0.0),
                ("stop_at_event", self.stop_at_event, False),
            ):
                if value != plain:
                    raise InputError(name, value, f'{plain}, where kind = "{self.kind}"')
        if self.kind == "event" and self.stop_at_event:
            raise InputError("stop_at_event", True, 'false, where kind = "event" opens then')

    def teach(self, teaching: TeachingSignal) -> tuple[np.ndarray, np.ndarray]:
        """Turn what the task knows into a target and a gate.

        Parameters
        ----------
        teaching : TeachingSignal

        Returns
        -------
        target, gate : (T, K) float64 ndarrays

        Raises
        ------
        InputError
            If the gate is to open on another channel and there is one only, or if a reward would
            come when nothing is taught any more.
        """
        if self.kind == "reward" and math.isfinite(teaching.stop_ms):
            allowed = "another kind, where the task ends all teaching at the event"
            raise InputError("gate.kind", self.kind, allowed)
        target, gate = self._teach(teaching)
        if math.isfinite(teaching.stop_ms):  # last, so that no low-pass carries plasticity past it
            gate = gate * (teaching.time_ms[:, None] < teaching.stop_ms)
        return target, gate

    def _teach(self, teaching: TeachingSignal) -> tuple[np.ndarray, np.ndarray]:
        t = teaching.time_ms[:, None]
        target = teaching.signal
        if teaching.event == CONTINUOUS:
            return target, np.ones_like(target)
        delivered = np.arange(target.shape[1]) == teaching.event
        inside = np.abs(t - (teaching.event_time_ms + self.shift_ms)) < self.half_width_ms
        after_cue = t >= 0
        if self.kind == "expectation":
            onset = teaching.event_time_ms[teaching.event] if teaching.event >= 0 else np.inf
            came = t >= onset
            level = np.where(inside, 1.0, self.baseline) * delivered
            return target * delivered * came, np.where(came, level, 1.0 * after_cue)
        if self.kind == "reward":
            onset = teaching.event_time_ms[teaching.event] if teaching.event >= 0 else np.inf
            came = t >= onset
            first = came & ~np.vstack([np.zeros((1, 1), bool), came[:-1]])
            return 1.0 * first * delivered, np.ones_like(target)
        if self.kind == "window":
            level = np.where(inside, 1.0, self.baseline) * after_cue
        elif self.kind == "epoch":
            level = np.broadcast_to(1.0 * after_cue, target.shape)
        elif self.kind == "event":
            since = t - (teaching.event_time_ms[teaching.event] + self.shift_ms)
            open_ = (since >= 0) & (since < 2 * self.half_width_ms) & (teaching.event >= 0)
            level = np.broadcast_to(1.0 * open_, target.shape)
        else:
            level = np.ones_like(target)
        gate = level * delivered
        if self.channel == "other":
            if gate.shape[1] < 2:
                raise InputError("gate.channel", self.channel, "delivered, where there is one event only")
            gate = np.roll(gate, 1, axis=1)
        if self.undelivered == "zero":
            gate = np.where(delivered, gate, level)
        elif self.undelivered == "silence":
            gate = np.where(delivered, gate, level * ~inside)
        if teaching.event >= 0:
            onset = teaching.event_time_ms[teaching.event]
            if self.causal:
                gate = gate * (t >= onset)
        elif self.causal:
            gate = np.zeros_like(gate)
        gate = self._low_pass(gate, teaching.time_ms)
        if self.stop_at_event and teaching.event >= 0:
            gate = gate * (t < onset)  # the low-pass must not carry plasticity past the onset
        return target * delivered, gate

    def _low_pass(self, gate: np.ndarray, time_ms: np.ndarray) -> np.ndarray:
        if self.time_constant_ms == 0:
            return gate
        keep = exp(-(time_ms[1] - time_ms[0]) / self.time_constant_ms)
        out, level = np.empty_like(gate), np.zeros(gate.shape[1])
        for i, row in enumerate(gate):
            level = keep * level + (1 - keep) * row
            out[i] = level
        return out
