"""The seam between a training run and a backend: readouts that learn, and engines that run them.

An engine is a network loaded on a backend. It takes a segment of trials at a time, with the
readouts that learn from it, and returns an `Activity`. Shapes are named as in
`spikewhen.reservoir.types`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.types import Network, State, Teaching, TimeGrid, Trials, aligned, padded


class Readout:
    """One readout while it is trained: a rule with its state, and the "what" weights beside it.

    Attributes
    ----------
    rule : spikewhen.reservoir.rules.Rule
    state : NamedTuple
        Made by ``rule.start``; its first field is ``w`` ``(K, M)``.
    v : (K, M) ndarray
        Weights V of the offline readout; zeros stay zeros without one.
    window_sum : (M,) ndarray
        Sum of the features over the "what" window of the running trial.
    count : (1,) int64 ndarray
        Number of readout steps in that sum.
    seen : (1,) int64 ndarray
        Number of trials the "what" weights learned from.
    surprise : (K,) ndarray
        Running mean of outcome minus p-hat; see `spikewhen.reservoir.rules.what`.
    """

    def __init__(self, rule: Any, n_channels: int, n_features: int, grid: TimeGrid):
        m = padded(n_features)
        self.rule = rule
        state = rule.start(n_channels, n_features, grid.readout_step_ms, grid.dtype)
        fields = getattr(state, "_fields", ())
        if fields[:1] != ("w",) or {"v", "surprise"} & set(fields):
            raise InputError(
                f"state of rule {rule.name}",
                ", ".join(fields) or type(state).__name__,
                "a NamedTuple whose first field is w, and none v or surprise",
            )
        self.state = type(state)(*map(aligned, state))
        self.constants = rule.constants(grid.readout_step_ms, grid.dtype)
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
