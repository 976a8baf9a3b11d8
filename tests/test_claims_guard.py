"""C1 to C5 in miniature: three seeds, a shorter task, and three faults that must not pass.

The bounds come from the same task on seeds 0 to 19 (see `BOUNDS`); a change that
moves a score beyond what those seeds span has changed the science.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from experiments.claims.curves import at, curve, curves, scores_of
from experiments.claims.protocol import SHORT, Protocol, blocks, probes
from experiments.claims.rules import changed, local
from experiments.claims.shared import BLOCKS, rls
from experiments.runs import run

SEEDS = (0, 1, 2)

FAULTS = {
    "no error": changed(local(), teacher="target"),
    "gate on the wrong channel": changed(local(), gate={"channel": "other"}),
    "what learns nothing": changed(local(), what={"eta_w": 0.0, "anneal": False}),
}

GUARD = Protocol(
    "guard",
    (blocks(*BLOCKS[:3], trials=60), *probes((1, 20, 60), 3), *SHORT),
    {
        "local": local(),
        "rls_never_reset": rls(interval_ms=16.0) if False else rls(),
        **{f"fault_{i}": rule for i, rule in enumerate(FAULTS.values())},
    },
)
