"""Recordings of a session made of tables, with the readout of a test, and no simulation."""

from __future__ import annotations

import json

import numpy as np

from spikewhen.paradigms.base import PlannedSession
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording


def planned_run(s: PlannedSession, factored: bool = False, label: str = "local", **arrays) -> Recording:
    """A run of a session; `arrays` by path with double underscores, such as ``trials__y`` of the readout."""
    out = {schema.block(name): table for name, (table, _) in s.blocks.items()}
    out |= {schema.trial(name): column for name, column in s.trials._asdict().items()}
    out |= {schema.probe(name): column for name, column in s.probes._asdict().items()}
    out |= {
        schema.readout(label, "time_ms"): s.time_ms,
        schema.readout(label, "sigma_ms"): np.array([s.sigma_ms]),
    }
    out |= {schema.readout(label, *name.split("__")): array for name, array in arrays.items()}
    k = len(s.events)
    for which, n in (("trials", s.trials.block.size), ("probes", s.probes.block.size)):
        out.setdefault(schema.readout(label, which, "p_hat"), np.zeros((n, k)))
    out[schema.CONFIG] = np.frombuffer(json.dumps({"rules": {label: {}}}).encode(), np.uint8)
    attrs = {
        "/": {"run_id": "0123456789abcdef"},
        schema.readout(label): {"rule": "lms", "parameters": "{}", "factored": factored},
        schema.block(): {"events": list(s.events), "conditions": list(s.conditions)},
    }
    return Recording(out, attrs)
