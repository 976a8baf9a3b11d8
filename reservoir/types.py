"""The arrays that flow through the simulator, by name, and what a session offers.

NumPy only. ``N`` neurons, ``M`` padded features (``N`` traces and one bias,
padded with zeros to a multiple of 32), ``K`` output channels, ``C`` input
channels, ``T`` readout steps, ``S`` synapses, ``D`` delay slots.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np

from spikewhen.reservoir.arrays import checked

NUMERICS_VERSION = 3
"""Changes whenever the order of operations, and with it any result, changes."""

LANES = 32
"""Width of the canonical dot product and of the tiles of the RLS matrix."""


def padded(n: int) -> int:
    """Round `n` up to a whole number of lanes."""
    return -(-n // LANES) * LANES


def aligned_zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return zeros from where a cache line begins: a vector that straddles two lines costs two accesses."""
    kind = np.dtype(dtype)
    n_bytes = math.prod(shape) * kind.itemsize
    room = np.zeros(n_bytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + n_bytes].view(kind).reshape(shape)


def aligned(array: np.ndarray) -> np.ndarray:
    """Copy an array to where a cache line begins; one of `aligned_zeros` stays where it is."""
    array = np.asarray(array)
    room = array.base
    if isinstance(room, np.ndarray) and room.dtype == np.uint8 and room.nbytes == array.nbytes + 64:
        return array
    out = aligned_zeros(array.shape, array.dtype)
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
    drive: np.ndarray = np.zeros((0, 0))  # (1, N) flows while a session is driven; (0, ...) = none


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
    """All that changes while a network runs, except the readouts."""

    v: np.ndarray  # (N,) mV
    u: np.ndarray  # (N,) pA
    current: np.ndarray  # (N,) synaptic current, pA
    current_inflow: np.ndarray  # (N,) what flows into it per ms, where it is double exponential, pA/ms
    pending: np.ndarray  # (D, N) spikes on their way; D = 0 without delays
    trace: np.ndarray  # (N,)
    trace_inflow: np.ndarray  # (N,) what flows into the trace, where it is double exponential
    trace_mean: np.ndarray  # (N,) running mean of the trace
    trace_variance: np.ndarray  # (N,) and its running variance
    readouts: np.ndarray  # (1,) int64, readout steps so far
    output: np.ndarray  # (K,) last readout, fed back

    def copy(self) -> State:
        return State(*[a.copy() for a in self])


class Trials(NamedTuple):
    """A segment of consecutive trials, as arrays over readout steps."""

    first_step: int  # index of the first dt step on this stream's clock
    stream: int  # noise stream: 0 the training run, 1 + q probe q
    inputs: np.ndarray  # (T, C) amplitude of each cue and event channel, and of the drive where there is one
    current: np.ndarray  # (T, N) extra input current, pA, or (0, N)
    trial_end: np.ndarray  # (T,) int64, index of the trial ending here, else -1
    outcome: np.ndarray  # (n, K) what was delivered; a row of zeros for an omission
    learn: bool


class Teaching(NamedTuple):
    """A teacher's targets and gates for one readout during a segment."""

    target: np.ndarray  # (T, K) s_k(t)
    gate: np.ndarray  # (T, K) G_k(t) >= 0
    window: np.ndarray  # (T,) int8, 1 where features are averaged for "what"


class TrialTable(NamedTuple):
    """The training trials of a session, each ``(n,)``."""

    block: np.ndarray  # int64
    cue: np.ndarray  # int64, -1 = none
    condition: np.ndarray  # int64, index into the session's conditions
    event: np.ndarray  # int64, index into the session's events; -1 = omission
    event_time_ms: np.ndarray  # on the clock of the trial, NaN on an omission
    interval_ms: np.ndarray  # silence before the trial


class ProbeTable(NamedTuple):
    """The probes of a session, each ``(q,)``; ordered by `after_trial`."""

    after_trial: np.ndarray  # int64, training trials finished before
    repeat: np.ndarray  # int64
    block: np.ndarray  # int64
    cue: np.ndarray  # int64, -1 = none
    condition: np.ndarray  # int64, index into the session's conditions
    interval_ms: np.ndarray


