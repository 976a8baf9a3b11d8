"""Protocols that several claims rest on."""

from __future__ import annotations

from spikewhen.examples.yamada_chao_2026.claims.rules import local, shipped, surprised
from spikewhen.examples.yamada_chao_2026.claims.tuned import CELLS
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.rules import RLSSurprise

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
"""Recursive least squares that never forgets (lambda = 1), with the alpha, gate and "what" of meet.toml."""
RESET = shipped("rls_reset_at_switches")
"""Least squares told of every switch: P returns to I / alpha, and weights stay."""


def resets_itself(above: float) -> RLSSurprise:
    """Return least squares as shipped, which resets a channel where its surprise exceeds a threshold."""
    ours = {name: getattr(REMEMBERS_ALL, name) for name in ("alpha", "interval_ms", "gate", "what")}
    return RLSSurprise(surprise_above=above, **ours)


ABOVE = (0.2, 0.35, 0.5)
SELF_RESET = resets_itself(0.35)

SWITCHES = Protocol(
    "switches",
    (blocks(*BLOCKS), *probes(EVERY, 4), "record.trials=false", "record.geometry=false"),
    {
        "local": local(),
        "surprise": surprised(),
        "rls_tuned": CELLS["rls_factored_gate"],
        "rls_never_reset": REMEMBERS_ALL,
        "rls_reset": RESET,
        "rls_surprise": SELF_RESET,
    },
)
"""The task as published: five blocks of 100 trials; all spikes are kept."""

ACAUSAL = (
    "The teacher of the shipped rule is acausal: its error exists before the event, as a target that rises "
    "towards it."
)
"""A note for every claim that rests on the local rule as shipped."""

STATIONARY = Protocol(
    "stationary",
    (blocks(BLOCKS[0], trials=500), *probes((500,), 1), *SHORT),
    {f"above_{above:g}": resets_itself(above) for above in ABOVE},
)
"""Nothing switches: every reset is a false alarm. 20 seeds make 10,000 trials."""

NAIVE = tuple(
    Protocol(
        f"naive_{SWITCH[b]}",
        (blocks(BLOCKS[b]), *probes(EVERY, 4), 'record.spikes="none"', "record.trials=false"),
        {"local": local()},
    )
    for b in (1, 2, 3)
)
"""A network that meets a later block first, as a reference for how fast that block can be learned.

Its p-hat begins at rate 1/n; that of a switched network begins so anew after a lasting surprise, so both
anneal alike."""
