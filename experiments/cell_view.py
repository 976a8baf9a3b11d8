"""What a finished run kept of the states of chosen cells."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from spikewhen.experiments.display import Facts, Shown, listed
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording


class Cells(Shown):
    """States of chosen cells, in the training `trials` and on the `probes`.

    Raises
    ------
    InputError
        If the run kept none.
    """

    def __init__(self, recording: Recording):
        if schema.cells("node_ids") not in recording:
            raise InputError("cells", "none were kept", "a run with record.cells or record.cells_per_type")
        self._recording = recording
        self.trials, self.probes = States(self, "trials"), States(self, "probes")

    @cached_property
    def recorded(self) -> np.ndarray:
        """Indices of the cells, (r,), in the order of the last axis of every array."""
        return self._recording[schema.cells("node_ids")]

    @cached_property
    def time_ms(self) -> np.ndarray:
        """Times of a trial at which states were kept, after cue onset, (U,)."""
        return self._recording[schema.cells("time_ms")]

    def _title(self) -> str:
        return f"states of {self.recorded.size} cells"

    def _facts(self) -> Facts:
        return [
            ("recorded", listed(self.recorded.tolist())),
            ("time_ms", f"{self.time_ms[0]:g} to {self.time_ms[-1]:g} ms, {self.time_ms.size} times"),
            ("ask", '.probes["v"] (probes, times, cells), .probes.of(cell, "v"); the same of .trials'),
        ]


class States(Shown):
    """States of the cells in all trials, or on all probes: ``v`` (mV), ``u`` and ``current`` (pA)."""

    def __init__(self, cells: Cells, which: str):
        self._cells, self._which = cells, which

    def __getitem__(self, variable: str) -> np.ndarray:
        """Return a variable, (rows, U, r).

        Raises
        ------
        InputError
            If it was not kept.
        """
        path, recording = schema.cells(self._which, variable), self._cells._recording
        if path not in recording:
            kept = [name for name in schema.CELL_UNITS if schema.cells(self._which, name) in recording]
            allowed = "one of " + ", ".join(kept) if kept else f"kept in {self._which}: none was"
            raise InputError("variable", variable, allowed)
        return recording[path]

    def of(self, cell: int, variable: str) -> np.ndarray:
        """Return a variable of one cell, (rows, U).

        Raises
        ------
        InputError
            If the cell or the variable was not kept.
        """
        recorded = self._cells.recorded.tolist()
        if cell not in recorded:
            raise InputError("cell", cell, f"one of {listed(recorded)}")
        return self[variable][:, :, recorded.index(cell)]

    def _title(self) -> str:
        return f"states of cells, {self._which}"

    def _facts(self) -> Facts:
        kept = [n for n in schema.CELL_UNITS if schema.cells(self._which, n) in self._cells._recording]
        return [(name, f"{self[name].shape} {schema.CELL_UNITS[name]}") for name in kept]
