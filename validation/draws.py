"""Our membrane noise as a table, for simulators and statistics that cannot draw it themselves."""

from __future__ import annotations

import numba as nb
import numpy as np

from spikewhen.reservoir.cpu.noise import fill_draws
from spikewhen.reservoir.noise import PURPOSE_MEMBRANE, UNIT_SCALE, quarter, split_key


@nb.njit(nogil=True)
def _fill(out, words, key0, key1, first, stream):
    for t in range(out.shape[0]):
        draw = first + t
        fill_draws(words, 0, words.size // 4, key0, key1, draw // 2, stream, PURPOSE_MEMBRANE)
        for i in range(out.shape[1]):
            half = words[i] >> 16 if draw % 2 else words[i] & 0xFFFF
            out[t, i] = np.int64(half) - 30


def membrane_draws(seed: int, first: int, n: int, n_neurons: int, stream: int = 0) -> np.ndarray:
    """Return successive draws of every neuron, before scaling.

    Parameters
    ----------
    seed : int
        Noise seed.
    first, n : int
        Index of the first draw, and how many.
    n_neurons : int
    stream : int

    Returns
    -------
    (n, n_neurons) float64 ndarray
        Integers; times `UNIT_SCALE` they have mean 0 and variance 1.
    """
    out = np.empty((n, n_neurons))
    _fill(out, np.zeros(4 * quarter(n_neurons), np.uint32), *split_key(seed), first, stream)
    return out


def unit_draws(seed: int, first: int, n: int, n_neurons: int, stream: int = 0) -> np.ndarray:
    """Return `membrane_draws` with mean 0 and variance 1."""
    return membrane_draws(seed, first, n, n_neurons, stream) * UNIT_SCALE
