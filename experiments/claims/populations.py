"""C9, populations: "what" and "when" rest on overlapping cells; what each class of cells carries."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis import selectivity
from analysis.geometry import block_activity
from analysis.ladder import combine
from analysis.lesions import (
    Probes,
    probe_readout,
    refit_without,
    same_number,
    same_rate,
    some,
    thirds,
    without,
)
from analysis.reading import Readout, Task, read_readout, read_task
from analysis.ridge import fit_ridge
from analysis.scores import error
from analysis.separation import window_means
from analysis.targets import marginal_target
from experiments.claims.claim import Claim, Judged, Measured, band, column, finding, jsonable, paired
from experiments.claims.geometry import FOUR_CUES, LABEL, block_weights, what_window
from experiments.claims.protocol import Protocol, blocks, probes
from experiments.claims.rules import local
from experiments.claims.shared import BLOCKS, SWITCHES
from reservoir.replay import features
from reservoir.storage import Recording

CLOSED = Protocol(
    "closed_activity",
    (blocks(*BLOCKS[:3]), *probes((100,), 4), "record.trials=false", "network.feedback_pa=20.0"),
    {"local": local()},
)
"""With feedback what was learned can reach the cells; three blocks: start, timing, probability."""

EVERY_MS = 10.0
BINS = 20
PERMUTATIONS = 100
CONTROLS = 5
KEPT = (50, 100, 200, 500, 1000)
PARTITIONS = {"probability": (0, 0, 1, 1), "latency": (0, 1, 0, 1), "meaningless": (0, 1, 1, 0)}
"""Of the four cues, by what follows them; the last by nothing."""


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take selectivity of cells; of the main protocol also weights and lesions."""
    task = read_task(recording)
    readout = read_readout(recording, LABEL, task.channels)
    if protocol == FOUR_CUES.name:
        return jsonable(_cues(recording, task, readout))
    out = {"activity": _blocks(recording, task, readout)}
    if protocol == SWITCHES.name:
        out |= {"weights": _weights(recording, task), "lesions": _lesions(recording, task, readout)}
    return jsonable(out)


def _binned(recording: Recording, task: Task, readout: Readout, block: int) -> np.ndarray:
    activity = block_activity(recording, readout, task, features, EVERY_MS, block)
    return selectivity.binned(activity.features[:, activity.time_ms > 0, :-1], BINS)


def _fraction(found: selectivity.Selective) -> dict[str, float]:
    return {"cells": float(found.cells.mean()), "chance": found.chance}


def _cues(recording: Recording, task: Task, readout: Readout) -> dict[str, Any]:
    """Cells that tell time, cues, and groups of cues, over the last 100 trials or so of four cues."""
    rng = np.random.default_rng(0)
    activity = block_activity(recording, readout, task, features, EVERY_MS, 0)
    x = selectivity.binned(activity.features[:, activity.time_ms > 0, :-1], BINS)
    every = np.flatnonzero(task.trial_block == 0)
    rows = every[np.linspace(0, every.size - 1, len(x)).round().astype(int)]
    cue = task.seen.cue[rows]
    time = selectivity.time_selectivity(x, PERMUTATIONS, rng)
    identity = selectivity.label_selectivity(x, cue, PERMUTATIONS, rng)
    groups = {
        name: selectivity.label_selectivity(x, np.array(of_cue)[cue], PERMUTATIONS, rng)
        for name, of_cue in PARTITIONS.items()
    }
    return {
        "time": _fraction(time),
        "cue": _fraction(identity),
        "mixed": selectivity.mixed(identity.cells, time.cells),
        **{name: _fraction(found) for name, found in groups.items()},
        "probability_and_time": selectivity.mixed(groups["probability"].cells, time.cells),
        "weights": _shared(*block_weights(recording, 0, task), rng),
    }


