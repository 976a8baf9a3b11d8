"""When an event comes: a table of times and weights, named densities, and draws from them.

A session whose events come at more than one time stores three tables over its B blocks, G
conditions, K events and m times, by which runs are scored (``scores = "times"``): ``p_event``
(B, G, K), the probability that the event comes at all, ``times_ms`` and ``weights`` (B, G, K, m),
whose weights add up to 1 for every event. A fixed time has m = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from spikewhen.paradigms.base import (
    Keys,
    PlannedSession,
    Size,
    Task,
    check_what_window,
    event_items,
    probe_table,
    pulse,
    time_grid,
    trial_table,
)
from spikewhen.reservoir.elementary import exp, log
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import Spec, param

DENSITIES = ("uniform", "exponential", "flipped", "normal", "table")


@dataclass(frozen=True)
class Times(Spec):
    """The times at which an event comes, evenly spaced with a named density, or a table."""

    density: str = param(
        "uniform",
        "how often each time is drawn: all alike; falling exponentially; its mirror image; a normal density; "
        "or the table times_ms, weights",
        choices=DENSITIES,
    )
    from_ms: float = param(400.0, "first time, after the onset of the cue", "ms", gt=0)
    to_ms: float = param(1400.0, "last time", "ms", gt=0)
    count: int = param(15, "number of times", ge=1, le=10_000)
    ratio: float = param(8.0, "exponential, flipped: density at one end over that at the other", ge=1)
    mean_ms: float = param(0.0, "normal: its mean; 0 = midway between from_ms and to_ms", "ms", ge=0)
    sd_ms: float = param(150.0, "normal: its SD", "ms", gt=0)
    times_ms: tuple[float, ...] = param((), "table: the times", "ms", gt=0)
    weights: tuple[float, ...] = param((), "table: share of the deliveries at each time", ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.density == "table":
            if not self.times_ms or list(self.times_ms) != sorted(set(self.times_ms)):
                raise InputError("times_ms", self.times_ms, "at least one time, in ascending order")
            if len(self.weights) != len(self.times_ms):
                raise InputError("weights", self.weights, f"{len(self.times_ms)} weights, one per time")
            if abs(sum(self.weights) - 1) > 1e-6:
                raise InputError("weights", self.weights, "weights that add up to 1")
        elif self.times_ms or self.weights:
            name = "times_ms" if self.times_ms else "weights"
            raise InputError(name, getattr(self, name), f'nothing where density = "{self.density}"')
        elif self.to_ms < self.from_ms or (self.count > 1 and self.to_ms == self.from_ms):
            raise InputError("to_ms", self.to_ms, f"above from_ms = {self.from_ms:g}")

    def table(self, step_ms: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the times on the grid of readout steps and their weights, ``(m,)`` each.

        Raises
        ------
        InputError
            If two times fall on one readout step.
        """
        if self.density == "table":
            times, weights = np.array(self.times_ms), np.array(self.weights)
        else:
            times = np.linspace(self.from_ms, self.to_ms, self.count)
            weights = self._density(times)
        on_grid = np.round(times / step_ms) * step_ms
        if np.any(np.diff(on_grid) < 0.5 * step_ms) or on_grid[0] <= 0:
            raise InputError(
                "times.count", self.count, f"times at least a readout step, {step_ms:g} ms, apart"
            )
        return on_grid, weights / weights.sum()

    def _density(self, times: np.ndarray) -> np.ndarray:
        if self.density == "normal":
            mean = self.mean_ms or (self.from_ms + self.to_ms) / 2
            z = (times - mean) / self.sd_ms
            return exp(-0.5 * (z * z - (z * z).min()))  # the largest exponent is 0: never all zeros
        place = np.linspace(0.0, 1.0, times.size)
        power = {"uniform": np.zeros_like(place), "exponential": -place, "flipped": place - 1}[self.density]
        return exp(log(np.array(self.ratio)) * power)

    @property
    def first_ms(self) -> float:
        """The earliest time."""
        return self.times_ms[0] if self.density == "table" else self.from_ms

    @property
    def last_ms(self) -> float:
        """The latest time."""
        return self.times_ms[-1] if self.density == "table" else self.to_ms


def time_tables(
    p_event: Sequence[float], times: Sequence[Times], step_ms: float
) -> dict[str, tuple[np.ndarray, str]]:
    """Return the tables of blocks with one condition and one event each.

    Parameters
    ----------
    p_event : (B,) floats
        Probability of the event.
    times : (B,) of Times
    step_ms : float
        Readout step.

    Returns
    -------
    dict
        ``p_event`` (B, 1, 1), ``times_ms`` and ``weights`` (B, 1, 1, m); a block with fewer
        times than m repeats its last one with weight 0.
    """
    rows = [t.table(step_ms) for t in times]
    m = max(len(t) for t, _ in rows)
    at = np.stack([np.pad(t, (0, m - t.size), mode="edge") for t, _ in rows])
    weight = np.stack([np.pad(w, (0, m - w.size)) for _, w in rows])
    return {
        "p_event": (np.array(p_event, float)[:, None, None], "1"),
        "times_ms": (at[:, None, None], "ms"),
        "weights": (weight[:, None, None], "1"),
    }


