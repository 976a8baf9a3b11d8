"""C9, populations: "what" and "when" rest on overlapping cells with mixed selectivity."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.analysis.geometry.activity import Activity, block_activity
from spikewhen.analysis.geometry.selectivity import (
    Selective,
    binned,
    effective_cells,
    label_selectivity,
    mixed,
    shared_cells,
    strength,
    time_selectivity,
)
from spikewhen.analysis.views import Readout, Task, read_readout, read_task
from spikewhen.examples.yamada_chao_2026.claims.geometry import FOUR_CUES, LABEL, block_weights
from spikewhen.examples.yamada_chao_2026.claims.rules import local
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS, SWITCHES
from spikewhen.examples.yamada_chao_2026.claims.silencing import judge_lesions, measure_lesions, rates_hz
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.protocol import Protocol, blocks, probes
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.replay import features

CLOSED = Protocol(
    "closed_activity",
    (
        blocks(*BLOCKS[:3]),
        *probes((100,), 4),
        "record.trials=false",
        "record.geometry=false",
        "network.feedback_pa=20.0",
    ),
    {"local": local()},
)
"""With feedback what was learned can reach the cells; three blocks: start, timing, probability."""

EVERY_MS = 10.0
BINS = 20
PERMUTATIONS = 100
ACTIVE_HZ = 0.1
"""Cells below this rate are silent: two readouts share them as they share cells that do not exist."""
TOP = (0.1, 0.25, 0.5)
RESTS_ON = ("one cue", "upper halves")
"""The test that the claim rests on: see `_weight_findings`."""
PARTITIONS = {"probability": (0, 0, 1, 1), "latency": (0, 1, 0, 1), "meaningless": (0, 1, 1, 0)}
"""Ways to pair the four cues by what follows them; the last way means nothing and is a control."""


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take selectivity of cells; of the main protocol also lesions."""
    task = read_task(recording)
    readout = read_readout(recording, LABEL)
    active = rates_hz(recording) >= ACTIVE_HZ
    out: dict[str, Any] = {"active": float(active.mean())}
    if protocol != CLOSED.name:
        out["weights"] = _shared(recording, task, active)
    if protocol == FOUR_CUES.name:
        return jsonable(out | _cues(recording, task, readout, active))
    out["activity"] = _blocks(recording, task, readout, active)
    if protocol == SWITCHES.name:
        out["lesions"] = measure_lesions(recording, task, readout)
    return jsonable(out)


def _shared(recording: Recording, task: Task, active: np.ndarray) -> dict[str, Any]:
    """Whether what and when lean on the same of the active cells, at the end of the first block."""
    rng = np.random.default_rng(0)
    what, when = block_weights(recording, 0, task)
    a, b = strength(what)[active], strength(when)[active]
    found = [shared_cells(a, b, 10 * PERMUTATIONS, rng, fraction) for fraction in TOP]
    first, second = np.abs(when[:2, :-1])[:, active]
    events = shared_cells(first, second, 10 * PERMUTATIONS, rng, TOP[0])
    return {
        "cells_what": effective_cells(what),
        "cells_when": effective_cells(when),
        "correlation": found[0].correlation,
        "correlation_chance_95": found[0].correlation_chance_95,
        "top": [f.top for f in found],
        "top_chance": [f.top_chance for f in found],
        "events_correlation": events.correlation,
        "events_top": events.top,
    }


def _binned(activity: Activity, active: np.ndarray) -> np.ndarray:
    return binned(activity.features[:, activity.time_ms > 0, :-1][..., active], BINS)


def _fraction(found: Selective) -> dict[str, float]:
    return {
        "cells": float(found.cells.mean()),
        "chance": found.chance,
        "effect": float(np.median(found.effect)),  # of all active cells, fraction of variance
    }


def _cues(recording: Recording, task: Task, readout: Readout, active: np.ndarray) -> dict[str, Any]:
    """Active cells that tell time, cues, and groups of cues."""
    rng = np.random.default_rng(0)
    x = _binned(block_activity(recording, readout, task, features, EVERY_MS, 0), active)
    every = np.flatnonzero(task.trial_block == 0)
    cue = task.seen.cue[every[np.linspace(0, every.size - 1, len(x)).round().astype(int)]]
    time = time_selectivity(x, PERMUTATIONS, rng)
    identity = label_selectivity(x, cue, PERMUTATIONS, rng)
    groups = {
        name: label_selectivity(x, np.array(of_cue)[cue], PERMUTATIONS, rng)
        for name, of_cue in PARTITIONS.items()
    }
    return {
        "time": _fraction(time),
        "cue": _fraction(identity),
        **{name: _fraction(found) for name, found in groups.items()},
        "cue_and_time": mixed(identity.cells, time.cells),
        "probability_and_time": mixed(groups["probability"].cells, time.cells),
    }


def _blocks(recording: Recording, task: Task, readout: Readout, active: np.ndarray) -> dict[str, Any]:
    """Active cells that differ across a switch of timing, of probability, and across no switch."""
    rng = np.random.default_rng(0)
    x = [_binned(block_activity(recording, readout, task, features, EVERY_MS, b), active) for b in range(3)]
    half = len(x[1]) // 2
    pairs = {
        # The second half of a block and of the next: what was learned by then differs.
        "timing": (x[0][half:], x[1][half:]),
        "probability": (x[1][half:], x[2][half:]),
        "nothing": (x[1][:half], x[1][half:]),
    }
    found = {}
    for name, (a, b) in pairs.items():
        labels = np.repeat([0, 1], [len(a), len(b)])
        found[name] = _fraction(label_selectivity(np.concatenate([a, b]), labels, PERMUTATIONS, rng))
    return {**found, "time": _fraction(time_selectivity(x[0], PERMUTATIONS, rng))}


