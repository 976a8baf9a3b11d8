"""Least squares on several threads: each owns whole rows of the tiles of P, and the bits are those of one.

One thread carries out the step of the rule and gives orders; the others carry out their part of every
pass over P. What a tile adds to the column part of ``P x`` is kept and added when all are done, with the
rows of tiles ascending as in `spikewhen.reservoir.tiles`, so no sum depends on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.cpu.barrier import let_go, meet
from spikewhen.reservoir.cpu.shares import LINE
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.rules.rls import RLS, learn, limit_growth
from spikewhen.reservoir.simd import add_row, dot
from spikewhen.reservoir.tiles import (
    beside,
    diagonal_once,
    diagonal_tile,
    diagonal_twice,
    tile,
    tile_once,
    tile_twice,
)
from spikewhen.reservoir.types import LANES, aligned_zeros

STOP, MULTIPLY, ONCE, TWICE = range(4)
"""Orders: to end, to multiply P, and to correct it once or twice before."""

NUMBERS_PER_THREAD = 2**22
"""Of P: two threads were 1.3 times as fast as one at 5,000 features, and no faster at 2,000."""


class Crew(NamedTuple):
    """What the threads share beside P; M features in B blocks of 32."""

    counter: np.ndarray  # (LINE,) int64, see `meet`
    meetings: np.ndarray  # (threads, LINE) int64
    order: np.ndarray  # (LINE,) int64: what is to be done, and with which P
    gain: np.ndarray  # (1,) of the order ONCE
    x: np.ndarray  # (M,) what P is multiplied by
    out: np.ndarray  # (M,) the product
    parts: np.ndarray  # (tiles 32,) what each tile adds to the column part
    first: np.ndarray  # (threads + 1,) int64, the rows of tiles that each thread owns


def gather(p: np.ndarray, n_features: int, threads: int) -> Crew:
    """Return a crew for matrices ``p`` (n_p, tiles, 32, 32); threads own about equally many tiles."""
    real, blocks = p.dtype, n_features // LANES
    first = np.round(blocks * np.sqrt(np.arange(threads + 1) / threads)).astype(np.int64)
    return Crew(
        aligned_zeros((LINE,), np.int64),
        aligned_zeros((threads, LINE), np.int64),
        aligned_zeros((LINE,), np.int64),
        np.ones(1, real),
        aligned_zeros((n_features,), real),
        aligned_zeros((n_features,), real),
        aligned_zeros((p.shape[1] * LANES,), real),
        first,
    )


@nb.njit(nogil=True, error_model="numpy")
def _do_part(crew, me, p, q, s):
    """Do one thread's part of the order that stands; everyone comes here for each order."""
    kind, size = crew.order[0], crew.meetings.shape[0]
    flat, x, out, parts = p.reshape(p.size), crew.x, crew.out, crew.parts
    acc = beside(p, 32 * 32)
    gain = crew.gain[0]
    for row in range(crew.first[me], crew.first[me + 1]):
        i, index = 32 * row, row * (row + 1) // 2
        acc[:] = 0
        parts[32 * index : 32 * (index + row)] = 0
        for j in range(0, i, 32):
            at, column = 1024 * index, 32 * index
            if kind == MULTIPLY:
                tile(flat, at, x, i, x, j, acc, 0, parts, column)
            elif kind == ONCE:
                tile_once(flat, at, q, i, q, j, gain, x, i, x, j, acc, 0, parts, column)
            else:
                tile_twice(flat, at, q, i, q, j, s, i, s, j, x, i, x, j, acc, 0, parts, column)
            index += 1
        at = 1024 * index
        if kind == MULTIPLY:
            diagonal_tile(flat, at, x, i, acc, 0, out, i)
        elif kind == ONCE:
            diagonal_once(flat, at, q, i, gain, x, i, acc, 0, out, i)
        else:
            diagonal_twice(flat, at, q, i, s, i, x, i, acc, 0, out, i)
    meet(crew.counter, crew.meetings[me], size)
    blocks = x.size // 32
    for j in range(me, blocks, size):
        acc[:32] = 0
        for i in range(j + 1, blocks):
            add_row(acc, 0, parts, 32 * (i * (i + 1) // 2 + j))
        add_row(out, 32 * j, acc, 0)
    meet(crew.counter, crew.meetings[me], size)


@nb.njit(nogil=True, error_model="numpy")
def _order(crew, kind, a, p, q):
    """Have everyone, this thread too, carry out an order on the `a`-th P."""
    crew.order[0], crew.order[1] = kind, a
    meet(crew.counter, crew.meetings[0], crew.meetings.shape[0])
    _do_part(crew, 0, p[a], q[a, 0], q[a, 1])


@nb.njit(nogil=True, error_model="numpy")
def assist(crew, me, p, q):
    """Carry out orders as thread `me` until there are no more."""
    while True:
        meet(crew.counter, crew.meetings[me], crew.meetings.shape[0])
        if crew.order[0] == STOP:
            return
        a = crew.order[1]
        _do_part(crew, me, p[a], q[a, 0], q[a, 1])


@nb.njit(nogil=True, error_model="numpy")
def release(crew):
    """Let the others go."""
    crew.order[0] = STOP
    meet(crew.counter, crew.meetings[0], crew.meetings.shape[0])


@nb.njit(nogil=True, error_model="numpy")
def step(constants, state, x, y, target, gate, clock, trial_end):
    """Do the step of `spikewhen.reservoir.rules.rls`, with the passes over P shared."""
    (forget, gain, interval, limit), crew = constants
    p, q, pending = state[1:]
    if clock % interval != 0:
        return
    real, weighted, kappa = p.dtype.type, crew.x, crew.out
    for a in range(p.shape[0]):
        if not gate[a] > 0:
            continue
        root = math.sqrt(real(gate[a]))
        for i in range(x.size):
            weighted[i] = root * real(x[i])
        at = 0
        if forget < 1:
            crew.gain[0] = gain if pending[a] else real(1)
            _order(crew, ONCE, a, p, q)
            limit_growth(p[a], q[a, 0], limit, weighted, kappa)
        elif pending[a] == 1:
            at = 1
            _order(crew, MULTIPLY, a, p, q)
            along = dot(q[a, 0], weighted)
            for i in range(x.size):
                kappa[i] = kappa[i] - q[a, 0, i] * along
        else:
            _order(crew, TWICE, a, p, q)
        learn(forget, root, a, at, weighted, kappa, state, y, target)


def _assist(crew: Crew, me: int, p: np.ndarray, q: np.ndarray) -> None:
    try:
        assist(crew, me, p, q)
    except BaseException:
        let_go(crew.counter)
        raise


def threads_of(readout: Readout, threads: int) -> int:
    """Return how many of some threads a readout's step uses: one for each `NUMBERS_PER_THREAD`."""
    if readout.step is not RLS.step:
        return 1
    return max(1, min(threads, readout.state.p[0].size // NUMBERS_PER_THREAD))


@contextmanager
def shared(readout: Readout, pool: ThreadPoolExecutor | None, threads: int) -> Iterator[tuple[Any, tuple]]:
    """While a loop runs, have other threads assist the step of a readout.

    Parameters
    ----------
    readout : Readout
    pool : ThreadPoolExecutor, optional
        With ``threads - 1`` threads that do nothing else; None for a step that is carried out by one.
    threads : int

    Yields
    ------
    step : Numba dispatcher
        To be called in place of the readout's.
    arrays : tuple
        To be handed to it in place of ``readout.arrays()``.
    """
    size = threads_of(readout, threads)
    if pool is None or size == 1:
        yield readout.step, readout.arrays()
        return
    p, q = readout.state.p, readout.state.q
    crew = gather(p, q.shape[-1], size)
    others = [pool.submit(_assist, crew, me, p, q) for me in range(1, size)]
    constants, *rest = readout.arrays()
    try:
        yield step, ((constants, crew), *rest)
        release(crew)
    except BaseException:
        crew.order[0] = STOP
        let_go(crew.counter)
        raise
    finally:
        wait(others)
    for other in others:
        other.result()  # what the loop left is useless where one of them failed
