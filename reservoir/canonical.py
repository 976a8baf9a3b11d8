"""The canonical dot product: one order of additions on every machine.

``acc[l] += a[32 J + l] * b[32 J + l]`` for J ascending and l = 0..31, then the
32 partial sums are halved: ``acc[:h] + acc[h:2h]`` for h = 16, 8, 4, 2, 1. It
vectorises on a CPU and is the natural order of a GPU warp.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from reservoir.lanes import add_products
from reservoir.types import LANES


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


@nb.njit(nogil=True, error_model="numpy")
def fold_in_place(acc):
    """Halve 32 partial sums in place; the result is ``acc[0]``."""
    for h in (16, 8, 4, 2, 1):
        for lane in range(h):
            acc[lane] = acc[lane] + acc[lane + h]


@nb.njit(nogil=True, error_model="numpy")
def dot(a, b):
    """Canonical dot product, compiled; equals `dot_reference` bit for bit."""
    acc = np.zeros(32, a.dtype)
    for start in range(0, a.size, 32):
        add_products(acc, 0, a, start, b, start)
    fold_in_place(acc)
    return acc[0]