def judge(measured: Measured) -> Judged:
    """Report overlap of populations, selectivity and lesions against their chance."""
    one, four, closed = (measured[p.name] for p in (SWITCHES, FOUR_CUES, CLOSED))
    shared = {name: _weight_findings(name, runs) for name, runs in (("one cue", one), ("four cues", four))}
    active = finding("cells that fire at .1 Hz or more, fraction", column(one, "active"))
    weights = [found for by_name in shared.values() for found in by_name.values()]
    findings = [active, *weights, *_activity_findings(one, four, closed)]
    found, lesions = judge_lesions(one)
    series = {
        "top": TOP,
        "weights": {
            name: {k: band(column(runs, "weights", k)) for k in next(iter(runs.values()))["weights"]}
            for name, runs in (("one_cue", one), ("four_cues", four))
        },
        "active": band(column(one, "active")),
        "four_cues": {
            name: {k: band(column(four, name, k)) for k in next(iter(four.values()))[name]}
            for name in ("time", "cue", *PARTITIONS, "cue_and_time", "probability_and_time")
        },
        "switches": {
            loop: {
                name: {k: band(column(runs, "activity", name, k)) for k in ("cells", "chance", "effect")}
                for name in ("timing", "probability", "nothing", "time")
            }
            for loop, runs in (("open", one), ("closed", closed))
        },
        "lesions": lesions,
    }
    cues, name = RESTS_ON
    return Judged([*findings, *found], series, rests_on=shared[cues][name])


def _weight_findings(name: str, runs: Any) -> dict[str, Finding]:
    """Findings about the cells that both readouts lean on, by a short name."""
    top, chance = column(runs, "weights", "top"), column(runs, "weights", "top_chance")
    half = "upper half of what cells that is in the upper half of when cells, minus chance (active cells)"
    stated = "overlapping populations"
    return {
        "correlation": finding(
            f"{name}: rank correlation over active cells of |what| and |when| weights",
            column(runs, "weights", "correlation"),
            at_least=0,
            published=stated,
        ),
        "upper halves": paired(f"{name}: {half}", top[:, 2], chance[:, 2], at_least=0, published=stated),
        "upper quarters": paired(
            f"{name}: the same for the upper quarters", top[:, 1], chance[:, 1], at_least=0
        ),
        "upper tenths": paired(f"{name}: the same for the upper tenths", top[:, 0], chance[:, 0], at_least=0),
        **{
            part: finding(
                f"{name}: cells that carry {part} (participation ratio)",
                column(runs, "weights", f"cells_{part}"),
                unit="cells",
            )
            for part in ("what", "when")
        },
    }


def _activity_findings(one: Any, four: Any, closed: Any) -> list[Finding]:
    def above(what: str, *keys: str) -> Finding:
        return paired(what, column(four, *keys, "cells"), column(four, *keys, "chance"), at_least=0)

    both = {k: column(four, "cue_and_time", k) for k in ("both", "both_independent")}
    out = [
        above("four cues: active cells that tell the time, minus chance", "time"),
        above("four cues: active cells that tell the cue, minus chance", "cue"),
        finding(
            "four cues: variance at the best time that the cue explains, median active cell",
            column(four, "cue", "effect"),
        ),
        finding(
            "four cues: variance that the time explains, median active cell", column(four, "time", "effect")
        ),
        finding("four cues: active cells that tell both (mixed)", both["both"]),
        paired(
            "four cues: that minus the product of the two fractions", both["both"], both["both_independent"]
        ),
        paired(
            "four cues: cells that tell cues of high from cues of low probability, minus cells that tell "
            "a meaningless pair of cues from the other",
            column(four, "probability", "cells"),
            column(four, "meaningless", "cells"),
            at_least=0,
        ),
    ]
    for name, runs in (("open", one), ("closed", closed)):
        still = column(runs, "activity", "nothing", "cells")
        out += [
            paired(
                f"{name} loop: active cells that differ across the {switch} switch, minus across none",
                column(runs, "activity", switch, "cells"),
                still,
            )
            for switch in ("timing", "probability")
        ]
    for switch, wanted in (("timing", 0.0), ("probability", None)):
        out.append(
            paired(
                f"active cells that differ across the {switch} switch, closed minus open loop",
                column(closed, "activity", switch, "cells"),
                column(one, "activity", switch, "cells"),
                at_least=wanted,
            )
        )
    return out


CLAIM = Claim(
    "C9b",
    "Overlapping populations with mixed selectivity",
    "overlapping populations (stated)",
    (SWITCHES, FOUR_CUES, CLOSED),
    measure,
    judge,
    (
        "Recurrent weights are fixed: in the open loop no spike depends on what was learned, and "
        "probability stands in readout weights alone. A cell can still tell the cues apart, and an "
        "experimenter who pairs cues by probability counts such cells; the meaningless pairing beside it "
        "shows how many.",
        "Silent cells have no weights in either readout, which alone makes the two correlate over all cells: "
        "the active ones are compared.",
        "In the closed loop y, not p-hat, is fed back: probability can reach cells only as far as y "
        "carries it.",
        "Successive trials are alike and cells fluctuate together, so many cells differ between any two "
        "stretches of trials, in the open loop as well, where nothing learned can reach them: permuted "
        "trials are no chance for these fractions, the open loop is.",
        "Silencing removes cells from the readout, not from the network.",
    ),
)
