"""Noise by which a rule explores: a draw for every output and readout step, from the run's own seed.

The generator is that of the membranes (`spikewhen.reservoir.noise`) with a purpose of its
own, so that neither stream depends on the other:

* key = the low and high half of the run's noise seed, 0, 0, kept in the rule's state;
* counter = (group g, low 32 bits of the clock, its high 32 bits, purpose 2), the clock in
  readout steps since the run began;
* word q of group g belongs to output ``4 g + q``.

A word becomes a number of mean 0 and variance 1 as the sum of its eight four-bit digits
minus 60, an exact integer, times ``1 / sqrt(170)``: 121 values, symmetric, excess kurtosis
-0.15. The same clock always gives the same draw, so that a run goes on where it stopped.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from spikewhen.reservoir.noise import LOW, PARITY, ROUNDS, TURNS, split_key, threefry
from spikewhen.reservoir.rules.base import device_text

PURPOSE_EXPLORATION = 2

UNIT_SCALE = 1.0 / math.sqrt(170.0)
"""Turns the sum of eight digits minus 60 into unit variance: 8 (16^2 - 1) / 12 = 170."""

_LOW, _PARITY, _PURPOSE = np.uint64(LOW), np.uint64(PARITY), np.uint64(PURPOSE_EXPLORATION)
_TURNS = np.array(TURNS, np.uint64)
_HALF, _DIGIT, _NIBBLE = np.uint64(32), np.uint64(4), np.uint64(15)


def key_of(noise_seed: int) -> np.ndarray:
    """Return the key that a rule keeps in its state, (2,) int64."""
    return np.array(split_key(noise_seed), np.int64)


def exploring_text(file: str) -> str:
    """Read the CUDA text of a rule that explores, after the function that draws its noise."""
    return device_text(__file__) + device_text(file)


def explore_reference(key: np.ndarray, clock: int, n_channels: int) -> np.ndarray:
    """Return the draws of one readout step before scaling. This definition is in NumPy.

    Parameters
    ----------
    key : (2,) int64 ndarray
    clock : int
        Readout steps since the run began.
    n_channels : int

    Returns
    -------
    (n_channels,) int64 ndarray
        Sums of eight digits minus 60, from -60 to 60.
    """
    clock = int(clock)
    groups = np.arange(-(-n_channels // 4))
    counter = groups, clock & LOW, clock >> 32 & LOW, PURPOSE_EXPLORATION
    words = np.stack(threefry(counter, [int(k) for k in key]), axis=1).ravel()[:n_channels]
    total = sum((words >> np.uint64(4 * digit)) & np.uint64(15) for digit in range(8))
    return np.asarray(total, np.int64) - 60


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def _turned(word, bits):
    return ((word << bits) | (word >> (_HALF - bits))) & _LOW


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def _digits(word):
    total = np.int64(-60)
    for _ in range(8):
        total += np.int64(word & _NIBBLE)
        word >>= _DIGIT
    return total


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def explore(key, clock, scale, out):
    """Fill `out` (K,) with the draws of a readout step, times `scale`."""
    k0, k1, none = np.uint64(key[0]), np.uint64(key[1]), np.uint64(0)
    words = (k0, k1, none, none, _PARITY ^ k0 ^ k1)
    step = np.uint64(clock)
    for first in range(0, out.size, 4):
        x0 = (np.uint64(first // 4) + k0) & _LOW
        x1 = ((step & _LOW) + k1) & _LOW
        x2, x3 = (step >> _HALF) & _LOW, _PURPOSE
        for r in range(ROUNDS):
            a, b = _TURNS[r % 8, 0], _TURNS[r % 8, 1]
            if r % 2 == 0:
                x0 = (x0 + x1) & _LOW
                x1 = _turned(x1, a) ^ x0
                x2 = (x2 + x3) & _LOW
                x3 = _turned(x3, b) ^ x2
            else:
                x0 = (x0 + x3) & _LOW
                x3 = _turned(x3, a) ^ x0
                x2 = (x2 + x1) & _LOW
                x1 = _turned(x1, b) ^ x2
            if r % 4 == 3:
                turn = (r + 1) // 4
                x0 = (x0 + words[turn % 5]) & _LOW
                x1 = (x1 + words[(turn + 1) % 5]) & _LOW
                x2 = (x2 + words[(turn + 2) % 5]) & _LOW
                x3 = (x3 + words[(turn + 3) % 5] + np.uint64(turn)) & _LOW
        made = (x0, x1, x2, x3)
        for q in range(min(4, out.size - first)):
            out[first + q] = scale * out.dtype.type(_digits(made[q]))
