"""Ridge regression on all that was taught so far: what a linear readout can reach, a ceiling.

Every taught step adds to ``A_k = sum g x x^T`` and ``b_k = sum g s_k x``; at the end of every
`every_trials`-th trial ``w_k = (A_k + alpha I)^-1 b_k`` (Hoerl & Kennard 1970), of the channels
that were taught since. Between, the weights stand still, so that errors do not matter: the
rule knows no y. Least squares that forget nothing (`spikewhen.reservoir.rules.rls`) have the same
weights at these moments, up to rounding; here none is carried along.

The system is solved by Cholesky's factors ``L L^T`` in float64, row by row; every sum over a row is
the canonical dot product of `spikewhen.reservoir.dot`, so that all engines have the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.dot import dot_reference, fold
from spikewhen.reservoir.rules.base import Rule
from spikewhen.reservoir.rules.gate import Gate
from spikewhen.reservoir.simd import dot
from spikewhen.reservoir.spec import param, steps
from spikewhen.reservoir.types import LANES, padded


class RidgeState(NamedTuple):
    """The state of ridge regression: weights, and the sums that they are solved from."""

    w: np.ndarray  # (K, M)
    gram: np.ndarray  # (n_p, M, M) A, lower triangle; n_p = 1 if shared
    cross: np.ndarray  # (K, M) b
    fresh: np.ndarray  # (n_p,) int64, taught steps since the weights were solved
    trials: np.ndarray  # (1,) int64, ended so far


@nb.njit(nogil=True, error_model="numpy")
def factor(gram, alpha):
    """Return L of ``L L^T = A + alpha I``, from the lower triangle of A."""
    m = gram.shape[0]
    low = np.zeros((m, m), gram.dtype)
    for i in range(m):
        for j in range(i + 1):
            n = (j + 31) // 32 * 32  # beyond column j both rows are 0 so far
            rest = gram[i, j] - dot(low[i, :n], low[j, :n])
            if i == j:
                low[i, i] = math.sqrt(rest + alpha)
            else:
                low[i, j] = rest / low[j, j]
    return low


@nb.njit(nogil=True, error_model="numpy")
def solve(low, b, out):
    """Write the w of ``L L^T w = b`` to `out`, in its precision."""
    m = b.size
    z = np.zeros(m, low.dtype)
    for i in range(m):
        n = (i + 31) // 32 * 32
        z[i] = (b[i] - dot(low[i, :n], z[:n])) / low[i, i]
    for i in range(m - 1, -1, -1):
        z[i] = z[i] / low[i, i]
        for j in range(i):
            z[j] = z[j] - low[i, j] * z[i]
        out[i] = z[i]


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    alpha, interval, every = constants
    w, gram, cross, fresh, trials = state
    real, shared = gram.dtype.type, gram.shape[0] == 1
    if clock % interval == 0:
        wide = x.astype(gram.dtype)
        for a in range(gram.shape[0]):
            if gate[a] > 0:
                fresh[a] += 1
                g = real(gate[a])
                for i in range(x.size):
                    c = g * wide[i]
                    for j in range(i + 1):
                        gram[a, i, j] = gram[a, i, j] + c * wide[j]
                for k in range(w.shape[0]):
                    if shared or k == a:
                        c = g * real(target[k])
                        for i in range(x.size):
                            cross[k, i] = cross[k, i] + c * wide[i]
    if trial_end:
        trials[0] += 1
        if trials[0] % every == 0:
            for a in range(gram.shape[0]):
                if fresh[a] > 0:
                    low = factor(gram[a], alpha)
                    for k in range(w.shape[0]):
                        if shared or k == a:
                            solve(low, cross[k], w[k])
                    fresh[a] = 0


def factor_reference(gram: np.ndarray, alpha: Any) -> np.ndarray:
    """Return L of ``L L^T = A + alpha I`` in plain NumPy, column by column; the definition."""
    low = np.zeros_like(gram)
    for j in range(len(gram)):
        n = padded(j)
        acc = np.zeros((len(gram) - j, LANES), gram.dtype)
        for at in range(0, n, LANES):  # the canonical dot product of each row with row j
            acc = acc + low[j:, at : at + LANES] * low[j, at : at + LANES]
        rest = gram[j:, j] - fold(acc)
        low[j, j] = np.sqrt(rest[0] + alpha)
        low[j + 1 :, j] = rest[1:] / low[j, j]
    return low


def solve_reference(low: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the w of ``L L^T w = b`` in plain NumPy, the definition."""
    z = np.zeros_like(b)
    for i in range(b.size):
        n = padded(i)
        z[i] = (b[i] - dot_reference(low[i, :n], z[:n])) / low[i, i]
    for i in range(b.size - 1, -1, -1):
        z[i] = z[i] / low[i, i]
        z[:i] = z[:i] - low[i, :i] * z[i]
    return z


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    alpha, interval, every = constants
    w, gram, cross, fresh, trials = state
    real, n_p = gram.dtype.type, len(gram)
    wide = x.astype(gram.dtype)
    for a in np.flatnonzero(gate[:n_p] > 0) if clock % interval == 0 else ():
        fresh[a] += 1
        g = real(gate[a])
        gram[a] = gram[a] + np.tril((g * wide)[:, None] * wide)
        for k in range(len(w)) if n_p == 1 else [a]:
            cross[k] = cross[k] + (g * real(target[k])) * wide
    if trial_end:
        trials[0] += 1
        for a in np.flatnonzero(fresh) if trials[0] % every == 0 else ():
            low = factor_reference(gram[a], alpha)
            for k in range(len(w)) if n_p == 1 else [a]:
                w[k] = solve_reference(low, cross[k])
            fresh[a] = 0


@dataclass(frozen=True)
class Ridge(Rule):
    """Ridge regression on all samples so far, solved at the ends of trials; runs on the CPU only."""

    name: ClassVar[str] = "ridge"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    advice: ClassVar[str] = "raise alpha"
    bulky: ClassVar[tuple[str, ...]] = ("gram",)

    alpha: float = param(1.0, "penalty on |w|^2", gt=0, search=(1e-3, 100.0))
    interval_ms: float = param(2.0, "time between samples", "ms", gt=0)
    every_trials: int = param(
        1, "trials from one solution to the next; the number of all trials = once, at the end", ge=1
    )
    reset: str = param("never", "when the samples are forgotten, weights kept", choices=("never", "switch"))
    gate: Gate = param(help="weights of the samples", factory=lambda: Gate(kind="epoch"))

    @property
    def shares_p(self) -> bool:
        """Whether all channels see the same samples with the same weights, so that one A serves them."""
        return self.gate.undelivered == "zero" and self.gate.kind != "window"

    def init(self, n_channels: int, n_features: int, dtype: Any) -> RidgeState:
        """Return zero weights and no samples."""
        m, n_p = padded(n_features), 1 if self.shares_p or n_channels == 1 else n_channels
        return RidgeState(
            w=np.zeros((n_channels, m), dtype),
            gram=np.zeros((n_p, m, m)),
            cross=np.zeros((n_channels, m)),
            fresh=np.zeros(n_p, np.int64),
            trials=np.zeros(1, np.int64),
        )

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (alpha, readout steps between samples, trials between solutions)."""
        interval = np.int64(steps("interval_ms", self.interval_ms, readout_step_ms))
        return np.float64(self.alpha), interval, np.int64(self.every_trials)

    def at_switch(self, state: RidgeState, n_features: int) -> RidgeState:
        """Forget all samples where the reset policy says so; weights stay."""
        if self.reset == "switch":
            state.gram[:] = 0
            state.cross[:] = 0
            state.fresh[:] = 0
        return state
