"""Counter-based noise: any number of the stream at any time, on any machine.

Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
3"). One call turns a counter of four words and a key of two into four random
words; each word holds two draws, so one call serves four neurons twice.

Layout, fixed whatever the number of threads or the length of a segment:

* draw = step divided by the steps a draw is held;
* key = the 64-bit noise seed;
* counter = (group g, low 32 bits of draw // 2, its high 32 bits,
  16 * stream + purpose), stream 0 for the training run and 1 + q for probe q;
* word q of group g belongs to neuron ``q * Q + g``, with Q a quarter of the
  number of neurons rounded up to a multiple of 128; an even draw takes the
  low half of the word, an odd one the high half.

A half becomes a number of mean 0 and variance 1 as the sum of its four
four-bit digits minus 30, an exact integer, times ``1 / sqrt(85)``: 61 values,
excess kurtosis -0.3, at most 3.25 standard deviations; no logarithm or cosine
is needed, so every machine agrees on it. A membrane adds up hundreds of draws,
and their sum is normal (docs/numerics.md).
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from spikewhen.reservoir.simd import Row, Vector, simd_function
from spikewhen.reservoir.types import padded

PURPOSE_MEMBRANE = 1
PURPOSE_EXPLORATION = 2

UNIT_SCALE = 1.0 / math.sqrt(85.0)
"""Turns the sum of four digits minus 30 into unit variance: 4 (16^2 - 1) / 12 = 85."""

_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = 0xFFFFFFFF


def split_key(seed: int) -> tuple[int, int]:
    """Return the low and the high 32 bits of a 64-bit seed."""
    return seed & _LOW, (seed >> 32) & _LOW


def philox(c0, c1, c2, c3, k0: int, k1: int) -> tuple[np.ndarray, ...]:
    """Philox4x32-10 in NumPy, the definition.

    Parameters
    ----------
    c0, c1, c2, c3 : int or array_like of int
        Counter words, broadcast against each other.
    k0, k1 : int
        Key words.

    Returns
    -------
    tuple of four uint64 ndarrays
        Words below 2**32.
    """
    c = [np.asarray(x, np.uint64) for x in np.broadcast_arrays(c0, c1, c2, c3)]
    low, high = np.uint64(_LOW), np.uint64(32)
    for _ in range(10):
        p0, p1 = np.uint64(_M0) * c[0], np.uint64(_M1) * c[2]
        c = [
            (p1 >> high) ^ c[1] ^ np.uint64(k0),
            p1 & low,
            (p0 >> high) ^ c[3] ^ np.uint64(k1),
            p0 & low,
        ]
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return tuple(c)


def quarter(n_neurons: int) -> int:
    """Number of Philox calls for one draw of every neuron, a multiple of 32."""
    return padded(-(-n_neurons // 4))


def draws(seed: int, draw: int, stream: int, purpose: int, n_neurons: int) -> np.ndarray:
    """One draw for every neuron before scaling, in NumPy, the definition.

    Parameters
    ----------
    seed : int
        Noise seed, 64 bits.
    draw : int
        ``step // noise_hold_steps``.
    stream, purpose : int
    n_neurons : int

    Returns
    -------
    (n_neurons,) int64 ndarray
        Sums of four digits minus 30, from -30 to 30.
    """
    pair, half = divmod(draw, 2)
    k0, k1 = split_key(seed)
    counter = np.arange(quarter(n_neurons))
    words = np.concatenate(philox(counter, pair & _LOW, pair >> 32, 16 * stream + purpose, k0, k1))
    total = sum((words >> np.uint64(16 * half + 4 * digit)) & np.uint64(15) for digit in range(4))
    return total.astype(np.int64)[:n_neurons] - 30


@simd_function
def _philox_row(
    out: Row, quarter: Vector, group: Vector, pair: Vector, last: Vector, key0: Vector, key1: Vector
) -> None:
    """Draws of 32 groups: word q of group ``group + lane`` goes to ``out[q * quarter + lane]``.

    Everything is 64 bits wide, because that is how the machine multiplies 32-bit
    numbers; high halves carry rubbish that is masked before each product.
    """
    c = [group.counting(), pair & _LOW, pair >> 32, last]
    k0, k1 = key0, key1
    for _ in range(10):
        p0, p1 = (c[0] & _LOW) * _M0, (c[2] & _LOW) * _M1
        c = [(p1 >> 32) ^ c[1] ^ k0, p1, (p0 >> 32) ^ c[3] ^ k1, p0]
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
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
