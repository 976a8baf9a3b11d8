"""What one task of a job array does: runs one after the other, each with an outcome in a file of its own."""

from __future__ import annotations

import pickle
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikewhen.experiments.remote import Parcel, do, on_scratch, seconds_of
from spikewhen.experiments.workers import Stopped, portable
from spikewhen.reservoir.files.integrity import write_whole

HEEDED = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2", "SIGTERM"))
"""By which a queue says that the time is nearly up, or that the task is cancelled."""


def outcome_file(folder: Path, number: int) -> Path:
    """Return where the outcome of a run is written."""
    return folder / f"{number}.outcome"


def begun_file(folder: Path, number: int) -> Path:
    """Return the mark that a run was begun."""
    return folder / f"{number}.begun"


@dataclass(frozen=True)
class Bundle:
    """Some runs, one after the other, as far as the task's time allows.

    Parameters
    ----------
    parcel : Parcel
        Work and items.
    numbers : sequence of int
        By which the outcomes of the items are known.
    folder : Path
        Of the outcomes.
    time_s : float
        That the task may take.
    scratch : str
        Folder of the machine for files while they are written, such as ``"$TMPDIR"``.
    """

    parcel: Parcel
    numbers: Sequence[int]
    folder: Path
    time_s: float
    scratch: str = ""

    def __call__(self) -> None:
        """Carry out the runs.

        A signal is heeded at the next tick of a run, so that the run clears up, and then as submitit does,
        which has SLURM start the task again. What a handler raises in the middle of a run might be swallowed
        by HDF5, or be taken for an error of a scoring function.
        """
        told: list[int] = []
        handlers = {number: signal.getsignal(number) for number in HEEDED}
        for number, handler in handlers.items():
            if callable(handler) or number == signal.SIGTERM:
                signal.signal(number, lambda number, _: told.append(number))
        try:
            self._carry_out(told)
        except Stopped:
            pass
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if told:
            obey = handlers[told[0]]
            if callable(obey):
                obey(told[0], None)
            raise SystemExit(128 + told[0])

    def _carry_out(self, told: list[int]) -> None:
        def tick(_: int) -> None:
            if told:
                raise Stopped

        clock = time.monotonic()
        try:
            work, items = self.parcel.open()
            items = [on_scratch(item, self.scratch) for item in items]
        except Exception as error:
            for number in self.numbers:
                write_whole(outcome_file(self.folder, number), pickle.dumps(("failed", portable(error), 0)))
            return
        for n, (number, item) in enumerate(zip(self.numbers, items, strict=True)):
            tick(0)
            target = outcome_file(self.folder, number)
            if target.exists():  # this task was started again
                continue
            left = 0.9 * self.time_s - (time.monotonic() - clock)
            if n and 2 * seconds_of(item) > left:  # estimates: a factor of 2
                return
            begun_file(self.folder, number).touch()
            write_whole(target, pickle.dumps(do(work, item, tick)))

    def checkpoint(self) -> Any:
        """Return what is to be done where SLURM starts the task again: what has no outcome yet."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)
