"""Graded omission: a stream of two tones whose shares differ between blocks, with one in twenty left out.

After Yaron et al. (2025, doi 10.1371/journal.pbio.3003242): eight blocks of 1,000 items, 150 ms apart, in
which tone B has a share of 0 to 95 % and nothing comes in 5 %. 12 % of the cells in auditory cortex answer
an omission the more, the more likely their preferred tone was. A readout's error is graded by construction;
a cell can be only where what the readout predicts is fed back (``network.feedback_pa``). The order of the
blocks is drawn for every seed, so that time and share are not one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikewhen.paradigms.base import Keys, PlannedSession, Size
from spikewhen.paradigms.stream import StreamTask
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import param

EVENTS = ("A", "B")


@dataclass(frozen=True)
class GradedOmission(StreamTask):
    """The parameters of the task; one block per share."""

    name: ClassVar[str] = "graded_omission"
    scores: ClassVar[str] = "omission"
    figures: ClassVar[tuple[str, ...]] = ("omission",)

    share_b: tuple[float, ...] = param(
        (0.0, 0.05, 0.1, 0.2, 0.75, 0.85, 0.9, 0.95),
        "share of tone B in each block, of all items",
        ge=0,
        le=1,
    )
    share_omitted: float = param(0.05, "share of omissions in every block", gt=0, lt=1)
    items: int = param(1000, "items in a block, omissions included", ge=20)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.share_b)) < 4:
            raise InputError("share_b", self.share_b, "at least four different shares")
        if max(self.share_b) + self.share_omitted > 1 + 1e-9:
            raise InputError("share_b", max(self.share_b), f"at most {1 - self.share_omitted:g}, the rest")
        if round(self.share_omitted * self.items) < 4:
            raise InputError("share_omitted", self.share_omitted, f"at least {4 / self.items:g}, 4 a block")

    def size(self, readout_step_ms: float) -> Size:
        """Return how large the session will be."""
        b, length = len(self.share_b), round(self.onset_to_onset_ms / readout_step_ms)
        keys = Keys("items, share_b", "share_b", "onset_to_onset_ms", "items")
        return Size(b * self.items, b, length, b, 0, len(EVENTS), 0.0, b, keys)

    def plan(self, seed: int, readout_step_ms: float) -> PlannedSession:
        """Draw the order of the blocks, and that of the items in each."""
        rng = np.random.default_rng([seed, 2])
        share = np.array(self.share_b)[rng.permutation(len(self.share_b))]
        n, omitted = self.items, round(self.share_omitted * self.items)
        item = np.zeros((share.size, n), np.int64)  # tone A
        for row, p in zip(item, share, strict=True):
            row[:omitted] = -1
            row[omitted : omitted + round(p * n)] = 1
            rng.shuffle(row)
        return self.stream(
            readout_step_ms,
            EVENTS,
            conditions=("item",),
            block=np.repeat(np.arange(share.size), n),
            condition=np.zeros(item.size, np.int64),
            item=item.ravel(),
            silence_ms=0.0,
            blocks={"share_b": (share, "1")},
        )
