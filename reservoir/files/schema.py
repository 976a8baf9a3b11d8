"""The layout of a result file, version 3: every path in it is written here, once.

``n`` trials, ``q`` probes, ``m`` probed moments, ``T`` kept readout steps, ``K`` channels, ``C`` cues,
``N`` neurons, ``M`` padded features. docs/format.md describes each array with its unit.

::

    /                       attributes schema_version, numerics_version, run_id
    /config  /software  /warnings           text as bytes
    /network/               neurons/<name>, cell_type, synapses/<name>, encoders/<name>, driven
    /blocks/<name>          what each block of the task sets; attributes events, cues, conditions (names),
                            channels (K,), before_steps and steps of a record, scores, figures
    /trials/<name>  /probes/<name>  /items/<name>   (n,), (q,), (i,) each; items: stimuli of single trials
    /spikes/                attributes: the health report
            reservoir/      step, node_ids; attribute dt_ms
            probes/         step, node_ids, probe; attribute dt_ms
    /cells/                 node_ids (r,), time_ms (U,) of kept states, where record.cells names any
            trials/         v (n, U, r), u, current
            probes/         v (q, U, r), u, current
    /readouts/<label>/      time_ms (T,), sigma_ms (1,)
            trials/         y (n, T, K), p_hat (n, K)
            probes/         y (q, T, K), p_hat (q, K)
    /weights/<label>/       trial (m,), w (m, K, N+1), v (m, K, N+1)
    /rule_state/<label>/    w (K, M) and the rule's other fields, v (K, M), surprise (K,); attribute left_out:
                            shape and type of fields that only record.whole_rule_states keeps
    /scores/<label>/<name>  attribute of the label: main; of a score that is NaN for a reason: undefined;
                            of /scores where scoring failed: failed

An axis over events, here K, is in the order of their names; only ``/rule_state`` and
``/network/encoders`` are in the order of the engine's channels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.spec import as_table
from spikewhen.reservoir.types import NUMERICS_VERSION

if TYPE_CHECKING:
    from spikewhen.reservoir.engine import Readout
    from spikewhen.reservoir.files.recording import Recording
    from spikewhen.reservoir.files.sinks import Sink

SCHEMA_VERSION = 4
CONFIG, SOFTWARE, WARNINGS = "/config", "/software", "/warnings"
CELL_TYPE, DRIVEN = "/network/cell_type", "/network/driven"
SPIKES = "/spikes"
"""The group whose attributes are the health report."""

DRAWN = ("/network/", "/blocks/", "/trials/", "/probes/", "/items/")
"""Beginnings of the paths of everything that is drawn before a run begins."""

OUTPUTS = ("y", "p_hat", "prediction")  # the last follows from the others: see derived.py
"""What a readout says in a trial or probe."""

CELL_UNITS = {"v": "mV", "u": "pA", "current": "pA"}
"""What can be kept of the state of a cell, with its unit."""

_WARNING = "warning: "


def run_id(config: dict) -> str:
    """Return the first 16 hex digits of the SHA-256 of the canonical resolved config."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# where things stand


def neurons(name: str) -> str:
    """Return the path of a parameter of the cells, or of ``v_start``."""
    return f"/network/neurons/{name}"


def synapses(name: str = "") -> str:
    """Return the path of an array of the synapses, or of their group, whose attribute is ``rise_ms``."""
    return _path("network", "synapses", name)


def encoder(name: str) -> str:
    """Return the path of an encoder: ``cue`` (C, N), ``event`` (K, N) or ``feedback`` (K, N)."""
    return f"/network/encoders/{name}"


def block(name: str = "") -> str:
    """Return the path of an array over blocks, or of the group of them."""
    return _path("blocks", name)


def trial(name: str) -> str:
    """Return the path of an array over training trials."""
    return f"/trials/{name}"


def probe(name: str) -> str:
    """Return the path of an array over probes."""
    return f"/probes/{name}"


def item(name: str) -> str:
    """Return the path of an array over the stimuli of single trials."""
    return f"/items/{name}"


def spikes(which: str, name: str = "") -> str:
    """Return the path of spikes or of their group; `which` is "reservoir", the training run, or "probes"."""
    return _path("spikes", which, name)


