"""Protocols that several claims rest on."""

from __future__ import annotations

from dataclasses import replace

from spikewhen.examples.yamada_chao_2026.claims.rules import local, surprised
from spikewhen.examples.yamada_chao_2026.claims.tuned import RIVALS
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes

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

SELF_RESET = RIVALS["rls_surprise"]
ABOVE = (0.15, SELF_RESET.surprise_above, 0.35)
"""Thresholds at which false alarms are counted, the tuned one among them."""

SINGLE = 'simulation.precision="float32"'
"""Claim G compares: the same E, and least squares takes half as long."""

_FIVE = (blocks(*BLOCKS), *probes(EVERY, 4), SINGLE, "record.trials=false", "record.geometry=false")
SWITCHES = Protocol("switches", _FIVE, {"local": local(), "surprise": surprised()})
"""The task as published: five blocks of 100 trials; all spikes are kept."""

LEAST_SQUARES = Protocol("switches_rls", (*_FIVE, 'record.spikes="none"'), {"local": local(), **RIVALS})
"""The same task, networks and noise, on which the rivals learn."""

ACAUSAL = (
    "The teacher of the shipped rule is acausal: its error exists before the event, as a target that rises "
    "towards it."
)
"""A note for every claim that rests on the local rule as shipped."""

STATIONARY = Protocol(
    "stationary",
    (blocks(BLOCKS[0], trials=500), *probes((500,), 1), *SHORT),
    {f"above_{above:g}": replace(SELF_RESET, surprise_above=above) for above in ABOVE},
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
