"""What flows through the simulator: arrays with names, and the protocols of its parts.

NumPy only. ``N`` neurons, ``M`` padded features (``N`` traces and one bias,
padded with zeros to a multiple of 32), ``K`` output channels, ``C`` input
channels, ``T`` readout steps, ``S`` synapses, ``D`` delay slots.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from spikewhen.reservoir.errors import InputError

NUMERICS_VERSION = 2
"""Changes whenever the order of operations, and with it any result, changes."""

LANES = 32
"""Width of the canonical dot product and of the tiles of the RLS matrix."""


def padded(n: int) -> int:
    """Round `n` up to a whole number of lanes."""
    return -(-n // LANES) * LANES


def aligned(array: np.ndarray) -> np.ndarray:
    """Copy an array to where a cache line begins: a vector that straddles two lines costs two accesses."""
    array = np.asarray(array)
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    out = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    out[...] = array
    return out


class Cells(NamedTuple):
    """Per-neuron parameters of the Izhikevich model, 2007 form, each ``(N,)``."""

    capacitance: np.ndarray  # C, pF
    k: np.ndarray  # k, nS/mV
    v_rest: np.ndarray  # v_r, mV
    v_threshold: np.ndarray  # v_t, mV
    v_peak: np.ndarray  # v_peak, mV
    a: np.ndarray  # a, 1/ms
    b: np.ndarray  # b, nS
    c: np.ndarray  # c, mV
    d: np.ndarray  # d, pA
    bias: np.ndarray  # constant current, pA


class Synapses(NamedTuple):
    """Recurrent synapses by presynaptic neuron (compressed rows), targets ascending."""

    indptr: np.ndarray  # (N+1,) int64
    target: np.ndarray  # (S,) int32
    weight: np.ndarray  # (S,), pA (exponential) or pA ms (double exponential)
    delay_steps: np.ndarray  # (S,) int32, 0 = arrives at the end of the emitting step
    decay_ms: np.ndarray  # (N,) decay of the postsynaptic current
    rise_ms: float  # 0 = single exponential


class Encoders(NamedTuple):
    """How signals enter the reservoir, in pA per unit of the signal."""

    cue: np.ndarray  # (n_cues, N)
    event: np.ndarray  # (K, N)
    feedback: np.ndarray  # (K, N)


class Network(NamedTuple):
    """A reservoir, as arrays in float64; engines cast it to the run's precision."""

    cells: Cells
    synapses: Synapses
    encoders: Encoders
    cell_type: np.ndarray  # (N,) int8, index into type_names
    type_names: tuple[str, ...]
    v_start: np.ndarray  # (N,) mV

    @property
    def n_neurons(self) -> int:
        return int(self.v_start.size)


class TimeGrid(NamedTuple):
    """The discretisation and the trace, i.e. what turns a network into numbers."""

    dt_ms: float
    steps_per_readout: int
    noise: float  # pA sqrt(ms)
    noise_hold_steps: int
    noise_seed: int
    trace_decay_ms: float
    trace_rise_ms: float  # 0 = a jump of 1 per spike
    trace_scale: float  # factor from trace to feature, 0 = 1/sqrt(N)
    feature_bias: float
    dtype: Any
    normalise_ms: float = 0.0  # time constant of the trace's running mean and variance; 0 = off
    normalise_floor: float = 0.05  # added to the running SD, as a share of a spike's peak
    scheme: str = "euler"  # or "heun"

    @property
    def readout_step_ms(self) -> float:
        return self.dt_ms * self.steps_per_readout


class State(NamedTuple):
    """Everything that changes while a network runs, except the readouts."""

    v: np.ndarray  # (N,) mV
    u: np.ndarray  # (N,) pA
    current: np.ndarray  # (N,) synaptic current, pA
    current_rise: np.ndarray  # (N,) slower synaptic state of the double exponential
    pending: np.ndarray  # (D, N) spikes on their way; D = 0 without delays
    trace: np.ndarray  # (N,)
    trace_rise: np.ndarray  # (N,)
    trace_mean: np.ndarray  # (N,) running mean of the trace
    trace_variance: np.ndarray  # (N,) and its running variance
    readouts: np.ndarray  # (1,) int64, readout steps so far
    output: np.ndarray  # (K,) last readout, fed back

    def copy(self) -> State:
        return State(*[a.copy() for a in self])