def cells(which: str = "", name: str = "") -> str:
    """Return the path of kept states of cells, e.g. ``("trials", "v")``, or of ``time_ms``, ``node_ids``."""
    return _path("cells", which, name)


def readout(label: str = "", *names: str) -> str:
    """Return the path of a readout's group or of an array in it, e.g. ``("probes", "prediction")``."""
    return _path("readouts", label, *names)


def weights(label: str = "", name: str = "") -> str:
    """Return the path of a readout's weights at the probed moments: ``trial``, ``w`` or ``v``."""
    return _path("weights", label, name)


def rule_state(label: str = "", name: str = "") -> str:
    """Return the path of an array of a rule's state at the end of the run."""
    return _path("rule_state", label, name)


def scores(label: str = "", name: str = "") -> str:
    """Return the path of a score, or of the group of a readout's scores."""
    return _path("scores", label, name)


def _path(*names: str) -> str:
    return "/" + "/".join(name for name in names if name)


# what is read


def check_version(path: Path, version: Any) -> None:
    """Refuse a file of another version of the layout.

    Raises
    ------
    InputError
    """
    if version != SCHEMA_VERSION:
        raise InputError(
            str(path),
            f"schema_version {version}",
            f"a result file of version {SCHEMA_VERSION}: run the config again, or use the old release",
        )


def read_text(recording: Recording, path: str) -> str:
    """Return a text that is stored as bytes."""
    return bytes(recording[path]).decode()


def labels(recording: Recording) -> list[str]:
    """Return the labels of the readouts, in the config's order, also where their arrays were not loaded."""
    base = f"{readout()}/"
    found = {p.split("/", 3)[2] for p in (*recording.arrays, *recording.attrs) if p.startswith(base)}
    return [label for label in recording.config.get("rules", {}) if label in found]


def health(recording: Recording) -> dict[str, float]:
    """Return the health report: rates in Hz, irregularity, share of silent cells."""
    return {k: v for k, v in recording.attrs[SPIKES].items() if isinstance(v, float)}


def health_messages(recording: Recording) -> tuple[str, list[str]]:
    """Return the line on the network's health and the warnings; a run that has none gives "" and [].

    The warnings end with what is missing of its scores.
    """
    failed = scoring_failure(recording)
    missing = [failed] if failed else undefined_lines(undefined_scores(recording))
    if WARNINGS not in recording:
        return "", missing
    first, *rest = read_text(recording, WARNINGS).splitlines() or [""]
    return first, [line.removeprefix(_WARNING) for line in rest] + missing


def scoring_failure(recording: Recording) -> str:
    """Return in one line why a run has no scores though its task has some; "" where it has them."""
    return str(recording.attrs.get(scores(), {}).get("failed", ""))


def undefined_scores(recording: Recording) -> dict[str, dict[str, str]]:
    """Return by label and name why scores are NaN that a longer run would have."""
    found: dict[str, dict[str, str]] = {}
    for path, attrs in recording.attrs.items():
        if "undefined" in attrs and path.startswith(f"{scores()}/"):
            _, _, label, name = path.split("/")
            found.setdefault(label, {})[name] = str(attrs["undefined"])
    return found


