"""The noise of `spikewhen.reservoir.noise`, as vector code: both draws of a pair for every neuron at once."""

from __future__ import annotations

import numba as nb
import numpy as np

from spikewhen.reservoir.noise import PARITY, ROUNDS, TURNS
from spikewhen.reservoir.simd import simd_function
from spikewhen.reservoir.vector import ArrayRow, Vector


@simd_function
def _threefry_row(
    out: ArrayRow,
    quarter: Vector,
    group: Vector,
    pair_low: Vector,
    pair_high: Vector,
    last: Vector,
    key0: Vector,
    key1: Vector,
) -> None:
    """Make the draws of 32 groups: word q of group ``group + lane`` goes to ``out[q * quarter + lane]``."""
    keys = [key0, key1, None, None, (key0 ^ key1) ^ PARITY]  # None: 0, nothing to add
    x = [out.counted(group) + key0, pair_low + key1, pair_high, last]
    for r in range(ROUNDS):
        for of, by, bits in zip((0, 2), (1, 3) if r % 2 == 0 else (3, 1), TURNS[r % 8], strict=True):
            x[of] = x[of] + x[by]
            x[by] = x[by].turned(bits) ^ x[of]
        if r % 4 == 3:
            turn = (r + 1) // 4
            for i in range(4):
                key = keys[(turn + i) % 5]
                x[i] = x[i] if key is None else x[i] + key
            x[3] = x[3] + turn
    for q, word in enumerate(x):
        pairs = (word & 0x0F0F0F0F) + ((word >> 4) & 0x0F0F0F0F)
        out.later(quarter * q).set((pairs + (pairs >> 8)) & 0x00FF00FF)


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def fill_draws(out, begin, end, key0, key1, pair, stream, purpose):
    """Fill ``out[:4 Q]`` (uint32) with the draws 2 pair (low halves) and 2 pair + 1 (high halves).

    Only those of the groups from `begin` to `end`, multiples of 32, of which there are Q. They still
    lack the subtraction of 30.
    """
    u = np.uint32
    size, last = out.size // 4, u(16 * stream + purpose)
    low, high = u(np.uint64(pair)), u(np.uint64(pair) >> np.uint64(32))
    for g in range(begin, end, 32):
        _threefry_row(out, g, np.uint64(size), u(g), low, high, last, u(key0), u(key1))
