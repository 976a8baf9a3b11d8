"""Elementary functions whose every digit is the same on every processor.

NumPy and the C library choose their exp, log and sine by what the processor can do,
and the last digits differ. A network drawn from a seed must not, so these are made of
operations that IEEE 754 rounds in one way only (+ - x / sqrt, powers of two), one after
another and never fused. They are for drawing, targets and constants, not for loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import wraps

import numpy as np

PARTS = 64
"""Powers of two in the table of `exp`, per factor of 2."""

FARTHEST = 800.0
"""Beyond it exp is infinite or 0 in float64 anyway."""

PART = 2**13
"""Numbers of an array that are worked on together."""


def _split(number: Decimal, bits: int | None = None) -> tuple[float, float]:
    """Return a number as the sum of two floats, the first a multiple of 2**-bits if that is given."""
    high = float(number) if bits is None else math.floor(number * 2**bits) / 2**bits
    return high, float(number - Decimal(high))


with localcontext() as _context:
    _context.prec = 50
    _TWO = Decimal(2).ln()
    _POWERS, _REST_OF_POWERS = np.array([_split((_TWO * j / PARTS).exp()) for j in range(PARTS)]).T.copy()
    # So few bits that a product with a whole number is exact.
    _STEP, _REST_OF_STEP = _split(_TWO / PARTS, 42)
    _LN_2, _REST_OF_LN_2 = _split(_TWO, 42)

_OF_EXP = [1 / math.factorial(n) for n in range(2, 7)]
_OF_LOG = [1 / n for n in range(3, 25, 2)]
_OF_SINE = [(-1) ** n / math.factorial(2 * n + 1) for n in range(1, 12)]


def _in_parts(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray | float], np.ndarray]:
    """Take long arrays part by part, so that what is in between stays in the cache and needs no memory."""

    @wraps(function)
    def whole(x: np.ndarray | float) -> np.ndarray:
        x = np.asarray(x, np.float64)
        if x.size <= PART:
            return function(x)
        out, flat = np.empty(x.size), x.reshape(-1)
        for at in range(0, x.size, PART):
            out[at : at + PART] = function(flat[at : at + PART])
        return out.reshape(x.shape)

    return whole


def _polynomial(x: np.ndarray, coefficients: list[float]) -> np.ndarray:
    """Return c0 + c1 x + c2 x^2 + ..., from the last term on."""
    total = np.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = c + x * total
    return total


@_in_parts
def exp(x: np.ndarray) -> np.ndarray:
    """Return e to the power x, at most .51 units of the last digit off.

    ``x = (64 k + j) ln 2 / 64 + s``; so ``e^x = 2^k 2^(j/64) e^s``, with 2^(j/64) from a
    table of twice the digits and ``|s| < .0055``.
    """
    x = np.clip(x, -FARTHEST, FARTHEST)
    whole = np.rint(x / _STEP)
    s = (x - whole * _STEP) - whole * _REST_OF_STEP
    grown = s + s * s * _polynomial(s, _OF_EXP)
    k, j = np.divmod(whole.astype(np.int64), PARTS)
    power = _POWERS[j]
    return np.ldexp(power + (_REST_OF_POWERS[j] + power * grown), k)


@_in_parts
def log(x: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of numbers above 0.

    ``x = 2^k m`` with m around 1, and ``ln m = 2 artanh f`` with ``f = (m - 1) / (m + 1)``.
    """
    m, k = np.frexp(x)
    low = m < math.sqrt(0.5)
    m, k = np.where(low, 2 * m, m), np.where(low, k - 1, k)
    f = (m - 1) / (m + 1)
    square = f * f
    rest = k * _REST_OF_LN_2 + 2 * f * square * _polynomial(square, _OF_LOG)
    return k * _LN_2 + (2 * f + rest)


@_in_parts
def sine_of_turns(x: np.ndarray) -> np.ndarray:
    """Return sin(2 pi x); whole numbers give 0."""
    x = x - np.rint(x)
    x = np.where(np.abs(x) > 0.25, np.copysign(0.5, x) - x, x)
    angle = 2 * math.pi * x
    square = angle * angle
    return angle + angle * square * _polynomial(square, _OF_SINE)


def single(x: np.ndarray) -> np.ndarray:
    """Return the nearest numbers that float32 can hold, as float64; infinite beyond its range."""
    with np.errstate(over="ignore"):
        return np.asarray(x, np.float32).astype(np.float64)


def uniform(rng: np.random.Generator, low: float, high: float, shape: int | tuple[int, ...]) -> np.ndarray:
    """Draw numbers from `low` to `high`; the generator's own method may fuse product and sum."""
    return low + (high - low) * rng.random(shape)


def normal(rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
    """Draw numbers of mean 0 and SD 1 (Box & Muller 1958), two uniform ones for each.

    The generator's own method takes logarithms from the C library.
    """
    radius = np.sqrt(-2 * log(1 - rng.random(shape)))
    return radius * sine_of_turns(rng.random(shape))
