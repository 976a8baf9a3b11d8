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

import numpy as np

from spikewhen.reservoir.types import padded

PURPOSE_MEMBRANE = 1

UNIT_SCALE = 1.0 / math.sqrt(85.0)
"""Turns the sum of four digits minus 30 into unit variance: 4 (16^2 - 1) / 12 = 85."""

M0, M1 = 0xD2511F53, 0xCD9E8D57
W0, W1 = 0x9E3779B9, 0xBB67AE85
LOW = 0xFFFFFFFF


def split_key(seed: int) -> tuple[int, int]:
    """Return the low and the high 32 bits of a 64-bit seed."""
    return seed & LOW, (seed >> 32) & LOW


def philox(c0, c1, c2, c3, k0: int, k1: int) -> tuple[np.ndarray, ...]:
    """Return the words of Philox4x32-10. This definition is in NumPy.

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
    low, high = np.uint64(LOW), np.uint64(32)
    for _ in range(10):
        p0, p1 = np.uint64(M0) * c[0], np.uint64(M1) * c[2]
        c = [
            (p1 >> high) ^ c[1] ^ np.uint64(k0),
            p1 & low,
            (p0 >> high) ^ c[3] ^ np.uint64(k1),
            p0 & low,
        ]
        k0, k1 = (k0 + W0) & LOW, (k1 + W1) & LOW
    return tuple(c)


def quarter(n_neurons: int) -> int:
    """Return the number of Philox calls for one draw of every neuron, a multiple of 32."""
    return padded(-(-n_neurons // 4))


def draws(seed: int, draw: int, stream: int, purpose: int, n_neurons: int) -> np.ndarray:
    """Return one draw for every neuron before scaling. This definition is in NumPy.

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
    words = np.concatenate(philox(counter, pair & LOW, pair >> 32, 16 * stream + purpose, k0, k1))
    total = sum((words >> np.uint64(16 * half + 4 * digit)) & np.uint64(15) for digit in range(4))
    return total.astype(np.int64)[:n_neurons] - 30