def undefined_lines(reasons: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Say which scores are undefined and why, a line per reason; `reasons` are by label and name."""
    names: dict[str, dict[str, None]] = {}
    for table in reasons.values():
        for name, reason in table.items():
            names.setdefault(reason, {})[name] = None
    return [f"undefined: {', '.join(sorted(found))}: {reason}" for reason, found in sorted(names.items())]


def read_scores(recording: Recording, label: str) -> dict[str, np.ndarray]:
    """Return every score of a readout, by name."""
    base = f"{scores(label)}/"
    mine = [path for path in recording.arrays if path.startswith(base)]  # asking for an array would read it
    return {path.removeprefix(base): recording.arrays[path] for path in mine}


def main_score(recording: Recording) -> str:
    """Return the name of the score by which a run's task is judged, "error" where it says nothing."""
    groups = (attrs for path, attrs in recording.attrs.items() if path.startswith(f"{scores()}/"))
    return next((str(attrs["main"]) for attrs in groups if attrs.get("main")), "error")


# what is written


def write_head(sink: Sink, config: dict, software: Mapping[str, str], run_id: str) -> None:
    """Write what identifies a run."""
    sink.annotate("/", schema_version=SCHEMA_VERSION, numerics_version=NUMERICS_VERSION, run_id=run_id)
    write_text(sink, CONFIG, json.dumps(config))
    write_text(sink, SOFTWARE, json.dumps(software))


def write_text(sink: Sink, path: str, text: str) -> None:
    """Write a text as bytes."""
    sink.put(path, np.frombuffer(text.encode(), np.uint8), "1")


def import_path(cls: type) -> str:
    """Where a class of a user's is found again, ``"module:Class"``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def names(recording: Recording, what: str) -> list[str]:
    """Return the names of the "events", "cues" or "conditions" of a run, or of the "figures" it declares."""
    return [str(name) for name in recording.attrs.get(block(), {}).get(what, ())]


def create_readout(
    sink: Sink,
    label: str,
    rule: Any,
    sigma_ms: float,
    time_ms: np.ndarray,
    rows: Mapping[str, int],
    shape: tuple,
) -> None:
    """Make room for what a readout will say.

    Parameters
    ----------
    rule : spikewhen.reservoir.rules.Rule
    time_ms : (T,) ndarray
        Kept readout steps.
    rows : mapping of {"trials", "probes"} to int
        How many of each are kept; none makes no group.
    shape : (K, dtype)
        Channels and precision.
    """
    k, real = shape
    sink.put(readout(label, "time_ms"), time_ms, "ms")
    sink.put(readout(label, "sigma_ms"), np.array([sigma_ms]), "ms")
    parameters = json.dumps(as_table(rule), sort_keys=True)
    sink.annotate(
        readout(label),
        rule=rule.name,
        rule_class=import_path(type(rule)),
        parameters=parameters,
        factored=rule.factored,
    )
    for which, n in rows.items():
        if n:
            sink.create(readout(label, which, "y"), (n, time_ms.size, k), real, "1")
            sink.create(readout(label, which, "p_hat"), (n, k), real, "1")


def create_weights(sink: Sink, label: str, after: np.ndarray, shape: tuple) -> None:
    """Make room for weights at the probed moments.

    Parameters
    ----------
    after : (m,) int ndarray
        Trials finished at each moment.
    shape : (K, N + 1, dtype)
        Channels, features without padding, and precision.
    """
    *size, real = shape
    sink.put(weights(label, "trial"), after, "1")
    sink.create(weights(label, "w"), (after.size, *size), real, "1")
    sink.create(weights(label, "v"), (after.size, *size), real, "1")


def create_spikes(sink: Sink, recorded: np.ndarray, subset: str, dt_ms: float) -> None:
    """Make room for spikes of the training run and of the probes.

    Parameters
    ----------
    recorded : (r,) int ndarray
        Cells whose spikes are kept.
    subset : {"none", "subset", "all"}
    dt_ms : float
    """
    for which in ("reservoir", "probes"):
        sink.create(spikes(which, "step"), (0,), np.int64, "dt")
        sink.create(spikes(which, "node_ids"), (0,), np.int32, "1")
        sink.annotate(spikes(which), recorded=recorded, subset=subset, dt_ms=dt_ms)
    sink.create(spikes("probes", "probe"), (0,), np.int32, "1")


def write_rule_state(sink: Sink, label: str, trained: Readout, whole: bool) -> None:
    """Write a readout's state at the end, channels in the engine's order; bulky fields only if `whole`."""
    left_out = {}
    for name, array in zip(trained.state._fields, trained.state, strict=True):
        if whole or name not in getattr(trained.rule, "bulky", ()):  # a rule need not be one of ours
            sink.put(rule_state(label, name), array, "1")
        else:
            left_out[name] = [list(array.shape), array.dtype.name]
    sink.annotate(rule_state(label), left_out=json.dumps(left_out, sort_keys=True))
    sink.put(rule_state(label, "v"), trained.v, "1")
    sink.put(rule_state(label, "surprise"), trained.surprise, "1")


def write_failure(sink: Sink, failed: str) -> None:
    """Write in one line why a run has no scores."""
    sink.annotate(scores(), failed=failed)


def write_health(sink: Sink, report: Mapping[str, float], line: str, warnings: list[str]) -> None:
    """Write the health report, its line for a person, and the warnings."""
    sink.annotate(SPIKES, **report)
    write_text(sink, WARNINGS, "\n".join([line, *(_WARNING + text for text in warnings)]))