def draw_event(
    rng: np.random.Generator, p_event: np.ndarray, times_ms: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw what comes in each trial and when, two uniform numbers per trial.

    Parameters
    ----------
    rng : numpy Generator
    p_event : (n, K) ndarray
        Probability of each event; what is missing to 1 in a row is that of an omission.
    times_ms, weights : (n, K, m) ndarray

    Returns
    -------
    event : (n,) int
        -1 for an omission.
    time_ms : (n,) float
        NaN for an omission.
    """
    n, k = p_event.shape
    edges = np.cumsum(p_event, axis=1)
    channel = (rng.random(n)[:, None] >= edges - 1e-12).sum(axis=1)
    came, which = channel < k, np.clip(channel, 0, k - 1)
    rows = np.arange(n)
    below = np.cumsum(weights[rows, which], axis=1)
    place = (rng.random(n)[:, None] * below[:, -1:] >= below).sum(axis=1)
    return np.where(came, which, -1), np.where(came, times_ms[rows, which, place], np.nan)


def geometric_ms(
    rng: np.random.Generator, n: int, least_ms: float, bin_ms: float, mean_bins: float
) -> np.ndarray:
    """Draw intervals of a constant hazard per bin, least_ms + bin_ms G, ``(n,)`` in ms.

    G counts the failures before the first success, which has the probability 1 / (1 + mean_bins).
    """
    if mean_bins == 0:
        return np.full(n, float(least_ms))
    stays = mean_bins / (1 + mean_bins)  # P(G >= g) is stays to the power of g
    return least_ms + bin_ms * np.floor(log(1 - rng.random(n)) / log(np.array(stays)))


class Course(NamedTuple):
    """The course of a trial, in ms: before the onset of the cue, after it, the stimuli, least silence."""

    before_ms: float
    after_ms: float
    cue_ms: float
    event_ms: float
    silence_ms: float


@dataclass(frozen=True)
class TimedTask(Task):
    """A cue whose event comes at one of several times, in blocks: the parameters of all such tasks."""

    scores: ClassVar[str] = "times"
    figures: ClassVar[tuple[str, ...]] = ("event_times", "learning")
    names: ClassVar[tuple[str, str]]
    """Of the cue and of the event."""

    trials_per_block: int = param(300, "training trials per block", ge=1)
    stimulus_drives_reservoir: bool = param(False, "the event enters the reservoir as well as teaches")
    event_ends_trial: bool = param(False, "no rule is taught anything from the event on")
    sigma_ms: float = param(30.0, "width of the expectation", "ms", gt=0)
    probes_every: int = param(100, "trials between probes", ge=1)
    probe_repeats: int = param(10, "probes each time, the cue alone", ge=1)

    def contingencies(self) -> list[tuple[float, Times]]:
        """Return, for each block, the probability of the event and its times."""
        raise NotImplementedError

    def course(self, step_ms: float) -> Course:
        """Return the course of a trial, in whole readout steps."""
        raise NotImplementedError

    def silences(self, seed: int, step_ms: float, event: np.ndarray, time_ms: np.ndarray) -> np.ndarray:
        """Draw the silence before each trial, (n,) in ms; event and its time as `draw_event` gives them."""
        raise NotImplementedError

    def mean_silence_ms(self) -> float:
        """Return about how long a silence is."""
        raise NotImplementedError

    def check_rule(self, label: str, rule: Any) -> None:
        """Refuse a "what" window that ends after the first time of the event."""
        first = min(times.first_ms for _, times in self.contingencies())
        check_what_window(label, rule, self.course(1.0).before_ms, first, "the first time of the event")

    def _moments(self) -> tuple[int, ...]:
        return tuple(range(self.probes_every, self.trials_per_block + 1, self.probes_every))

    def size(self, readout_step_ms: float) -> Size:
        """Return how large the session will be; its silence as its mean."""
        blocks, course = len(self.contingencies()), self.course(readout_step_ms)
        n, moments = self.trials_per_block * blocks, len(self._moments()) * blocks
        probes, silence = moments * self.probe_repeats, self.mean_silence_ms()
        length = round((course.before_ms + course.after_ms) / readout_step_ms)
        keys = Keys("trials_per_block", "probe_repeats", "scale", "the silence between trials")
        return Size(n, probes, length, blocks, 1, 1, (n + probes) * silence, moments, keys)

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        """Draw omissions, times and silences."""
        course = self.course(readout_step_ms)
        p_event, times = zip(*self.contingencies(), strict=True)
        tables = time_tables(p_event, times, readout_step_ms)
        block = np.repeat(np.arange(len(times)), self.trials_per_block)
        drawn = (tables[name][0][block, 0] for name in ("p_event", "times_ms", "weights"))
        event, at = draw_event(np.random.default_rng([seed, 2]), *drawn)
        time = time_grid(course.before_ms, course.after_ms, readout_step_ms)
        shown = np.zeros((1, time.size, 2))
        shown[0, pulse(time, 0.0, course.cue_ms), 0] = 1.0
        silence = self.silences(seed, readout_step_ms, event, at)
        trials = trial_table(block, np.zeros(block.size), silence, event, at, 0)
        items = event_items(trials, 1, course.event_ms) if self.stimulus_drives_reservoir else None
        return PlannedSession(
            time_ms=time,
            cues=self.names[:1],
            events=self.names[1:],
            conditions=self.names[:1],
            trials=trials,
            probes=probe_table(block, self._moments(), [0], course.silence_ms, self.probe_repeats, cue=[0]),
            shown=shown,
            sigma_ms=self.sigma_ms,
            blocks=tables,
            items=items,
            event_ends_trial=self.event_ends_trial,
        )
