"""The CPU engine: Numba kernels that equal the reference bit for bit.

A segment of trials runs in chunks of readout steps. In an open loop a chunk is
simulated once and then every readout learns from its features; with feedback
the same learning step runs inside the loop. Each readout step goes through the
same functions in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import numpy as np

from spikewhen.reservoir.cpu.barrier import let_go
from spikewhen.reservoir.cpu.kernels import Variant, closed_loop, open_loop
from spikewhen.reservoir.cpu.layout import arrange, pad, tabulate, write_back
from spikewhen.reservoir.cpu.lessons import CHUNKS_AHEAD, Lessons
from spikewhen.reservoir.cpu.readout import learn_from
from spikewhen.reservoir.cpu.rls_crew import shared
from spikewhen.reservoir.cpu.shares import own_view, share_out
from spikewhen.reservoir.engine import Activity, Readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.noise import quarter, split_key
from spikewhen.reservoir.own_rules import named
from spikewhen.reservoir.step_constants import check_finite, derive, start_state
from spikewhen.reservoir.types import Network, State, Teaching, TimeGrid, Trials, aligned, padded

CHUNK_BYTES = 2**22
"""Features of one chunk stay in the third-level cache; entering a kernel costs as much as a dozen steps."""

CHUNK_SPIKES = 2**26
"""Room for the spikes of a chunk, were every cell to fire in every step; pages are used only when touched."""


CELLS_PER_THREAD = 10_000
"""A network of fewer cells gains too little from another thread to be worth a core."""


class CpuBackend:
    """The backend that runs Numba kernels.

    Parameters
    ----------
    threads : int
        That one run may use; changes no result. A network uses one for each `CELLS_PER_THREAD` cells. Where
        that is one in all, the others are for readouts.
    """

    name = "cpu"

    def __init__(self, threads: int = 1):
        self.threads = threads

    def load(self, network: Network, grid: TimeGrid) -> CpuEngine:
        """Return an engine for a network, with the constants of its loop derived."""
        of_network = threads_of(network.n_neurons, self.threads)
        learners = self.threads - 1 if of_network == 1 else 0
        return CpuEngine(network, grid, threads=of_network, learners=learners)


def threads_of(n_neurons: int, threads: int) -> int:
    """Return how many of some threads a network of a size makes use of."""
    return max(1, min(threads, n_neurons // CELLS_PER_THREAD))


class CpuEngine:
    """One network on the CPU engine.

    Parameters
    ----------
    network : Network
    grid : TimeGrid
    chunk : int, optional
        Readout steps per kernel call; changes no result.
    threads : int
        That share the network; changes no result.
    learners : int
        Threads on which readouts of an open loop learn while the network goes on, and which share the step of
        least squares in a closed one; changes no result.
    """

    def __init__(
        self, network: Network, grid: TimeGrid, chunk: int | None = None, threads: int = 1, learners: int = 0
    ):
        self.network, self.grid = network, grid
        self.derived = d = derive(network, grid)
        self.table, self.shares = tabulate(d), share_out(d, threads)
        n, m, real = network.n_neurons, grid.steps_per_readout, grid.dtype
        self.feeds_back = bool(d.feedback.any())
        self.width = padded(n + 1)
        by_features = CHUNK_BYTES // (self.width * np.dtype(real).itemsize)
        self.chunk = chunk or max(16, min(CHUNK_SPIKES // (m * n), 8192 if self.feeds_back else by_features))
        self.variant = Variant(grid.scheme, grid.noise > 0, bool(d.inflow_factor.size))
        self._crew = ThreadPoolExecutor(len(self.shares) - 1) if len(self.shares) > 1 else None
        self._n_helpers = learners
        self._helpers = ThreadPoolExecutor(learners) if learners > 0 else None
        self._words = aligned(np.zeros(4 * quarter(n), np.uint32))
        room = [self.chunk * m * n, *[n] * (len(self.shares) - 1)]  # the others keep no spikes beyond a step
        self._ids = [np.empty(size, np.int32) for size in room]
        self._steps = [np.empty(size, np.int64) for size in room]
        size = (
            (1, 1, self.width)
            if self.feeds_back
            else (CHUNKS_AHEAD if learners else 1, self.chunk, self.width)
        )
        self._features = aligned(np.zeros(size, real))

    def start(self) -> State:
        """Return the state at time zero."""
        return start_state(self.network, self.grid, self.derived.n_slots)

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Advance state and readouts in place; see `spikewhen.reservoir.engine.Engine`."""
        if self.feeds_back and len(readouts) != 1:
            raise InputError("rules", len(readouts), "exactly one readout when its output is fed back")
        grid, n_steps = self.grid, len(trials.inputs)
        ys = [np.zeros((n_steps, r.v.shape[0]), grid.dtype) for r in readouts]
        p_hats = [np.zeros((len(trials.outcome), r.v.shape[0]), grid.dtype) for r in readouts]
        ids, at = [], []
        work = arrange(state)
        lessons = (
            Lessons(len(readouts), self._helpers, self._n_helpers)
            if self._helpers and not self.feeds_back
            else None
        )
        try:
            for begin in range(0, n_steps, self.chunk):
                part = slice(begin, min(begin + self.chunk, n_steps))
                features = self._features[lessons.make_room() if lessons else 0]
                count, learn = self._run_chunk(work, trials, part, readouts, teaching, ys, p_hats, features)
                if lessons:
                    lessons.add(learn)
                else:
                    self._side_by_side(learn)
                ids.append(self._ids[0][:count].copy())
                at.append(self._steps[0][:count].copy())
                write_back(work, state)
                check_finite(state, (trials.first_step + part.stop * grid.steps_per_readout) * grid.dt_ms)
            if lessons:
                lessons.finish()
        except BaseException:
            if lessons:
                lessons.stop()
            raise
        empty = [np.zeros(0, np.int64)]
        return Activity(
            np.concatenate(at or empty), np.concatenate(ids or empty).astype(np.int32), ys, p_hats
        )

    def _run_chunk(
        self, work, trials, part, readouts, teaching, ys, p_hats, features
    ) -> tuple[int, list[Callable[[], None]]]:
        """Advance the network by a chunk; returns the number of its spikes and the lessons to be learned."""
        grid, d, m = self.grid, self.derived, self.grid.steps_per_readout
        step = trials.first_step + part.start * m
        constants = (
            (d.trace_factor[0], d.trace_couple[0], d.trace_inflow_factor[0]),
            (d.normalise_rate[0], d.normalise_floor[0], d.trace_scale[0], d.feature_bias[0]),
            d.noise_scale[0],
            d.inflow_dt[0],
        )
        clock = (m, grid.noise_hold_steps, *split_key(grid.noise_seed), trials.stream)
        current = pad(trials.current[part]) if len(trials.current) else np.zeros((1, 0), grid.dtype)
        inputs = trials.inputs[part]
        networks = [
            (
                self.table,
                share,
                own_view(work, share),
                constants,
                clock,
                step,
                inputs,
                current,
                self._words,
                ids,
                steps,
                features,
            )
            for share, ids, steps in zip(self.shares, self._ids, self._steps, strict=True)
        ]
        lessons = [
            (
                y[part],
                taught.target[part],
                taught.gate[part],
                taught.window[part],
                trials.trial_end[part],
                trials.outcome,
                p_hat,
                step // m,
                trials.learn,
            )
            for y, p_hat, taught in zip(ys, p_hats, teaching, strict=True)
        ]
        if self.feeds_back:
            (readout,) = readouts
            helpers = self._helpers if trials.learn else None
            with (
                named(f"rules.{readout.label}.step"),
                shared(readout, helpers, 1 + self._n_helpers) as (step_of_rule, arrays),
            ):
                loop = closed_loop(self.variant, step_of_rule)
                calls = [partial(loop, *of_one, arrays, *lessons[0]) for of_one in networks]
                return self._side_by_side(calls)[0], []
        loop, xs = open_loop(self.variant), features[: part.stop - part.start]
        count = self._side_by_side([partial(loop, *of_one) for of_one in networks])[0]
        pairs = zip(readouts, lessons, strict=True)
        return count, [partial(learn_from, readout, xs, *lesson) for readout, lesson in pairs]

    def _side_by_side(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Carry out calls, the first in this thread and the others in those of the network.

        Where one fails, the others wait for nobody; they go on to their end, and what they leave is useless.
        """
        counter = self.shares[0].counter
        counter[0] = 0
        for share in self.shares:
            share.meetings[0] = 0

        def carry_out(call: Callable[[], Any]) -> Any:
            try:
                return call()
            except BaseException:
                let_go(counter)
                raise

        if self._crew is None:
            return [call() for call in calls]
        others = [self._crew.submit(carry_out, call) for call in calls[1:]]
        try:
            found = [carry_out(call) for call in calls[:1]]
        finally:
            wait(others)
        return found + [other.result() for other in others]
