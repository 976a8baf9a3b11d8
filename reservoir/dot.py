"""The canonical dot product: one order of additions on every machine.

``acc[l] += a[32 J + l] * b[32 J + l]`` for J ascending and l = 0..31, then the
32 partial sums are halved: ``acc[:h] + acc[h:2h]`` for h = 16, 8, 4, 2, 1. It
vectorises on a CPU and is the natural order of a GPU warp. Here it is defined in plain NumPy; the
compiled one is `spikewhen.reservoir.simd.dot`.
"""

from __future__ import annotations

import numpy as np

from spikewhen.reservoir.types import LANES


def fold(acc: np.ndarray) -> np.ndarray:
    """Halve the last axis (32 wide) until one value is left, in NumPy."""
    for h in (16, 8, 4, 2, 1):
        acc = acc[..., :h] + acc[..., h : 2 * h]
    return acc[..., 0]


def dot_reference(a: np.ndarray, b: np.ndarray):
    """Canonical dot product in plain NumPy, the definition.

    Parameters
    ----------
    a, b : (M,) ndarray of one dtype, M a multiple of 32
    """
    products = (a * b).reshape(-1, LANES)
    acc = np.zeros(LANES, products.dtype)
    for row in products:
        acc = acc + row
    return fold(acc)
