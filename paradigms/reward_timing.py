"""Reward timing: an odour, then a reward at one of nine delays, always or in 90 % of the trials.

After Starkweather et al. (2017, doi 10.1038/nn.4520) and Hennig et al. (2023, doi
10.1371/journal.pcbi.1011067): delays of 1.2 to 2.8 s with the weights of a normal density, and
pauses between trials of a constant hazard, counted from the reward. Where the reward is certain,
waiting makes it more expected; where it is omitted in 10 %, long waiting makes an omission more
likely. Times are scaled by .3 by default, because features of the reservoir carry 300 to 900 ms.

Where the reward enters the reservoir (``stimulus_drives_reservoir``), activity tells whether it has
come, and every readout learns the hazard. Where it only teaches, the readout decides: taught through the
trial it learns the density, taught until the reward a hazard (docs/tasks.md). Probes show the odour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

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
from spikewhen.paradigms.event_times import Times, draw_event, geometric_ms, time_tables
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import param, steps

BIN_MS = 200.0
"""The published step between delays; lengths of the task are multiples of it, scaled."""


@dataclass(frozen=True)
class RewardTiming(Task):
    """The parameters of the task; one block per probability of the reward."""

    name: ClassVar[str] = "reward_timing"
    scores: ClassVar[str] = "times"
    figures: ClassVar[tuple[str, ...]] = ("event_times", "learning")

    scale: float = param(0.3, "of all published times", gt=0, le=10)
    p_reward: tuple[float, ...] = param((1.0, 0.9), "probability of the reward, one block each", ge=0, le=1)
    trials_per_block: int = param(1000, "training trials per block", ge=1)
    odour_bins: int = param(1, "duration of the odour, in bins of 200 ms times scale", ge=1)
    reward_bins: int = param(1, "duration of the reward, in the same bins", ge=1)
    pause_bins: float = param(7.0, "mean of the random part of the pause, in the same bins", ge=0)
    stimulus_drives_reservoir: bool = param(True, "the reward enters the reservoir as well as teaches")
    event_ends_trial: bool = param(False, "no rule is taught anything from the reward on")
    sigma_ms: float = param(30.0, "width of the expectation", "ms", gt=0)
    probes_every: int = param(100, "trials between probes", ge=1)
    probe_repeats: int = param(10, "probes each time, the odour alone", ge=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.p_reward:
            raise InputError("p_reward", self.p_reward, "at least one block")

    @property
    def _bin(self) -> float:
        return BIN_MS * self.scale

    def _before(self, step_ms: float) -> float:
        """Trial time before the odour: half a bin, which keeps every silence at or above 0."""
        return step_ms * round(self._bin / 2 / step_ms)

    def times(self) -> Times:
        """Return the nine delays and their density."""
        b = self._bin
        return Times("normal", 6 * b, 14 * b, 9, mean_ms=10 * b, sd_ms=2.5 * b)

    def check_rule(self, label: str, rule: Any) -> None:
        """Refuse a "what" window that ends after the first delay."""
        check_what_window(label, rule, self._before(1.0), self.times().first_ms, "scale")

    def size(self, readout_step_ms: float) -> Size:
        """Return how large the session will be."""
        n = self.trials_per_block * len(self.p_reward)
        moments = len(self._moments()) * len(self.p_reward)
        probes, pause = moments * self.probe_repeats, (5 + self.pause_bins) * self._bin
        length = round((self._before(readout_step_ms) + 15 * self._bin) / readout_step_ms)
        keys = Keys("trials_per_block", "probe_repeats", "scale", "pause_bins")
        return Size(n, probes, length, len(self.p_reward), 1, 1, (n + probes) * pause, moments, keys)

    def _moments(self) -> tuple[int, ...]:
        return tuple(range(self.probes_every, self.trials_per_block + 1, self.probes_every))

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        """Draw delays, omissions and pauses."""
        b = readout_step_ms * steps("paradigm.scale", self._bin, readout_step_ms)
        before = self._before(readout_step_ms)
        tables = time_tables(self.p_reward, [self.times()] * len(self.p_reward), readout_step_ms)
        block = np.repeat(np.arange(len(self.p_reward)), self.trials_per_block)
        drawn = (tables[name][0][block, 0] for name in ("p_event", "times_ms", "weights"))
        event, delay = draw_event(np.random.default_rng([seed, 2]), *drawn)
        # The pause counts from the reward, or from the last delay where it was omitted; the record
        # ends one bin after the last delay, and what is left of the pause is the silence after it.
        pause = geometric_ms(np.random.default_rng([seed, 3]), block.size, 10 * b, b, self.pause_bins)
        left = pause - (15 * b - np.where(event >= 0, delay, 14 * b)) - before
        time = time_grid(before, 15 * b, readout_step_ms)
        shown = np.zeros((1, time.size, 2))
        shown[0, pulse(time, 0.0, self.odour_bins * b), 0] = 1.0
        trials = trial_table(
            block, np.zeros(block.size), np.concatenate([[10 * b], left[:-1]]), event, delay, 0
        )
        return PlannedSession(
            time_ms=time,
            cues=("odour",),
            events=("reward",),
            conditions=("odour",),
            trials=trials,
            probes=probe_table(block, self._moments(), [0], 10 * b, self.probe_repeats, cue=[0]),
            shown=shown,
            sigma_ms=self.sigma_ms,
            blocks=tables,
            items=event_items(trials, 1, self.reward_bins * b) if self.stimulus_drives_reservoir else None,
            event_ends_trial=self.event_ends_trial,
        )
