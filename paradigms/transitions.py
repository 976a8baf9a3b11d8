"""Sequences of two items, A and B, one after another without a pause, and what comes next.

After Squires et al. (1976) and Meyniel, Maheu & Dehaene (2016, doi 10.1371/journal.pcbi.1005260): series
of 200 items of a fixed frequency, independent of each other, though people (and their P300) follow the
transitions between them. One item is one trial: it is the cue, and the item after it is the event, which
is the cue of the trial after that. The readout of what comes learns the probability of the next item given
this one; with one input for both items (``apart = false``) it learns how often items come. Runs are scored
by what was expected before every update (``record.trials``); probes show each item after a series.
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
    probe_table,
    pulse,
    time_grid,
    trial_table,
)
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import param, steps

PATTERN = 4
"""Series hold every pattern of so many items, as the published ones do."""

DRAWS = 1000
"""Series drawn until one holds them all."""


@dataclass(frozen=True)
class Transitions(Task):
    """The parameters of the task; a block per series."""

    name: ClassVar[str] = "transitions"
    scores: ClassVar[str] = "sequence"
    figures: ClassVar[tuple[str, ...]] = ("sequence",)

    p_a: tuple[float, ...] = param((0.7, 0.5, 0.3), "frequency of item A in a series", gt=0, lt=1)
    series: int = param(5, "series of each frequency", ge=1)
    items: int = param(200, "trials of a series, one item fewer than it has", ge=2 * 2**PATTERN)
    onset_to_onset_ms: float = param(600.0, "from one item to the next", "ms", gt=0)
    item_ms: float = param(100.0, "duration of an item", "ms", gt=0)
    before_ms: float = param(50.0, "trial time before the item", "ms", ge=0)
    apart: bool = param(True, "each item has an input of its own; else one input says that an item came")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.p_a:
            raise InputError("p_a", self.p_a, "at least one frequency")
        if self.item_ms > self.onset_to_onset_ms - self.before_ms:
            allowed = f"at most {self.onset_to_onset_ms - self.before_ms:g}, to the end of the trial"
            raise InputError("item_ms", self.item_ms, allowed)

    def check_rule(self, label: str, rule: Any) -> None:
        """Refuse a "what" window that goes on after the trial."""
        end = self.onset_to_onset_ms - self.before_ms
        check_what_window(label, rule, self.before_ms, end, "onset_to_onset_ms less before_ms")

    def size(self, readout_step_ms: float) -> Size:
        """Return how large the session will be."""
        for name in ("onset_to_onset_ms", "item_ms", "before_ms"):
            steps(f"paradigm.{name}", getattr(self, name), readout_step_ms)
        blocks = self.series * len(self.p_a)
        length = round(self.onset_to_onset_ms / readout_step_ms)
        keys = Keys("items, series", "items", "onset_to_onset_ms", "items, series")
        return Size(blocks * self.items, 2 * blocks, length, blocks, 1 + self.apart, 2, 0.0, blocks, keys)

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        """Draw the series; those of the frequencies take turns."""
        rng = np.random.default_rng([seed, 2])
        frequency = np.array(self.p_a * self.series)
        series = np.stack([self._series(rng, p) for p in frequency])  # (B, items + 1), 0 = A, 1 = B
        item, after = series[:, :-1].ravel(), series[:, 1:].ravel()
        end = self.onset_to_onset_ms - self.before_ms
        time = time_grid(self.before_ms, end, readout_step_ms)
        cues = ("A", "B") if self.apart else ("item",)
        shown = np.zeros((2, time.size, len(cues) + 2))
        for i in (0, 1):
            shown[i, pulse(time, 0.0, self.item_ms), i if self.apart else 0] = 1.0
        block = np.repeat(np.arange(frequency.size), self.items)
        return PlannedSession(
            time_ms=time,
            cues=cues,
            events=("A", "B"),
            conditions=("A", "B"),
            # The next item begins with the next trial; it is taught when this one ends.
            trials=trial_table(block, item, 0.0, after, end, item if self.apart else 0),
            probes=probe_table(block, (self.items,), (0, 1), 0.0, cue=(0, 1) if self.apart else (0, 0)),
            shown=shown,
            sigma_ms=0.0,  # when it comes is not taught
            blocks={"p_a": (frequency, "1")},
            driven=np.ones(time.size),  # there is no pause in which a drive could cease
        )

    def _series(self, rng: np.random.Generator, p: float) -> np.ndarray:
        for _ in range(DRAWS):
            x = (rng.random(self.items + 1) >= p).astype(np.int64)
            held = {tuple(x[i : i + PATTERN]) for i in range(x.size - PATTERN + 1)}
            if len(held) == 2**PATTERN:
                return x
        allowed = f"a frequency at which {self.items} items hold all {2**PATTERN} patterns of {PATTERN}"
        raise InputError("paradigm.p_a", p, allowed)
