"""A quantity over seeds with its mean and interval: in memory, in a study's JSON, in figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from spikewhen.analysis.statistics import differences, mean_interval


@dataclass(frozen=True, eq=False)
class Band:
    """A quantity over seeds.

    Attributes
    ----------
    mean, low, high : (...) float64 array
        The mean over seeds and its 95 % interval, `spikewhen.analysis.statistics.mean_interval`.
    seeds : (seeds, ...) float64 array
        The value of every seed. NaN is undefined, inf is "never".
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: np.ndarray

    @classmethod
    def of(cls, values: Any) -> Band:
        """Return the band of values (seeds, ...), one interval per place."""
        values = np.asarray(values, float)
        columns = values.reshape(len(values), int(np.prod(values.shape[1:])))
        found = [mean_interval(column)[:3] for column in columns.T]
        table = np.array(found, float).reshape(*values.shape[1:], 3)
        return cls(table[..., 0], table[..., 1], table[..., 2], values)

    @classmethod
    def of_difference(cls, a: Any, b: Any) -> Band:
        """Return the band of the differences a - b of (seeds,) values, paired by seed."""
        return cls.of(differences(a, b))

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Band:
        """Read what `to_json` wrote: null is undefined, "inf" is never."""
        return cls(*(np.array(entry[f.name], object).astype(float) for f in fields(cls)))

    def to_json(self) -> dict[str, Any]:
        """Return lists of equal shape under the names of the attributes."""
        return {f.name: jsonable(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def stack(cls, bands: Sequence[Band]) -> Band:
        """Put several bands beside each other, along a new last axis."""
        return cls(*(np.stack([getattr(b, f.name) for b in bands], axis=-1) for f in fields(cls)))

    def __getitem__(self, index: Any) -> Band:
        """Index the quantity, not the seeds."""
        every = (slice(None), *index) if isinstance(index, tuple) else (slice(None), index)
        return Band(self.mean[index], self.low[index], self.high[index], self.seeds[every])


def band(values: Any) -> dict[str, Any]:
    """Return the JSON of `Band.of`, as the series of a claim hold it."""
    return Band.of(values).to_json()


def jsonable(values: Any) -> Any:
    """Turn arrays into lists, NaN into None and infinities into strings, recursively."""
    if isinstance(values, Mapping):
        return {k: jsonable(v) for k, v in values.items()}
    if isinstance(values, (list, tuple)):
        return [jsonable(v) for v in values]
    if isinstance(values, np.ndarray):
        return jsonable(values.tolist())
    if isinstance(values, (float, np.floating)):
        if np.isnan(values):
            return None
        return float(values) if np.isfinite(values) else ("inf" if values > 0 else "-inf")
    return values.item() if isinstance(values, np.generic) else values


def count_seeds(sizes: Sequence[int]) -> str:
    """Return how many seeds stand behind some curves, as words: ``20 seeds``, ``3 to 5 seeds``."""
    least, most = min(sizes), max(sizes)
    return f"{least}{f' to {most}' if most > least else ''} seed{'' if most == 1 else 's'}"


def csv_text(text: str) -> str:
    """Return a text as a cell of CSV that a spreadsheet shows, and does not carry out as a formula."""
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text
