"""Result files that somebody changed by hand, under a right checksum, and the readers that meet them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spikewhen.experiments.cli.info import describe, describe_runs, inspect, list_runs
from spikewhen.experiments.compare import compare_finished
from spikewhen.experiments.finished import read_finished
from spikewhen.experiments.result import open_run
from spikewhen.experiments.train import training_jobs
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

LONGEST = 300
Change = Callable[[h5py.File], object]
CHANGES: dict[str, Change] = {}


def put(file: h5py.File, path: str, array: Any, units: str | None = "1") -> None:
    """Write an array in place of another."""
    if path in file:
        units = file[path].attrs.get("units", units)
        del file[path]
    file[path] = array
    if units is not None:
        file[path].attrs["units"] = units


def text(file: h5py.File, path: str, data: bytes) -> None:
    """Write a text in place of another."""
    put(file, path, np.frombuffer(data, np.uint8))


def config(file: h5py.File, change: Callable[[dict], object], honest: bool = True) -> None:
    """Change the config of a file, and the name that follows from it."""
    table = json.loads(bytes(file["config"][:]))
    change(table)
    text(file, "config", json.dumps(table).encode())
    if honest:
        file.attrs["run_id"] = schema.run_id(table)


def _links(file: h5py.File, levels: int) -> None:
    inner = file.create_group("network/g0")
    for i in range(levels):
        outer = file.create_group(f"network/g{i + 1}")
        outer["a"] = outer["b"] = inner
        inner = outer


def _many(file: h5py.File, node: h5py.Dataset) -> None:
    for i in range(2000):
        file[f"scores/x{i}"] = node


def _replace(path: str, value: Callable[[np.ndarray], Any]) -> Change:
    return lambda file: put(file, path, value(file[path][()]))


def _set(path: str, value: Any) -> Change:
    def change(file: h5py.File) -> None:
        array = file[path][()].copy()
        array.ravel()[-1:] = value
        file[path][...] = array

    return change


def _delete(path: str) -> Change:
    return lambda file: file.__delitem__(path)


def _attribute(path: str, name: str, value: Any) -> Change:
    def change(file: h5py.File) -> None:
        if value is None:
            del file[path].attrs[name]
        else:
            file[path].attrs[name] = value

    return change


CHANGES |= {f"hard links 2^{n}": lambda file, n=n: _links(file, n) for n in (4, 16, 40)}  # type: ignore[misc]
CHANGES |= {
    "a group inside itself": lambda f: f["network"].__setitem__("again", f["network"]),
    "two groups inside each other": lambda f: f.create_group("blocks/a/b").__setitem__("a", f["blocks/a"]),
    "the root inside itself": lambda f: f["network"].__setitem__("root", f["/"]),
    "an array under two names": lambda f: f["trials"].__setitem__("other", f["trials/block"]),
    "a soft link": lambda f: f.__setitem__("x", h5py.SoftLink("/trials")),
    "a soft link in a circle": lambda f: f.__setitem__("x", h5py.SoftLink("/x")),
    "an external link": lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")),
    "2,000 links onto zeros": lambda f: [
        f["scores"].__setitem__(
            f"x{i}", f["scores"].require_dataset("zeros", (2**25,), "f8", chunks=(2**20,))
        )
        for i in range(2000)
    ],
    "a claim of a tebibyte": lambda f: f.create_dataset("blocks/x", (2**40,), "u1", chunks=(2**20,)),
    "many claims of a quarter of a gigabyte": lambda f: [
        f.create_dataset(f"blocks/x{i}", (2**28,), "u1", chunks=(2**20,)) for i in range(400)
    ],
    "a dimension of 2^62 beside none": lambda f: f.create_dataset("blocks/x", (0, 2**62), "u1"),
    "32 dimensions": lambda f: put(f, "blocks/x", np.zeros((1,) * 32)),
    "no dimension": lambda f: put(f, "blocks/x", np.float64(1)),
    "an empty array": lambda f: f.create_dataset("blocks/x", data=h5py.Empty("f8")),
    "groups 100 deep": lambda f: f.create_group("network/" + "/".join(["a"] * 100)),
    "10,000 groups": lambda f: [f.create_group(f"scores/g{i}") for i in range(10_000)],
    "a named type": lambda f: f.__setitem__("blocks/x", np.dtype("f8")),
    "a reference": lambda f: f.create_dataset("blocks/x", data=f["trials"].ref, dtype=h5py.ref_dtype),
    "texts": lambda f: f.__setitem__("blocks/x", ["a", "b"]),
    "a compound": lambda f: put(f, "blocks/x", np.zeros(2, [("a", "f8"), ("b", "i4")])),
    "long doubles": lambda f: put(f, "blocks/x", np.zeros(2, np.longdouble)),
    "complex": lambda f: put(f, "blocks/x", np.zeros(2, complex)),
    "bytes of fixed length": lambda f: put(f, "blocks/x", np.zeros(2, "S5")),
    "no units": lambda f: put(f, "blocks/x", np.zeros(2), None),
    "units a number": _attribute("trials/block", "units", 3),
    "units empty": _attribute("trials/block", "units", h5py.Empty("f8")),
    "a name with escapes": lambda f: put(f, "scores/local/\x1b[31m\nred", np.zeros(3)),
    "config not JSON": lambda f: text(f, "config", b"{no"),
    "config empty": lambda f: text(f, "config", b""),
    "config a list": lambda f: text(f, "config", b"[1]"),
    "config not UTF-8": lambda f: text(f, "config", b"\xff\xfe"),
    "config 100,000 deep": lambda f: text(f, "config", b"[" * 100_000),
    "config of digits": lambda f: text(f, "config", b'{"a": ' + b"1" * 10**6 + b"}"),
    "config with NaN": lambda f: text(f, "config", b'{"a": NaN}'),
    "config of floats": lambda f: put(f, "config", np.zeros(30)),
    "config of two dimensions": lambda f: put(f, "config", np.zeros((3, 3), np.uint8)),
    "config of 100 MB": lambda f: (
        f.__delitem__("config")
        or f.create_dataset("config", data=np.full(10**8, 32, np.uint8), compression="gzip")
    ),
    "rules a list": lambda f: config(f, lambda c: c.update(rules=[])),
    "rules empty": lambda f: config(f, lambda c: c.update(rules={})),
    "rules of other labels": lambda f: config(f, lambda c: c.update(rules={"x": {"rule": "lms"}})),
    "a rule a number": lambda f: config(f, lambda c: c["rules"].update(local=3)),
    "a label with a script": lambda f: config(
        f, lambda c: c["rules"].update({"<script>": c["rules"]["local"]})
    ),
    "a label ..": lambda f: config(f, lambda c: c["rules"].update({"..": c["rules"]["local"]})),
    "no seed": lambda f: config(f, lambda c: c.pop("seed")),
    "the seed a text": lambda f: config(f, lambda c: c.update(seed="0")),
    "the seed 10^30": lambda f: config(f, lambda c: c.update(seed=10**30)),
    "network a list": lambda f: config(f, lambda c: c.update(network=[])),
    "network of texts": lambda f: config(f, lambda c: c["network"].update(n_neurons="60")),
    "network 10^12 cells": lambda f: config(f, lambda c: c["network"].update(n_neurons=10**12)),
    "simulation empty": lambda f: config(f, lambda c: c.update(simulation={})),
    "trace a number": lambda f: config(f, lambda c: c.update(trace=3)),
    "no paradigm": lambda f: config(f, lambda c: c.pop("paradigm")),
    "the task another": lambda f: config(f, lambda c: c["paradigm"].update(name="signal")),
    "the task of nobody": lambda f: config(f, lambda c: c["paradigm"].update(name="os:path", code="x")),
    "record empty": lambda f: config(f, lambda c: c.update(record={})),
    "another config": lambda f: config(f, lambda c: c.update(seed=7), honest=False),
    "run_id a number": _attribute("/", "run_id", 3),
    "run_id with escapes": _attribute("/", "run_id", "\x1b[31m"),
    "numerics 99": _attribute("/", "numerics_version", 99),
    "numerics a text": _attribute("/", "numerics_version", "2"),
    "schema 5": _attribute("/", "schema_version", 5),
    "software not JSON": lambda f: text(f, "software", b"x"),
    "software a list": lambda f: text(f, "software", b"[]"),
    "software of numbers": lambda f: text(f, "software", b'{"numpy": 2}'),
    "warnings empty": lambda f: text(f, "warnings", b""),
    "warnings not UTF-8": lambda f: text(f, "warnings", b"\xff"),
    "warnings with escapes": lambda f: text(f, "warnings", b"x\nwarning: \x1b]0;title\x07"),
    "parameters not JSON": _attribute("readouts/local", "parameters", "x"),
    "no rule": _attribute("readouts/local", "rule", None),
    "factored a text": _attribute("readouts/local", "factored", "yes"),
    "events of numbers": _attribute("blocks", "events", [1.0, 2.0]),
    "three events": _attribute("blocks", "events", ["A", "B", "C"]),
    "events with escapes": _attribute("blocks", "events", ["\x1b[31m", "=cmd()"]),
    "no cue": _attribute("blocks", "cues", []),
    "channels twice": _attribute("blocks", "channels", [0, 0]),
    "scores of nobody": _attribute("blocks", "scores", "os:getcwd"),
    "figures of nobody": _attribute("blocks", "figures", ["os", "\x1b"]),
    "before_steps 10^9": _attribute("blocks", "before_steps", 10**9),
    "recorded of 10^6": _attribute("spikes/reservoir", "recorded", [10**6]),
    "subset a number": _attribute("spikes/reservoir", "subset", 3),
    "rise NaN": _attribute("network/synapses", "rise_ms", float("nan")),
    "main of nobody": _attribute("scores/local", "main", "nothing"),
    "output 1-d": _replace("readouts/local/probes/y", lambda a: a.ravel()),
    "output of other probes": _replace("readouts/local/probes/y", lambda a: a[:1]),
    "output of text": _replace("readouts/local/probes/y", lambda a: np.zeros(a.shape, "S3")),
    "output NaN": _replace("readouts/local/probes/y", lambda a: a * np.nan),
    "time shorter": _replace("readouts/local/time_ms", lambda a: a[:-1]),
    "time backwards": _replace("readouts/local/time_ms", lambda a: a[::-1]),
    "time none": _replace("readouts/local/time_ms", lambda a: a[:0]),
    "no trials at all": lambda f: [put(f, f"trials/{k}", f[f"trials/{k}"][:0]) for k in list(f["trials"])],
    "no probes at all": lambda f: [put(f, f"probes/{k}", f[f"probes/{k}"][:0]) for k in list(f["probes"])],
    "latency NaN": _set("blocks/latency_ms", np.nan),
    "latency infinite": _set("blocks/latency_ms", np.inf),
    "latency 10^300": _set("blocks/latency_ms", 1e300),
    "latency of one event": _replace("blocks/latency_ms", lambda a: a[..., :1]),
    "probability 7": _set("blocks/probability", 7),
    "probability of numbers": _replace("blocks/probability", lambda a: a.astype(int)),
    "score of text": _replace("scores/local/error", lambda a: np.zeros(a.shape, "S3")),
    "score 3-d": _replace("scores/local/error", lambda a: np.zeros((2, 2, 2))),
    "score of other points": _replace("scores/local/error", lambda a: a[:1]),
    "score of whole numbers": _replace("scores/local/error", lambda a: np.zeros(a.shape, np.int64)),
    "score infinite": _replace("scores/local/error", lambda a: a + np.inf),
    "score deep": lambda f: put(f, "scores/local/a/b", np.zeros(3)),
    "score of a stranger": lambda f: put(f, "scores/stranger/error", np.zeros(3)),
    "score with a name of 5,000 letters": lambda f: put(f, "scores/local/" + "x" * 5000, np.zeros(3)),
    "spikes as floats": _replace("spikes/reservoir/step", lambda a: a * np.nan),
    "spikes of cell 10^6": _set("spikes/reservoir/node_ids", 10**6),
    "spikes of cell -1": _set("spikes/reservoir/node_ids", -1),
    "node_ids float": _replace("spikes/reservoir/node_ids", lambda a: a.astype(float)),
    "spikes of probe 99": _set("spikes/probes/probe", 99),
    "times of spikes NaN": _attribute("spikes/reservoir", "dt_ms", np.nan),
    "spikes back in time": _replace("spikes/reservoir/step", lambda a: a[::-1]),
    "cell_type 99": _set("network/cell_type", 99),
    "cell_type of 10^8 cells": lambda f: (
        f["network"].__delitem__("cell_type")
        or f.create_dataset("network/cell_type", (10**8,), "i1", compression="gzip")
    ),
    "target 10^6": _set("network/synapses/target", 10**6),
    "indptr backwards": _replace("network/synapses/indptr", lambda a: a[::-1]),
    "weight NaN": _set("network/synapses/weight", np.nan),
    "weight of text": _replace("network/synapses/weight", lambda a: np.zeros(a.shape, "S3")),
    "v_rest NaN": _set("network/neurons/v_rest", np.nan),
    "rule state of text": _replace("rule_state/local/v", lambda a: np.zeros(a.shape, "S3")),
    "left out of nobody": _attribute("rule_state/local", "left_out", "[]"),
    "left out a number": _attribute("rule_state/local", "left_out", 3),
    "weights of other cells": _replace("weights/local/w", lambda a: a[..., :3]),
}
for _name in ("block", "cue", "condition", "event", "steps", "event_time_ms", "onset_ms"):
    for _value in (99, -9, 2**31):
        CHANGES[f"trials/{_name} {_value}"] = _set(f"trials/{_name}", _value)
    CHANGES[f"trials/{_name} shorter"] = _replace(f"trials/{_name}", lambda a: a[:1])
for _name in ("block", "cue", "condition", "after_trial", "repeat", "steps", "interval_ms"):
    for _value in (99, -9, 2**31):
        CHANGES[f"probes/{_name} {_value}"] = _set(f"probes/{_name}", _value)
for _name in (
    "config",
    "software",
    "warnings",
    "spikes",
    "trials",
    "probes",
    "network",
    "blocks",
    "readouts",
):
    CHANGES[f"no {_name}"] = _delete(_name)
for _name in (
    "weights",
    "rule_state",
    "scores",
    "blocks/latency_ms",
    "blocks/first_trial",
    "network/cell_type",
):
    CHANGES[f"no {_name}"] = _delete(_name)
for _name in ("network/synapses/indptr", "spikes/reservoir/node_ids", "readouts/local/probes/y"):
    CHANGES[f"no {_name}"] = _delete(_name)


def _ask(path: Path) -> None:
    with open_run(path) as result:
        repr(result), repr(result.trials), repr(result.probes), result.warnings
        for label in result.labels:
            repr(result.scores(label)), repr(result.readout(label)), repr(result.weights(label))
            result.readout(label).prediction.array.sum()
        result.to_rows()
        if result.spikes.recorded.size:
            result.spikes.rate_hz.sum(), result.spikes.probe(0)
        repr(result.health)


READERS: dict[str, Callable[[Path], object]] = {
    "info": lambda path: describe(inspect(path)),
    "info of a folder": lambda path: describe_runs(list_runs(path.parent)),
    "run, skipped": read_finished,
    "compare": lambda path: str(compare_finished([path.parent], None, None)),
    "train": lambda path: training_jobs([path], None, None, (), path.parent),
    "open_run": _ask,
}


def refusals(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each reader and what it says of a file, "" where it reads it.

    Raises
    ------
    Exception
        Anything but `InputError`.
    """
    for name, read in READERS.items():
        try:
            read(path)
        except InputError as error:
            yield name, str(error)
        except Exception as error:
            error.add_note(f"in {name}")
            raise
        else:
            yield name, ""
