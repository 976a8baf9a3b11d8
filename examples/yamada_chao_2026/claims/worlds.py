"""Rules that unlearn, or do not know the future, and the worlds in which the claims U and R try them.

Where the loop is open, all of them learn from one simulation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spikewhen.examples.yamada_chao_2026.claims.rules import changed, local, shipped
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.rules import Retrospective, Unlearn

AT_ENDS = Unlearn(above=0.2, all_at=0.5)
ONLINE = Unlearn(rate=0.2, error=0.4)
"""Both chosen on search seeds; the online rate is 1 per 5 ms."""

NOT_YET = replace(changed(local(), what={"restart": 0.0}), unlearn=Unlearn())
"""The shipped rule without unlearning, and without a p-hat that restarts."""
_CAUSAL = Retrospective(
    eta=0.26,
    back=0.045,
    trace_ms=2500.0,
    late_ms=70.0,
    gate=replace(NOT_YET.gate, kind="expectation", baseline=0.05),
    what=NOT_YET.what,
    unlearn=Unlearn(),
)
"""Tuned with unlearning on search seeds (docs/search.md)."""

RULES: dict[str, Any] = {
    "plain": NOT_YET,
    "unlearn": replace(NOT_YET, unlearn=AT_ENDS),
    "online": replace(NOT_YET, unlearn=ONLINE),
    "local": local(),
    "rls_told": replace(shipped("rls_reset_at_switches"), what=NOT_YET.what),
    "causal": changed(NOT_YET, gate={"causal": True}),
    "retro": _CAUSAL,
    "retro_unlearn": replace(_CAUSAL, unlearn=AT_ENDS),
}
NAMES = {
    "plain": "without unlearning",
    "unlearn": "unlearning at trial ends",
    "online": "unlearning online",
    "local": "as shipped",
    "rls_told": "RLS told of switches",
    "causal": "causal gate",
    "retro": "retrospective error",
    "retro_unlearn": "retrospective error and unlearning",
}
"""All have the same p-hat, but the shipped rule, whose rate begins anew at a lasting surprise."""

ONE_MOVES = ((0.6, 0.4), (450, 650))
"""After the switch of both, A alone moves by 200 ms."""
KINDS = ("timing", "probability", "both", "one channel")
AFTER = (1, 5, 10, 20, 50, 100)
SWITCHED = Protocol(
    "switched", (blocks(*BLOCKS[:4], ONE_MOVES), *probes(AFTER, 4), *SHORT), {k: RULES[k] for k in RULES}
)
"""Block 1, then four kinds of switch in turn, 100 trials each."""

NAIVE_ONE = Protocol("naive_one_channel", (blocks(ONE_MOVES), *probes(AFTER, 4), *SHORT), {"local": local()})

BOTH = {k: RULES[k] for k in ("plain", "unlearn", "retro", "retro_unlearn")}
"""Of the worlds that both claims visit."""
LEARN, FOLLOW = 60, 40
"""Trials before a switch of timing, and after it."""


def _world(name: str, *more: str, p: tuple[float, float] = (0.8, 0.2), rules: Any = None) -> Protocol:
    task = steps_of((p, (300, 600), LEARN), (p, (450, 750), FOLLOW))
    return Protocol(f"world_{name}", (task, *probes((20, FOLLOW, LEARN), 4), *SHORT, *more), rules or BOTH)


def steps_of(*rows: tuple, sd: tuple[float, ...] = ()) -> str:
    """Write (probability, latency, trials) rows as an override; `sd`: one jitter per block, ms."""
    entries = []
    for i, (p, latency, trials) in enumerate(rows):
        jitter = f", latency_sd_ms = [[{sd[i]}, {sd[i]}]]" if sd else ""
        entries.append(
            f"{{probability = [{list(map(float, p))}], latency_ms = [{list(map(float, latency))}]{jitter}, "
            f"trials = {trials}}}"
        )
    return f"paradigm.blocks=[{', '.join(entries)}]"


OMISSIONS = _world("omissions", p=(0.5, 0.2))
INJECTED = _world("injected", "paradigm.stimulus_drives_reservoir=true")
CLOSED = {
    label: _world(f"closed_{label}", "network.feedback_pa=20.0", rules={label: rule})
    for label, rule in BOTH.items()
}
"""With the loop closed every rule needs a run of its own."""

TWO_CUES = Protocol(
    "world_two_cues",
    (
        'paradigm.cues=["a", "b"]',
        blocks((((0.8, 0.2), (0.2, 0.8)), ((300, 600), (500, 750))), trials=150),
        *probes((150,), 4),
        *SHORT,
    ),
    BOTH,
)
"""Two interleaved cues of opposite probabilities and different times."""

KEPT = (
    'simulation.precision="float32"',
    'record.spikes="none"',
    "record.trials=true",
    "record.readouts_every_ms=5.0",
)
"""Outputs of training trials are kept, from which it is counted when weights were lost."""
PLAIN = {k: RULES[k] for k in ("plain", "unlearn", "online")}
FOLLOWED = 20
LONG, BRIEF = 300, 20
OVER_TRAINED = {
    n: Protocol(
        f"trained_{n}",
        (
            steps_of(((0.8, 0.2), (300, 600), n), ((0.8, 0.2), (450, 750), FOLLOWED)),
            *probes(tuple(sorted({FOLLOWED, n})), 4),
            *KEPT,
        ),
        PLAIN,
    )
    for n in (BRIEF, LONG)
}
"""A switch of timing after few and after many trials without any; after 100 it stands in `SWITCHED`."""

SHIFTS_MS = (20, 50, 100, 150)
SHIFTED = Protocol(
    "small_shifts",
    (
        steps_of(
            *(
                ((0.8, 0.2), at, 60 if i == 0 else 40)
                for i, at in enumerate(((300, 600), (320, 620), (370, 670), (470, 770), (320, 620)))
            )
        ),
        *probes((FOLLOWED, 40), 4),
        *KEPT,
    ),
    PLAIN,
)
"""Both latencies move by 20, 50, 100 and 150 ms, one after the other."""

JITTERS_MS = (20, 50)
JITTERED = Protocol(
    "jittered",
    (
        steps_of(
            *[((0.8, 0.2), (300, 600), 80)] * 2,
            sd=tuple(map(float, JITTERS_MS)),
        ),
        *probes((80,), 4),
        *KEPT,
    ),
    PLAIN,
)
"""Latencies scatter, with an SD of 20 and then of 50 ms; their means stay."""
