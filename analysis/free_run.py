"""Judging a free-running oscillation: fitted frequency, amplitude and residual.

Raw RMSE is given too, but a tiny frequency error makes it grow with duration
(phase drift), so it does not judge the shape of the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.analysis.views import read_clock
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording


LEFT, OVER_MS = 0.4, 100.0
"""Distance from the target, in units of its SD and over so long, from which a free run has left it."""


class Sinusoid(NamedTuple):
    """The best sinusoid plus offset."""

    frequency_hz: float
    amplitude: float
    phase_rad: float  # amplitude * sin(2 pi f t + phase)
    offset: float
    residual: float  # RMS of what is left, relative to the amplitude; inf for a flat signal


def fit_sinusoid(signal, time_ms, frequency_hz: float, search: float = 0.3) -> Sinusoid:
    """Fit a sinusoid near a given frequency by least squares.

    Amplitude, phase and offset are linear given the frequency; the frequency is
    first scanned, since the error has a minimum per extra cycle, then refined.

    Parameters
    ----------
    signal, time_ms : (T,) array
    frequency_hz : float
        The target's frequency.
    search : float
        Relative half-range around it.
    """
    y, t = np.asarray(signal, float), np.asarray(time_ms, float) / 1000

    def solve(f):
        basis = np.column_stack([np.sin(2 * np.pi * f * t), np.cos(2 * np.pi * f * t), np.ones_like(t)])
        weights = np.linalg.lstsq(basis, y, rcond=None)[0]
        return weights, float(np.mean((y - basis @ weights) ** 2))

    low, high = frequency_hz * (1 - search), frequency_hz * (1 + search)
    grid = np.linspace(low, high, max(3, int(8 * (high - low) * np.ptp(t)) + 1))
    best = grid[int(np.argmin([solve(f)[1] for f in grid]))]
    step = grid[1] - grid[0]
    bounds = (max(low, best - step), min(high, best + step))
    from scipy.optimize import minimize_scalar  # slow to import

    refined = minimize_scalar(lambda f: solve(f)[1], bounds=bounds, method="bounded", options={"xatol": 1e-9})
    (a, b, offset), loss = solve(refined.x)
    size = float(np.hypot(a, b))
    relative = np.sqrt(loss) / size if size > 1e-12 else np.inf
    return Sinusoid(float(refined.x), size, float(np.arctan2(b, a)), float(offset), float(relative))


def rmse(signal, target) -> float:
    """Return the root mean square difference of two signals."""
    return float(np.sqrt(np.mean((np.asarray(signal, float) - target) ** 2)))


def score_signal(recording: Recording, **_: Any) -> dict[str, dict[str, np.ndarray]]:
    """Return the scores of every readout of a run that learned a continuous signal."""
    return {label: score_free_run(recording, label) for label in recording.labels}


def run_length_ms(recording: Recording, kept_ms: np.ndarray) -> float:
    """Return how long a learning run takes, of which some times (T,) were kept, not always its end."""
    steps = recording.attrs.get(schema.block(), {}).get("steps")
    return float(kept_ms[-1]) if steps is None else int(steps) * read_clock(recording, kept_ms).step_ms


def target_of(recording: Recording, kept_ms: np.ndarray, clock_ms: np.ndarray) -> np.ndarray:
    """Return the target at times since learning began, ``(T, K)``; `kept_ms` are those of a run."""
    own = schema.block("signal")
    if own in recording:
        rows, step_ms = recording[own], read_clock(recording, kept_ms).step_ms
        return rows[(np.round(clock_ms / step_ms).astype(np.int64) - 1) % len(rows)]
    frequency, size = recording[schema.block("frequency_hz")], recording[schema.block("amplitude")]
    return (size * np.sin(2 * np.pi * frequency * clock_ms[:, None] / 1000)).sum(1)[:, None]


def shape_of(y: np.ndarray, target: np.ndarray, time_ms: np.ndarray) -> dict[str, float]:
    """Return how long a free run stays with its target, how alike they are, and how far ranges differ.

    Parameters
    ----------
    y, target : (T, K) array
    time_ms : (T,) array

    Returns
    -------
    dict
        ``free_horizon_ms``, until the RMS distance over the next `OVER_MS` first exceeds `LEFT` of the
        target's SD over all channels; the whole run where it never does. ``free_r``, correlation over all
        times and channels.
        ``free_distribution``, Wasserstein distance of the values of each channel, over its SD, mean.
    """
    y, target = np.nan_to_num(y), np.asarray(target, float)
    size = np.sqrt(((target - target.mean(0)) ** 2).sum(1).mean())
    total = np.concatenate([[0.0], np.cumsum(((y - target) ** 2).sum(1))])
    over = min(max(1, round(OVER_MS / (time_ms[1] - time_ms[0]))), len(y))
    gone = np.sqrt((total[over:] - total[:-over]) / over) > LEFT * size
    last = int(np.argmax(gone)) if gone.any() else len(y) - 1
    a, b = (y - y.mean(0)).ravel(), (target - target.mean(0)).ravel()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    spread = target.std(0)
    apart = np.abs(np.sort(y, axis=0) - np.sort(target, axis=0)).mean(0)
    return {
        "free_horizon_ms": float(time_ms[last]),
        "free_r": float(a @ b) / norm if norm > 0 else float("nan"),
        "free_distribution": float((apart / np.where(spread > 0, spread, np.nan)).mean()),
    }


def score_free_run(recording: Recording, label: str) -> dict[str, np.ndarray]:
    """Return the scores of a run that learned a continuous signal, each (1,).

    The fit needs a target of one frequency; for others it is NaN and the RMSE, over all
    channels, remains.
    """
    t = np.asarray(recording[schema.readout(label, "time_ms")], float)
    y = recording[schema.readout(label, "probes", "y")][0]
    # The target goes on from run to run.
    clock = t + recording[schema.probe("after_trial")][0] * run_length_ms(recording, t)
    values = dict.fromkeys(("free_frequency_hz", "free_amplitude", "free_residual"), np.nan)
    frequency = recording.arrays.get(schema.block("frequency_hz"), np.zeros(0))
    if frequency.size == 1:
        fit = fit_sinusoid(y[:, 0], t, float(frequency[0]))
        values = dict(zip(values, (fit.frequency_hz, fit.amplitude, fit.residual), strict=True))
    target = target_of(recording, t, clock)
    values["free_rmse"] = rmse(y, target)
    values |= shape_of(y, target, t)
    return {name: np.atleast_1d(value) for name, value in values.items()}
