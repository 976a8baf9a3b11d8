"""Counter-based noise: any number of the stream at any time, on any machine.

Threefry4x32-12 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
3"). One call turns a counter of four words and a key into four random words by
sums, turns and exclusive ors of 32 bits; each word holds two draws, so one call
serves four neurons twice.

Layout, fixed whatever the number of threads or the length of a segment:

* draw = step divided by the steps a draw is held;
* key = the low and high half of the 64-bit noise seed, 0, 0;
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
from collections.abc import Sequence
from typing import Any

import numpy as np

from spikewhen.reservoir.types import padded

PURPOSE_MEMBRANE = 1

UNIT_SCALE = 1.0 / math.sqrt(85.0)
"""Turns the sum of four digits minus 30 into unit variance: 4 (16^2 - 1) / 12 = 85."""

ROUNDS = 12
TURNS = ((10, 26), (11, 21), (13, 27), (23, 5), (6, 20), (17, 11), (25, 10), (18, 20))
"""Bits that the two words of a round are turned by; after eight rounds from the first again."""
PARITY = 0x1BD11BDA
LOW = 0xFFFFFFFF


def split_key(seed: int) -> tuple[int, int]:
    """Return the low and the high 32 bits of a 64-bit seed."""
    return seed & LOW, (seed >> 32) & LOW


def threefry(counter: Sequence[Any], key: Sequence[int], rounds: int = ROUNDS) -> tuple[np.ndarray, ...]:
    """Return the words of Threefry4x32. This definition is in NumPy.

    Parameters
    ----------
    counter : four of int or array_like of int
        Broadcast against each other.
    key : two or four of int
        The last two are 0 if not given.
    rounds : int
        Ours are 12; answers are published for 13 and 20.

    Returns
    -------
    tuple of four uint64 ndarrays
        Words below 2**32.
    """
    words = [int(k) & LOW for k in (*key, 0, 0)[:4]]
    words.append(PARITY ^ words[0] ^ words[1] ^ words[2] ^ words[3])
    low = np.uint64(LOW)
    x = [np.asarray(c, np.uint64) for c in np.broadcast_arrays(*counter)]
    x = [(c + np.uint64(k)) & low for c, k in zip(x, words, strict=False)]
    for r in range(rounds):
        for of, by, bits in zip((0, 2), (1, 3) if r % 2 == 0 else (3, 1), TURNS[r % 8], strict=True):
            x[of] = (x[of] + x[by]) & low
            turned = (x[by] << np.uint64(bits) | x[by] >> np.uint64(32 - bits)) & low
            x[by] = turned ^ x[of]
        if r % 4 == 3:
            turn = (r + 1) // 4
            added = [words[(turn + i) % 5] for i in range(4)]
            added[3] += turn
            x = [(c + np.uint64(k)) & low for c, k in zip(x, added, strict=True)]
    return tuple(x)


def quarter(n_neurons: int) -> int:
    """Return the number of calls for one draw of every neuron, a multiple of 32."""
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
    counter = np.arange(quarter(n_neurons)), pair & LOW, pair >> 32, 16 * stream + purpose
    words = np.concatenate(threefry(counter, split_key(seed)))
    total = sum((words >> np.uint64(16 * half + 4 * digit)) & np.uint64(15) for digit in range(4))
    return total.astype(np.int64)[:n_neurons] - 30
