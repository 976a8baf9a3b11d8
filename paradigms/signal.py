"""A continuous target: learn to produce sines, a song, the Lorenz system or an array, then run free.

With feedback this is the task of FORCE learning (Sussillo & Abbott 2009;
Nicola & Clopath 2017). Learning happens in `trials` runs of `duration_ms` that
follow each other without a gap; then one probe of the same length runs on with
learning off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from spikewhen.paradigms.base import Keys, Size, Task
from spikewhen.paradigms.own_target import OwnTarget
from spikewhen.paradigms.waveforms import WAVEFORMS
from spikewhen.reservoir.elementary import sine_of_turns
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.gate import CONTINUOUS, TeachingSignal
from spikewhen.reservoir.spec import param, steps
from spikewhen.reservoir.types import ProbeTable, Session, TrialTable

CHANNELS = {"sines": 1, **{name: of(np.arange(2.0)).shape[1] for name, of in WAVEFORMS.items()}}
"""Of each waveform."""


@dataclass(frozen=True)
class Signal(Task):
    """The parameters of the task: the target, and how long it is learned."""

    name: ClassVar[str] = "signal"
    scores: ClassVar[str] = "signal"
    figures: ClassVar[tuple[str, ...]] = ("free_run",)

    frequency_hz: tuple[float, ...] = param((5.0,), "frequencies of the target's components", "Hz", gt=0)
    amplitude: tuple[float, ...] = param((1.0,), "amplitudes of its components")
    duration_ms: float = param(5000.0, "length of a learning run and of the free run", "ms", gt=0)
    trials: int = param(1, "learning runs", ge=1)
    target: Any = param(
        "",
        "in place of sines: a .npy file beside the config, or an array, (T,) or (T, K); a row per readout "
        "step of a run, or of all runs and the free one in a row",
        later=True,
        file=True,
    )
    waveform: str = param(
        "sines",
        "sines; song: five notes, a channel each; lorenz: its three variables, a channel each",
        choices=("sines", *WAVEFORMS),
        later=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        own = not (isinstance(self.target, str) and self.target == "")
        if own:
            object.__setattr__(self, "target", OwnTarget.of(self.target))
            if self.waveform != "sines":
                raise InputError("waveform", self.waveform, "nothing beside a target of one's own")
        if own or self.waveform != "sines":
            beside = "a target of one's own" if own else f'waveform = "{self.waveform}"'
            for name, default in (("frequency_hz", (5.0,)), ("amplitude", (1.0,))):
                if tuple(getattr(self, name)) not in ((), default):
                    raise InputError(name, getattr(self, name), f"nothing beside {beside}")
                object.__setattr__(self, name, ())
            return
        if not self.frequency_hz or len(self.frequency_hz) != len(self.amplitude):
            raise InputError(
                "amplitude", self.amplitude, f"one per frequency, {len(self.frequency_hz)} of them"
            )

    def size(self, readout_step_ms: float) -> Size:
        """Return how large the session will be."""
        n = steps("paradigm.duration_ms", self.duration_ms, readout_step_ms)
        keys = Keys("trials", "trials", "duration_ms")
        k = self.target.values.shape[1] if self.target else CHANNELS[self.waveform]
        return Size(self.trials, 1, n, 1, 0, k, 0.0, 1, keys)

    def plan(self, seed: int, readout_step_ms: float) -> SignalSession:
        """Return the session, in which nothing is random."""
        return SignalSession(self, readout_step_ms)


class SignalSession(Session):
    """A session whose learning runs are trials and whose free run is a probe."""

    def __init__(self, spec: Signal, step_ms: float):
        self.spec = spec
        n = steps("paradigm.duration_ms", spec.duration_ms, step_ms)
        self.time_ms = step_ms * (np.arange(n) + 1)
        self.cues, self.conditions, self.sigma_ms = (), ("signal",), 0.0
        self.own = self._own_rows(n) if spec.target else None
        if of := WAVEFORMS.get(spec.waveform):
            self.own = of(step_ms * (np.arange((spec.trials + 1) * n) + 1))
        k = 1 if self.own is None else self.own.shape[1]
        self.events = ("signal",) if k == 1 else tuple(f"signal_{i + 1}" for i in range(k))
        self.channels = np.arange(k)
        zeros = np.zeros(spec.trials, np.int64)
        nothing = np.full(spec.trials, np.nan)
        self.trials = TrialTable(zeros, zeros - 1, zeros, zeros - 1, nothing, np.zeros(spec.trials))
        one = np.zeros(1, np.int64)
        self.probes = ProbeTable(one + spec.trials, one, one, one - 1, one, np.zeros(1))
        self.blocks = {
            "frequency_hz": (np.array(spec.frequency_hz), "Hz"),
            "amplitude": (np.array(spec.amplitude), "1"),
        }
        if self.own is not None:
            self.blocks = {"signal": (self.own, "1")}

    def _own_rows(self, n: int) -> np.ndarray:
        rows, runs = self.spec.target.values, self.spec.trials + 1
        if len(rows) not in (n, runs * n):
            allowed = (
                f"{n} rows, one per readout step of duration_ms, or {runs * n} for all runs and the free one"
            )
            raise InputError("paradigm.target", f"{len(rows)} row(s)", allowed)
        return rows

    def inputs(self, trial: int) -> np.ndarray:
        """Return the inputs of a run: the event channel alone, which is silent."""
        return np.zeros((self.time_ms.size, len(self.events)))

    def probe_inputs(self, probe: int) -> np.ndarray:
        """Return the inputs of the free run, in which the event channel is silent as well."""
        return self.inputs(0)

    def target(self, run: int) -> np.ndarray:
        """Return the target of run `run`, ``(T, K)``. The phase of sines goes on from run to run.

        An own target of one run is repeated, one of all runs goes on.
        """
        if self.own is not None:
            n = self.time_ms.size
            return self.own[np.arange(run * n, (run + 1) * n) % len(self.own)]
        t = self.time_ms + run * self.spec.duration_ms
        parts = [
            a * sine_of_turns(f * t / 1000.0)
            for f, a in zip(self.spec.frequency_hz, self.spec.amplitude, strict=True)
        ]
        return np.sum(parts, axis=0)[:, None]

    def teaching(self, trial: int) -> TeachingSignal:
        """Return the target, which is taught at all times."""
        return TeachingSignal(self.time_ms, self.target(trial), CONTINUOUS, np.zeros(len(self.events)))
