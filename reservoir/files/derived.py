"""Arrays of a result that follow from others to the bit: computed when asked for, and kept nowhere.

``prediction`` of a readout is `predict` of its ``y`` and ``p_hat``;
``timestamps`` of spikes are ``(step + 1) dt``, the end of the step. Kept, they were four tenths of a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikewhen.reservoir.files import schema

_PREDICTION = re.compile(r"/readouts/([^/]+)/(trials|probes)/prediction")
_TIMESTAMPS = re.compile(r"/spikes/(reservoir|probes)/timestamps")


def predict(y: np.ndarray, p_hat: np.ndarray, factored: bool) -> np.ndarray:
    """Return the prediction z_k(t) that a readout makes, ``(n, T, K)``.

    ``clip(p_hat_k, 0, 1) max(y_k, 0)`` for factored readouts, ``max(y_k, 0)`` for
    merged ones.

    Parameters
    ----------
    y : (n, T, K) ndarray
    p_hat : (n, K) ndarray
    factored : bool
    """
    z = np.maximum(y, 0)
    return np.clip(p_hat, 0, 1)[:, None, :] * z if factored else z


@dataclass(frozen=True)
class Derived:
    """An array that is computed from rows of others; indexed by rows like the data set it stands for."""

    sources: tuple[Any, ...]  # arrays or open data sets with the same first dimension
    compute: Callable[..., np.ndarray]
    shape: tuple[int, ...]
    dtype: np.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, (int, np.integer)):
            return self.compute(*(np.asarray(a[rows : rows + 1]) for a in self.sources))[0]
        return self.compute(*(np.asarray(a[rows]) for a in self.sources))


def derive(
    path: str, arrays: Mapping[str, Any], attrs: Mapping[str, Mapping[str, Any]], unread: Callable[[str], Any]
) -> Derived | None:
    """Return the derived array of a path; None if the path is of no such array or its sources are not there.

    Parameters
    ----------
    path : str
    arrays : mapping of str to array
        By path; only asked whether they hold one.
    attrs : mapping of str to mapping
        Attributes of groups.
    unread : callable
        Returns the array of a path, or the open data set.
    """
    if found := _PREDICTION.fullmatch(path):
        label, which = found.groups()
        names = [schema.readout(label, which, name) for name in ("y", "p_hat")]
        if not all(name in arrays for name in names):
            return None
        factored = bool(attrs[schema.readout(label)]["factored"])
        y, p_hat = map(unread, names)
        return Derived((y, p_hat), lambda a, b: predict(a, b, factored), y.shape, y.dtype)
    if found := _TIMESTAMPS.fullmatch(path):
        name = schema.spikes(found[1], "step")
        if name not in arrays:
            return None
        dt_ms = attrs[schema.spikes(found[1])]["dt_ms"]
        step = unread(name)
        return Derived((step,), lambda a: (a + 1) * dt_ms, step.shape, np.dtype(float))
    return None
