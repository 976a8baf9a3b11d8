"""A stream of items, one after another at a fixed pace: what its tasks share.

One item is one trial of the length of the pace, and is the event of that trial, `lead_ms` after its
beginning; a missing item is a trial without an event. So every item is predicted by the readout from what
came before it, and teaches it. Items enter the reservoir, each on the channel of its event. Time 0 of a
trial is its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikewhen.paradigms.base import (
    PlannedSession,
    Task,
    check_what_window,
    event_items,
    probe_table,
    time_grid,
    trial_table,
)
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import param, steps


@dataclass(frozen=True)
class StreamTask(Task):
    """The parameters that all streams have."""

    onset_to_onset_ms: float = param(150.0, "from one item to the next", "ms", gt=0)
    item_ms: float = param(50.0, "duration of an item", "ms", gt=0)
    lead_ms: float = param(100.0, "from the beginning of a trial to the onset of its item", "ms", gt=0)
    sigma_ms: float = param(15.0, "width of the expectation", "ms", gt=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lead_ms + self.item_ms > self.onset_to_onset_ms:
            allowed = f"at most onset_to_onset_ms less lead_ms, {self.onset_to_onset_ms - self.lead_ms:g}"
            raise InputError("item_ms", self.item_ms, allowed)

    def check_rule(self, label: str, rule: object) -> None:
        """Refuse a "what" window that ends after the onset of the item."""
        check_what_window(label, rule, 0.0, self.lead_ms, "lead_ms")

    def stream(
        self,
        step_ms: float,
        events: tuple[str, ...],
        conditions: tuple[str, ...],
        block: np.ndarray,
        condition: np.ndarray,
        item: np.ndarray,
        silence_ms: np.ndarray | float,
        blocks: dict[str, tuple[np.ndarray, str]],
    ) -> PlannedSession:
        """Return a session of n items.

        Parameters
        ----------
        step_ms : float
            Readout step.
        events, conditions : tuple of str
        block, condition : (n,) int
        item : (n,) int
            Index into the events; -1 where it is missing.
        silence_ms : (n,) or float
            Before each trial.
        blocks : dict
            Tables of the blocks. Each ends with one probe, in which no item comes.
        """
        for name in ("onset_to_onset_ms", "item_ms", "lead_ms"):
            steps(f"paradigm.{name}", getattr(self, name), step_ms)
        time = time_grid(0.0, self.onset_to_onset_ms, step_ms)
        onset = np.where(item >= 0, self.lead_ms, np.nan)
        trials = trial_table(block, condition, silence_ms, item, onset)
        probes = probe_table(block, np.unique(np.bincount(block)).tolist(), [int(condition[-1])], 0.0)
        return PlannedSession(
            time_ms=time,
            cues=(),
            events=events,
            conditions=conditions,
            trials=trials,
            probes=probes,
            shown=np.zeros((len(conditions), time.size, len(events))),
            sigma_ms=self.sigma_ms,
            blocks=blocks,
            items=event_items(trials, 0, self.item_ms),
        )
