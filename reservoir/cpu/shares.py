"""What each thread of one network owns: rows of cells, their noise, and the synapses onto them.

A cell is written by its owner alone, and takes its spikes in the same ascending order
whatever the number of threads, so the bits do not depend on it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spikewhen.reservoir.cpu.layout import CURRENT, INFLOW, Work, positions
from spikewhen.reservoir.noise import quarter
from spikewhen.reservoir.step_constants import StepConstants
from spikewhen.reservoir.types import LANES, aligned_zeros, padded

LINE = 16
"""Numbers of 64 bits that fill two lines of the cache: processors fetch lines in pairs."""


class Share(NamedTuple):
    """One thread's part of a network."""

    me: int
    size: int  # number of threads
    rows: np.ndarray  # (R,) int64, the rows of cells that it owns, ascending
    owner: np.ndarray  # (rows of the network,) int64, the thread that owns each
    groups: tuple[int, int]  # noise groups, first and one past the last, see `fill_draws`
    indptr: np.ndarray  # (N+1,) int64
    target: np.ndarray  # (S,) uint32 (Numba would look for negative indices): the place in ``Work.cells``
    # that a spike adds to, or with delays the neuron
    weight: np.ndarray  # (S,)
    delay_steps: np.ndarray  # (S,)
    # Shared: a bit for each row of a thread in which a cell fired, in even and odd steps. Masks of
    # other rows are not looked at, so they stay in their owner's cache.
    noted: np.ndarray  # (2, threads, rows / 32) uint32
    counter: np.ndarray  # int64, shared; its first number counts, see `spikewhen.reservoir.cpu.barrier.meet`
    meetings: np.ndarray  # int64, its own; the first number counts


def share_out(d: StepConstants, threads: int) -> list[Share]:
    """Deal a network out to threads, at most one for each block of 128 cells.

    One call of the generator makes the noise of cells g, g + Q, g + 2 Q and g + 3 Q. A thread owns
    blocks of 32 such groups and the four rows of cells that they are for, so that nobody waits for
    another's noise.
    """
    n = d.v_peak.size
    rows, blocks = padded(n) // LANES, quarter(n) // LANES
    threads = min(threads, blocks)
    first = np.arange(threads + 1) * blocks // threads
    owner = (np.searchsorted(first, np.arange(blocks), side="right") - 1)[np.arange(rows) % blocks]
    words = -(-rows // 32)
    # What one thread writes and what another reads all the time stand on different lines of the cache.
    noted = aligned_zeros((2, threads, words if threads == 1 else padded(words)), np.uint32)
    counter, *meetings = (aligned_zeros((LINE,), np.int64) for _ in range(1 + threads))
    return [
        Share(
            me,
            threads,
            np.flatnonzero(owner == me),
            owner,
            (int(LANES * first[me]), int(LANES * first[me + 1])),
            *_onto(d, None if threads == 1 else owner[d.target // LANES] == me),
            noted,
            counter,
            meetings[me],
        )
        for me in range(threads)
    ]


def _onto(d: StepConstants, mine: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the synapses of a mask (S,), or all, in their order."""
    indptr, target, weight, delays = d.indptr, d.target, d.weight, d.delay_steps
    if mine is not None:
        indptr = np.concatenate([[0], np.cumsum(mine)])[indptr]
        target, weight, delays = target[mine], weight[mine], delays[mine] if delays.size else delays
    if not d.delay_steps.size:
        target = positions(target, INFLOW if d.inflow_factor.size else CURRENT)
    return indptr, target.astype(np.uint32), weight, delays


def own_view(work: Work, share: Share) -> Work:
    """Return the state as a thread sees it: all count the readout steps, only the first for good."""
    return work if share.me == 0 else work._replace(readouts=work.readouts.copy())
