"""Features recomputed from the spikes that a run kept, without a simulation.

Traces depend on nothing but spikes, so a file with all spikes holds every
feature a readout ever saw, bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.reservoir.compile import compile_kernel
from spikewhen.reservoir.cpu.traces import follow_spikes
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.step_constants import normalise_floor, normalise_rate, trace_tables
from spikewhen.reservoir.time_grid import SimulationSpec, TraceSpec, make_grid
from spikewhen.reservoir.types import State, TimeGrid, aligned, padded

BLOCK = 65536
"""Spikes looked at together when a place in a file is sought: one chunk of the file."""

CHUNK_BYTES = 2**21
"""Features of one chunk stay in the second-level cache or close to it."""


def _retrace(s, decays, constants, jump, inflow_jump, ids, steps, step, n, xs):
    """Advance the traces over the readout steps of `xs` and fill ``xs[t]`` with the features of each."""
    traces = (s.trace, s.trace_inflow, s.trace_mean, s.trace_variance, s.readouts)
    m, event = jump.size, np.int64(0)  # a literal would have `follow_spikes` compiled twice
    for t in range(xs.shape[0]):
        begin = event
        while event < steps.size and steps[event] < step + m:
            event += 1
        follow_spikes(traces, decays, constants, jump, inflow_jump, ids, steps, begin, event, step, n, xs[t])
        step += m


retrace = compile_kernel(_retrace, nrt=False)


class Tracer:
    """Turns the spikes of a segment into its features.

    Parameters
    ----------
    grid : TimeGrid
    n : int
        Neurons.
    chunk : int, optional
        Readout steps whose features are held at once; changes no result.
    """

    def __init__(self, grid: TimeGrid, n: int, chunk: int | None = None):
        self.grid, self.n, self.width = grid, n, padded(n + 1)
        self.chunk = chunk or max(16, CHUNK_BYTES // (self.width * grid.dtype.itemsize))
        real = grid.dtype.type
        jump, inflow_jump, decays = trace_tables(grid)
        scale = grid.trace_scale or 1.0 / np.sqrt(n)
        constants = (normalise_rate(grid), normalise_floor(grid), scale, grid.feature_bias)
        self._decays, self._constants = tuple(map(real, decays)), tuple(map(real, constants))
        self._jump = jump.astype(real)
        self._inflow_jump = (inflow_jump if grid.trace_rise_ms > 0 else np.zeros(0)).astype(real)
        self._features = aligned(np.zeros((self.chunk, self.width), real))

    def start(self) -> State:
        """Return the traces at time zero. What spikes do not tell (v, u, currents) is left empty."""
        real = self.grid.dtype
        trace, inflow, mean, variance = aligned(np.zeros((4, padded(self.n)), real))  # whole rows of 32
        unknown = np.zeros(0, real)
        return State(
            v=unknown,
            u=unknown,
            current=unknown,
            current_inflow=unknown,
            pending=np.zeros((0, 0), real),
            trace=trace,
            trace_inflow=inflow,
            trace_mean=mean,
            trace_variance=variance,
            readouts=np.zeros(1, np.int64),
            output=unknown,
        )

    def chunks(self, state: State, step: np.ndarray, cell: np.ndarray, first_step: int, n_steps: int):
        """Advance `state` through the spikes of a segment.

        Parameters
        ----------
        state : State
            As `start` made it; its traces are advanced in place.
        step, cell : (S,) ndarray
            Spikes from dt step `first_step` on, ascending.
        n_steps : int
            Readout steps.

        Yields
        ------
        part : slice
            Readout steps of the segment.
        features : (len(part), M) ndarray
            Overwritten by the next.
        """
        m = self.grid.steps_per_readout
        for begin in range(0, n_steps, self.chunk):
            part = slice(begin, min(begin + self.chunk, n_steps))
            x, start = self._features[: part.stop - begin], first_step + begin * m
            a, b = np.searchsorted(step, [start, first_step + part.stop * m])
            retrace(
                state,
                self._decays,
                self._constants,
                self._jump,
                self._inflow_jump,
                cell[a:b],
                step[a:b],
                start,
                self.n,
                x,
            )
            yield part, x


class KeptSpikes:
    """The spikes of a recording, in memory or read from an open file by slices.

    Parameters
    ----------
    recording : Recording
    probes : bool
        Spikes of the probes, each on a clock of its own; else of the training run.

    Raises
    ------
    InputError
        If not all spikes were kept.
    """

    def __init__(self, recording: Recording, probes: bool = False):
        self.group = schema.spikes("probes") if probes else schema.spikes("reservoir")
        self._n = recording[schema.CELL_TYPE].size
        kept = recording.attrs[self.group]["subset"]
        if kept != "all":
            pruned = "spikes" in recording.attrs.get("/", {}).get("pruned", [])
            kept = "none: they were pruned" if pruned else kept
            raise InputError("record.spikes", kept, "all, to have the features again")
        self._step, self._cell = (recording.sliced(f"{self.group}/{name}") for name in ("step", "node_ids"))
        self._key: Any = recording.sliced(f"{self.group}/probe") if probes else self._step
        self._row, self._end = 0, -(2**63)

    def between(self, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and cells of the spikes from dt step `begin` to before `end`, or of these probes.

        Raises
        ------
        InputError
            If the file is damaged, or its spikes are not in order or of no cell.
        """
        row = self._row if begin >= self._end else 0  # most calls go on where the last one ended
        try:
            first = self._find(begin, row)
            last = self._find(end, first)
            step, cell = self._step[first:last], self._cell[first:last]
        except OSError as error:
            raise InputError(self.group, str(error), "an undamaged HDF5 result file") from error
        self._row, self._end = last, end
        if cell.size != step.size or (step.size and (np.diff(step) < 0).any()):
            raise InputError(self.group, f"{step.size} steps, {cell.size} cells", "spikes in order of time")
        unknown = cell[(cell < 0) | (cell >= self._n)]
        if unknown.size:
            raise InputError(f"{self.group}/node_ids", int(unknown[0]), f"cells 0 to {self._n - 1}")
        return step, cell

    def _find(self, value: int, row: int) -> int:
        """Return the first row from `row` on whose key is at least `value`."""
        for start in range(row, self._key.shape[0], BLOCK):
            block = self._key[start : start + BLOCK]
            if block[-1] >= value:
                return start + int(np.searchsorted(block, value))
        return int(self._key.shape[0])


