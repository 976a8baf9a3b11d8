"""What will come: the offline two-factor readout, updated at the end of a trial.

m = mean of x over a window after cue onset that ends before any event can
come; p_hat = V m; ``dV = eta_w (o - p_hat) m^T / (eps + |m|^2)``, o one-hot,
zero on an omission. Source of the idea: Yamada & Chao (offline "what"); window,
normalisation and schedule are our choice.

With ``surprise`` > 0 the rate follows what the readout gets wrong on the whole. The
error itself is no measure of that: an event of probability p differs from a perfect
p_hat by p or 1 - p in every trial, so an associability that follows its size
(Pearce & Hall 1980) stays high for ever. Its signed running mean
``s_k <- s_k + r (o_k - p_hat_k - s_k)``, the smoothed error of adaptive exponential
smoothing (Trigg & Leach 1967), has mean 0 while p_hat is right, with SD
``sqrt(r/(2 - r) p (1 - p))``; with a bias b its mean goes to b. The rate of least
expected squared error after the next trial, ``b^2 / (b^2 + p (1 - p))``, grows with
the square of b; hence ``rate = eta_w + surprise min(1, max_k s_k^2 / scale^2)``, a
form of our choice (docs/model.md has the numbers).

With ``restart`` > 0 an annealed readout begins anew where its world has changed: once
``max_k |s_k| > restart``, it goes on as if it had seen ``restart_trials`` trials, with s = 0.
A rate that jumps after a change point and falls again is what people show (Nassar et
al. 2010, J Neurosci 30:12366); its trigger is that of ``surprise``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.simd import dot
from spikewhen.reservoir.spec import Spec, param


@dataclass(frozen=True)
class WhatReadout(Spec):
    """Parameters of the "what" readout."""

    eta_w: float = param(0.04, "learning rate per trial", ge=0, le=2)
    epsilon: float = param(1e-4, "added to |m|^2", ge=0)
    window_start_ms: float = param(0.0, "window over which features are averaged, after cue onset", "ms")
    window_end_ms: float = param(150.0, "its end; before the earliest event", "ms")
    anneal: bool = param(False, "rate at least 1/n with n the trials seen: fast at first")
    surprise: float = param(
        0.0, "added to eta_w where the running mean s of o - p_hat is surprise_scale; 0 = off", ge=0, le=2
    )
    surprise_scale: float = param(0.5, "|s| of any channel that adds all of surprise", gt=0, le=1)
    surprise_rate: float = param(
        0.1, "r: weight of a trial in s, a memory of 1/r trials", "1/trial", gt=0, le=1
    )

    restart: float = param(
        0.0, "|s| of any channel at which an annealed rate begins anew; 0 = off", ge=0, le=1, later=True
    )
    restart_trials: int = param(3, "n from which it begins anew", "trials", ge=1, later=True)
    restart_after: int = param(10, "trials seen before it may", "trials", ge=1, later=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.restart > 0 and not self.anneal:
            raise InputError("restart", self.restart, "0, where anneal = false")
        if self.eta_w + self.surprise > 2:
            raise InputError("surprise", self.surprise, f"at most 2 - eta_w = {2 - self.eta_w:g}")
        if self.window_end_ms <= self.window_start_ms:
            raise InputError(
                "window_end_ms", self.window_end_ms, f"above window_start_ms = {self.window_start_ms:g}"
            )

    def constants(self, dtype) -> tuple:
        """Return (eta_w, epsilon, 1 if annealed, surprise, its rate, scale^2, restart^2, its n, after)."""
        real = np.dtype(dtype).type
        numbers = (self.eta_w, self.epsilon, 1.0 if self.anneal else 0.0)
        surprise = self.surprise, self.surprise_rate, self.surprise_scale * self.surprise_scale
        restart = self.restart * self.restart, self.restart_trials, self.restart_after
        return tuple(map(real, (*numbers, *surprise, *restart)))


def predict_reference(v, window_sum, count):
    """Return ``(m, p_hat)`` with p_hat = V m, in plain NumPy. Without a window m is 0."""
    one = window_sum.dtype.type(1)
    mean = window_sum * (one / window_sum.dtype.type(max(int(count[0]), 1)))
    return mean, np.array([dot_reference(row, mean) for row in v], window_sum.dtype)


def learn_reference(constants, v, seen, surprise, mean, p_hat, outcome):
    """Update V and the surprise s (K,) in place, in plain NumPy. This is the definition."""
    eta, epsilon, anneal, gain, recency, scale, restart, restart_n, restart_after = constants
    one = type(eta)(1)
    seen[0] += 1
    surprise[:] = surprise + recency * ((outcome - p_hat) - surprise)
    top = np.max(surprise * surprise)
    share = top / scale
    if restart > 0 and top > restart and type(eta)(seen[0]) > restart_after:
        seen[0] = int(restart_n)
        surprise[:] = 0
    rate = max(eta + gain * min(one, share), anneal / type(eta)(seen[0]))
    norm = epsilon + dot_reference(mean, mean)
    for k in range(v.shape[0]):
        v[k] = v[k] + (rate * (outcome[k] - p_hat[k]) / norm) * mean


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def predict(v, window_sum, count, mean, p_hat):
    """Write m and p_hat = V m; compiled, and equal to `predict_reference` bit for bit."""
    one = window_sum.dtype.type(1)
    factor = one / window_sum.dtype.type(max(count[0], 1))
    for i in range(mean.size):
        mean[i] = window_sum[i] * factor
    for k in range(v.shape[0]):
        p_hat[k] = dot(v[k], mean)


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def learn(constants, v, seen, surprise, mean, p_hat, outcome):
    """Update V and s in place; compiled, and equal to `learn_reference` bit for bit."""
    eta, epsilon, anneal, gain, recency, scale, restart, restart_n, restart_after = constants
    seen[0] += 1
    top = v.dtype.type(0)
    for k in range(surprise.size):
        surprise[k] = surprise[k] + recency * ((outcome[k] - p_hat[k]) - surprise[k])
        top = max(top, surprise[k] * surprise[k])
    share = min(v.dtype.type(1), top / scale)
    if restart > 0 and top > restart and v.dtype.type(seen[0]) > restart_after:
        seen[0] = np.int64(restart_n)
        surprise[:] = 0
    rate = max(eta + gain * share, anneal / v.dtype.type(seen[0]))
    norm = epsilon + dot(mean, mean)
    for k in range(v.shape[0]):
        c = rate * (outcome[k] - p_hat[k]) / norm
        for i in range(mean.size):
            v[k, i] = v[k, i] + c * mean[i]
