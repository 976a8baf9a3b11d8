"""The noise of `spikewhen.reservoir.noise`, as vector code: both draws of a pair for every neuron at once."""

from __future__ import annotations

import numba as nb
import numpy as np

from spikewhen.reservoir.noise import LOW, M0, M1, W0, W1
from spikewhen.reservoir.simd import ArrayRow, Vector, simd_function


@simd_function
def _philox_row(
    out: ArrayRow, quarter: Vector, group: Vector, pair: Vector, last: Vector, key0: Vector, key1: Vector
) -> None:
    """Make the draws of 32 groups: word q of group ``group + lane`` goes to ``out[q * quarter + lane]``.

    Everything is 64 bits wide, because that is how the machine multiplies 32-bit
    numbers; high halves carry rubbish that is masked before each product.
    """
    c = [group.counting(), pair & LOW, pair >> 32, last]
    k0, k1 = key0, key1
    for _ in range(10):
        p0, p1 = (c[0] & LOW) * M0, (c[2] & LOW) * M1
        c = [(p1 >> 32) ^ c[1] ^ k0, p1, (p0 >> 32) ^ c[3] ^ k1, p0]
        k0, k1 = (k0 + W0) & LOW, (k1 + W1) & LOW
    for q, word in enumerate(c):
        word = word.narrow()
        pairs = (word & 0x0F0F0F0F) + ((word >> 4) & 0x0F0F0F0F)
        out.later(quarter * q).set((pairs + (pairs >> 8)) & 0x00FF00FF)


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def fill_draws(out, key0, key1, pair, stream, purpose):
    """Fill ``out[:4 Q]`` (uint32) with the draws 2 pair (low halves) and 2 pair + 1 (high halves).

    They still lack the subtraction of 30.
    """
    u = np.uint64
    size = out.size // 4
    for g in range(0, size, 32):
        _philox_row(out, g, u(size), u(g), u(pair), u(16) * u(stream) + u(purpose), u(key0), u(key1))
