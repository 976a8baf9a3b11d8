"""What a run writes into its result file."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.spec import Spec, param, steps

STATES = ("cells", "cells_per_type", "cells_every_ms", "variables")
"""The parameters that ask for states of cells."""


@dataclass(frozen=True)
class RecordSpec(Spec):
    """What a run writes into its result file."""

    spikes: str = param("subset", "which cells' spikes are kept", choices=("none", "subset", "all"))
    spike_subset: int = param(100, "cells in the subset, evenly spaced", ge=1)
    readouts_every_ms: float = param(1.0, "time between kept readouts", "ms", gt=0)
    trials: bool = param(True, "keep readouts of training trials, not only of probes")
    geometry: bool = param(True, "where all spikes are kept: compare weights with refits to the activity")
    whole_rule_states: bool = param(
        False, "keep also the N x N numbers of a rule's state, such as P of RLS", later=True
    )

    cells: tuple[int, ...] = param(
        (), "cells whose state is kept every cells_every_ms; empty = none", ge=0, later=True
    )
    cells_per_type: int = param(
        0, "in place of named cells: so many of each type, evenly spaced", ge=0, later=True
    )
    cells_every_ms: float = param(1.0, "time between kept states of cells", "ms", gt=0, later=True)
    variables: tuple[str, ...] = param(
        tuple(schema.CELL_UNITS),
        "what is kept of those cells: v (mV), u (pA), current (synaptic, pA)",
        later=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        cells, variables = self.cells, self.variables
        if len(set(cells)) < len(cells):
            raise InputError("cells", cells, "each cell once")
        if cells and self.cells_per_type:
            raise InputError("cells_per_type", self.cells_per_type, "0 where cells are named")
        if not variables or set(variables) - set(schema.CELL_UNITS) or len(set(variables)) < len(variables):
            raise InputError("variables", self.variables, f"each once of {', '.join(schema.CELL_UNITS)}")
        if not self.keeps_states:
            for f in dataclasses.fields(self):
                if f.name in STATES and getattr(self, f.name) != f.default:
                    raise InputError(f.name, getattr(self, f.name), "cells or cells_per_type beside it")

    @property
    def keeps_states(self) -> bool:
        """Whether states of any cells are kept."""
        return bool(self.cells or self.cells_per_type)

    @property
    def parts(self) -> tuple[str, ...]:
        """What is kept of what can be dropped."""
        kept = {"spikes": self.spikes != "none", "trials": self.trials, "cells": self.keeps_states}
        return tuple(part for part, there in (kept | {"probes": True}).items() if there)

    def without(self, parts: Collection[str]) -> RecordSpec:
        """Return what is left where parts are dropped: of "spikes", "trials" and "cells"."""
        changes: dict[str, Any] = {}
        if "spikes" in parts:
            changes["spikes"] = "none"
        if "trials" in parts:
            changes["trials"] = False
        if "cells" in parts:
            changes |= {f.name: f.default for f in dataclasses.fields(self) if f.name in STATES}
        return dataclasses.replace(self, **changes)

    def refuse_states(self) -> None:
        """Refuse to keep states where there is no simulation.

        Raises
        ------
        InputError
        """
        for name in STATES[:2]:
            if getattr(self, name):
                allowed = "none: a recording holds spikes, from which states of cells cannot be had"
                raise InputError(f"record.{name}", getattr(self, name), allowed)

    def check_states(self, n_cells: int, step_ms: float, n_steps: int) -> int:
        """Return the readout steps from one kept state to the next.

        Parameters
        ----------
        n_cells : int
        step_ms : float
            Length of a readout step.
        n_steps : int
            Readout steps of the longest trial.

        Raises
        ------
        InputError
            If the network lacks a cell, or no trial is long enough.
        """
        for cell in self.cells:
            if cell >= n_cells:
                raise InputError("record.cells", cell, f"cells of the network, 0 to {n_cells - 1}")
        if not self.keeps_states:
            return 1
        every = steps("record.cells_every_ms", self.cells_every_ms, step_ms)
        if not 1 <= every <= n_steps:
            allowed = f"{step_ms:g} to {n_steps * step_ms:g} ms, the longest trial"
            raise InputError("record.cells_every_ms", self.cells_every_ms, allowed)
        return every

    def spiking(self, n: int) -> np.ndarray:
        """Return the indices of the cells whose spikes are kept."""
        if self.spikes == "none":
            return np.zeros(0, np.int64)
        count = n if self.spikes == "all" else min(self.spike_subset, n)
        return np.unique(np.linspace(0, n - 1, count).round().astype(np.int64))
