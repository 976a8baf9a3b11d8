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
from typing import ClassVar

import numpy as np

from spikewhen.paradigms.event_times import Course, TimedTask, Times, geometric_ms
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import param, steps

BIN_MS = 200.0
"""The published step between delays; lengths of the task are multiples of it, scaled."""


@dataclass(frozen=True)
class RewardTiming(TimedTask):
    """The parameters of the task; one block per probability of the reward."""

    name: ClassVar[str] = "reward_timing"
    names: ClassVar[tuple[str, str]] = ("odour", "reward")

    scale: float = param(0.3, "of all published times", gt=0, le=10)
    p_reward: tuple[float, ...] = param((1.0, 0.9), "probability of the reward, one block each", ge=0, le=1)
    trials_per_block: int = param(1000, "training trials per block", ge=1)
    odour_bins: int = param(1, "duration of the odour, in bins of 200 ms times scale", ge=1)
    reward_bins: int = param(1, "duration of the reward, in the same bins", ge=1)
    pause_bins: float = param(7.0, "mean of the random part of the pause, in the same bins", ge=0)
    stimulus_drives_reservoir: bool = param(True, "the reward enters the reservoir as well as teaches")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.p_reward:
            raise InputError("p_reward", self.p_reward, "at least one block")

    @property
    def _bin(self) -> float:
        return BIN_MS * self.scale

    def times(self) -> Times:
        """Return the nine delays and their density."""
        b = self._bin
        return Times("normal", 6 * b, 14 * b, 9, mean_ms=10 * b, sd_ms=2.5 * b)

    def contingencies(self) -> list[tuple[float, Times]]:
        """Return the probability of the reward in each block, and its delays."""
        return [(p, self.times()) for p in self.p_reward]

    def course(self, step_ms: float) -> Course:
        """Return the course of a trial; half a bin before the odour keeps every silence at or above 0."""
        b = step_ms * steps("paradigm.scale", self._bin, step_ms)
        before = step_ms * round(self._bin / 2 / step_ms)
        return Course(before, 15 * b, self.odour_bins * b, self.reward_bins * b, 10 * b)

    def mean_silence_ms(self) -> float:
        """Return about how long a silence is."""
        return (5 + self.pause_bins) * self._bin

    def silences(self, seed: int, step_ms: float, event: np.ndarray, time_ms: np.ndarray) -> np.ndarray:
        """Draw pauses, which count from the reward, or from the last delay where it was omitted.

        The record ends one bin after the last delay; what is left of the pause is the silence after it.
        """
        c, b = self.course(step_ms), step_ms * round(self._bin / step_ms)
        pause = geometric_ms(np.random.default_rng([seed, 3]), event.size, 10 * b, b, self.pause_bins)
        left = pause - (c.after_ms - np.where(event >= 0, time_ms, 14 * b)) - c.before_ms
        return np.concatenate([[c.silence_ms], left[:-1]])