def _blocks(recording: Recording, task: Task, readout: Readout) -> dict[str, Any]:
    """Cells that differ across a switch of timing, of probability, and across no switch."""
    rng = np.random.default_rng(0)
    x = [_binned(recording, task, readout, b) for b in range(3)]
    half = len(x[1]) // 2
    pairs = {
        # The second half of a block and of the next: what was learned by then differs, and 100 trials passed.
        "timing": (x[0][half:], x[1][half:]),
        "probability": (x[1][half:], x[2][half:]),
        "nothing": (x[1][:half], x[1][half:]),
    }
    found = {}
    for name, (a, b) in pairs.items():
        labels = np.repeat([0, 1], [len(a), len(b)])
        found[name] = _fraction(
            selectivity.label_selectivity(np.concatenate([a, b]), labels, PERMUTATIONS, rng)
        )
    return found | {"time": _fraction(selectivity.time_selectivity(x[0], PERMUTATIONS, rng))}


def _shared(what: np.ndarray, when: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    both = selectivity.shared_cells(
        selectivity.strength(what), selectivity.strength(when), 10 * PERMUTATIONS, rng
    )
    return {
        "cells_what": selectivity.effective_cells(what),
        "cells_when": selectivity.effective_cells(when),
        **both._asdict(),
    }


def _weights(recording: Recording, task: Task) -> dict[str, Any]:
    """Whether what and when lean on the same cells at the end of the first block, and each event's when."""
    rng = np.random.default_rng(0)
    what, when = block_weights(recording, 0, task)
    two = selectivity.shared_cells(np.abs(when[0, :-1]), np.abs(when[1, :-1]), 10 * PERMUTATIONS, rng)
    return _shared(what, when, rng) | {"between_events": two._asdict()}


def _lesions(recording: Recording, task: Task, readout: Readout, block: int = 0) -> dict[str, Any]:
    """Silence classes of cells, and keep random subsets, in the readout of the first block."""
    rng = np.random.default_rng(0)
    what, when = block_weights(recording, block, task)
    activity = block_activity(recording, readout, task, features, EVERY_MS, block)
    after = activity.time_ms >= 0
    x, s = activity.features[:, after], activity.bumps[:, after]
    penalty = fit_ridge(x, s, folds=3).penalty
    flat = x.reshape(-1, x.shape[2])
    gram, cross = flat.T @ flat, flat.T @ s.reshape(len(flat), -1)
    del activity, x, flat
    tested = _probes(recording, task, readout, block)
    n = what.shape[1] - 1
    rate = np.bincount(recording["/spikes/reservoir/node_ids"], minlength=n).astype(float)
    rate *= 1000 / float(recording["/trials/onset_ms"][-1])

    def refit(cells):
        w = refit_without(gram, cross, penalty, cells)
        z = combine(tested.probability, tested.features @ w.T)
        return float(error(z, tested.target, tested.time_ms).mean())

    def silenced(cells):
        kept = probe_readout(without(what, cells), without(when, cells), tested)
        return kept._asdict() | {"refit": refit(cells)}

    def mean_of(masks):
        found = [silenced(mask) for mask in masks]
        table = {k: np.array([f[k] for f in found]) for k in found[0]}
        # No peak, no timing: means are over those that have one.
        return {
            k: float(v[np.isfinite(v)].mean()) if np.isfinite(v).any() else np.nan for k, v in table.items()
        }

    out: dict[str, Any] = {"intact": silenced(np.zeros(n, bool)), "classes": {}, "subsets": {}}
    for name, cells in _classes(recording).items():
        out["classes"][name] = {
            "n": int(cells.sum()),
            "rate_hz": float(rate[cells].mean()),
            "silenced": silenced(cells),
            "same_number": mean_of([same_number(cells, rng) for _ in range(CONTROLS)]),
            "same_rate": mean_of([same_rate(cells, rate, rng) for _ in range(CONTROLS)]),
        }
    for keep in (k for k in KEPT if k < n):
        masks = [some(n, keep, rng) for _ in range(CONTROLS)]
        # Learned weights of the cells that remain, scaled up by the number that is missing.
        gain = n / keep
        scaled = [probe_readout(gain * without(what, m), gain * without(when, m), tested) for m in masks]
        out["subsets"][str(keep)] = {
            "refit": float(np.mean([refit(m) for m in masks])),
            "scaled": float(np.mean([s.error for s in scaled])),
        }
    return out


def _probes(recording: Recording, task: Task, readout: Readout, block: int) -> Probes:
    """All probes of a block: the loop is open, their activity does not depend on what was learned by then."""
    rows = np.flatnonzero(task.probe_block == block)
    x = np.asarray(features(recording, "probes", rows, EVERY_MS), float)
    t = readout.time_ms[len(readout.time_ms) // x.shape[1] - 1 :: len(readout.time_ms) // x.shape[1]]
    means = window_means(x, t, what_window(recording))
    p, latency, sd = (
        task.of_probes(a)[rows] for a in (task.probability, task.latency_ms, task.latency_sd_ms)
    )
    return Probes(x, means, marginal_target(t, p, latency, sd, readout.sigma_ms), p, latency, t)


def _classes(recording: Recording) -> dict[str, np.ndarray]:
    kind = recording["/network/cell_type"]
    names = list(recording.attrs["/network/cell_type"]["names"])
    classes = {name: kind == i for i, name in enumerate(names) if np.any(kind == i)}
    excitatory = np.isin(kind, [i for i, name in enumerate(names) if name in ("RS", "IB", "CH")])
    slow = np.where(excitatory, recording["/network/neurons/a"], np.nan)
    adaptation = dict(zip(("slow", "middle", "fast"), thirds(slow), strict=True))
    return classes | {f"{name} adaptation": mask for name, mask in adaptation.items()}


def judge(measured: Measured) -> Judged:
    """Report overlap of populations, selectivity and lesions against their chance."""
    one, four, closed = (measured[p.name] for p in (SWITCHES, FOUR_CUES, CLOSED))
    shared = paired(
        "one cue: top tenth of what cells that is in the top tenth of when cells, minus chance",
        column(one, "weights", "top"), column(one, "weights", "top_chance"), at_least=0,
        published="overlapping populations",
    )  # fmt: skip
    findings = [
        finding("one cue: rank correlation over cells of |what| and |when| weights",
                column(one, "weights", "correlation"), at_least=0, published="overlapping populations"),
        shared,
        paired("four cues: the same", column(four, "weights", "top"), column(four, "weights", "top_chance"),
               at_least=0),
        finding("cells that carry what (participation ratio)", column(one, "weights", "cells_what"),
                unit="cells"),
        finding("cells that carry when (participation ratio)", column(one, "weights", "cells_when"),
                unit="cells"),
        *_selectivity_findings(one, four, closed),
        *_lesion_findings(one),
    ]  # fmt: skip
    return Judged(findings, _series(one, four, closed), shared.p)


def _selectivity_findings(one, four, closed) -> list:
    def above(what, runs, *keys, **bounds):
        return paired(what, column(runs, *keys, "cells"), column(runs, *keys, "chance"), **bounds)

    mixed = {k: column(four, "mixed", k) for k in ("both", "both_independent")}
    out = [
        above("four cues: cells whose activity tells the time, minus chance", four, "time", at_least=0),
        above("four cues: cells whose activity tells the cue, minus chance", four, "cue", at_least=0),
        finding("four cues: cells that tell both (mixed)", mixed["both"]),
        paired("four cues: cells that tell both minus the product of the fractions", mixed["both"],
               mixed["both_independent"]),
        paired("four cues: cells that tell cues of high from cues of low probability, minus cells that tell "
               "a meaningless pair of cues from the other",
               column(four, "probability", "cells"), column(four, "meaningless", "cells"), at_least=0),
    ]  # fmt: skip
    for name, runs in (("open", one), ("closed", closed)):
        for switch in ("timing", "probability"):
            out.append(
                paired(f"{name} loop: cells that differ across the {switch} switch, minus across none",
                       column(runs, "activity", switch, "cells"),
                       column(runs, "activity", "nothing", "cells"))
            )  # fmt: skip
    for switch in ("timing", "probability"):
        out.append(
            paired(f"cells that differ across the {switch} switch, closed minus open loop",
                   column(closed, "activity", switch, "cells"), column(one, "activity", switch, "cells"))
        )  # fmt: skip
    return out


def _lesion_findings(one) -> list:
    out = []
    for name in next(iter(one.values()))["lesions"]["classes"]:

        def get(which, score, name=name):
            return column(one, "lesions", "classes", name, which, score)

        out += [
            paired(f"{name} silenced: E minus that with as many random cells silenced",
                   get("silenced", "error"), get("same_number", "error")),
            paired(f"{name} silenced: E minus that with random cells of the same total rate silenced",
                   get("silenced", "error"), get("same_rate", "error")),
            paired(f"{name} silenced, when refitted: E minus that with as many random cells silenced",
                   get("silenced", "refit"), get("same_number", "refit")),
            paired(f"{name} silenced: |p-hat - p| minus that with as many random cells silenced",
                   get("silenced", "p_error"), get("same_number", "p_error")),
        ]  # fmt: skip
    intact = column(one, "lesions", "intact", "refit")
    for keep in next(iter(one.values()))["lesions"]["subsets"]:
        refit = column(one, "lesions", "subsets", keep, "refit")
        out += [
            finding(f"E of {keep} random cells, when refitted, true p", refit),
            paired(f"E of {keep} random cells, when refitted, minus that of all", refit, intact),
            finding(f"E of {keep} random cells, learned weights scaled up",
                    column(one, "lesions", "subsets", keep, "scaled")),
        ]  # fmt: skip
    return out


def _series(one, four, closed) -> dict[str, Any]:
    first = next(iter(one.values()))
    scores = ("error", "timing_ms", "p_error", "refit")
    return {
        "weights": {
            k: band(column(runs, "weights", k))
            for runs in (one,)
            for k in ("correlation", "correlation_chance_95", "top", "top_chance", "cells_what", "cells_when")
        },
        "four_cues": {
            name: {k: band(column(four, name, k)) for k in next(iter(four.values()))[name]}
            for name in ("time", "cue", *PARTITIONS, "mixed", "probability_and_time", "weights")
        },
        "switches": {
            loop: {
                name: {k: band(column(runs, "activity", name, k)) for k in ("cells", "chance")}
                for name in ("timing", "probability", "nothing", "time")
            }
            for loop, runs in (("open", one), ("closed", closed))
        },
        "lesions": {
            name: {
                "n": band(column(one, "lesions", "classes", name, "n")),
                "rate_hz": band(column(one, "lesions", "classes", name, "rate_hz")),
                **{
                    which: {k: band(column(one, "lesions", "classes", name, which, k)) for k in scores}
                    for which in ("silenced", "same_number", "same_rate")
                },
            }
            for name in first["lesions"]["classes"]
        },
        "intact": {k: band(column(one, "lesions", "intact", k)) for k in scores},
        "subsets": {
            keep: {k: band(column(one, "lesions", "subsets", keep, k)) for k in ("refit", "scaled")}
            for keep in first["lesions"]["subsets"]
        },
    }


CLAIM = Claim(
    "C9b", "Overlapping populations with mixed selectivity", "overlapping populations (stated)",
    (SWITCHES, FOUR_CUES, CLOSED), measure, judge,
    (
        "Recurrent weights are fixed: in the open loop no spike depends on what was learned, and "
        "probability stands in readout weights alone. A cell can still tell the cues apart, and an "
        "experimenter who pairs cues by probability counts such cells; the meaningless pairing beside it "
        "shows how many.",
        "Silencing removes cells from the readout, not from the network.",
        "In the closed loop y, not p-hat, is fed back: probability can reach cells only as far as y "
        "carries it.",
    ),
)  # fmt: skip
