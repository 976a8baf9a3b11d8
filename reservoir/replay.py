"""Features again, from the spikes a run kept: no simulation.

Traces depend on nothing but spikes, so a file with all spikes holds every
feature a readout ever saw, bit for bit.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from reservoir.derived import normalise_floor, normalise_rate, trace_tables
from reservoir.errors import InputError
from reservoir.grid import SimulationSpec, TraceSpec, make_grid
from reservoir.storage import Recording
from reservoir.traces import follow_spikes
from reservoir.types import Grid, padded


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def _replay(state, decays, constants, jump, rise_jump, steps, cells, first_step, keep, n, x, out):
    """Advance traces over ``keep.size`` readout steps; copy features marked in `keep` to `out`."""
    m = jump.size
    event, row = 0, 0
    while event < steps.size and steps[event] < first_step:
        event += 1
    for t in range(keep.size):
        step, begin = first_step + t * m, event
        while event < steps.size and steps[event] < step + m:
            event += 1
        follow_spikes(state, decays, constants, jump, rise_jump, cells, steps, begin, event, step, n, x)
        if keep[t]:
            for i in range(out.shape[1]):
                out[row, i] = x[i]
            row += 1
    return row


def grid_of(recording: Recording) -> Grid:
    """Return the grid a run was made on, from its config."""
    config = recording.config
    return make_grid(
        SimulationSpec(**config["simulation"]), TraceSpec(**config["trace"]), config["seeds"]["noise"]
    )


class _Tracer:
    """Traces of one run, advanced piece by piece."""

    def __init__(self, recording: Recording):
        self.grid = grid = grid_of(recording)
        self.n = recording["/network/cell_type"].size
        if recording.attrs["/spikes/reservoir"]["subset"] != "all":
            raise InputError(
                "record.spikes", recording.attrs["/spikes/reservoir"]["subset"], "all, to replay features"
            )
        real = grid.dtype.type
        jump, rise_jump, decays = trace_tables(grid)
        scale = grid.trace_scale or 1.0 / np.sqrt(self.n)
        constants = (normalise_rate(grid), normalise_floor(grid), scale, grid.feature_bias)
        self._decays, self._constants = tuple(map(real, decays)), tuple(map(real, constants))
        self._jump = jump.astype(real)
        self._rise_jump = (rise_jump if grid.trace_rise_ms > 0 else np.zeros(0)).astype(real)
        self._x = np.zeros(padded(self.n + 1), real)
        # trace, its rising state, running mean and variance, readout steps so far
        self.state = (*np.zeros((4, padded(self.n)), real), np.zeros(1, np.int64))

    def advance(self, step, cell, first_step: int, keep: np.ndarray) -> np.ndarray:
        """Advance ``len(keep)`` readout steps from dt step `first_step`; return the rows kept."""
        rows = np.zeros((int(keep.sum()), self.n + 1), self.grid.dtype)
        _replay(self.state, self._decays, self._constants, self._jump, self._rise_jump, step, cell,
                first_step, keep, self.n, self._x, rows)  # fmt: skip
        return rows


def features(recording: Recording, which: str, rows: np.ndarray, every_ms: float = 1.0) -> np.ndarray:
    """Features of chosen trials or probes.

    Parameters
    ----------
    recording : Recording
        Of a run with ``record.spikes = "all"``.
    which : {"trials", "probes"}
    rows : (r,) int ndarray
        Which of them, ascending.
    every_ms : float
        Time between two returned readout steps; a multiple of the readout step.

    Returns
    -------
    (r, T', N+1) ndarray
        In the run's precision, at ``time_ms[every-1::every]`` of the trial.

    Raises
    ------
    InputError
        If not all spikes were kept.
    """
    tracer = _Tracer(recording)
    grid = tracer.grid
    m, h = grid.steps_per_readout, grid.readout_step_ms
    every = round(every_ms / h)
    length, before = _trial_steps(recording, h)
    keep = np.zeros(length, bool)
    keep[every - 1 :: every] = True
    step, cell = recording["/spikes/reservoir/step"], recording["/spikes/reservoir/node_ids"]
    starts = np.round(recording["/trials/onset_ms"] / h).astype(np.int64) - before
    rows = np.asarray(rows, np.int64)
    out = np.empty((rows.size, int(keep.sum()), tracer.n + 1), grid.dtype)
    clock = 0

    def skip(to: int) -> None:
        nonlocal clock
        begin, end = np.searchsorted(step, [clock * m, to * m])
        tracer.advance(step[begin:end], cell[begin:end], clock * m, np.zeros(to - clock, bool))
        clock = to

    if which == "trials":
        for r, i in enumerate(rows):
            skip(int(starts[i]))
            begin, end = np.searchsorted(step, [clock * m, (clock + length) * m])
            out[r] = tracer.advance(step[begin:end], cell[begin:end], clock * m, keep)
            clock += length
        return out
    probe_step, probe_cell = recording["/spikes/probes/step"], recording["/spikes/probes/node_ids"]
    owner = recording["/spikes/probes/probe"]
    for r, q in enumerate(rows):
        after = int(recording["/probes/after_trial"][q])
        skip(int(starts[after - 1]) + length if after else 0)
        saved = tuple(a.copy() for a in tracer.state)
        begin, end = np.searchsorted(owner, [q, q + 1])
        gap = round(recording["/probes/interval_ms"][q] / h)
        first = -(gap + before) * m  # probe clock: 0 = cue onset
        mask = np.concatenate([np.zeros(gap, bool), keep])
        out[r] = tracer.advance(probe_step[begin:end], probe_cell[begin:end], first, mask)
        tracer.state = saved
    return out


def _trial_steps(recording: Recording, step_ms: float) -> tuple[int, int]:
    """Readout steps of a trial, and of its part before the cue."""
    paradigm = recording.config["paradigm"]
    before = round(paradigm.get("before_ms", 0.0) / step_ms)
    after = round(paradigm.get("after_ms", paradigm.get("duration_ms", 0.0)) / step_ms)
    return before + after, before
