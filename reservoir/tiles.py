"""A symmetric matrix as lower 32 x 32 tiles, the diagonal ones full: corrected, multiplied by a vector.

The order of the tiles and of the additions is part of the numerics contract (docs/numerics.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numba as nb
import numpy as np

from spikewhen.reservoir.dot import fold
from spikewhen.reservoir.simd import add_row, simd_function
from spikewhen.reservoir.types import LANES
from spikewhen.reservoir.vector import ArrayRow, Vector, rows_by


def tile_index(i: int, j: int) -> int:
    """Position of tile (i, j), i >= j, among the lower tiles."""
    return i * (i + 1) // 2 + j


def multiply_reference(p: np.ndarray, x: np.ndarray) -> np.ndarray:
    """``P x`` from lower tiles, in plain NumPy, the definition.

    Row part: tiles J <= I, J ascending, in 32 partial sums, then halved.
    Column part of a tile I > J: four partial sums by row modulo 4, rows
    ascending, ``(t0 + t2) + (t1 + t3)``, tiles added with I ascending.
    """
    blocks = x.reshape(-1, LANES)
    n = len(blocks)
    rows, columns = np.zeros_like(blocks), np.zeros_like(blocks)
    for i in range(n):
        acc = np.zeros((LANES, LANES), x.dtype)
        for j in range(i + 1):
            acc = acc + p[tile_index(i, j)] * blocks[j]
        rows[i] = fold(acc)
        for j in range(i):
            products = (p[tile_index(i, j)] * blocks[i][:, None]).reshape(8, 4, LANES)
            t = np.zeros((4, LANES), x.dtype)
            for group in products:
                t = t + group
            columns[j] = columns[j] + ((t[0] + t[2]) + (t[1] + t[3]))
    return (rows + columns).ravel()


def correct_reference(p: np.ndarray, q: np.ndarray, gain) -> None:
    """``P <- (P - q q^T) gain`` on lower tiles, in plain NumPy; gain = 1 / lambda."""
    blocks = q.reshape(-1, LANES)
    for i in range(len(blocks)):
        for j in range(i + 1):
            tile = p[tile_index(i, j)]
            tile[:] = (tile - blocks[i][:, None] * blocks[j]) * gain


def column_reference(p: np.ndarray, i: int) -> np.ndarray:
    """Return column `i` of P, which is symmetric, from lower tiles, in plain NumPy."""
    rows = int(math.sqrt(2 * len(p)))
    block, lane = divmod(i, LANES)
    left = [p[tile_index(block, j), lane] for j in range(block)]
    return np.concatenate(left + [p[tile_index(j, block), :, lane] for j in range(block, rows)])


def _sum_tile(corrected: Callable[[Vector], Vector], xi, xj, acc, columns: ArrayRow) -> None:
    """Add a tile below the diagonal to the sums of its row part and of its column part.

    `corrected` gives its rows by their number; the column part has four partial sums, by row modulo 4.
    """
    t, xj = columns.sums(4), xj.read()
    with rows_by(acc, 4) as first:
        for k in range(4):
            r = first + k
            row = corrected(r)
            acc.row(r).set(acc.row(r) + row * xj)
            t[k].add(row * xi.lane(r))
    a, b, c, d = (each.total for each in t)
    columns.set(columns + ((a + c) + (b + d)))


def _sum_diagonal(corrected: Callable[[Vector], Vector], x, acc, out: ArrayRow) -> None:
    """Multiply a tile on the diagonal, which ends a row of tiles: write the sums of its 32 rows."""
    x = x.read()
    with rows_by(acc, 1) as r:
        out.set_lane(r, (acc.row(r) + corrected(r) * x).fold())


@simd_function
def tile(p: ArrayRow, xi: ArrayRow, xj: ArrayRow, acc: ArrayRow, columns: ArrayRow) -> None:
    """Multiply a tile below the diagonal."""

    def row(r: Vector) -> Vector:
        p.fetch_ahead(r)
        return p.row(r)

    _sum_tile(row, xi, xj, acc, columns)


@simd_function(whole=True)
def diagonal_tile(p: ArrayRow, x: ArrayRow, acc: ArrayRow, out: ArrayRow) -> None:
    """Multiply a tile on the diagonal."""
    _sum_diagonal(p.row, x, acc, out)


@simd_function
def tile_twice(
    p: ArrayRow,
    qi: ArrayRow,
    qj: ArrayRow,
    si: ArrayRow,
    sj: ArrayRow,
    xi: ArrayRow,
    xj: ArrayRow,
    acc: ArrayRow,
    columns: ArrayRow,
) -> None:
    """Correct a tile below the diagonal by q, then by s; multiply it."""
    qj, sj = qj.read(), sj.read()

    def row(r: Vector) -> Vector:
        row = (p.row(r) - qj * qi.lane(r)) - sj * si.lane(r)
        p.fetch_ahead(r)
        p.row(r).set(row)
        return row

    _sum_tile(row, xi, xj, acc, columns)


@simd_function(whole=True)
def diagonal_twice(p: ArrayRow, q: ArrayRow, s: ArrayRow, x: ArrayRow, acc: ArrayRow, out: ArrayRow) -> None:
    """Correct a tile on the diagonal by q, then by s; multiply it."""
    q, s = q.read(), s.read()

    def row(r: Vector) -> Vector:
        row = (p.row(r) - q * q.lane(r)) - s * s.lane(r)
        p.row(r).set(row)
        return row

    _sum_diagonal(row, x, acc, out)


@simd_function
def tile_once(
    p: ArrayRow,
    qi: ArrayRow,
    qj: ArrayRow,
    gain: Vector,
    xi: ArrayRow,
    xj: ArrayRow,
    acc: ArrayRow,
    columns: ArrayRow,
) -> None:
    """Correct a tile below the diagonal by q and a gain; multiply it."""
    qj = qj.read()

    def row(r: Vector) -> Vector:
        row = (p.row(r) - qj * qi.lane(r)) * gain
        p.fetch_ahead(r)
        p.row(r).set(row)
        return row

    _sum_tile(row, xi, xj, acc, columns)


@simd_function(whole=True)
def diagonal_once(p: ArrayRow, q: ArrayRow, gain: Vector, x: ArrayRow, acc: ArrayRow, out: ArrayRow) -> None:
    """Correct a tile on the diagonal by q and a gain; multiply it."""
    q = q.read()

    def row(r: Vector) -> Vector:
        row = (p.row(r) - q * q.lane(r)) * gain
        p.row(r).set(row)
        return row

    _sum_diagonal(row, x, acc, out)


@nb.njit(nogil=True, error_model="numpy")
def beside(p, n):
    """Return scratch of `n` numbers half a page away from `p`, modulo pages.

    A row of it and the row of P in use never have the same last 12 bits of address,
    which the processor would take for one address and wait (up to a third of the time).
    """
    room = np.empty(n + 4096 // p.itemsize, p.dtype)
    begin = (p.ctypes.data + 2048 - room.ctypes.data) % 4096 // p.itemsize
    return room[begin : begin + n]


@nb.njit(nogil=True, error_model="numpy")
def multiply(p, x, out):
    """``out = P x``, reading P only. Equals `multiply_reference`, bit for bit."""
    flat = p.reshape(p.size)
    acc, columns = beside(p, 32 * 32), np.zeros(x.size, x.dtype)
    at = 0
    for i in range(0, x.size, 32):
        acc[:] = 0
        for j in range(0, i, 32):
            tile(flat, at, x, i, x, j, acc, 0, columns, j)
            at += 1024
        diagonal_tile(flat, at, x, i, acc, 0, out, i)
        at += 1024
    for i in range(0, x.size, 32):
        add_row(out, i, columns, i)


@nb.njit(nogil=True, error_model="numpy")
def correct_twice_and_multiply(p, q, s, x, out):
    """``P <- (P - q q^T) - s s^T``, then ``out = P x``, in one pass over P.

    Equals `correct_reference` with q and with s, then `multiply_reference`, bit for bit.
    """
    flat = p.reshape(p.size)
    acc, columns = beside(p, 32 * 32), np.zeros(x.size, x.dtype)
    at = 0
    for i in range(0, x.size, 32):
        acc[:] = 0
        for j in range(0, i, 32):
            tile_twice(flat, at, q, i, q, j, s, i, s, j, x, i, x, j, acc, 0, columns, j)
            at += 1024
        diagonal_twice(flat, at, q, i, s, i, x, i, acc, 0, out, i)
        at += 1024
    for i in range(0, x.size, 32):
        add_row(out, i, columns, i)


@nb.njit(nogil=True, error_model="numpy")
def correct_and_multiply(p, q, gain, x, out):
    """``P <- (P - q q^T) gain``, then ``out = P x``, in one pass over P.

    Equals `correct_reference`, then `multiply_reference`, bit for bit.
    """
    flat = p.reshape(p.size)
    acc, columns = beside(p, 32 * 32), np.zeros(x.size, x.dtype)
    at = 0
    for i in range(0, x.size, 32):
        acc[:] = 0
        for j in range(0, i, 32):
            tile_once(flat, at, q, i, q, j, gain, x, i, x, j, acc, 0, columns, j)
            at += 1024
        diagonal_once(flat, at, q, i, gain, x, i, acc, 0, out, i)
        at += 1024
    for i in range(0, x.size, 32):
        add_row(out, i, columns, i)
