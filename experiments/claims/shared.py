"""Protocols that several claims rest on."""

from __future__ import annotations

from experiments.claims.protocol import Protocol, blocks, probes
from experiments.claims.rules import local, surprised
from reservoir.rules.force import RLS

EVERY = (1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100)
BLOCKS = (
    ((0.8, 0.2), (300, 600)),
    ((0.8, 0.2), (450, 750)),
    ((0.2, 0.8), (450, 750)),
    ((0.6, 0.4), (250, 650)),
    ((0.8, 0.2), (300, 600)),
)
SWITCH = ("learning", "timing", "probability", "both", "return")
"""What changes at the start of each block."""


def rls(memory_trials: float = 0.0, reset: str = "never", **parameters) -> RLS:
    """Recursive least squares with the gate, the teacher and the "what" readout of the local rule."""
    ours = local()
    return RLS(
        gate=ours.gate, what=ours.what, alpha=0.1, interval_ms=8.0, memory_trials=memory_trials, reset=reset,
        **parameters,
    )  # fmt: skip


SWITCHES = Protocol(
    "switches",
    (blocks(*BLOCKS), *probes(EVERY, 4), "record.trials=false"),
    {
        "local": local(),
        "surprise": surprised(),
        "rls_tuned": rls(20.0),
        "rls_never_reset": rls(),
        "rls_reset": rls(reset="switch"),
    },
)
"""The task as published: five blocks of 100 trials; all spikes are kept."""

NAIVE = tuple(
    Protocol(
        f"naive_{SWITCH[b]}",
        (blocks(BLOCKS[b]), *probes(EVERY, 4), 'record.spikes="none"', "record.trials=false"),
        {"local": local()},
    )
    for b in (1, 2, 3)
)
"""A network that meets a later block first, as a reference for how fast that block can be learned."""
