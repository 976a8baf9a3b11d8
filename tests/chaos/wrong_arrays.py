"""Networks and sessions with one thing wrong, by name: what was done, and what an error has to name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from lively import lively_network, short_meet

from spikewhen.reservoir.rules.gate import TeachingSignal
from spikewhen.reservoir.types import Network, Session

# networks


def network_with(**changes: Any) -> Network:
    """Return a network with delays in which parts are replaced, ``synapses__weight=...``."""
    network = lively_network(0.5, delay_max_ms=3.0)
    for path, value in changes.items():
        part, _, field = path.partition("__")
        if not field:
            network = network._replace(**{part: value})
        else:
            old = getattr(network, part)
            new = value(getattr(old, field)) if callable(value) else value
            network = network._replace(**{part: old._replace(**{field: new})})
    return network


def put(value: Any, at: Any = 3, kind: Any = None) -> Any:
    """Return a change of an array: one element is another."""

    def change(array: np.ndarray) -> np.ndarray:
        out = np.array(array, kind or array.dtype)
        out[at] = value
        return out

    return change


NAN, INF = float("nan"), float("inf")
N = 40
DATES = np.full(N, np.datetime64(datetime(2020, 1, 1)))

NETWORKS: dict[str, tuple[dict[str, Any], str]] = {
    **{
        f"indptr shifted by {by}": ({"synapses__indptr": lambda a, by=by: a + by}, "synapses.indptr[0]")
        for by in (1, 7, 1000, 10**6, -1, -(10**6))
    },
    **{
        f"indptr shifted by {by}": ({"synapses__indptr": lambda a, by=by: a + by}, "synapses.indptr[0]")
        for by in (10**9, 2**40, -(2**40))
    },
    "indptr not monotonic": ({"synapses__indptr": put(390, 5)}, "synapses.indptr[6]"),
    "indptr of fractions": ({"synapses__indptr": put(0.5, 1, float)}, "synapses.indptr[1]"),
    "indptr uint64 too large": ({"synapses__indptr": put(2**63 + 1, 2, np.uint64)}, "synapses.indptr[2]"),
    "indptr one short": ({"synapses__indptr": lambda a: a[:-1]}, "synapses.indptr"),
    "target NaN": ({"synapses__target": put(NAN, 3, float)}, "synapses.target[3]"),
    "targets all NaN": ({"synapses__target": lambda a: np.full(a.size, NAN)}, "synapses.target[0]"),
    "target fractions": ({"synapses__target": lambda a: a + 0.5}, "synapses.target[0]"),
    "target N": ({"synapses__target": put(N, 9)}, "synapses.target[9]"),
    "target -1": ({"synapses__target": put(-1, 0)}, "synapses.target[0]"),
    "target 2^32 + 1": ({"synapses__target": put(2**32 + 1, 2, np.int64)}, "synapses.target[2]"),
    "targets descending": ({"synapses__target": lambda a: a[::-1].copy()}, "synapses.target[1]"),
    "weight NaN": ({"synapses__weight": put(NAN)}, "synapses.weight[3]"),
    "weight inf": ({"synapses__weight": put(INF)}, "synapses.weight[3]"),
    "weight complex": ({"synapses__weight": lambda a: a + 0j}, "synapses.weight"),
    "weight text": ({"synapses__weight": lambda a: a.astype(str)}, "synapses.weight"),
    "weight objects": ({"synapses__weight": lambda a: a.astype(object)}, "synapses.weight"),
    "weight masked": ({"synapses__weight": lambda a: np.ma.masked_less(a, 0)}, "synapses.weight"),
    "weight one short": ({"synapses__weight": lambda a: a[:-1]}, "synapses.weight"),
    "delay NaN": ({"synapses__delay_steps": put(NAN, 3, float)}, "synapses.delay_steps[3]"),
    "delays all NaN": ({"synapses__delay_steps": lambda a: np.full(a.size, NAN)}, "synapses.delay_steps[0]"),
    "delay 1.7": ({"synapses__delay_steps": put(1.7, 3, float)}, "synapses.delay_steps[3]"),
    "delay -1": ({"synapses__delay_steps": put(-1)}, "synapses.delay_steps[3]"),
    "delay inf": ({"synapses__delay_steps": put(INF, 3, float)}, "synapses.delay_steps[3]"),
    **{
        f"delay {value}": (
            {"synapses__delay_steps": put(value, 3, np.int64)},
            "synapses.delay_steps[3]",
        )
        for value in (10**8, 2**31 - 1, 2**31 + 5, 2**32 + 1)
    },
    "decay 0": ({"synapses__decay_ms": put(0.0)}, "synapses.decay_ms[3]"),
    "decay of another length": ({"synapses__decay_ms": np.full(7, 20.0)}, "synapses.decay_ms"),
    **{f"rise {v!r}": ({"synapses__rise_ms": v}, "synapses.rise_ms") for v in (NAN, -5.0, INF, "5", None)},
    "rise an array": ({"synapses__rise_ms": np.ones(N)}, "synapses.rise_ms"),
    "v_peak below c": ({"cells__v_peak": put(-90.0)}, "cells.v_peak[3]"),
    "capacitance 0": ({"cells__capacitance": put(0.0)}, "cells.capacitance[3]"),
    "capacitance negative": ({"cells__capacitance": put(-1.0)}, "cells.capacitance[3]"),
    "bias of one cell": ({"cells__bias": np.ones(1)}, "cells.bias"),
    "bias a number": ({"cells__bias": 65.0}, "cells.bias"),
    "cells None": ({"cells": None}, "network.cells"),
    "synapses a matrix": ({"synapses": np.eye(N)}, "network.synapses"),
    "encoders a dict": ({"encoders": {}}, "network.encoders"),
    "v_start (N, 1)": ({"v_start": np.full((N, 1), -60.0)}, "v_start"),
    "v_start (2, N/2)": ({"v_start": np.full((2, N // 2), -60.0)}, "v_start"),
    "v_start complex": ({"v_start": np.full(N, -60 + 1j)}, "v_start"),
    "v_start dates": ({"v_start": DATES}, "v_start"),
    "v_start ragged": ({"v_start": [[1.0], [1.0, 2.0]]}, "v_start"),
    "v_start empty": ({"v_start": np.zeros(0)}, "v_start"),
    "v_start None": ({"v_start": None}, "v_start"),
    "cell_type 99": ({"cell_type": np.full(N, 99)}, "cell_type[0]"),
    "cell_type -1": ({"cell_type": np.full(N, -1)}, "cell_type[0]"),
    "cell_type NaN": ({"cell_type": np.full(N, NAN)}, "cell_type[0]"),
    "cell_type text": ({"cell_type": np.full(N, "RS")}, "cell_type"),
    "type_names empty": ({"type_names": ()}, "type_names"),
    "type_names with a slash": ({"type_names": ("R/S", "IB", "CH", "FS", "LTS")}, "type_names[0]"),
    "type_names with NUL": ({"type_names": ("RS", "I\0B", "CH", "FS", "LTS")}, "type_names[1]"),
    "type_names twice the same": ({"type_names": ("RS", "RS", "CH", "FS", "LTS")}, "type_names[1]"),
    "type_names a text": ({"type_names": "RS"}, "type_names"),
    "cue encoder of two cues": ({"encoders__cue": np.zeros((2, N))}, "encoders.cue"),
    "event encoder transposed": ({"encoders__event": lambda a: a.T}, "encoders.event"),
    "feedback NaN": ({"encoders__feedback": put(NAN, (1, 5))}, "encoders.feedback[1, 5]"),
}
"""Changes of `network_with`, and the name in the error."""

# sessions


@dataclass
class Mutated(Session):
    """A session of `short_meet` in which attributes or methods are others."""

    changes: dict[str, Any]

    def __post_init__(self) -> None:
        self.inner = short_meet().plan(0, 1.0)

    def __getattribute__(self, key: str) -> Any:
        if key in ("changes", "inner", "__post_init__", "__class__", "__dict__"):
            return object.__getattribute__(self, key)
        inner = self.inner
        if key in self.changes:
            return self.changes[key]
        table = {k.partition("__")[2]: v for k, v in self.changes.items() if k.startswith(f"{key}__")}
        value = getattr(inner, key)
        if table:
            return value._replace(**{f: v(getattr(value, f)) if callable(v) else v for f, v in table.items()})
        return value


def lesson(**changes: Any) -> Any:
    """Return a method `teaching` in whose signal something is another."""
    right = short_meet().plan(0, 1.0)

    def teaching(trial: int) -> TeachingSignal:
        given = right.teaching(trial)
        new = {k: v(getattr(given, k)) if callable(v) else v for k, v in changes.items()}
        return given._replace(**new)

    return teaching


def blocks(name: str, value: Any, unit: Any = "1") -> dict[str, Any]:
    """Return the tables of blocks with another one in place."""
    tables = dict(short_meet().plan(0, 1.0).blocks)
    tables[name] = (value(tables[name][0]) if callable(value) else value, unit)
    return {"blocks": tables}


def raises(*_: Any) -> Any:
    """Fail as a method of a user's may."""
    return [][1]