def grid_of(recording: Recording) -> TimeGrid:
    """Return the grid a run was made on, from its config."""
    config = recording.config
    return make_grid(
        SimulationSpec(**config["simulation"]), TraceSpec(**config["trace"]), config["seeds"]["noise"]
    )


class Replay:
    """The features of a recording's trials and probes, its spikes followed once.

    Called like `features`. It goes on from where the call before ended, or from a place that it
    passed and marked, wherever that lies before what is asked for.

    Parameters
    ----------
    recording : Recording
        Of a run with ``record.spikes = "all"``.

    Raises
    ------
    InputError
        If not all spikes were kept.
    """

    MARKS = 64
    """Places marked at most; a mark is as large as the state of the traces."""

    def __init__(self, recording: Recording):
        grid = grid_of(recording)
        self._tracer = Tracer(grid, recording[schema.CELL_TYPE].size)
        self._spikes = KeptSpikes(recording)
        self._h, self._m, self._dtype = grid.readout_step_ms, grid.steps_per_readout, grid.dtype
        layout = recording.attrs[schema.block()]
        self._steps, self._before = int(layout["steps"]), int(layout["before_steps"])
        self._lengths = np.asarray(recording[schema.trial("steps")], np.int64)
        onsets = np.round(recording[schema.trial("onset_ms")] / self._h).astype(np.int64)
        self._starts = onsets - self._before
        # Where a probe before the first trial begins.
        self._settled = round(recording.config["simulation"]["settle_ms"] / self._h)
        self._state, self._clock = self._tracer.start(), 0
        self._marks: dict[int, State] = {0: self._state.copy()}

    def __call__(
        self, recording: Recording, which: str, rows: np.ndarray, every_ms: float = 1.0
    ) -> np.ndarray:
        """Return the features of chosen trials or probes; arguments, shape and errors as `features`."""
        every = round(every_ms / self._h)
        if every < 1:
            raise InputError("every_ms", every_ms, f"at least the readout step, {self._h:g} ms")
        rows = np.asarray(rows, np.int64)
        out = np.full((rows.size, self._steps // every, self._tracer.n + 1), np.nan, self._dtype)
        if which == "trials":
            for row, i in zip(out, rows, strict=True):
                begin, end = int(self._starts[i]), int(self._starts[i] + self._lengths[i])
                self._go_to(begin)
                self._advance(end, end - begin, every, row)
            self._mark()
            return out
        probes = KeptSpikes(recording, probes=True)
        for row, q in zip(out, map(int, rows), strict=True):
            after, n = (
                int(recording[schema.probe("after_trial")][q]),
                int(recording[schema.probe("steps")][q]),
            )
            end = self._starts[after - 1] + self._lengths[after - 1] if after else self._settled
            self._go_to(int(end))
            self._mark()
            gap = round(recording[schema.probe("interval_ms")][q] / self._h)
            # A probe's clock is 0 at cue onset.
            first, spiked = -(gap + self._before) * self._m, probes.between(q, q + 1)
            self._follow(self._state.copy(), *spiked, first, gap + n, n, every, row)
        return out

    def _go_to(self, step: int) -> None:
        """Come to a readout step, from the nearest known place before it."""
        if step < self._clock or any(self._clock < place <= step for place in self._marks):
            self._clock = max(place for place in self._marks if place <= step)
            self._state = self._marks[self._clock].copy()
        self._advance(step)

    def _mark(self) -> None:
        if self._clock not in self._marks and len(self._marks) >= self.MARKS:
            del self._marks[next(place for place in self._marks if place)]  # the oldest but for the beginning
        self._marks[self._clock] = self._state.copy()

    def _advance(self, to: int, kept_steps: int = 0, every: int = 1, into: np.ndarray | None = None) -> None:
        begin, end = self._clock * self._m, to * self._m
        spiked = self._spikes.between(begin, end)
        self._follow(self._state, *spiked, begin, to - self._clock, kept_steps, every, into)
        self._clock = to

    def _follow(
        self, state: State, step, cell, first: int, n_steps: int, kept_steps: int, every, into
    ) -> None:
        """Advance a state; keep features of the last `kept_steps`."""
        skip = n_steps - kept_steps
        for part, x in self._tracer.chunks(state, step, cell, first, n_steps):
            number = np.arange(part.start, part.stop) - skip + 1
            kept = (number > 0) & (number % every == 0)
            if kept.any():
                into[number[kept] // every - 1] = x[kept, : self._tracer.n + 1]


def features(recording: Recording, which: str, rows: np.ndarray, every_ms: float = 1.0) -> np.ndarray:
    """Return the features of chosen trials or probes.

    Parameters
    ----------
    recording : Recording
        Of a run with ``record.spikes = "all"``.
    which : {"trials", "probes"}
    rows : (r,) int ndarray
        Which of them, ascending.
    every_ms : float
        Time between two returned readout steps, rounded to a multiple of the readout step.

    Returns
    -------
    (r, T', N+1) ndarray
        In the run's precision, at ``time_ms[every-1::every]`` of the trial; NaN past its end.

    Raises
    ------
    InputError
        If not all spikes were kept.
    """
    return Replay(recording)(recording, which, rows, every_ms)
