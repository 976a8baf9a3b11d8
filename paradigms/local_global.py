"""Local and global: sequences of five tones whose last one breaks a rule within or across sequences.

After Bekinschtein et al. (2009, doi 10.1073/pnas.0809667106), with the omissions of Wacongne et al. (2011,
doi 10.1073/pnas.1117807108): in a block of kind xx the frequent sequence is xxxxx and the rare one xxxxY,
in a block of kind xY it is the reverse; in both a few sequences end with the fifth tone left out. Y breaks
the rule of the tones before it (local); a rare sequence breaks the rule of the block (global). Each block
begins with frequent sequences alone, as in Chao et al. (2018, doi 10.1016/j.neuron.2018.10.004), and no two
rare ones follow each other. Published shares of omissions were not found; ours are 15 % rare tones and 5 %
omissions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikewhen.paradigms.base import Keys, PlannedSession, Size
from spikewhen.paradigms.stream import StreamTask
from spikewhen.reservoir.elementary import uniform
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import param

EVENTS, TONES = ("A", "B"), 5
KINDS = ((0, 0), (1, 0), (0, 1), (1, 1))
"""Of blocks: whether Y is frequent, and which event is x."""


@dataclass(frozen=True)
class LocalGlobal(StreamTask):
    """The parameters of the task; one trial is one tone."""

    name: ClassVar[str] = "local_global"
    scores: ClassVar[str] = "local_global"
    figures: ClassVar[tuple[str, ...]] = ("local_global",)

    repeats: int = param(2, "blocks of each of the four kinds: xx and xY, with either tone as x", ge=1)
    introductory: int = param(20, "frequent sequences at the beginning of a block", ge=1)
    sequences: int = param(100, "sequences after them", ge=4)
    share_rare: float = param(0.15, "of those, share that ends with the rare tone", gt=0, lt=0.5)
    share_omitted: float = param(0.05, "share that ends without a fifth tone", ge=0, lt=0.5)
    gap_min_ms: float = param(
        700.0, "least time from the end of the fifth tone to the next first one", "ms", gt=0
    )
    gap_max_ms: float = param(1000.0, "longest such time", "ms", gt=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        after = self.onset_to_onset_ms - self.item_ms
        if self.gap_min_ms < after:
            raise InputError("gap_min_ms", self.gap_min_ms, f"at least {after:g}, what the trials take of it")
        if self.gap_max_ms < self.gap_min_ms:
            raise InputError("gap_max_ms", self.gap_max_ms, f">= gap_min_ms = {self.gap_min_ms:g}")
        if 2 * sum(self._rare()) > self.sequences:
            allowed = "with share_omitted at most half: no two rare sequences follow each other"
            raise InputError("share_rare", self.share_rare, allowed)

    def _rare(self) -> tuple[int, int]:
        """Return how many sequences of a block end with the rare tone, and how many without one."""
        return max(1, round(self.share_rare * self.sequences)), round(self.share_omitted * self.sequences)

    def size(self, readout_step_ms: float) -> Size:
        """Return how large the session will be; its silence as its mean."""
        b, length = self.repeats * len(KINDS), round(self.onset_to_onset_ms / readout_step_ms)
        n = b * (self.introductory + self.sequences)
        silence = n * ((self.gap_min_ms + self.gap_max_ms) / 2 - self.onset_to_onset_ms + self.item_ms)
        keys = Keys("sequences, repeats", "repeats", "onset_to_onset_ms", "gap_max_ms")
        return Size(TONES * n, b, length, b, 0, len(EVENTS), silence, b, keys)

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        """Draw the order of the blocks, the places of rare sequences, and the gaps."""
        rng = np.random.default_rng([seed, 2])
        kinds = np.array(KINDS * self.repeats)[rng.permutation(self.repeats * len(KINDS))]
        n = self.introductory + self.sequences
        tones = np.empty((len(kinds), n, TONES), np.int64)
        for block, (frequent, x) in zip(tones, kinds, strict=True):
            last = self._last(rng)  # 0 frequent, 1 rare, 2 omitted
            block[:] = x
            block[:, -1] = np.where(last == 2, -1, np.where((last == 1) != (frequent == 1), 1 - x, x))
        gaps = uniform(np.random.default_rng([seed, 3]), self.gap_min_ms, self.gap_max_ms, len(kinds) * n)
        silence = np.zeros((gaps.size, TONES))
        silence[:, 0] = gaps - (self.onset_to_onset_ms - self.item_ms)
        return self.stream(
            readout_step_ms,
            EVENTS,
            conditions=tuple(f"tone {i + 1}" for i in range(TONES)),
            block=np.repeat(np.arange(len(kinds)), n * TONES),
            condition=np.tile(np.arange(TONES), len(kinds) * n),
            item=tones.ravel(),
            silence_ms=readout_step_ms * np.round(silence.ravel() / readout_step_ms),
            blocks={"frequent_y": (kinds[:, 0], "1"), "x": (kinds[:, 1], "1")},
        )

    def _last(self, rng: np.random.Generator) -> np.ndarray:
        """Draw how the sequences of a block end, rare ones apart from each other, ``(n,)``."""
        rare, omitted = self._rare()
        few = np.repeat([1, 2], [rare, omitted])
        rng.shuffle(few)
        # Places between the frequent ones, each taken once, keep rare ones apart.
        frequent = self.sequences - few.size
        places = np.sort(rng.permutation(frequent)[: few.size])
        out = np.zeros(self.introductory + self.sequences, np.int64)
        out[self.introductory + places + 1 + np.arange(few.size)] = few
        return out
