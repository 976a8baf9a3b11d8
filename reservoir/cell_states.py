"""States of chosen cells every few ms: v, u and the synaptic current at the end of a readout step.

An engine runs a segment in pieces that end where a state is kept. Pieces leave the bits of the whole
(tested), so any engine can be watched, and one that is not watched pays nothing.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spikewhen.reservoir.engine import Activity, Engine, Readout
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.sinks import Sink
from spikewhen.reservoir.types import State, Teaching, TimeGrid, Trials


class CellStates:
    """Keeps states of some cells of a network in every trial and probe.

    Parameters
    ----------
    cells : (r,) int ndarray
    variables : tuple of str
        Of `spikewhen.reservoir.files.schema.CELL_UNITS`.
    every : int
        Readout steps from one kept state to the next.
    grid : TimeGrid
    """

    def __init__(self, cells: np.ndarray, variables: tuple[str, ...], every: int, grid: TimeGrid):
        self.cells, self.variables, self.every, self.grid = cells, variables, every, grid

    def create(self, sink: Sink, time_ms: np.ndarray, rows: dict[str, int]) -> None:
        """Make room for what will be kept.

        Parameters
        ----------
        sink : Sink
        time_ms : (T,) ndarray
            Of all readout steps of the longest trial.
        rows : dict of {"trials", "probes"} to int
            How many of each are kept; none makes no array.
        """
        kept = time_ms[self.every - 1 :: self.every]
        self._sink, self._width = sink, kept.size
        sink.put(schema.cells("node_ids"), self.cells, "1")
        sink.put(schema.cells("time_ms"), kept, "ms")
        for which, n in rows.items():
            for name in self.variables if n else ():
                shape = n, kept.size, self.cells.size
                sink.create(schema.cells(which, name), shape, self.grid.dtype, schema.CELL_UNITS[name])

    def run(
        self,
        engine: Engine,
        state: State,
        trials: Trials,
        readouts: list[Readout],
        teaching: list[Teaching],
        where: tuple[str, int, list[slice]],
    ) -> Activity:
        """Advance as ``engine.run`` does, and write the states on the way.

        Parameters
        ----------
        where : (str, int, list of slice)
            "trials" or "probes", the first row of them, and the readout steps of each one's record.
        """
        which, first, at = where
        shape = (len(at), self._width, self.cells.size)
        kept = {name: np.full(shape, np.nan, self.grid.dtype) for name in self.variables}
        places = {
            record.start + (t + 1) * self.every: (row, t)
            for row, record in enumerate(at)
            for t in range((record.stop - record.start) // self.every)
        }
        ends, found = sorted({*places, len(trials.inputs)}), []
        for begin, end in pairwise([0, *ends]):
            piece, lessons = part_of(trials, teaching, self.grid, begin, end)
            found.append((piece, engine.run(state, piece, readouts, lessons)))
            if end in places:
                for name, values in kept.items():
                    values[places[end]] = getattr(state, name)[self.cells]
        for name, values in kept.items():
            self._sink.write(schema.cells(which, name), first, values)
        return _joined(found)


def part_of(
    trials: Trials, teaching: list[Teaching], grid: TimeGrid, begin: int, end: int
) -> tuple[Trials, list[Teaching]]:
    """Cut readout steps ``begin:end`` out of trials and lessons."""
    piece = trials._replace(
        first_step=trials.first_step + begin * grid.steps_per_readout,
        inputs=trials.inputs[begin:end],
        current=trials.current[begin:end] if len(trials.current) else trials.current,
        trial_end=trials.trial_end[begin:end],
    )
    return piece, [Teaching(*[a[begin:end] for a in lesson]) for lesson in teaching]


def _joined(found: list[tuple[Trials, Activity]]) -> Activity:
    """Return the activity of a segment that ran in pieces."""
    activities = [activity for _, activity in found]
    p_hats = [np.zeros_like(p_hat) for p_hat in activities[0].p_hat]
    for piece, activity in found:
        ended = piece.trial_end[piece.trial_end >= 0]
        for whole, p_hat in zip(p_hats, activity.p_hat, strict=True):
            whole[ended] = p_hat[ended]
    return Activity(
        np.concatenate([a.spike_step for a in activities]),
        np.concatenate([a.spike_neuron for a in activities]),
        [np.concatenate(ys) for ys in zip(*(a.y for a in activities), strict=True)],
        p_hats,
    )


def chosen_cells(cells: tuple[int, ...], per_type: int, cell_type: np.ndarray) -> np.ndarray:
    """Return the cells whose states are kept, (r,): those named, or some of each type, evenly spaced."""
    found = [np.array(cells, np.int64)]
    for kind in np.unique(cell_type) if per_type else ():
        here = np.flatnonzero(cell_type == kind)
        found.append(
            here[np.unique(np.linspace(0, here.size - 1, min(per_type, here.size)).round().astype(int))]
        )
    return np.concatenate(found)
