"""What will come: the offline two-factor readout, updated at the end of a trial.

m = mean of x over a window after cue onset that ends before any event can
come; p_hat = V m; ``dV = eta_w (o - p_hat) m^T / (eps + |m|^2)``, o one-hot,
zero on an omission. Source of the idea: Yamada & Chao (offline "what"); window,
normalisation and schedule are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from reservoir.canonical import dot, dot_reference
from reservoir.errors import InputError
from reservoir.spec import Spec, param


@dataclass(frozen=True)
class Identity(Spec):
    """Parameters of the "what" readout."""

    eta_w: float = param(0.05, "learning rate per trial", ge=0, le=2)
    epsilon: float = param(1e-4, "added to |m|^2", ge=0)
    window_start_ms: float = param(0.0, "window over which features are averaged, after cue onset", "ms")
    window_end_ms: float = param(150.0, "its end; before the earliest event", "ms")
    anneal: bool = param(False, "rate max(eta_w, 1/n) with n the trials seen: fast at first")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window_end_ms <= self.window_start_ms:
            raise InputError(
                "window_end_ms", self.window_end_ms, f"above window_start_ms = {self.window_start_ms:g}"
            )

    def constants(self, dtype) -> tuple:
        """Return (eta_w, epsilon, 1 if annealed else 0) in the run's precision."""
        real = np.dtype(dtype).type
        return real(self.eta_w), real(self.epsilon), real(1.0 if self.anneal else 0.0)


def predict_reference(what, total, count):
    """p_hat = V m in plain NumPy; returns ``(m, p_hat)``. Without a window m = 0."""
    one = total.dtype.type(1)
    mean = total * (one / total.dtype.type(max(int(count[0]), 1)))
    return mean, np.array([dot_reference(row, mean) for row in what], total.dtype)


def learn_reference(constants, what, seen, mean, p_hat, outcome):
    """Update V in place, in plain NumPy, the definition."""
    eta, epsilon, anneal = constants
    seen[0] += 1
    rate = max(eta, anneal / type(eta)(seen[0]))
    norm = epsilon + dot_reference(mean, mean)
    for k in range(what.shape[0]):
        what[k] = what[k] + (rate * (outcome[k] - p_hat[k]) / norm) * mean


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def predict(what, total, count, mean, p_hat):
    """Write m and p_hat = V m."""
    one = total.dtype.type(1)
    factor = one / total.dtype.type(max(count[0], 1))
    for i in range(mean.size):
        mean[i] = total[i] * factor
    for k in range(what.shape[0]):
        p_hat[k] = dot(what[k], mean)


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def learn(constants, what, seen, mean, p_hat, outcome):
    """Update V in place; equals `learn_reference` bit for bit."""
    eta, epsilon, anneal = constants
    seen[0] += 1
    rate = max(eta, anneal / what.dtype.type(seen[0]))
    norm = epsilon + dot(mean, mean)
    for k in range(what.shape[0]):
        c = rate * (outcome[k] - p_hat[k]) / norm
        for i in range(mean.size):
            what[k, i] = what[k, i] + c * mean[i]
