"""Counter-based noise: any number of the stream at any time, on any machine.

Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
3"). One call turns a counter of four words and a key of two into four random
words, one for each of four neurons.

Layout, fixed whatever the number of threads or the length of a segment:

* key = the 64-bit noise seed;
* counter = (group g, low 32 bits of the step, high 32 bits of the step,
  16 * stream + purpose), stream 0 for the training run and 1 + q for probe q;
* word q of group g belongs to neuron ``q * N_pad / 4 + g``, with ``N_pad`` the
  number of neurons rounded up to a multiple of 32.

A word becomes a number of mean 0 and variance 1 as the sum of its four bytes
minus 510, an exact integer, times ``1 / sqrt(21845)``. The sum of four uniform
variables is close to normal (excess kurtosis -0.3) and ends at 3.45 standard
deviations; no logarithm or cosine is needed, so every machine agrees on it.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from reservoir.types import padded

PURPOSE_MEMBRANE = 1
PURPOSE_EXPLORATION = 2

UNIT_SCALE = 1.0 / math.sqrt(21845.0)
"""Turns the sum of four bytes minus 510 into unit variance: 4 (256^2 - 1) / 12 = 21845."""

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


def byte_sums(seed: int, step: int, stream: int, purpose: int, n_neurons: int) -> np.ndarray:
    """Noise of one step before scaling, in NumPy, the definition.

    Returns
    -------
    (n_neurons,) int64 ndarray
        Sums of four bytes minus 510, from -510 to 510.
    """
    quarter = padded(n_neurons) // 4
    k0, k1 = split_key(seed)
    counter = np.arange(quarter)
    words = philox(counter, step & _LOW, step >> 32, 16 * stream + purpose, k0, k1)
    z = np.concatenate(words)
    total = sum((z >> np.uint64(8 * q)) & np.uint64(255) for q in range(4))
    return total.astype(np.int64)[:n_neurons] - 510


@nb.njit(nogil=True, inline="always")
def _byte_sum(word):
    """Sum of the four low bytes minus 510; adds bytes pairwise, ignores the high half."""
    u = np.uint64
    pairs = (word & u(0x00FF00FF)) + ((word >> u(8)) & u(0x00FF00FF))
    return np.float64(np.int64((pairs + (pairs >> u(16))) & u(0xFFFF)) - np.int64(510))


@nb.njit(nogil=True)
def fill_byte_sums(out, key0, key1, step, stream, purpose):
    """Fill ``out[:N_pad]`` with the noise of one step before scaling.

    Everything is uint64: mixed 32-bit integers are 40 times slower under Numba.
    The high halves carry rubbish that the mask before each product removes;
    that mask costs nothing, the vector unit multiplies low halves anyway.
    """
    u = np.uint64
    low, s32 = u(0xFFFFFFFF), u(32)
    quarter = out.size // 4
    s = u(step)
    step_low, step_high = s & low, s >> s32
    c3_start = u(16) * u(stream) + u(purpose)
    for g in range(quarter):
        c0, c1, c2, c3 = u(g), step_low, step_high, c3_start
        k0, k1 = u(key0), u(key1)
        for _ in range(10):
            p0 = u(0xD2511F53) * (c0 & low)
            p1 = u(0xCD9E8D57) * (c2 & low)
            c0 = (p1 >> s32) ^ c1 ^ k0
            c1 = p1
            c2 = (p0 >> s32) ^ c3 ^ k1
            c3 = p0
            k0 = (k0 + u(0x9E3779B9)) & low
            k1 = (k1 + u(0xBB67AE85)) & low
        out[g] = _byte_sum(c0)
        out[quarter + g] = _byte_sum(c1)
        out[2 * quarter + g] = _byte_sum(c2)
        out[3 * quarter + g] = _byte_sum(c3)
