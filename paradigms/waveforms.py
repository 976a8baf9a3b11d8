"""Shipped signals of several channels: a song-like sequence of notes, and the Lorenz system.

Both are targets of Nicola & Clopath (2017, doi 10.1038/s41467-017-01827-3). Their lengths are ours: a quarter
note lasts 250 ms, a unit of time of the Lorenz system 400 ms, so that it goes round in about 300 ms.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikewhen.reservoir.elementary import sine_of_turns

Point = tuple[float, ...]
"""Of three variables, as numbers: arrays so small are slow."""

QUARTER_MS, UNIT_MS = 250.0, 400.0
MELODY = (
    *((2, 1), (2, 1), (3, 1), (4, 1), (4, 1), (3, 1), (2, 1), (1, 1)),
    *((0, 1), (0, 1), (1, 1), (2, 1), (2, 1.5), (1, 0.5), (1, 2)),
)
"""Ode to Joy: which of five notes, from C to G, and for how many quarters."""

SIGMA, RHO, BETA = 10.0, 28.0, 8.0 / 3.0
"""Parameters of the Lorenz system."""

START = (14.5, 11.7, 37.7)
"""On its attractor."""

MOST_STEP_MS = 1.0
"""Of its integration, by the classical method of Runge and Kutta of fourth order."""


def song(time_ms: np.ndarray) -> np.ndarray:
    """Return five notes over time, ``(T, 5)``: a half-wave of a sine as long as the note, over and over."""
    out = np.zeros((time_ms.size, 5))
    ends = QUARTER_MS * np.cumsum([quarters for _, quarters in MELODY])
    at = np.mod(time_ms, ends[-1])
    which = np.searchsorted(ends, at, side="right")
    for i, (note, quarters) in enumerate(MELODY):
        here, length = which == i, QUARTER_MS * quarters
        out[here, note] = sine_of_turns(0.5 * (at[here] - (ends[i] - length)) / length)
    return out


def lorenz(time_ms: np.ndarray) -> np.ndarray:
    """Return the Lorenz system over time, ``(T, 3)``, each variable scaled to about -1 to 1.

    It starts on its attractor. Times are evenly spaced.
    """
    step = float(time_ms[1] - time_ms[0])
    parts = max(1, int(np.ceil(step / MOST_STEP_MS)))
    h = step / parts / UNIT_MS
    state: Point = START
    out = np.empty((time_ms.size, 3))
    for row in out:
        for _ in range(parts):
            a = _flow(*state)
            b = _flow(*_moved(state, h / 2, a))
            c = _flow(*_moved(state, h / 2, b))
            d = _flow(*_moved(state, h, c))
            state = tuple(
                s + h / 6 * (p + 2 * q + 2 * r + t) for s, p, q, r, t in zip(state, a, b, c, d, strict=True)
            )
        row[:] = state
    return (out - np.array([0.0, 0.0, 25.0])) / np.array([20.0, 27.0, 25.0])


def _moved(state: Point, by: float, flow: Point) -> Point:
    return tuple(s + by * f for s, f in zip(state, flow, strict=True))


def _flow(x: float, y: float, z: float) -> Point:
    return SIGMA * (y - x), x * (RHO - z) - y, x * y - BETA * z


WAVEFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"song": song, "lorenz": lorenz}
"""By name: what gives the signal at times from the beginning of the first run on."""
