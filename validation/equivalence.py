"""Whether two ways of computing the same thing differ by so little that it does not matter.

A test of no difference cannot show that there is none. Two one-sided tests
(Schuirmann 1987) turn it round: at the 5 % level two means are equivalent if
the 90 % interval of their difference lies inside a margin chosen beforehand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats


class Equivalence(NamedTuple):
    """A mean paired difference against a margin."""

    difference: float  # mean of a - b
    low: float
    high: float  # 90 % interval, Student's t
    margin: float
    n: int

    @property
    def equivalent(self) -> bool:
        """Whether the interval lies inside the margin."""
        return bool(-self.margin < self.low and self.high < self.margin)


def equivalence(a, b, margin: float, alpha: float = 0.05) -> Equivalence:
    """Test whether two paired samples have the same mean within a margin.

    Parameters
    ----------
    a, b : (n,) array
        Same seeds in the same order, n >= 2, no NaN.
    margin : float
        Largest absolute difference of the means that does not matter.
    alpha : float
        Level of each of the two one-sided tests; the interval has ``1 - 2 alpha``.

    Returns
    -------
    Equivalence
        NaN in the data, or fewer than two pairs, are never equivalent.
    """
    d = np.asarray(a, float) - np.asarray(b, float)
    if d.size < 2:
        return Equivalence(float(np.mean(d)) if d.size else np.nan, -np.inf, np.inf, margin, d.size)
    mean, error = float(d.mean()), float(d.std(ddof=1) / np.sqrt(d.size))
    half = error * float(stats.t.ppf(1 - alpha, d.size - 1))
    return Equivalence(mean, mean - half, mean + half, margin, d.size)


def ks_p(a, b) -> float:
    """Return the p-value of the two-sample Kolmogorov-Smirnov test: no difference of distribution."""
    return float(stats.ks_2samp(a, b).pvalue)