class Trials(NamedTuple):
    """A stretch of consecutive trials, as arrays over readout steps."""

    first_step: int  # index of the first dt step on this stream's clock
    stream: int  # noise stream: 0 the training run, 1 + q probe q
    inputs: np.ndarray  # (T, C) amplitude of each cue and event channel
    current: np.ndarray  # (T, N) extra input current, pA, or (0, N)
    trial_end: np.ndarray  # (T,) int64, index of the trial ending here, else -1
    outcome: np.ndarray  # (n, K) what was delivered; a row of zeros for an omission
    learn: bool


class Teaching(NamedTuple):
    """What a teacher says to one readout during a stretch."""

    target: np.ndarray  # (T, K) s_k(t)
    gate: np.ndarray  # (T, K) G_k(t) >= 0
    window: np.ndarray  # (T,) int8, 1 where features are averaged for "what"


class TrialTable(NamedTuple):
    """The training trials of a session, each ``(n,)``."""

    block: np.ndarray  # int64
    cue: np.ndarray  # int64
    event: np.ndarray  # int64, -1 = omission
    event_time_ms: np.ndarray  # after cue onset, NaN on an omission
    interval_ms: np.ndarray  # silence before the trial


class ProbeTable(NamedTuple):
    """The probes of a session, each ``(q,)``; ordered by `after_trial`."""

    after_trial: np.ndarray  # int64, training trials finished before
    repeat: np.ndarray  # int64
    block: np.ndarray  # int64
    cue: np.ndarray  # int64
    interval_ms: np.ndarray


class Session(Protocol):
    """What a task asks of a network: a plan, drawn once from the task seed."""

    time_ms: np.ndarray  # (T,) end of every readout step of a trial, after cue onset
    n_cues: int
    n_channels: int
    sigma_ms: float
    trials: TrialTable
    probes: ProbeTable
    blocks: dict[str, tuple[np.ndarray, str]]  # name -> (array, unit)

    def inputs(self, trial: int | None, cue: int) -> np.ndarray:
        """Channel amplitudes ``(T, C)`` of a training trial, or of a probe (trial None)."""
        ...

    def teaching(self, trial: int) -> Any:
        """What the task knows about a training trial."""
        ...


class Readout:
    """One trained readout while it runs: a rule, its state, its teaching.

    Attributes
    ----------
    rule : spikewhen.reservoir.rules.Rule
    state : NamedTuple
        Made by ``rule.init``; its first field is ``w`` ``(K, M)``.
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
        state = rule.init(n_channels, n_features, grid.dtype)
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
        nothing = tuple(map(real, (0, 1, 0, 0, 0, 1)))
        self.what_constants = rule.what.constants(grid.dtype) if rule.what else nothing
        self.v = aligned(np.zeros((n_channels, m), grid.dtype))
        self.window_sum = aligned(np.zeros(m, grid.dtype))
        self.count = np.zeros(1, np.int64)
        self.seen = np.zeros(1, np.int64)
        self.surprise = aligned(np.zeros(n_channels, grid.dtype))
        self._scratch = aligned(np.zeros(m, grid.dtype))

    def arrays(self) -> tuple:
        """What compiled code gets: constants, state, the "what" readout and room for a mean, ``(M,)``."""
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
    """What a backend gives back for a stretch."""

    spike_step: np.ndarray  # (S,) int64, dt steps on the stream's clock
    spike_neuron: np.ndarray  # (S,) int32
    y: list[np.ndarray]  # per readout (T, K)
    p_hat: list[np.ndarray]  # per readout (n, K), before that trial's update


class Paradigm(Protocol):
    """A task: it says what the network sees and what a teacher knows."""

    name: str

    def plan(self, seed: int, readout_step_ms: float) -> Session: ...


class Engine(Protocol):
    """A network loaded on a backend. The seam is one call per stretch of trials."""

    def start(self) -> State: ...

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Advance `state` and `readouts` in place through a stretch of trials."""
        ...


class Backend(Protocol):
    """An engine factory."""

    name: str

    def load(self, network: Network, grid: TimeGrid) -> Engine: ...
