"""Recursive least squares; in a closed loop, FORCE.

``kappa = P x``, ``den = lambda + x^T kappa``, ``w <- w + (delta / den) kappa``,
``P <- (P - q q^T) / lambda`` with ``q = kappa / sqrt(den)``, ``P(0) = I / alpha``
(Sussillo & Abbott 2009; Nicola & Clopath 2017). A gate value g weighs a sample:
x and delta are both multiplied by sqrt(g), which is weighted least squares.

With lambda < 1, P grows as 1 / lambda in directions that no sample excites, a silent
cell's for instance, until rounding makes it indefinite (windup). Where a diagonal entry
exceeds ``growth_limit / alpha``, a regularising sample of that one cell is added,
``P <- P - c P_i P_i^T``, which takes it down to a hundredth of that and leaves w as it is
(Gunnarsson 1996; Stenlund & Gustafsson 2002). Other directions go on forgetting.

P is kept as lower tiles (`spikewhen.reservoir.tiles`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.base import Rule, device_text
from spikewhen.reservoir.rules.gate import Gate
from spikewhen.reservoir.simd import dot
from spikewhen.reservoir.spec import param, steps
from spikewhen.reservoir.tiles import (
    column_reference,
    correct_and_multiply,
    correct_reference,
    correct_twice_and_multiply,
    multiply,
    multiply_reference,
    tile_index,
)
from spikewhen.reservoir.types import LANES, aligned_zeros, padded

SHARE_LEFT = 0.01
"""What remains of an entry of P above the limit, as a share of it: ln 100 memories go by until it is back."""


class RLSState(NamedTuple):
    """Weights and inverse correlation matrices.

    P lags behind by the corrections ``P <- (P - q q^T) / lambda`` that wait in the first
    `pending` rows of q. With lambda = 1 every second update applies two of them in the pass
    that multiplies P, and the one between reads P only; with lambda < 1 every update applies one.
    """

    w: np.ndarray  # (K, M)
    p: np.ndarray  # (n_p, n_tiles, 32, 32) lower tiles, row by row; n_p = 1 if shared
    q: np.ndarray  # (n_p, 2, M) of the corrections still to be applied
    pending: np.ndarray  # (n_p,) int64, how many wait


@nb.njit(nogil=True, error_model="numpy")
def limit_growth(p, q, limit, x, out):
    """Take every diagonal entry above `limit` down to `SHARE_LEFT` of it; then ``out = P x`` again.

    A sample of cell i alone, of weight b, makes P into ``P - P_i P_i^T b / (1 + b P_ii)``.
    """
    left = limit * p.dtype.type(SHARE_LEFT)
    for i in range(x.size):
        block, lane = i // 32, i % 32
        own = p[block * (block + 3) // 2, lane, lane]
        if own > limit:
            factor = math.sqrt(own - left) / own
            for j in range(x.size):
                low, high = min(i, j), max(i, j)
                tile = (high // 32) * (high // 32 + 1) // 2 + low // 32
                q[j] = p[tile, high % 32, low % 32] * factor
            correct_and_multiply(p, q, p.dtype.type(1), x, out)


@nb.njit(nogil=True, error_model="numpy")
def learn(forget, root, a, at, weighted, kappa, state, y, target):
    """Change the weights by a sample with ``kappa = P x``; its correction of P waits as the `at`-th."""
    w, p, q, pending = state
    real, shared = p.dtype.type, p.shape[0] == 1
    den = forget + dot(weighted, kappa)
    for k in range(w.shape[0]):
        if shared or k == a:
            c = root * (real(target[k]) - real(y[k])) / den
            for i in range(kappa.size):
                w[k, i] = w[k, i] + w.dtype.type(c * kappa[i])
    sq = math.sqrt(den)
    for i in range(kappa.size):
        q[a, at, i] = kappa[i] / sq
    pending[a] = at + 1


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    forget, gain, interval, limit = constants
    p, q, pending = state[1:]
    if clock % interval != 0:
        return
    real, m = p.dtype.type, x.size
    weighted, kappa = np.empty(m, p.dtype), np.empty(m, p.dtype)
    for a in range(p.shape[0]):
        if not gate[a] > 0:
            continue
        root = math.sqrt(real(gate[a]))
        for i in range(m):
            weighted[i] = root * real(x[i])
        at = 0  # Without a correction q is 0 and changes no bit.
        if forget < 1:
            correct_and_multiply(p[a], q[a, 0], gain if pending[a] else real(1), weighted, kappa)
            limit_growth(p[a], q[a, 0], limit, weighted, kappa)
        elif pending[a] == 1:
            at = 1
            multiply(p[a], weighted, kappa)
            along = dot(q[a, 0], weighted)
            for i in range(m):
                kappa[i] = kappa[i] - q[a, 0, i] * along
        else:
            correct_twice_and_multiply(p[a], q[a, 0], q[a, 1], weighted, kappa)
        learn(forget, root, a, at, weighted, kappa, state, y, target)


def _limit_growth_reference(p: np.ndarray, q: np.ndarray, limit: Any) -> None:
    for i in range(q.size):
        own = p[tile_index(i // LANES, i // LANES), i % LANES, i % LANES]
        if own > limit:
            q[:] = column_reference(p, i) * (np.sqrt(own - limit * p.dtype.type(SHARE_LEFT)) / own)
            correct_reference(p, q, p.dtype.type(1))


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    forget, gain, interval, limit = constants
    w, p, q, pending = state
    if clock % interval != 0:
        return
    real = p.dtype.type
    for a in np.flatnonzero(gate[: len(p)] > 0):
        waits = 1 if forget >= 1 and pending[a] == 1 else 0
        if not waits:
            for row in q[a, : pending[a]]:
                correct_reference(p[a], row, gain)
        if forget < 1:
            _limit_growth_reference(p[a], q[a, 0], limit)
        root = np.sqrt(real(gate[a]))
        weighted = root * x.astype(real)
        kappa = multiply_reference(p[a], weighted)
        if waits:
            kappa = kappa - q[a, 0] * dot_reference(q[a, 0], weighted)
        den = forget + dot_reference(weighted, kappa)
        for k in range(len(w)) if len(p) == 1 else [a]:
            c = root * (real(target[k]) - real(y[k])) / den
            w[k] = w[k] + (c * kappa).astype(w.dtype)
        q[a, waits], pending[a] = kappa / np.sqrt(den), waits + 1


@dataclass(frozen=True)
class RLS(Rule):
    """Recursive least squares (FORCE when the output is fed back)."""

    name: ClassVar[str] = "rls"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)
    device: ClassVar[str | None] = device_text(__file__)
    advice: ClassVar[str] = "raise alpha or memory_trials, or lower growth_limit"
    bulky: ClassVar[tuple[str, ...]] = ("p",)

    alpha: float = param(1.0, "P(0) = I / alpha", gt=0, search=(1e-3, 100.0))
    interval_ms: float = param(2.0, "time between updates", "ms", gt=0)
    memory_trials: float = param(
        0.0, "memory in trials that teach the channel (delivered ones, if gated); 0 = forever", ge=0
    )
    trial_ms: float = param(1000.0, "learning time per trial that memory_trials counts", "ms", gt=0)
    growth_limit: float = param(
        1e9,
        "most that forgetting may raise an entry of P on the diagonal to, times its start 1 / alpha",
        gt=1,
        later=True,
    )
    reset: str = param("never", "when P returns to I / alpha, weights kept", choices=("never", "switch"))
    precision: str = param("float64", "of P", choices=("float32", "float64"))
    gate: Gate = param(help="weights of the samples", factory=lambda: Gate(kind="epoch"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory_trials > 0 and self.memory_trials * self.trial_ms <= self.interval_ms:
            raise InputError("memory_trials", self.memory_trials, "more than one update, or 0 = forever")
        if self.precision == "float32" and self.memory_trials > 0:
            raise InputError(
                "precision", self.precision, "float64 with memory_trials > 0 (P loses definiteness)"
            )

    @property
    def forgetting(self) -> float:
        """The factor lambda by which an update forgets."""
        if self.memory_trials == 0:
            return 1.0
        return 1.0 - self.interval_ms / (self.memory_trials * self.trial_ms)

    @property
    def shares_p(self) -> bool:
        """Whether all channels see the same samples with the same weights, so that one P serves them."""
        return self.gate.undelivered == "zero" and self.gate.kind != "window"

    def init(self, n_channels: int, n_features: int, dtype: Any) -> RLSState:
        """Return zero weights and P = I / alpha."""
        m = padded(n_features)
        real = np.dtype(self.precision)
        n_p, rows = 1 if self.shares_p or n_channels == 1 else n_channels, m // LANES
        p = aligned_zeros((n_p, rows * (rows + 1) // 2, LANES, LANES), real)  # not copied again: it is large
        self._set_diagonal(p, n_features)
        return RLSState(
            w=np.zeros((n_channels, m), dtype),
            p=p,
            q=np.zeros((n_p, 2, m), real),
            pending=np.zeros(n_p, np.int64),
        )

    def _set_diagonal(self, p: np.ndarray, n_features: int) -> None:
        for i in range(padded(n_features) // LANES):
            width = min(LANES, n_features - LANES * i)
            p[:, tile_index(i, i), range(width), range(width)] = 1.0 / self.alpha

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (lambda, 1 / lambda, readout steps between updates, limit of P_ii)."""
        real = np.dtype(self.precision).type
        interval = np.int64(steps("interval_ms", self.interval_ms, readout_step_ms))
        limit = self.growth_limit / self.alpha if self.memory_trials > 0 else math.inf
        return real(self.forgetting), real(1.0 / self.forgetting), interval, real(limit)

    def at_switch(self, state: RLSState, n_features: int) -> RLSState:
        """Return P to I / alpha where the reset policy says so; weights stay."""
        if self.reset == "switch":
            state.p[:] = 0
            self._set_diagonal(state.p, n_features)
            state.q[:] = 0
            state.pending[:] = 0
        return state
