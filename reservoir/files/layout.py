"""What a result file may hold: one table of paths and one of attributes, against which every file is held.

A right checksum says that a file is as somebody wrote it, not that it was written by us. So whatever
reads a result goes through here first: every path, type and shape is held against the table, the
attributes against another, and the small tables against each other. What passes can be read
without surprises; what does not is refused in one line.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

MOST_TEXT, MOST_DIMS, MOST_NAME = 8_000_000, 6, 300
"""Bytes of a text, dimensions of an array, and letters of a path."""

WHOLE, REAL, ANY, BYTES = "iu", "f", "biuf", "u"
"""Kinds of types, as NumPy names them."""

ARRAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "/(config|software|warnings)": (BYTES, ("*",)),
    "/network/(neurons/[^/]+|synapses/decay_ms)": (REAL, ("N",)),
    "/network/cell_type": (WHOLE, ("N",)),
    "/network/synapses/indptr": (WHOLE, ("N+1",)),
    "/network/synapses/(target|delay_steps)": (WHOLE, ("S",)),
    "/network/synapses/weight": (REAL, ("S",)),
    "/network/encoders/cue": (REAL, ("C", "N")),
    "/network/encoders/(event|feedback)": (REAL, ("K", "N")),
    "/network/encoders/drive": (REAL, ("1", "N")),
    "/network/driven": (REAL, ("steps",)),
    "/blocks/first_trial": (WHOLE, ("B",)),
    "/blocks/[^/]+": (ANY, ()),
    "/trials/(block|cue|condition|event|steps)": (WHOLE, ("n",)),
    "/trials/(event_time_ms|onset_ms)": (REAL, ("n",)),
    "/probes/(after_trial|repeat|block|cue|condition|steps)": (WHOLE, ("q",)),
    "/probes/interval_ms": (REAL, ("q",)),
    "/items/(trial|channel)": (WHOLE, ("i",)),
    "/items/(onset_ms|duration_ms|amplitude)": (REAL, ("i",)),
    "/spikes/([^/]+)/(step|node_ids|probe)": (WHOLE, ("spikes of",)),
    "/cells/node_ids": (WHOLE, ("r",)),
    "/cells/time_ms": (REAL, ("U",)),
    "/cells/trials/(v|u|current)": (REAL, ("n", "U", "r")),
    "/cells/probes/(v|u|current)": (REAL, ("q", "U", "r")),
    "/readouts/([^/]+)/time_ms": (REAL, ("T of",)),
    "/readouts/([^/]+)/sigma_ms": (REAL, ("1",)),
    "/readouts/([^/]+)/trials/y": (REAL, ("n", "T of", "K")),
    "/readouts/([^/]+)/trials/p_hat": (REAL, ("n", "K")),
    "/readouts/([^/]+)/probes/y": (REAL, ("q", "T of", "K")),
    "/readouts/([^/]+)/probes/p_hat": (REAL, ("q", "K")),
    "/weights/([^/]+)/trial": (WHOLE, ("m of",)),
    "/weights/([^/]+)/(w|v)": (REAL, ("m of", "K", "N+1")),
    "/rule_state/[^/]+/[^/]+": (ANY, ()),
    "/scores/([^/]+)/(block|trial|condition)": (WHOLE, ("points of",)),
    "/scores/[^/]+/[^/]+": (ANY, ()),
    "/recorded/.+": (ANY, ()),
}
"""Type and dimensions of every array; "of" a label or a kind of spikes, "*" any number, () any dimensions."""

REQUIRED = (
    *(schema.CONFIG, schema.SOFTWARE, schema.WARNINGS, schema.CELL_TYPE),
    *(schema.neurons(name) for name in ("v_rest", "v_start")),
    *(schema.synapses(name) for name in ("indptr", "target", "weight", "delay_steps", "decay_ms")),
    *map(schema.trial, ("block", "cue", "condition", "event", "event_time_ms", "onset_ms", "steps")),
    *map(schema.probe, ("after_trial", "repeat", "block", "cue", "condition", "interval_ms", "steps")),
    *(schema.spikes("reservoir", name) for name in ("step", "node_ids")),
    *(schema.spikes("probes", name) for name in ("step", "node_ids", "probe")),
)
_W = "/weights/{}/"
OF_LABEL = ("/readouts/{}/time_ms", "/readouts/{}/sigma_ms", f"{_W}trial", f"{_W}w", f"{_W}v")
"""What every readout has."""
MEET = ("probability", "latency_ms", "latency_sd_ms")
"""Blocks of the shipped task; those of other tasks may have any shape."""

Text, Names, Numbers = "a text", "names", "whole numbers"
_SPIKES = {"recorded": (Numbers, True), "subset": (Text, True)}
_SPIKES |= {"dt_ms": ("a number", True), "duration_ms": ("a number", False)}
ATTRIBUTES: dict[str, dict[str, tuple[str, bool]]] = {
    "/": {"run_id": (Text, True), "numerics_version": ("a whole number", True), "pruned": (Names, False)},
    "/blocks": {
        **dict.fromkeys(("events", "cues", "conditions"), (Names, True)),
        **{"channels": (Numbers, True), "steps": ("a whole number", True)},
        **{"before_steps": ("a whole number", True), "figures": (Names, False)},
        **dict.fromkeys(("scores", "task"), (Text, False)),
    },
    "/network/cell_type": {"names": (Names, True)},
    "/network/synapses": {"rise_ms": ("a number", True)},
    "/spikes/reservoir": _SPIKES,
    "/spikes/probes": _SPIKES,
    "/readouts/[^/]+": {
        **dict.fromkeys(("rule", "rule_class", "parameters"), (Text, True)),
        "factored": ("true or false", True),
    },
    "/rule_state/[^/]+": {"left_out": (Text, True)},
    "/scores": {"failed": (Text, False)},
    "/scores/[^/]+": {"main": (Text, False)},
    "/scores/[^/]+/[^/]+": {"undefined": (Text, False)},
}
"""Attributes of groups and arrays: what each is, and whether it has to be there."""


class WrongError(Exception):
    """What is wrong and what is allowed; the file is named further up."""


def check(path: Path, nodes: Mapping[str, Any], attrs: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Hold a file against the tables; returns the size of each dimension by its name.

    Parameters
    ----------
    path : Path
        Of the file, for messages.
    nodes : mapping of str to array or data set
    attrs : mapping of str to mapping
        Attributes by path.

    Raises
    ------
    InputError
    """
    try:
        sizes = _sizes(nodes, attrs)
        for name, node in nodes.items():
            _check_array(name, node, attrs.get(name, {}), sizes)
        _check_texts(nodes, attrs, sizes)
        for name in _small(nodes):
            check_values(name, np.asarray(nodes[name][()]), sizes)
        _check_recorded(attrs, sizes)
    except WrongError as error:
        raise InputError(str(path), *error.args) from error
    return sizes


