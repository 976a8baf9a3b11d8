"""What a finished run can be asked for: small views on its arrays, by the names of its events.

Arrays are read when they are asked for. Row ``i`` of a table of trials or probes belongs to row
``i`` of the arrays of trials or probes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from spikewhen.experiments.display import Facts, Shown, listed
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording


class ByEvent(Shown, Mapping[str, np.ndarray]):
    """An array with one channel per event, by the events' names.

    Attributes
    ----------
    array : ndarray
        With all channels, in the order of `events`, along `axis`.
    """

    def __init__(self, name: str, array: np.ndarray, events: Sequence[str], axis: int = -1):
        self.name, self.array, self.events, self.axis = name, array, tuple(events), axis

    def __getitem__(self, event: str) -> np.ndarray:
        if event not in self.events:
            raise KeyError(f"no event {event!r}; there are {', '.join(self.events)}")
        return np.take(self.array, self.events.index(event), self.axis)

    def __iter__(self) -> Iterator[str]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype) if copy else np.asarray(self.array, dtype)

    def _title(self) -> str:
        return self.name

    def _facts(self) -> Facts:
        return [(event, f"{self[event].shape} {self.array.dtype}") for event in self.events]


class Scores(Shown, Mapping[str, np.ndarray]):
    """Scores of one readout by name; docs/scores.md says what each means.

    Attributes
    ----------
    units : dict of str to str
    undefined : dict of str to str
        Why a score is NaN that a longer run, or another config, would have.
    """

    def __init__(
        self,
        label: str,
        values: Mapping[str, np.ndarray],
        units: Mapping[str, str],
        undefined: Mapping[str, str] | None = None,
    ):
        self.label, self._values, self.units = label, dict(values), dict(units)
        self.undefined = dict(undefined or {})

    def __getitem__(self, name: str) -> np.ndarray:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _title(self) -> str:
        if not self._values:
            return f"no scores of {self.label}; spikewhen.score(result) computes them where the task has any"
        return f"{len(self)} scores of {self.label}; the last row of each"

    def _facts(self) -> Facts:
        facts = []
        for name, values in self._values.items():
            unit = self.units.get(name, "1")
            last = np.atleast_1d(values[-1]) if len(values) else np.array([])
            numbers = "/".join(f"{x:.3g}" for x in last.ravel()[:6].tolist())
            why = f"  undefined: {self.undefined[name]}" if name in self.undefined else ""
            facts.append(
                (name, f"{numbers} {'' if unit == '1' else unit}".rstrip() + f"  {values.shape}{why}")
            )
        return facts


class Said(Shown):
    """What a readout said in the training trials, or on the probes."""

    def __init__(self, recording: Recording, label: str, which: str, events: Sequence[str]):
        self._recording, self._label, self._which, self._events = recording, label, which, events

    def _read(self, name: str) -> ByEvent:
        path = schema.readout(self._label, self._which, name)
        if path not in self._recording:
            allowed = "a run that keeps them: record.trials = true, and probes where the task has them"
            raise InputError(f"{self._which} of {self._label}", "not kept", allowed)
        return ByEvent(f"{name} of {self._label}, {self._which}", self._recording[path], self._events)

    @cached_property
    def y(self) -> ByEvent:
        """The timing y(t), each event (rows, T), dimensionless."""
        return self._read("y")

    @cached_property
    def p_hat(self) -> ByEvent:
        """The learned probability, each event (rows,)."""
        return self._read("p_hat")

    @cached_property
    def prediction(self) -> ByEvent:
        """The prediction z(t), each event (rows, T)."""
        return self._read("prediction")

    def _title(self) -> str:
        return f"{self._which} of {self._label}: y, p_hat, prediction"

    def _facts(self) -> Facts:
        return [("events", listed(self._events))]


class ReadoutView(Shown):
    """One readout of a run: what it said, in training `trials` and on `probes`."""

    def __init__(self, recording: Recording, label: str, events: Sequence[str]):
        self.label, self.events, self._recording = label, tuple(events), recording
        self.trials = Said(recording, label, "trials", events)
        self.probes = Said(recording, label, "probes", events)

    @cached_property
    def time_ms(self) -> np.ndarray:
        """Times of a trial that are kept, after cue onset, (T,)."""
        return self._recording[schema.readout(self.label, "time_ms")]

    @property
    def rule(self) -> str:
        """Name of the learning rule."""
        return self._recording.attrs[schema.readout(self.label)]["rule"]

    @property
    def y(self) -> ByEvent:
        """The timing y(t) on the probes, each event (probes, T)."""
        return self.probes.y

    @property
    def p_hat(self) -> ByEvent:
        """The learned probability on the probes, each event (probes,)."""
        return self.probes.p_hat

    @property
    def prediction(self) -> ByEvent:
        """The prediction on the probes, each event (probes, T)."""
        return self.probes.prediction

    def _title(self) -> str:
        return f"readout {self.label} ({self.rule})"

    def _facts(self) -> Facts:
        t = self.time_ms
        return [
            ("events", listed(self.events)),
            ("time_ms", f"{t[0]:g} to {t[-1]:g} ms after the cue, {t.size} steps" if t.size else "none"),
            ("ask", ".prediction .y .p_hat on probes; the same of .trials; each by event"),
        ]


class Weights(Shown):
    """Weights of a readout at the probed moments.

    Attributes
    ----------
    after_trial : (m,) ndarray
        Trials finished at each moment.
    w, v : ByEvent
        Weights of y and of p-hat, each event (m, N + 1); the last column is the bias's.
    """

    def __init__(self, recording: Recording, label: str, events: Sequence[str]):
        self.label, self._recording, self._events = label, recording, events
        self.after_trial = recording[schema.weights(label, "trial")]

    def _read(self, name: str) -> ByEvent:
        path = schema.weights(self.label, name)
        if path not in self._recording:
            raise InputError(f"weights of {self.label}", "not kept", "a task with probes")
        return ByEvent(f"{name} of {self.label}", self._recording[path], self._events, axis=1)

    @cached_property
    def w(self) -> ByEvent:
        """Weights of the timing y, each event (m, N + 1)."""
        return self._read("w")

    @cached_property
    def v(self) -> ByEvent:
        """Weights of p-hat, each event (m, N + 1)."""
        return self._read("v")

    def _title(self) -> str:
        return f"weights of {self.label} at {self.after_trial.size} moments"

    def _facts(self) -> Facts:
        return [("after_trial", listed(self.after_trial.tolist())), ("events", listed(self._events))]


class Spikes(Shown):
    """Spikes of the training run, of the cells that were recorded.

    Attributes
    ----------
    recorded : (r,) ndarray
        Cells whose spikes were kept. Of the others nothing is known: asking for them is an error, or NaN.
    """

    def __init__(self, recording: Recording, duration_ms: float):
        self._recording, self.duration_ms = recording, duration_ms
        self.n_cells = int(recording[schema.CELL_TYPE].size)
        self.recorded = np.asarray(recording.attrs[schema.spikes("reservoir")]["recorded"], np.int64)

    def _read(self, which: str, name: str) -> np.ndarray:
        if not self.recorded.size:
            allowed = "record.spikes = subset or all, and a file that was not pruned of them"
            raise InputError("spikes", "none were recorded", allowed)
        return self._recording[schema.spikes(which, name)]

    @cached_property
    def time_ms(self) -> np.ndarray:
        """Time of every spike on the run's clock, ascending, (S,)."""
        return self._read("reservoir", "timestamps")

    @cached_property
    def cell(self) -> np.ndarray:
        """Cell of every spike, (S,)."""
        return self._read("reservoir", "node_ids")

    def of(self, cell: int) -> np.ndarray:
        """Return the times of one cell's spikes, ms.

        Raises
        ------
        InputError
            If the cell was not recorded.
        """
        if cell not in self.recorded:
            raise InputError("cell", cell, f"a recorded cell; {self._of_whom()}")
        return self.time_ms[self.cell == cell]

    @property
    def rate_hz(self) -> np.ndarray:
        """Mean rate of every cell over the run, (N,); NaN where it was not recorded."""
        rate = np.full(self.n_cells, np.nan)
        if self.recorded.size:
            count = np.bincount(self.cell, minlength=self.n_cells)[self.recorded]
            rate[self.recorded] = count / (self.duration_ms / 1000)
        return rate

    def probe(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return times after cue onset (ms) and cells of the spikes in one probe."""
        here = self._read("probes", "probe") == index
        return self._read("probes", "timestamps")[here], self._read("probes", "node_ids")[here]

    def _of_whom(self) -> str:
        return f"{self.recorded.size} of {self.n_cells} cells were"

    def _title(self) -> str:
        return f"spikes: {self._of_whom()} recorded"

    def _facts(self) -> Facts:
        n = str(self.time_ms.size) if self.recorded.size else "none"
        return [("spikes", n), ("ask", ".time_ms .cell .of(cell) .rate_hz .probe(index)")]


class Health(Shown, dict[str, float]):
    """The health report of a run's network: rates in Hz, irregularity, share of silent cells."""

    def _title(self) -> str:
        return "health of the network"

    def _facts(self) -> Facts:
        return [(k, f"{v:.3g} {'Hz' if k.startswith('rate_hz') else ''}".rstrip()) for k, v in self.items()]


class Table(Shown, Mapping[str, np.ndarray]):
    """Columns of equal length by name; row i belongs to row i of the run's arrays."""

    def __init__(self, name: str, columns: dict[str, np.ndarray]):
        self.name, self._columns = name, columns

    def __getitem__(self, column: str) -> np.ndarray:
        return self._columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def to_frame(self) -> Any:
        """Return a pandas table."""
        return pandas().DataFrame(self._columns)

    def _title(self) -> str:
        n = len(next(iter(self._columns.values()))) if self._columns else 0
        return f"{n} {self.name}"

    def _facts(self) -> Facts:
        return [(k, listed([_short(x) for x in a.tolist()])) for k, a in self._columns.items()]


def _short(x: Any) -> str:
    return f"{x:g}" if isinstance(x, float) else "-" if x is None else str(x)


def pandas() -> Any:
    """Return pandas.

    Raises
    ------
    InputError
        Where it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        allowed = "pip install 'spikewhen[frames]' (or ask for .to_rows(), which needs nothing)"
        raise InputError("pandas", "not installed", allowed) from error
    return pandas


def named(index: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Replace indices by names; -1 and other strangers by None."""
    found = [names[i] if 0 <= i < len(names) else None for i in index.tolist()]
    return np.array(found, object)
