"""Where the error of a readout comes from: private noise, what an earlier trial left, the interval, bias.

The same trial is run again and again, every history with every interval and every stream of noise. A
*history* is the network's whole state at the end of an earlier trial, an *interval* the silence between that
and the cue, and *noise* the private noise of all cells from the beginning of the trial on. So an output
y is a number for each history h, interval g and noise r, and is taken apart as in a crossed analysis of
variance with random factors [F: Searle, Casella & McCulloch 1992, Variance Components, ch. 4]::

    y(h, g, r) = m + a(h) + b(g) + c(r) + ab(h, g) + ac(h, r) + bc(g, r) + abc(h, g, r)

All parts but the mean m have mean 0 and are uncorrelated, so that with target s the squared error is a sum::

    <(y - s)^2> = (m - s)^2 + Var a + Var b + Var c + (Var ab + Var ac + Var bc + Var abc)
                   bias       state   interval noise   interaction

NumPy only; axes are ``H`` histories, ``G`` intervals, ``R`` streams of noise, ``T`` times, ``K`` outputs.
"""

from __future__ import annotations

from itertools import combinations
from math import prod
from typing import NamedTuple

import numpy as np

from spikewhen.reservoir.errors import InputError

FACTORS = ("state", "interval", "noise")
"""What the first three axes of outputs are over."""


class Budget(NamedTuple):
    """Squared error over the mean square of the target, so that the parts add up to E squared.

    A part is an estimate without bias, and can therefore lie a little below 0.
    """

    bias: float  # of the mean output
    state: float  # what an earlier trial left, at its end
    interval: float  # the jitter of the silence before the trial; 0 where there is only one
    noise: float  # private noise during the trial
    interaction: float  # what two or three of them do only together
    total: float  # the measured squared error; the sum of the parts but for rounding


def components(values: np.ndarray, factors: int) -> dict[tuple[int, ...], np.ndarray]:
    """Return the variance that each factor, and each set of them, adds.

    The mean square of the effects of a set A of factors has the expectation
    ``sum over B that hold A of (product of sizes outside B) Var_B``, which is solved from the full
    set down.

    Parameters
    ----------
    values : (n_1, ..., n_f, ...) ndarray
        One value for each combination of the factors' levels, each level drawn at random.
    factors : int
        Number f of leading axes that are factors. One of a single level adds nothing.

    Returns
    -------
    dict of tuple of axes to ndarray
        Of every set of factors but the empty one, over the remaining axes.
    """
    values = np.asarray(values, float)
    sizes = values.shape[:factors]
    varied = [axis for axis in range(factors) if sizes[axis] > 1]
    sets = [some for n in range(len(varied), 0, -1) for some in combinations(varied, n)]
    every = [some for n in range(factors, 0, -1) for some in combinations(range(factors), n)]
    out = {some: np.zeros(values.shape[factors:]) for some in every}
    for some in sets:
        outside = tuple(axis for axis in range(factors) if axis not in some)
        effect = values.mean(axis=outside, keepdims=True)
        for axis in some:  # what lower sets explain
            effect = effect - effect.mean(axis=axis, keepdims=True)
        mean_square = prod(sizes[axis] for axis in outside) * (effect**2).sum(axis=tuple(range(factors)))
        mean_square /= prod(sizes[axis] - 1 for axis in some)
        for larger in sets:
            if set(some) < set(larger):
                mean_square -= prod(sizes[a] for a in range(factors) if a not in larger) * out[larger]
        out[some] = mean_square / prod(sizes[axis] for axis in outside)
    return out


def error_budget(output: np.ndarray, target: np.ndarray) -> Budget:
    """Take the squared error of an output apart.

    Parameters
    ----------
    output : (H, G, R, T, K) ndarray
    target : (T, K) ndarray
        What the output should be in every run.

    Returns
    -------
    Budget
        Each part summed over times and outputs, over the sum of the target's squares.

    Raises
    ------
    InputError
        If shapes do not fit, or the target is 0 at all times.
    """
    y, s = np.asarray(output, float), np.asarray(target, float)
    if y.ndim != 5 or y.shape[3:] != s.shape or not y.size:
        raise InputError("output", y.shape, f"(histories, intervals, noises, *{s.shape}), none of them 0")
    scale = float((s**2).sum())
    if not scale > 0:
        raise InputError("target", "0 at all times", "an expectation of something")
    found = {some: float(v.sum()) / scale for some, v in components(y, 3).items()}
    # The square of a mean holds the variance of the mean, which is no bias.
    of_mean = sum(v / prod(y.shape[axis] for axis in some) for some, v in found.items())
    bias = float(((y.mean(axis=(0, 1, 2)) - s) ** 2).sum()) / scale - of_mean
    state, interval, noise = (found[(axis,)] for axis in range(3))
    total = float(((y - s) ** 2).mean(axis=(0, 1, 2)).sum()) / scale
    together = sum(v for some, v in found.items() if len(some) > 1)
    return Budget(bias, state, interval, noise, together, total)


def mean_of_budgets(budgets: list[Budget]) -> Budget:
    """Return the mean of each part, as over conditions."""
    return Budget(*np.mean(np.array(budgets), axis=0).tolist())


def participation_ratio(mean: np.ndarray) -> float:
    """Return the dimension of a mean trajectory, ``(sum_i l_i)^2 / sum_i l_i^2``.

    l_i are the eigenvalues of its covariance over time, so that n equal directions have the dimension n
    [F: Gao et al. 2017, bioRxiv 214262].

    Parameters
    ----------
    mean : (T, N) ndarray

    Returns
    -------
    float
        0 for a trajectory that stands still.
    """
    x = np.asarray(mean, float)
    x = x - x.mean(axis=0)
    gram = x @ x.T if len(x) < x.shape[1] else x.T @ x  # they have the same eigenvalues above 0
    squares = float((gram**2).sum())
    return float(np.trace(gram)) ** 2 / squares if squares > 0 else 0.0


def reliability(mean: np.ndarray, variance: np.ndarray, runs: int) -> np.ndarray:
    """Return the share of each feature's variance that is the same in every run, ``(N,)``.

    ``S / (S + V)``: V is the variance over runs, mean over times; S is the variance over time of the
    expected feature, which is that of the mean over n runs less ``V / n`` (times ``1 - 1/T``, the share of
    independent values that stands beside their own mean; features are correlated in time, so S is
    then too small by less than V / n).

    Parameters
    ----------
    mean, variance : (T, N) ndarray
        Over the runs, the variance with n - 1.
    runs : int
        Their number n, at least 2.

    Returns
    -------
    ndarray
        From 0 to 1; NaN for a feature that never varies.
    """
    noise = np.asarray(variance, float).mean(axis=0)
    signal = np.maximum(np.asarray(mean, float).var(axis=0) - noise * (1 - 1 / len(mean)) / runs, 0)
    varies = signal + noise > 0
    return np.where(varies, signal / np.where(varies, signal + noise, 1), np.nan)


def shared_reliability(mean: np.ndarray, variance: np.ndarray, runs: int) -> float:
    """Return the signal's share of the variance of all features together; arguments as `reliability`."""
    noise = np.asarray(variance, float).mean(axis=0)
    signal = np.maximum(np.asarray(mean, float).var(axis=0) - noise * (1 - 1 / len(mean)) / runs, 0)
    both = float((signal + noise).sum())
    return float(signal.sum()) / both if both > 0 else float("nan")
