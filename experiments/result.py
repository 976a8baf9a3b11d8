"""A finished run that can be asked, in memory or in its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spikewhen.analysis.score_names import stored
from spikewhen.experiments.cell_view import Cells
from spikewhen.experiments.display import Facts, Shown, count, listed
from spikewhen.experiments.export.methods import Exports
from spikewhen.experiments.plots import Plots
from spikewhen.experiments.views import (
    Health,
    ReadoutView,
    Scores,
    Spikes,
    Table,
    Weights,
    named,
    pandas,
)
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import layout, schema
from spikewhen.reservoir.files.recording import Recording, open_recording


class ReadLater(Mapping[str, np.ndarray]):
    """Arrays of an open file by path: each is read when asked for, and not kept."""

    def __init__(self, nodes: Mapping[str, Any], sizes: Mapping[str, int] | None = None):
        self._nodes, self._sizes = dict(nodes), sizes

    @classmethod
    def of(cls, file: h5py.File) -> ReadLater:
        """Take all data sets of a file of ours."""
        nodes: dict[str, Any] = {}
        file.visititems(lambda name, node: nodes.update({f"/{name}": node}))
        return cls({name: node for name, node in nodes.items() if isinstance(node, h5py.Dataset)})

    def __getitem__(self, path: str) -> np.ndarray:
        node = self.unread(path)
        if isinstance(node, np.ndarray):
            return node
        try:
            array = node[()]
            if self._sizes is not None:
                layout.check_values(path, array, self._sizes)
        except (OSError, RuntimeError, MemoryError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(node.file.filename, reason, "an undamaged HDF5 result file") from error
        except layout.WrongError as error:
            raise InputError(node.file.filename, *error.args) from error
        return array

    def unread(self, path: str) -> Any:
        """Return an array as it stands in the file, to be read by slices."""
        node = self._nodes[path]
        if not isinstance(node, np.ndarray) and not node:  # what h5py calls a closed one
            raise InputError(path, "the file was closed", "to be asked before `close`")
        return node

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, path: object) -> bool:
        return path in self._nodes


@dataclass(eq=False, repr=False)
class Result(Shown, Exports, Recording):
    """A finished run.

    It is a mapping from the paths of docs/format.md to arrays, and answers by name: see `labels`,
    `events`, `scores`, `readout`, `spikes`, `weights`, `health`, `trials`, `probes`, `to_frame`,
    `plot`. `to_nwb` and its like hand it to other tools. What was read from a file stays open until
    `close`, or until nobody holds the result.

    Attributes
    ----------
    path : Path or None
        Of the file; None in memory.
    failed : dict of str to str
        Rules that `run` left out because they diverged, with the reason; a file knows of none.
    """

    path: Path | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    failed: dict[str, str] = field(default_factory=dict)

    __eq__, __hash__ = object.__eq__, object.__hash__  # `reservoir.files.recording.equal` compares contents

    def keys(self) -> list[str]:
        """Paths of all arrays."""
        return list(self.arrays)

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __reduce__(self) -> tuple:
        return (Result, (self.arrays, self.attrs)) if self.path is None else (open_run, (self.path,))

    def close(self) -> None:
        """Close the file; what was not read yet can no longer be asked for."""
        self._open.close()

    def __enter__(self) -> Result:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def config(self) -> dict:
        """The full resolved config."""
        return super().config

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.config["seed"]

    @property
    def events(self) -> tuple[str, ...]:
        """Names of the events, in the order of the channels of every array."""
        return self._names("events", lambda: self._width())

    @property
    def cues(self) -> tuple[str, ...]:
        """Names of the cues."""
        return self._names("cues", lambda: int(self[schema.trial("cue")].max(initial=-1)) + 1)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions, where a task has conditions apart from its cues."""
        path = schema.trial("condition")
        return self._names("conditions", lambda: int(self[path].max(initial=-1)) + 1 if path in self else 0)

    def _names(self, which: str, how_many: Any) -> tuple[str, ...]:
        stored = self.attrs.get(schema.block(), {}).get(which) or self.config["paradigm"].get(which)
        return tuple(map(str, stored if stored else range(how_many())))

    def _width(self) -> int:
        return self[schema.rule_state(self.labels[0], "v")].shape[0] if self.labels else 0

    def _label(self, label: str | None) -> str:
        if label is None and len(self.labels) == 1:
            return self.labels[0]
        if label in self.failed:
            raise InputError("label", label, f"a rule that was not left out: {self.failed[label]}")
        if label not in self.labels:
            raise InputError("label", label, "one of " + ", ".join(self.labels))
        return label

    def scores(self, label: str | None = None) -> Scores:
        """Return the scores of a readout, arrays by name; the label may be left out if there is one."""
        label = self._label(label)
        found = stored(self, label)
        units = {name: self.attrs[schema.scores(label, name)].get("units", "1") for name in found}
        return Scores(label, found, units, schema.undefined_scores(self).get(label))

    def readout(self, label: str | None = None) -> ReadoutView:
        """Return what a readout said: `time_ms`, and `y`, `p_hat`, `prediction` by event."""
        return ReadoutView(self, self._label(label), self.events)

    def weights(self, label: str | None = None) -> Weights:
        """Return the weights of a readout at the probed moments."""
        return Weights(self, self._label(label), self.events)

    @cached_property
    def spikes(self) -> Spikes:
        """Spikes of the training run, of the cells that were recorded."""
        return Spikes(self, self._duration_ms())

    @cached_property
    def cells(self) -> Cells:
        """States of the cells that ``record.cells`` chose: v, u, synaptic current."""
        return Cells(self)

    def _duration_ms(self) -> float:
        return float(self.attrs[schema.spikes("reservoir")].get("duration_ms", np.nan))

    @property
    def health(self) -> Health:
        """Rates (Hz), irregularity and silence of the network in the training run."""
        return Health(schema.health(self))

    @property
    def warnings(self) -> list[str]:
        """What is outside the limits of the config's ``[health]``."""
        return schema.health_messages(self)[1]

    @property
    def trials(self) -> Table:
        """The training trials: block (from 1), cue, event (None: omitted), times."""
        return self._table("trials", schema.trial(""))

    @property
    def probes(self) -> Table:
        """The probes: block (from 1), repeat (from 1), cue, and the trials finished before."""
        return self._table("probes", schema.probe(""))

    def _table(self, name: str, base: str) -> Table:
        names = {"cue": self.cues, "event": self.events, "condition": self.conditions}
        columns = {}
        for path in self.arrays:
            if path.startswith(base):
                column, values = path.removeprefix(base), self[path]
                if column in names:
                    values = named(values, names[column])
                columns[column] = values + 1 if column in ("block", "repeat") else values
        first = [c for c in ("block", "cue", "condition", "event") if c in columns]
        return Table(name, {c: columns[c] for c in (*first, *sorted(columns.keys() - set(first)))})

    def to_rows(self) -> list[dict[str, Any]]:
        """Return every score as a row: seed, rule, block (from 1), trial, condition, event, score, value.

        The keys are those of `spikewhen.experiments.results.ROW`; what does not apply is None.
        """
        from spikewhen.experiments.results import tidy

        scores = {label: self.scores(label) for label in self.labels}
        return list(tidy(self.run_id, self.seed, scores, self.conditions, self.events))

    def to_frame(self) -> Any:
        """Return the rows of `to_rows` as a pandas table.

        Raises
        ------
        InputError
            Where pandas is not installed.
        """
        return pandas().DataFrame(self.to_rows()).astype({"block": "Int64", "trial": "Int64"})

    @property
    def plot(self) -> Plots:
        """The shipped figures' panels, drawn onto given axes."""
        return Plots(self)

    def _title(self) -> str:
        return f"run {self.run_id}, seed {self.seed}, " + (f"in {self.path}" if self.path else "in memory")

    def _facts(self) -> Facts:
        config, line = self.config, schema.health_messages(self)[0]
        n_blocks = int(self[schema.trial("block")].max(initial=-1)) + 1
        parts = [
            config["paradigm"]["name"],
            count(n_blocks, "block"),
            count(len(self[schema.trial("block")]), "trial"),
            count(len(self[schema.probe("block")]), "probe"),
        ]
        facts = [("task", ", ".join(parts)), ("events", listed(self.events))]
        spikes = self.spikes
        facts.append(("network", f"{spikes.n_cells} cells, spikes of {spikes.recorded.size} recorded"))
        facts.append(("health", line))
        facts += [("warning", text) for text in self.warnings]
        for label in self.labels[:4]:
            rule = self.attrs[schema.readout(label)]["rule"]
            facts.append(("readout", f"{label} ({rule}){self._last_error(label)}"))
        facts += [("left out", f"{label}: {reason}") for label, reason in self.failed.items()]
        if len(self.labels) > 4:
            facts.append(("", f"and {len(self.labels) - 4} more"))
        facts.append(
            ("ask", ".scores(label) .readout(label) .weights(label) .spikes .health .trials .probes")
        )
        facts.append(("", ".to_frame() .to_nwb(path) .plot.trial() .plot.learning() .config"))
        return facts

    def _last_error(self, label: str) -> str:
        paths = [schema.scores(label, name) for name in ("error", "block", "trial")]
        if any(path not in self for path in paths):
            return ""
        found = stored(self, label)
        error, block, trial = (found[name] for name in ("error", "block", "trial"))
        here = block == block.max(initial=-1)
        here &= trial == trial[here].max(initial=-1)
        return f", E {np.nanmean(error[here]):.3f} at the end" if np.isfinite(error[here]).any() else ""


def open_run(path: str | Path) -> Result:
    """Open the file of a finished run; arrays are read when they are asked for.

    The file is compared with its checksum once, here.

    Parameters
    ----------
    path : path
        ``<run_id>.h5``.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not one of ours; names the part.
    """
    with ExitStack() as stack:
        texts = (schema.CONFIG, schema.SOFTWARE, schema.WARNINGS)
        recording = stack.enter_context(open_recording(path, texts))
        arrays: Any = ReadLater(recording.arrays, recording.sizes)
        return Result(arrays, recording.attrs, Path(path), stack.pop_all())
