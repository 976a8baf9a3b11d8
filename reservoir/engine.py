"""The seam between a training run and a backend: readouts that learn, and engines that run them.

An engine is a network loaded on a backend. It takes a segment of trials at a time, with the
readouts that learn from it, and returns an `Activity`. Shapes are named as in
`spikewhen.reservoir.types`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from spikewhen.reservoir.arrays import checked
from spikewhen.reservoir.errors import ActivityError
from spikewhen.reservoir.own_rules import checked_constants, checked_state, checked_step, named
from spikewhen.reservoir.rules.gate import TeachingSignal
from spikewhen.reservoir.types import Network, State, Teaching, TimeGrid, Trials, aligned, padded


class Readout:
    """One readout while it is trained: a rule with its state, and the "what" weights beside it.

    Attributes
    ----------
    rule : spikewhen.reservoir.rules.Rule
    label : str
        Of the rule in its experiment, else its name.
    step : Numba dispatcher
        Of the rule.
    state : NamedTuple
        Made by ``rule.start``; its first field is ``w`` ``(K, M)``.
    v : (K, M) ndarray
        Weights V of the offline readout; zeros stay zeros without one.
    window_sum : (M,) ndarray
        Sum of the features over the "what" window of the running trial.
    count : (1,) int64 ndarray
        Number of readout steps in that sum.
    seen : (1,) int64 ndarray
        Number of trials the "what" weights learned from, or what `WhatReadout.restart` set it back to.
    surprise : (K,) ndarray
        Running mean of outcome minus p-hat; see `spikewhen.reservoir.rules.what`.
    """

    def __init__(self, rule: Any, n_channels: int, n_features: int, grid: TimeGrid, label: str = ""):
        m = padded(n_features)
        self.rule, self.label = rule, label or rule.name
        self._size = n_channels, n_features, grid.readout_step_ms, grid.dtype
        self.step = checked_step(self.label, rule)
        with named(f"rules.{self.label}.init"):
            # A rule without the base class may know `init` alone.
            state = (
                rule.start(*self._size) if hasattr(rule, "start") else rule.init(*self._size[:2], grid.dtype)
            )
            state = rule.keyed(state, grid.noise_seed) if hasattr(rule, "keyed") else state
        self.state = checked_state(self.label, rule, state, *self._size)
        self.constants = checked_constants(self.label, rule, grid.readout_step_ms, grid.dtype)
        real = np.dtype(grid.dtype).type
        # Without an identity readout the rate is 0, so V stays 0.
        nothing = tuple(map(real, (0, 1, 0, 0, 0, 1, 0, 1, 1)))
        self.what_constants = rule.what.constants(grid.dtype) if rule.what else nothing
        self.v = aligned(np.zeros((n_channels, m), grid.dtype))
        self.window_sum = aligned(np.zeros(m, grid.dtype))
        self.count = np.zeros(1, np.int64)
        self.seen = np.zeros(1, np.int64)
        self.surprise = aligned(np.zeros(n_channels, grid.dtype))
        self._scratch = aligned(np.zeros(m, grid.dtype))

    def switch(self) -> None:
        """Let the rule know that a block begins."""
        with named(f"rules.{self.label}.at_switch"):
            state = self.rule.at_switch(self.state, self._size[1])
        if state is not self.state:
            self.state = checked_state(self.label, self.rule, state, *self._size)

    def teach(self, lesson: TeachingSignal) -> tuple[np.ndarray, np.ndarray]:
        """Return the target and the gate of a trial as the rule's gate sees it, (T, K) each.

        Raises
        ------
        InputError
            If a gate of a user's fails, or returns something else.
        """
        where, shape, dtype = f"rules.{self.label}.gate", lesson.signal.shape, self._size[3]
        with named(where):
            target, gate = self.rule.gate.teach(lesson)
        return checked(f"{where}: target", target, shape, dtype), checked(where, gate, shape, dtype, 0)

    def arrays(self) -> tuple:
        """Return what compiled code needs: constants, state, the "what" readout, room for a mean (M,)."""
        return (
            self.constants,
            tuple(self.state),
            self.what_constants,
            self.v,
            self.window_sum,
            self.count,
            self.seen,
            self.surprise,
            self._scratch,
        )

    def frozen(self) -> Readout:
        """Return a view for a probe: the same weights, its own running mean."""
        other = object.__new__(Readout)
        other.__dict__.update(self.__dict__)
        other.window_sum, other.count = np.zeros_like(self.window_sum), np.zeros_like(self.count)
        return other


class Activity(NamedTuple):
    """What an engine returns for a segment of trials."""

    spike_step: np.ndarray  # (S,) int64, dt steps on the stream's clock
    spike_neuron: np.ndarray  # (S,) int32
    y: list[np.ndarray]  # per readout (T, K)
    p_hat: list[np.ndarray]  # per readout (n, K), before that trial's update


def check_outputs(
    activity: Activity, first_step: int, readouts: Mapping[str, Readout], grid: TimeGrid
) -> None:
    """Refuse outputs and states of rules that are no longer finite.

    Parameters
    ----------
    activity : Activity
        Of a segment.
    first_step : int
        At which it began, dt steps.
    readouts : mapping of label to Readout
    grid : TimeGrid

    Raises
    ------
    ActivityError
        With the label of the rule, the value, its time, and what may help.
    """
    started = first_step * grid.dt_ms
    for label, p_hat in zip(readouts, activity.p_hat, strict=True):
        for i, k in np.argwhere(~np.isfinite(p_hat))[:1]:
            advice = "lower the rate eta_w of its what readout"
            raise ActivityError(f"p_hat of {label}", int(k), started, float(p_hat[i, k]), label, advice)
    for (label, readout), y in zip(readouts.items(), activity.y, strict=True):
        for t, k in np.argwhere(~np.isfinite(y))[:1]:
            time_ms = started + (int(t) + 1) * grid.readout_step_ms
            advice = getattr(readout.rule, "advice", "")
            raise ActivityError(f"output of {label}", int(k), time_ms, float(y[t, k]), label, advice)
    ended = started + (len(activity.y[0]) * grid.readout_step_ms if activity.y else 0)
    for label, readout in readouts.items():
        for name, array in [*zip(readout.state._fields, readout.state, strict=True), ("v", readout.v)]:
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                at, advice = int(np.argmin(np.isfinite(array))), getattr(readout.rule, "advice", "")
                value = float(array.flat[at])
                raise ActivityError(f"{name} of {label}", at, ended, value, label, advice)


class Engine(Protocol):
    """A network loaded on a backend. The seam is one call per segment of trials."""

    def start(self) -> State: ...

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Advance `state` and `readouts` in place through a segment of trials."""
        ...


class Backend(Protocol):
    """A factory of engines, one for each network."""

    name: str

    def load(self, network: Network, grid: TimeGrid) -> Engine: ...
