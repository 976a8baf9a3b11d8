"""What every learning rule has: a teacher's gate, a "what" readout, and three functions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from spikewhen.reservoir.rules.gate import Gate
from spikewhen.reservoir.rules.what import WhatReadout
from spikewhen.reservoir.spec import Spec, param


def device_text(file: str) -> str:
    """Read the CUDA text of a rule from the .cu file beside its Python file."""
    return Path(file).with_suffix(".cu").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Rule(Spec):
    """Base of learning rules; a rule adds its parameters and these.

    Attributes
    ----------
    name : str
        As in a config's ``rule = "..."``.
    step : Numba dispatcher
        ``step(constants, state, x, y, target, gate, clock, trial_end)``, called
        every readout step while learning is on; writes only into the arrays of
        `state`. ``x`` (M,) features, ``y`` (K,) outputs, ``target`` (K,) s_k,
        ``gate`` (K,) G_k, ``clock`` readout steps since the run began,
        ``trial_end`` whether a trial ends here.
    reference_step : callable
        The same in plain NumPy; what `step` must equal bit for bit.
    device : str, optional
        The same in CUDA C++ (docs/gpu.md); without it the rule runs on the CPU only.
    advice : str
        What a user can do about a readout that does not stay finite.
    """

    name: ClassVar[str]
    step: ClassVar[Any]
    reference_step: ClassVar[Any]
    device: ClassVar[str | None] = None
    advice: ClassVar[str] = "lower its learning rate"
    bulky: ClassVar[tuple[str, ...]] = ()
    """Fields of the state of some N x N numbers, which a file holds only where it is asked for them."""

    factored: bool = param(True, "prediction = p_hat times y; else y alone, taught by what was delivered")
    gate: Gate = param(help="when weights may change", factory=Gate)
    what: WhatReadout | None = param(help="the offline readout of identity", factory=WhatReadout)

    def __init_subclass__(cls, **options: Any) -> None:
        """Leave out the CUDA text of a base class where the step is another."""
        super().__init_subclass__(**options)
        if "step" in vars(cls) and "device" not in vars(cls):
            cls.device = None

    def init(self, n_channels: int, n_features: int, dtype: Any) -> Any:
        """Return the state: a NamedTuple of arrays, the first ``w`` (K, M), M = padded(n_features)."""
        raise NotImplementedError

    def start(self, n_channels: int, n_features: int, readout_step_ms: float, dtype: Any) -> Any:
        """Return the state at the start of a run: `init`, unless its sizes depend on the readout step."""
        return self.init(n_channels, n_features, dtype)

    def keyed(self, state: Any, noise_seed: int) -> Any:
        """Return the state at the start of a run with this noise seed; most rules draw no noise."""
        return state

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return the numbers `step` needs, in the run's precision."""
        raise NotImplementedError

    def at_switch(self, state: Any, n_features: int) -> Any:
        """Return the state to go on with when a block begins; most rules need no notice of it."""
        return state