def _sizes(nodes: Mapping[str, Any], attrs: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    for pattern, wanted in ATTRIBUTES.items():
        of_labels = "[" in pattern
        for name in [n for n in attrs if re.fullmatch(pattern, n)] if of_labels else [pattern]:
            for key, (kind, needed) in wanted.items():
                _check_attribute(name, key, attrs.get(name, {}).get(key), kind, needed)
    labels = [name.split("/")[2] for name in attrs if re.fullmatch("/readouts/[^/]+", name)]
    for name in (*REQUIRED, *(path.format(label) for label in labels for path in OF_LABEL)):
        if name not in nodes:
            raise WrongError(f"no {name}", "a whole result file")
    known, blocks = attrs["/"]["numerics_version"], attrs[schema.block()]
    if not 1 <= known <= schema.NUMERICS_VERSION:
        raise WrongError(f"numerics_version {known}", f"a version from 1 to {schema.NUMERICS_VERSION}")
    sizes = {"1": 1, "K": len(blocks["events"]), "C": len(blocks["cues"]), "G": len(blocks["conditions"])}
    sizes |= {"types": len(attrs[schema.CELL_TYPE]["names"]), "steps": blocks["steps"]}
    if sorted(blocks["channels"]) != list(range(sizes["K"])):
        raise WrongError("/blocks: channels", f"each of 0 to {sizes['K'] - 1} once")
    return sizes


def _check_attribute(name: str, key: str, value: Any, kind: str, needed: bool) -> None:
    if value is None:
        if needed:
            raise WrongError(f"no attribute {key} of {name}", "a whole result file")
        return
    items = value if isinstance(value, list) else []
    fits = {
        Text: isinstance(value, str) and len(value) <= MOST_TEXT,
        Names: isinstance(value, list) and all(isinstance(item, str) for item in items),
        Numbers: isinstance(value, list) and all(_is_whole(item) for item in items),
        "a whole number": _is_whole(value),
        "a number": isinstance(value, (int, float)) and math.isfinite(value),
        "true or false": isinstance(value, bool),
    }
    if not fits[kind]:
        raise WrongError(f"attribute {key} of {name}", kind)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_array(name: str, node: Any, attrs: Mapping[str, Any], sizes: dict[str, int]) -> None:
    if len(name) > MOST_NAME or not name.isprintable():
        raise WrongError(name, f"a path of at most {MOST_NAME} letters")
    found = next(filter(None, (re.fullmatch(pattern, name) for pattern in ARRAYS)), None)
    if found is None:
        raise WrongError(name, "the paths of docs/format.md")
    kinds, dims = ARRAYS[found.re.pattern]
    shape, dtype = node.shape, node.dtype
    if not isinstance(attrs.get("units"), str):
        raise WrongError(f"{name} without units", "an array with the attribute units")
    if (
        not 0 < len(shape) <= MOST_DIMS
        or dtype.kind not in kinds
        or dtype.itemsize > 8
        or dtype.shape
        or dtype.names
    ):
        what = {WHOLE: "whole numbers", REAL: "real numbers", BYTES: "bytes"}.get(kinds, "numbers")
        raise WrongError(f"{name} of type {dtype}, shape {shape}", f"an array of {what}")
    if kinds == BYTES and (dtype.itemsize != 1 or math.prod(shape) > MOST_TEXT):
        raise WrongError(f"{name} of {math.prod(shape)} numbers", f"a text of at most {MOST_TEXT} bytes")
    if dims and len(shape) != len(dims):
        raise WrongError(f"{name} of shape {shape}", f"{len(dims)} dimensions")
    for size, dim in zip(shape, dims, strict=bool(dims)) if dims else ():
        plain, more = dim.removesuffix("+1"), dim.endswith("+1")
        key = f"{plain} {found[1]}" if plain.endswith(" of") else plain
        if plain != "*" and sizes.setdefault(key, size - more) != size - more:
            raise WrongError(f"{name} of shape {shape}", f"{sizes[key] + more} where it has {size}")


def _check_texts(
    nodes: Mapping[str, Any], attrs: Mapping[str, Mapping[str, Any]], sizes: dict[str, int]
) -> None:
    """The config is a table of tables, and what it names is there."""
    config, software = (_json(nodes, name) for name in (schema.CONFIG, schema.SOFTWARE))
    _text(nodes, schema.WARNINGS)
    try:
        name = schema.run_id(config)
    except ValueError as error:
        raise WrongError(f"{schema.CONFIG}: {error}", "finite numbers") from error
    if attrs["/"]["run_id"] != name:
        raise WrongError("run_id", f"{name}, the hash of the config")
    if not all(isinstance(item, str) for item in software.values()):
        raise WrongError(schema.SOFTWARE, "a table of texts")
    for key, kind in (("seed", int), ("seeds", dict), ("network", dict), ("record", dict), ("rules", dict)):
        if not isinstance(config.get(key), kind):
            raise WrongError(f"{schema.CONFIG}: {key}", "a whole number" if kind is int else "a table")
    task, rules, record = config.get("paradigm"), config["rules"], config["record"]
    if not (isinstance(task, dict) and isinstance(task.get("name"), str)):
        raise WrongError(f"{schema.CONFIG}: paradigm", "a table with a name")
    if not isinstance(record.get("spikes"), str):
        raise WrongError(f"{schema.CONFIG}: record", "a table with spikes")
    if isinstance(config["network"].get("feedback_pa"), bool | str | list | dict | None):
        raise WrongError(f"{schema.CONFIG}: network", "a table with the number feedback_pa")
    for label, rule in rules.items():
        if not (isinstance(rule, dict) and isinstance(rule.get("rule"), str)):
            raise WrongError(f"{schema.CONFIG}: rules", "tables, each with the name of a rule")
        if schema.readout(label, "time_ms") not in nodes or schema.readout(label) not in attrs:
            raise WrongError(f"no readout of {label}", "a readout of every rule of the config")
        try:
            if not isinstance(json.loads(attrs[schema.readout(label)]["parameters"]), dict):
                raise ValueError("no table")
        except (ValueError, RecursionError) as error:
            raise WrongError(f"parameters of {label}", "JSON of a table") from error
    _check_blocks(nodes, "meet" if "code" not in task and task["name"] == "meet" else "", attrs, sizes)


def _check_blocks(
    nodes: Mapping[str, Any], task: str, attrs: Mapping[str, Mapping[str, Any]], sizes: dict[str, int]
) -> None:
    """What scores and figures read of the blocks has the shape that they rely on."""
    scores = attrs[schema.block()].get("scores")
    table = tuple(sizes.get(dim, 0) for dim in ("B", "C", "K"))
    curve = tuple(sizes.get(dim, 0) for dim in ("B", "G", "steps", "K"))
    wanted: dict[str, tuple[int, ...]] = {}
    if task == "meet" or scores == "events":
        wanted |= dict.fromkeys(MEET, table)
        wanted |= {name: table for name in ("late_ms", "late_share") if schema.block(name) in nodes}
    if scores == "target":
        wanted |= {name: curve for name in ("target", "window") if schema.block(name) in nodes}
    if scores == "times":
        of_event, some = (*curve[:2], curve[3]), getattr(nodes.get(schema.block("times_ms")), "shape", ())
        wanted |= {"p_event": of_event} | dict.fromkeys(("times_ms", "weights"), (*of_event, *some[3:4]))
    if scores == "signal" and (own := nodes.get(schema.block("signal"))) is not None:
        wanted["signal"] = (*own.shape[:1], curve[3])
    elif scores == "signal":
        waves = getattr(nodes.get(schema.block("frequency_hz")), "shape", (0,))
        wanted |= dict.fromkeys(("frequency_hz", "amplitude"), waves[:1])
    for name, shape in wanted.items():
        node = nodes.get(schema.block(name))
        if node is None or node.dtype.kind not in "fiub" or len(node.shape) != len(shape):
            raise WrongError(f"{schema.block(name)} of another kind", f"numbers of {len(shape)} dimensions")
        if node.shape != shape:
            raise WrongError(f"{schema.block(name)} of shape {node.shape}", f"shape {shape}")


def _text(nodes: Mapping[str, Any], name: str) -> str:
    try:
        return bytes(np.asarray(nodes[name][()])).decode()
    except UnicodeDecodeError as error:
        raise WrongError(name, "text in UTF-8") from error


def _json(nodes: Mapping[str, Any], name: str) -> dict[str, Any]:
    try:
        found = json.loads(_text(nodes, name))
    except (ValueError, RecursionError) as error:
        raise WrongError(name, "JSON") from error
    if not isinstance(found, dict):
        raise WrongError(name, "JSON of a table")
    return found


def _small(nodes: Mapping[str, Any]) -> list[str]:
    """Names of the tables that say which row of another is meant."""
    kept = ("/trials/", "/probes/", "/blocks/", "/items/")
    return [name for name in nodes if name.startswith(kept) or name.endswith("/time_ms")] + [schema.CELL_TYPE]


RANGES: dict[str, tuple[int, str]] = {
    "/(trials|probes)/block": (0, "B"),
    "/(trials|probes)/cue": (-1, "C"),
    "/(trials|probes)/condition": (-1, "G"),
    "/trials/event": (-1, "K"),
    "/items/trial": (0, "n"),
    "/(trials|probes)/steps": (0, "steps+1"),
    "/probes/after_trial|/blocks/first_trial": (0, "n+1"),
    "/network/cell_type": (0, "types"),
    "/network/synapses/target|/cells/node_ids|/spikes/(reservoir|probes)/node_ids": (0, "N"),
    "/spikes/probes/probe": (0, "q"),
    "/probes/repeat|/items/channel|/network/synapses/delay_steps|/spikes/reservoir/step": (0, ""),
}
"""Least value, and the size below which whole numbers of an array lie; "" where there is none."""
FINITE = "/trials/onset_ms|/items/.*|/probes/interval_ms|/readouts/[^/]+/time_ms"


def check_values(name: str, array: np.ndarray, sizes: Mapping[str, int]) -> None:
    """Refuse indices that lie outside what they index, and times that are no numbers.

    Raises
    ------
    WrongError
    """
    if not array.size:
        return
    for pattern, (least, dim) in RANGES.items():
        if re.fullmatch(pattern, name):
            below = sizes.get(dim.removesuffix("+1"), None)
            most = math.inf if below is None else below - 1 + dim.endswith("+1")
            low, high = int(array.min()), int(array.max())
            if low < least or high > most:
                raise WrongError(f"{name} from {low} to {high}", f"from {least} to {most}")
    if name == schema.synapses("indptr"):
        most = sizes.get("S", 0)
        if array[0] != 0 or array[-1] != most or (np.diff(array) < 0).any():
            raise WrongError(f"{name} not ascending", f"from 0 to {most}")
    if re.fullmatch(FINITE, name) and not np.isfinite(array).all():
        raise WrongError(f"{name} not finite", "finite times")
    if name in (schema.block(x) for x in MEET) and array.ndim == 3 and not np.isfinite(array).all():
        raise WrongError(f"{name} not finite", "finite numbers")


def _check_recorded(attrs: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int]) -> None:
    for which in ("reservoir", "probes"):
        cells = attrs[schema.spikes(which)]["recorded"]
        if cells and not 0 <= min(cells) <= max(cells) < sizes["N"]:
            raise WrongError(f"cells recorded in {schema.spikes(which)}", f"from 0 to {sizes['N'] - 1}")
