"""How a run is discretised: step, precision, noise and trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikewhen.reservoir.spec import Spec, param, steps
from spikewhen.reservoir.types import TimeGrid

SCHEMES = ("euler", "heun")


@dataclass(frozen=True)
class SimulationSpec(Spec):
    """Step sizes, precision and membrane noise."""

    dt_ms: float = param(0.1, "integration step", "ms", gt=0)
    scheme: str = param("euler", "forward Euler, or Heun (second order)", choices=SCHEMES)
    readout_step_ms: float = param(1.0, "time between two readouts; a multiple of dt_ms", "ms", gt=0)
    precision: str = param("float64", "of the state and the weights", choices=("float32", "float64"))
    noise: float = param(20.0, "white current noise", "pA sqrt(ms)", ge=0)
    noise_hold_ms: float = param(0.0, "a draw is held this long; 0 = one step", "ms", ge=0)
    settle_ms: float = param(1000.0, "time before the first trial", "ms", ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        steps("readout_step_ms", self.readout_step_ms, self.dt_ms, "dt_ms")
        steps("settle_ms", self.settle_ms, self.readout_step_ms)
        if self.noise_hold_ms:
            steps("noise_hold_ms", self.noise_hold_ms, self.dt_ms, "dt_ms")
            steps("readout_step_ms", self.readout_step_ms, self.noise_hold_ms, "noise_hold_ms")


@dataclass(frozen=True)
class TraceSpec(Spec):
    """How spikes become the features that a readout sees."""

    decay_ms: float = param(20.0, "tau_x: decay of the trace", "ms", gt=0)
    rise_ms: float = param(
        35.0, "rise of a double-exponential trace of unit area; 0 = a jump of 1", "ms", ge=0
    )
    scale: float = param(0.0, "factor from trace to feature; 0 = 1/sqrt(N)", ge=0)
    bias: float = param(0.05, "constant last feature")
    normalise_ms: float = param(
        12000.0,
        "each trace minus its running mean, over its running SD, with this memory; 0 = off",
        "ms",
        ge=0,
    )
    normalise_floor: float = param(
        0.05, "added to the running SD, as a share of one spike's peak in the trace", gt=0
    )


def make_grid(simulation: SimulationSpec, trace: TraceSpec, noise_seed: int) -> TimeGrid:
    """Combine the two specifications and a noise seed."""
    s = simulation
    return TimeGrid(
        dt_ms=s.dt_ms,
        steps_per_readout=steps("readout_step_ms", s.readout_step_ms, s.dt_ms),
        noise=s.noise,
        noise_hold_steps=steps("noise_hold_ms", s.noise_hold_ms, s.dt_ms) if s.noise_hold_ms else 1,
        noise_seed=noise_seed,
        trace_decay_ms=trace.decay_ms,
        trace_rise_ms=trace.rise_ms,
        trace_scale=trace.scale,
        feature_bias=trace.bias,
        dtype=np.dtype(s.precision),
        normalise_ms=trace.normalise_ms,
        normalise_floor=trace.normalise_floor,
        scheme=s.scheme,
    )
