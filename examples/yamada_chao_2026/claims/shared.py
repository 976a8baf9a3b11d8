"""Protocols that several claims rest on."""

from __future__ import annotations

from spikewhen.examples.yamada_chao_2026.claims.rules import local, shipped, surprised
from spikewhen.examples.yamada_chao_2026.claims.tuned import CELLS
from spikewhen.experiments.study.protocol import Protocol, blocks, probes

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

REMEMBERS_ALL = shipped("rls_never_reset")
"""Recursive least squares that never forgets (lambda = 1), with the alpha, gate and "what" of meet.toml.

They were found by hand and are better than what 14 candidates found: told of a switch of timing, E is
about .10 lower 20 trials later than with alpha 1 and the tuned gate.
"""
RESET = shipped("rls_reset_at_switches")
"""Least squares told of every switch: P returns to I / alpha, and weights stay."""

SWITCHES = Protocol(
    "switches",
    (blocks(*BLOCKS), *probes(EVERY, 4), "record.trials=false", "record.geometry=false"),
    {
        "local": local(),
        "surprise": surprised(),
        "rls_tuned": CELLS["rls_factored_gate"],
        "rls_never_reset": REMEMBERS_ALL,
        "rls_reset": RESET,
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
