"""Recursive least squares; in a closed loop, FORCE.

``kappa = P x``, ``den = lambda + x^T kappa``, ``w <- w + (delta / den) kappa``,
``P <- (P - q q^T) / lambda`` with ``q = kappa / sqrt(den)``, ``P(0) = I / alpha``
(Sussillo & Abbott 2009; Nicola & Clopath 2017). A gate value g weighs a sample:
x and delta are both multiplied by sqrt(g), which is weighted least squares.

P is kept as lower 32 x 32 tiles, the diagonal ones full; their order and the
order of additions are part of the numerics contract (docs/numerics.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba as nb
import numpy as np

from reservoir.canonical import dot, dot_reference, fold, fold_in_place
from reservoir.errors import InputError
from reservoir.lanes import add_products, add_scaled, subtract_scaled, subtract_scaled_and_divide
from reservoir.rules.base import Rule
from reservoir.rules.teaching import Gate
from reservoir.spec import param, steps
from reservoir.types import LANES, padded


class RLSState(NamedTuple):
    """Weights and inverse correlation matrices."""

    when: np.ndarray  # (K, M)
    p: np.ndarray  # (n_p, n_tiles, 32, 32) lower tiles, row by row; n_p = 1 if shared
    kappa: np.ndarray  # (M,) scratch in P's precision
    weighted: np.ndarray  # (M,) scratch: sqrt(g) x


def tile_index(i: int, j: int) -> int:
    """Position of tile (i, j), i >= j, among the lower tiles."""
    return i * (i + 1) // 2 + j


def multiply_reference(p: np.ndarray, x: np.ndarray) -> np.ndarray:
    """``P x`` from lower tiles, in plain NumPy, the definition.

    Row part: tiles J <= I, J ascending, in 32 partial sums, then halved.
    Column part of a tile I > J: four partial sums by row modulo 4, rows
    ascending, ``(t0 + t2) + (t1 + t3)``, tiles added with I ascending.
    """
    blocks = x.reshape(-1, LANES)
    n = len(blocks)
    rows, columns = np.zeros_like(blocks), np.zeros_like(blocks)
    for i in range(n):
        acc = np.zeros((LANES, LANES), x.dtype)
        for j in range(i + 1):
            acc = acc + p[tile_index(i, j)] * blocks[j]
        rows[i] = fold(acc)
        for j in range(i):
            products = (p[tile_index(i, j)] * blocks[i][:, None]).reshape(8, 4, LANES)
            t = np.zeros((4, LANES), x.dtype)
            for group in products:
                t = t + group
            columns[j] = columns[j] + ((t[0] + t[2]) + (t[1] + t[3]))
    return (rows + columns).ravel()


def correct_reference(p: np.ndarray, q: np.ndarray, forget) -> None:
    """``P <- (P - q q^T) / lambda`` on lower tiles, in plain NumPy."""
    blocks = q.reshape(-1, LANES)
    for i in range(len(blocks)):
        for j in range(i + 1):
            tile = p[tile_index(i, j)]
            tile[:] = (tile - blocks[i][:, None] * blocks[j]) / forget


@nb.njit(nogil=True, error_model="numpy")
def multiply(p, x, out):
    """``out = P x`` from lower tiles; equals `multiply_reference` bit for bit.

    One pass over P: each tile row serves the row part and the column part.
    """
    flat = p.reshape(p.size)
    acc = np.empty(32 * 32, x.dtype)  # partial sums of 32 rows
    t = np.empty(4 * 32, x.dtype)
    columns = np.zeros(x.size, x.dtype)
    at = 0
    for i in range(x.size // 32):
        acc[:] = 0
        for j in range(i):
            t[:] = 0
            for r in range(32):
                add_products(acc, 32 * r, flat, at, x, 32 * j)
                add_scaled(t, 32 * (r & 3), flat, at, x[32 * i + r])
                at += 32
            for lane in range(32):
                s = (t[lane] + t[64 + lane]) + (t[32 + lane] + t[96 + lane])
                columns[32 * j + lane] = columns[32 * j + lane] + s
        for r in range(32):
            add_products(acc, 32 * r, flat, at, x, 32 * i)
            at += 32
            row = acc[32 * r : 32 * r + 32]
            fold_in_place(row)
            out[32 * i + r] = row[0]
    for i in range(x.size):
        out[i] = out[i] + columns[i]


@nb.njit(nogil=True, error_model="numpy")
def correct(p, q, forget):
    """``P <- (P - q q^T) / lambda``; equals `correct_reference` bit for bit."""
    flat = p.reshape(p.size)
    keeps = forget == 1  # dividing by 1 changes no bit
    at = 0
    for i in range(q.size // 32):
        for j in range(i + 1):
            for r in range(32):
                if keeps:
                    subtract_scaled(flat, at, q, 32 * j, q[32 * i + r])
                else:
                    subtract_scaled_and_divide(flat, at, q, 32 * j, q[32 * i + r], forget)
                at += 32


@nb.njit(nogil=True, error_model="numpy")
def _step(constants, state, x, y, target, gate, clock, trial_end):
    forget, interval = constants
    when, p, kappa, weighted = state
    if clock % interval != 0:
        return
    real = kappa.dtype.type
    shared = p.shape[0] == 1
    for a in range(p.shape[0]):
        if not gate[a] > 0:
            continue
        root = math.sqrt(real(gate[a]))
        for i in range(x.size):
            weighted[i] = root * real(x[i])
        multiply(p[a], weighted, kappa)
        den = forget + dot(weighted, kappa)
        for k in range(when.shape[0]):
            if shared or k == a:
                c = root * (real(target[k]) - real(y[k])) / den
                for i in range(x.size):
                    when[k, i] = when[k, i] + when.dtype.type(c * kappa[i])
        sq = math.sqrt(den)
        for i in range(x.size):
            kappa[i] = kappa[i] / sq
        correct(p[a], kappa, forget)


def _reference_step(constants, state, x, y, target, gate, clock, trial_end):
    forget, interval = constants
    when, p, kappa, weighted = state
    if clock % interval != 0:
        return
    real = kappa.dtype.type
    for a in np.flatnonzero(gate[: len(p)] > 0):
        root = np.sqrt(real(gate[a]))
        weighted[:] = root * x.astype(real)
        kappa[:] = multiply_reference(p[a], weighted)
        den = forget + dot_reference(weighted, kappa)
        for k in range(len(when)) if len(p) == 1 else [a]:
            c = root * (real(target[k]) - real(y[k])) / den
            when[k] = when[k] + (c * kappa).astype(when.dtype)
        kappa[:] = kappa / np.sqrt(den)
        correct_reference(p[a], kappa, forget)


@dataclass(frozen=True)
class RLS(Rule):
    """Recursive least squares (FORCE when the output is fed back)."""

    name: ClassVar[str] = "rls"
    step: ClassVar[Any] = staticmethod(_step)
    reference_step: ClassVar[Any] = staticmethod(_reference_step)

    alpha: float = param(1.0, "P(0) = I / alpha", gt=0)
    interval_ms: float = param(2.0, "time between updates", "ms", gt=0)
    memory_trials: float = param(
        0.0, "memory in trials that teach the channel (delivered ones, if gated); 0 = forever", ge=0
    )
    trial_ms: float = param(1000.0, "learning time per trial that memory_trials counts", "ms", gt=0)
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
        """lambda per update."""
        if self.memory_trials == 0:
            return 1.0
        return 1.0 - self.interval_ms / (self.memory_trials * self.trial_ms)

    @property
    def shares_p(self) -> bool:
        """Whether all channels see the same samples with the same weights."""
        return self.gate.undelivered == "zero" and self.gate.kind != "window"

    def init(self, n_channels: int, n_features: int, dtype: Any) -> RLSState:
        """Return zero weights and P = I / alpha."""
        m = padded(n_features)
        real = np.dtype(self.precision)
        n_p = 1 if self.shares_p or n_channels == 1 else n_channels
        return RLSState(
            when=np.zeros((n_channels, m), dtype),
            p=np.stack([self._start(n_features)] * n_p).astype(real),
            kappa=np.zeros(m, real),
            weighted=np.zeros(m, real),
        )

    def _start(self, n_features: int) -> np.ndarray:
        n = padded(n_features) // LANES
        tiles = np.zeros((n * (n + 1) // 2, LANES, LANES))
        for i in range(n):
            width = min(LANES, n_features - LANES * i)
            tiles[tile_index(i, i), range(width), range(width)] = 1.0 / self.alpha
        return tiles

    def constants(self, readout_step_ms: float, dtype: Any) -> tuple:
        """Return (lambda, readout steps between updates)."""
        real = np.dtype(self.precision).type
        return real(self.forgetting), np.int64(steps("interval_ms", self.interval_ms, readout_step_ms))

    def at_switch(self, state: RLSState, n_features: int) -> RLSState:
        """Return P to I / alpha where the reset policy says so; weights stay."""
        if self.reset == "switch":
            state.p[:] = self._start(n_features)
        return state