T = 120
SESSIONS: dict[str, tuple[dict[str, Any], str]] = {
    "probes after more trials than there are": (
        {"probes__after_trial": put(99, -1)},
        "probes.after_trial[7]",
    ),
    "probes before trial 0": ({"probes__after_trial": put(-9, 0)}, "probes.after_trial[0]"),
    "probes after half a trial": ({"probes__after_trial": put(0.5, 0, float)}, "probes.after_trial[0]"),
    "probes after NaN": ({"probes__after_trial": put(NAN, 0, float)}, "probes.after_trial[0]"),
    "probes not in order": ({"probes__after_trial": lambda a: a[::-1].copy()}, "probes.after_trial[2]"),
    "fewer probe cues than probes": ({"probes__cue": lambda a: a[:1]}, "probes.cue"),
    "probe cue 9": ({"probes__cue": put(9, 1)}, "probes.cue[1]"),
    "probe condition 9": ({"probes__condition": put(9, 1)}, "probes.condition[1]"),
    "probe block 9": ({"probes__block": put(9, 1)}, "probes.block[1]"),
    "probe interval negative": ({"probes__interval_ms": put(-50.0, 1)}, "probes.interval_ms[1]"),
    "probe interval NaN": ({"probes__interval_ms": put(NAN, 1)}, "probes.interval_ms[1]"),
    "probe interval 1e12": ({"probes__interval_ms": put(1e12, 1)}, "probes.interval_ms[1]"),
    "probe interval 1e300": ({"probes__interval_ms": put(1e300, 1)}, "probes.interval_ms[1]"),
    "intervals negative": ({"trials__interval_ms": put(-50.0, 2)}, "trials.interval_ms[2]"),
    "intervals NaN": ({"trials__interval_ms": put(NAN, 2)}, "trials.interval_ms[2]"),
    "intervals inf": ({"trials__interval_ms": put(INF, 2)}, "trials.interval_ms[2]"),
    "intervals 1e12": ({"trials__interval_ms": put(1e12, 2)}, "trials.interval_ms[2]"),
    "fewer intervals than trials": ({"trials__interval_ms": lambda a: a[:1]}, "trials.interval_ms"),
    "intervals a list": ({"trials__interval_ms": lambda a: a.tolist()}, "trials.interval_ms"),
    "blocks backwards": ({"trials__block": lambda a: a[::-1].copy()}, "trials.block["),
    "blocks negative": ({"trials__block": lambda a: a - 2}, "trials.block[0]"),
    "blocks of no table": ({"trials__block": put(5, -1)}, "trials.block[7]"),
    "cue 9": ({"trials__cue": put(9, 1)}, "trials.cue[1]"),
    "condition -1": ({"trials__condition": put(-1, 1)}, "trials.condition[1]"),
    "event 9": ({"trials__event": put(9, 1)}, "trials.event[1]"),
    "event -7": ({"trials__event": put(-7, 1)}, "trials.event[1]"),
    "event float": ({"trials__event": lambda a: a.astype(float)}, "trials.event"),
    "event at NaN": ({"trials__event_time_ms": lambda a: np.full(a.size, NAN)}, "trials.event_time_ms["),
    "time of no event": (
        {"trials__event": put(-1, 1), "trials__event_time_ms": lambda a: np.full(a.size, 300.0)},
        "trials.event_time_ms[",
    ),
    "no trials": (
        {f"trials__{f}": lambda a: a[:0] for f in type(short_meet().plan(0, 1.0).trials)._fields},
        "session.trials",
    ),
    "time backwards": ({"time_ms": np.arange(T, 0, -1.0)}, "time_ms[1]"),
    "time of other steps": ({"time_ms": np.arange(T) * 2.0}, "time_ms[1]"),
    "time NaN": ({"time_ms": np.full(T, NAN)}, "time_ms[0]"),
    "time of one step": ({"time_ms": np.ones(1)}, "time_ms"),
    "time empty": ({"time_ms": np.zeros(0)}, "time_ms"),
    "time a list": ({"time_ms": list(range(T))}, "time_ms"),
    "time longer than the inputs": ({"time_ms": np.arange(T + 9.0)}, "(129, 2)"),
    "three channels, lessons of two": ({"events": ("a", "b", "c"), "n_channels": 3}, "session."),
    "no channel": ({"events": (), "n_channels": 0}, "session.events"),
    "channels 10^9": ({"n_channels": 10**9}, "session.n_channels"),
    "channels twice the same": ({"channels": np.array([0, 0])}, "session.channels"),
    "channel 7": ({"channels": np.array([0, 7])}, "session.channels[1]"),
    "a name with a slash": ({"conditions": ("a/b",)}, "session.conditions[0]"),
    "a name that is a number": ({"events": (1, 2)}, "session.events[0]"),
    "an event twice": ({"events": ("a", "a")}, "session.events[1]"),
    "sigma NaN": ({"sigma_ms": NAN}, "session.sigma_ms"),
    "trial_steps of fractions": ({"trial_steps": np.full(8, 10.5)}, "trial_steps[0]"),
    "trial_steps too long": ({"trial_steps": np.full(8, T + 1)}, "trial_steps[0]"),
    "inputs of one column": ({"inputs": lambda i: np.zeros((T, 1))}, "inputs(0)"),
    "inputs of one row": ({"inputs": lambda i: np.zeros((1, 3))}, "inputs(0)"),
    "inputs text": ({"inputs": lambda i: np.full((T, 3), "1")}, "inputs(0)"),
    "inputs NaN": ({"inputs": lambda i: np.full((T, 3), NAN)}, "inputs(0)[0, 0]"),
    "inputs None": ({"inputs": lambda i: None}, "inputs(0)"),
    "inputs raise": ({"inputs": raises}, "inputs(0)"),
    "probe inputs of one row": ({"probe_inputs": lambda i: np.zeros((1, 3))}, "probe_inputs(0)"),
    "lesson of half the time": ({"teaching": lesson(signal=lambda a: a[: T // 2])}, "teaching(0).signal"),
    "lesson of one channel": ({"teaching": lesson(signal=lambda a: a[:, :1])}, "teaching(0).signal"),
    "lesson NaN": ({"teaching": lesson(signal=lambda a: a * NAN)}, "teaching(0).signal[0, 0]"),
    "lesson event 9": ({"teaching": lesson(event=9)}, "teaching(0).event"),
    "lesson event -3": ({"teaching": lesson(event=-3)}, "teaching(0).event"),
    "lesson event 0.5": ({"teaching": lesson(event=0.5)}, "teaching(0).event"),
    "lesson time of another length": ({"teaching": lesson(time_ms=lambda a: a[1:])}, "teaching(0).time_ms"),
    "lesson None": ({"teaching": lambda i: None}, "teaching(0)"),
    "lesson raises": ({"teaching": raises}, "teaching(0)"),
    "block tables of another size": (blocks("latency_ms", lambda a: a[:1]), "'latency_ms'"),
    "block tables NaN": (blocks("probability", lambda a: a * NAN), "'probability'"),
    "block tables without a dimension": (blocks("mine", np.array(1.0)), "'mine'"),
    "block tables text": (blocks("mine", np.array(["a", "b"])), "'mine'"),
    "block tables without a unit": (blocks("mine", np.zeros(2), None), "'mine'"),
    "block table called ../x": (blocks("../x", np.zeros(2)), "session.blocks"),
    "block table called ..": (blocks("..", np.zeros(2)), "session.blocks"),
    "blocks a list": ({"blocks": []}, "session.blocks"),
}
"""Changes of `Mutated`, and the name in the error."""
