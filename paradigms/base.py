"""The base of all tasks, and a session made of tables for tasks that need no class of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from spikewhen.reservoir.elementary import exp
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.gate import CONTINUOUS, TeachingSignal
from spikewhen.reservoir.sessions import check_tables
from spikewhen.reservoir.spec import Spec
from spikewhen.reservoir.types import ItemTable, ProbeTable, Session, TrialTable


class Keys(NamedTuple):
    """Names of the parameters of a task that decide its `Size`; more than one with commas between."""

    trials: str = "the trials"
    probes: str = "the probes"
    steps: str = "the length of a trial"
    silence: str = "the silence between trials"


class Size(NamedTuple):
    """How large a session is: what a run costs, before anything of that size is allocated."""

    trials: int
    probes: int
    steps: int  # readout steps of the longest trial
    blocks: int
    n_cues: int
    n_channels: int
    silence_ms: float  # before all trials and probes together
    moments: int  # of the run at which there are probes
    keys: Keys = Keys()


@dataclass(frozen=True)
class Task(Spec):
    """Base of tasks; a task adds its parameters and `plan`.

    Attributes
    ----------
    name : str
        As in a config's ``name = "..."``.
    scores : str
        How runs are scored: "target" (target and window per condition), "events" (MEET),
        "times" (events with a distribution of times), "signal" (a free run), "none", or
        ``"module:function"`` of one's own.
    figures : tuple of str
        What is drawn: names of shipped figures, or modules of one's own.
    """

    name: ClassVar[str]
    scores: ClassVar[str] = "none"
    figures: ClassVar[tuple[str, ...]] = ()

    def plan(self, seed: int, readout_step_ms: float) -> Session:
        """Draw a session; the same seed and step give the same one."""
        raise NotImplementedError

    def size(self, readout_step_ms: float) -> Size | None:
        """Return how large the session will be, without drawing it; by default it is not known before.

        A task that knows it is refused before `plan` allocates what no machine has.

        Raises
        ------
        InputError
        """
        return None

    def check_rule(self, label: str, rule: Any) -> None:
        """Refuse a rule that the task cannot teach; by default none.

        Raises
        ------
        InputError
        """


def time_grid(before_ms: float, after_ms: float, step_ms: float) -> np.ndarray:
    """Return the end of every readout step, from `before_ms` before the onset to `after_ms` after it."""
    n_before, n_after = round(before_ms / step_ms), round(after_ms / step_ms)
    return step_ms * (np.arange(n_before + n_after) + 1 - n_before)


def pulse(
    time_ms: np.ndarray, onset_ms: float, duration_ms: float, step_ms: float | None = None
) -> np.ndarray:
    """Return which readout steps a stimulus is on, ``(T,)`` bool.

    Parameters
    ----------
    time_ms : (T,) ndarray
        End of every readout step.
    onset_ms, duration_ms : float, ms
    step_ms : float, optional
        Length of a step; by default that between the first two.
    """
    step = float(time_ms[1] - time_ms[0]) if step_ms is None else step_ms
    start, tiny = time_ms - step, 1e-6 * step  # a readout step covers [start, start + step)
    return (start >= onset_ms - tiny) & (start < onset_ms + duration_ms - tiny)


def bump(time_ms: np.ndarray, at_ms: np.ndarray | float, sigma_ms: float) -> np.ndarray:
    """Return exp(-(t - t_k)^2 / 2 sigma^2), ``(T, K)`` for K times and 0 where one is NaN."""
    at = np.atleast_1d(np.asarray(at_ms, float))
    distance = time_ms[:, None] - at
    power = -(distance * distance) / (2 * sigma_ms * sigma_ms)
    return exp(np.where(np.isnan(power), -np.inf, power))


def trial_table(
    block: np.ndarray,
    condition: np.ndarray,
    interval_ms: np.ndarray | float,
    event: np.ndarray | int = -1,
    event_time_ms: np.ndarray | float = np.nan,
    cue: np.ndarray | int = -1,
) -> TrialTable:
    """Make the table of `n` training trials; a single number holds for all of them.

    Conditions, events and cues are indices of the session's names; an omission has event -1, its time is NaN.
    """
    n = np.size(block)

    def column(values: Any, kind: type) -> np.ndarray:
        return np.broadcast_to(np.asarray(values, kind), n).copy()

    return TrialTable(
        block=column(block, np.int64),
        cue=column(cue, np.int64),
        condition=column(condition, np.int64),
        event=column(event, np.int64),
        event_time_ms=np.where(column(event, np.int64) < 0, np.nan, column(event_time_ms, float)),
        interval_ms=column(interval_ms, float),
    )


def probe_table(
    block: np.ndarray,
    after: Sequence[int],
    conditions: Sequence[int],
    interval_ms: float,
    repeats: int = 1,
    cue: Sequence[int] | None = None,
) -> ProbeTable:
    """Make the table of probes: in every block, after some of its trials, of every condition.

    Parameters
    ----------
    block : (n,) ndarray
        Block of every training trial, ascending.
    after : sequence of int
        Trials of a block after which to probe; those it does not have are left out.
    conditions : sequence of int
    interval_ms : float
        Silence before a probe.
    repeats : int
        Probes of each condition each time.
    cue : sequence of int, optional
        Cue of each condition; by default none, -1.
    """
    rows = []
    for b in np.unique(block):
        here = np.flatnonzero(block == b)
        for n in sorted(set(after)):
            if n <= here.size:
                rows += [
                    (here[0] + n, r, b, -1 if cue is None else cue[i], c)
                    for r in range(repeats)
                    for i, c in enumerate(conditions)
                ]
    after_trial, repeat, blocks, cues, condition = np.array(rows, np.int64).reshape(-1, 5).T.copy()
    silence = np.full(repeat.size, float(interval_ms))
    return ProbeTable(after_trial, repeat, blocks, cues, condition, silence)


def event_items(trials: TrialTable, n_cues: int, duration_ms: float, amplitude: float = 1.0) -> ItemTable:
    """Make the items by which every delivered event enters the reservoir, on its own channel.

    Parameters
    ----------
    trials : TrialTable
    n_cues : int
        Input channels before those of the events.
    duration_ms : float
    amplitude : float
        In units of ``network.event_pa``.
    """
    came = np.flatnonzero(trials.event >= 0)
    n = came.size
    return ItemTable(
        came,
        n_cues + trials.event[came],
        trials.event_time_ms[came],
        np.full(n, float(duration_ms)),
        np.full(n, float(amplitude)),
    )


def check_what_window(label: str, rule: Any, before_ms: float, earliest_ms: float, of: str) -> None:
    """Refuse a "what" window that begins before the trial, or ends after the first possible event.

    Parameters
    ----------
    label : str
        Of the rule.
    rule : object
    before_ms : float
        Trial time before the onset of what starts it.
    earliest_ms : float
        Before which no event comes.
    of : str
        Parameters that say so.

    Raises
    ------
    InputError
    """
    what = getattr(rule, "what", None)
    if what is not None and what.window_start_ms < -before_ms:
        allowed = f"at least {-before_ms:g}, inside the trial (before_ms)"
        raise InputError(f"rules.{label}.what.window_start_ms", what.window_start_ms, allowed)
    if what is not None and what.window_end_ms > earliest_ms:
        allowed = f"at most {earliest_ms:g}, before any event can come ({of})"
        raise InputError(f"rules.{label}.what.window_end_ms", what.window_end_ms, allowed)


@dataclass
class PlannedSession(Session):
    """A session given by tables: what every condition shows, and what is taught.

    Attributes
    ----------
    time_ms : (T,) ndarray
        See `time_grid`.
    cues, events, conditions : tuple of str
    trials, probes : TrialTable, ProbeTable
        See `trial_table`, `probe_table`.
    shown : (G, T, C) ndarray
        Amplitude of each cue and event channel, one table per condition.
    probe_shown : (G, T, C) ndarray, optional
        In probes; by default the cues of `shown`, without its events.
    sigma_ms : float
        Width of the expectation around an event; 0 teaches no time.
    target : (G, T, K) ndarray, optional
        A signal that is taught at all times, per condition; without it the teacher shows a
        bump at the time of the trial's event, and the rule's gate says when it is heard.
    blocks : dict of str to (ndarray, unit)
        Without a "target" (B, G, T, K), what was taught on average in each block and
        condition is what the runs are scored against.
    trial_steps, probe_steps : int ndarray, optional
        Readout steps of trials and probes shorter than T.
    driven : (T,) ndarray, optional
        When a network's drive flows (`network.drive_pa`); by default from time 0 on.
    items : ItemTable, optional
        Stimuli of single trials, added to what the condition shows (`event_items`).
    event_ends_trial : bool
        Nothing is taught from the onset of the trial's event on, by any rule.
    """

    time_ms: np.ndarray
    cues: tuple[str, ...]
    events: tuple[str, ...]
    conditions: tuple[str, ...]
    trials: TrialTable
    probes: ProbeTable
    shown: np.ndarray
    probe_shown: np.ndarray | None = None
    sigma_ms: float = 30.0
    target: np.ndarray | None = None
    blocks: dict[str, tuple[np.ndarray, str]] = field(default_factory=dict)
    trial_steps: np.ndarray | None = None
    probe_steps: np.ndarray | None = None
    driven: np.ndarray | None = None
    items: ItemTable | None = None
    event_ends_trial: bool = False

    def __post_init__(self) -> None:
        check_tables(self)
        t, k, g = self.time_ms.size, len(self.events), len(self.conditions)
        self.channels = np.arange(k)
        shapes: dict[str, tuple[np.ndarray | None, tuple[int, ...]]] = {
            "shown": (self.shown, (g, t, len(self.cues) + k)),
            "probe_shown": (self.probe_shown, (g, t, len(self.cues) + k)),
            "target": (self.target, (g, t, k)),
            "trial_steps": (self.trial_steps, (self.trials.block.size,)),
            "probe_steps": (self.probe_steps, (self.probes.block.size,)),
            "driven": (self.driven, (t,)),
        }
        for name, (array, shape) in shapes.items():
            if array is not None and np.shape(array) != shape:
                raise InputError(f"session.{name}", np.shape(array), f"shape {shape}")
        if self.probe_shown is None:
            self.probe_shown = np.array(self.shown, float)
            self.probe_shown[..., len(self.cues) :] = 0
        if "first_trial" not in self.blocks:
            first = np.searchsorted(self.trials.block, np.arange(self.trials.block.max() + 1))
            self.blocks = {**self.blocks, "first_trial": (first, "1")}
        if "target" not in self.blocks:
            self.blocks = {**self.blocks, "target": (self._taught(), "1")}

    def inputs(self, trial: int) -> np.ndarray:
        """Return what the trial's condition shows, and the items of the trial, ``(T, C)``."""
        shown, items = self.shown[self.trials.condition[trial]], self.items
        if items is None:
            return shown
        out = np.array(shown, float)
        for i in range(*np.searchsorted(items.trial, (trial, trial + 1))):
            on = pulse(self.time_ms, float(items.onset_ms[i]), float(items.duration_ms[i]))
            out[on, items.channel[i]] += items.amplitude[i]
        return out

    def probe_inputs(self, probe: int) -> np.ndarray:
        """Return what the probe's condition shows, ``(T, C)``."""
        assert self.probe_shown is not None
        return self.probe_shown[self.probes.condition[probe]]

    def teaching(self, trial: int) -> TeachingSignal:
        """Return the condition's target, or a bump at the time of the trial's event."""
        if self.target is not None:
            nothing = np.zeros(len(self.events))
            signal = np.nan_to_num(self.target[self.trials.condition[trial]])
            return TeachingSignal(self.time_ms, signal, CONTINUOUS, nothing)
        event = int(self.trials.event[trial])
        at = np.full(len(self.events), np.nan)
        if event >= 0:
            at[event] = self.trials.event_time_ms[trial]
        stop = float(at[event]) if self.event_ends_trial and event >= 0 else math.inf
        signal = np.zeros((self.time_ms.size, at.size))
        if self.sigma_ms > 0:
            signal = bump(self.time_ms, at, self.sigma_ms)
        return TeachingSignal(self.time_ms, signal, event, at, stop)

    def _taught(self) -> np.ndarray:
        """Return the mean of what is taught in each block and condition, (B, G, T, K); NaN without trials."""
        shape = (int(self.trials.block.max()) + 1, len(self.conditions), self.time_ms.size, len(self.events))
        total, n = np.zeros(shape), np.zeros(shape[:3])
        for i, (b, c) in enumerate(zip(self.trials.block, self.trials.condition, strict=True)):
            steps = self.time_ms.size if self.trial_steps is None else int(self.trial_steps[i])
            total[b, c, :steps] += self.teaching(i).signal[:steps]
            n[b, c, :steps] += 1
        return np.where(n[..., None] > 0, total / np.maximum(n, 1)[..., None], np.nan)