class ItemTable(NamedTuple):
    """Stimuli of single training trials, each ``(i,)``; ordered by `trial`."""

    trial: np.ndarray  # int64
    channel: np.ndarray  # int64, column of the inputs: the cues, then the event channels
    onset_ms: np.ndarray  # on the clock of the trial
    duration_ms: np.ndarray
    amplitude: np.ndarray


class Session(Protocol):
    """What a task asks of a network: a plan, drawn once from the task seed.

    A class that names this one as its base gets the defaults below. Tables and blocks
    speak of events in the order of `events`; arrays over time (`inputs`, `teaching`)
    speak of channels, the order of the network's encoders and readouts.

    Attributes
    ----------
    time_ms : (T,) ndarray
        End of every readout step of the longest trial; 0 is the onset of what starts it.
    cues, events, conditions : tuple of str
        Names. One input channel per cue, then one input and one readout channel per event.
        A condition is what trials and probes are told apart by: a cue, an interval, a sequence.
    channels : (K,) int ndarray
        Channel of each event.
    sigma_ms : float
        Width of the expectation around an event, 0 without one.
    trial_steps, probe_steps : (n,), (q,) int ndarray, optional
        Readout steps of each trial and probe, for those shorter than T.
    blocks : dict of str to (ndarray, unit)
        What holds in each block, stored under ``/blocks``; a first axis over the blocks.
    driven : (T,) ndarray, optional
        Amplitude of a network's drive in every trial and probe, see ``Encoders.drive``; by default 1 from
        time 0 on. Between trials it is 0.
    items : ItemTable, optional
        Stimuli of single trials, stored under ``/items``; `inputs` shows them as well.
    """

    time_ms: np.ndarray
    cues: tuple[str, ...]
    events: tuple[str, ...]
    conditions: tuple[str, ...]
    channels: np.ndarray
    sigma_ms: float
    trials: TrialTable
    probes: ProbeTable
    blocks: dict[str, tuple[np.ndarray, str]]
    trial_steps: np.ndarray | None = None
    probe_steps: np.ndarray | None = None
    driven: np.ndarray | None = None
    items: ItemTable | None = None

    @property
    def n_cues(self) -> int:
        """Number of input channels that are no events."""
        return len(self.cues)

    @property
    def n_channels(self) -> int:
        """Number of readout channels, one per event."""
        return len(self.events)

    def inputs(self, trial: int) -> np.ndarray:
        """Amplitude ``(T, C)`` of each input channel in a training trial; rows past its end are not used."""
        ...

    def probe_inputs(self, probe: int) -> np.ndarray:
        """Amplitude ``(T, C)`` of each input channel in a probe."""
        ...

    def teaching(self, trial: int) -> Any:
        """What the task knows about a training trial, a `spikewhen.reservoir.rules.gate.TeachingSignal`."""
        ...


def record_steps(session: Session) -> tuple[np.ndarray, np.ndarray]:
    """Return the readout steps of every trial (n,) and probe (q,).

    Raises
    ------
    InputError
        If a session's own lengths do not fit its tables and its time.
    """
    longest, out = session.time_ms.size, []
    for name, table in (("trial_steps", session.trials), ("probe_steps", session.probes)):
        rows, given = table.block.size, getattr(session, name)
        steps = np.full(rows, longest, np.int64)
        if given is not None:
            steps = checked(f"session.{name}", given, (rows,), np.int64, 1, longest)
        out.append(steps)
    return out[0], out[1]


def drive_course(session: Session, dtype: Any = np.float64) -> np.ndarray:
    """Return the amplitude of a network's drive in every readout step of a trial or probe, ``(T,)``.

    Raises
    ------
    InputError
        If the session's own is not (T,) finite numbers.
    """
    time, given = session.time_ms, getattr(session, "driven", None)
    if given is not None:
        return checked("session.driven", given, time.shape, dtype)
    step = float(time[1] - time[0])  # a readout step covers [end - step, end)
    return (time - step >= -1e-6 * step).astype(dtype)
