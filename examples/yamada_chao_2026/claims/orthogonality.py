"""C6H: "what" and "when" become orthogonal by error: beside the same lessons learned without one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.analysis.geometry.activity import Activity, block_activity
from spikewhen.analysis.geometry.components import rank_correlation
from spikewhen.analysis.geometry.nulls import (
    WhatRate,
    fit_what,
    hebbian_what,
    hebbian_when,
    permuted_what,
    shifted_when,
)
from spikewhen.analysis.geometry.overlap import what_window
from spikewhen.analysis.geometry.selectivity import strength
from spikewhen.analysis.geometry.subspaces import (
    basis,
    leading,
    overlap,
    principal_angles,
    random_angles,
    root,
)
from spikewhen.analysis.ridge import fit_ridge
from spikewhen.analysis.views import Task, read_readout, read_task
from spikewhen.examples.yamada_chao_2026.claims.geometry import EARLY, EVERY_MS, HIGH, LABEL, LATE, LOW
from spikewhen.examples.yamada_chao_2026.claims.populations import ACTIVE_HZ
from spikewhen.examples.yamada_chao_2026.claims.rules import local
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS, SWITCHES
from spikewhen.examples.yamada_chao_2026.claims.silencing import rates_hz
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.protocol import Protocol, blocks, probes
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.replay import features
from spikewhen.reservoir.rules import Gate, TeachingSignal

AFTER = (2, 5, 10, 20, 50, 100)
KEPT = (
    'simulation.precision="float32"',
    'record.spikes="all"',
    "record.geometry=false",
    "record.trials=false",
    *probes(AFTER, 1),
)
PLAIN = ("trace.normalise_ms=0.0", "trace.scale=1.5")
"""Traces as they are, on a scale at which |x|^2 is about 1 on average, as that of normalised ones is."""
CONTINGENCIES = ((HIGH, EARLY), (LOW, LATE), (HIGH, LATE), (LOW, EARLY))
TRIALS = 100


def _cues(n: int, *more: str) -> Protocol:
    p, t = zip(*CONTINGENCIES[:n], strict=True)
    task = blocks((p, t) if n > 1 else BLOCKS[0], trials=TRIALS)
    names = f"paradigm.cues={list('abcd'[:n])}"
    kind = "plain" if more else "normalised"
    return Protocol(f"orthogonal_{kind}_{n}", (names, task, *KEPT, *more), {LABEL: local()})


NORMALISED = {1: SWITCHES, **{n: _cues(n) for n in (2, 3, 4)}}
RAW = {n: _cues(n, *PLAIN) for n in (1, 4)}
FEATURES = {"normalised": NORMALISED, "plain": RAW}
CUES = {1: "one cue", 2: "two cues", 3: "three cues", 4: "four cues"}
WINDOWS = {"0-150 ms": (0.0, 150.0), "post-cue": (0.0, 1000.0)}
"""Of the average that "what" reads: before any event can come, and the article's."""
DRAWS = 50
"""Refits, and random directions, of which chance is the mean."""


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take overlap over the trials of block 1, learned and Hebbian; of one cue also its nulls."""
    task, readout = read_task(recording), read_readout(recording, LABEL)
    activity = block_activity(recording, readout, task, features, EVERY_MS, 0)
    rule = json.loads(recording.attrs[schema.readout(LABEL)]["parameters"])
    rate, own = WhatRate.of(rule["what"]), what_window(rule["what"])
    when = hebbian_when(*_lessons(activity, task, Gate(**rule["gate"])), rule["epsilon"])
    rows = recording[schema.weights(LABEL, "trial")]
    learned = {int(n): i for i, n in enumerate(rows) if n in AFTER}
    v, w = (np.asarray(recording[schema.weights(LABEL, k)], float) for k in ("v", "w"))
    out: dict[str, Any] = {"trial": sorted(learned), "windows": {}}
    for name, window in WINDOWS.items():
        means = activity.window_means(window)
        without = hebbian_what(means, activity.outcome, rate.epsilon)
        pairs: dict[str, list] = {"learned": [], "hebbian": []}
        for n, i in sorted(learned.items()):
            # The readout itself may not look past the first event: its rule learns that window here.
            what = v[i] if window == own else fit_what(means[:n], activity.outcome[:n], rate)
            pairs["learned"].append((what, w[i]))
            pairs["hebbian"].append((without[n - 1], when[n - 1]))
        entry: dict[str, Any] = {k: [_shared(*pair) for pair in every] for k, every in pairs.items()}
        entry["all"] = {k: [overlap(principal_angles(*p, bias=True)) for p in e] for k, e in pairs.items()}
        out["windows"][name] = entry
        if task.probability.shape[1] == 1:
            entry["nulls"] = _nulls(recording, activity, means, rate, pairs["learned"][-1])
    return jsonable(out)


def _lessons(activity: Activity, task: Task, gate: Gate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, targets and gates of the trials as they were taught."""
    trials = np.flatnonzero(task.trial_block == 0)
    event, at = task.seen.event[trials], task.seen.time_ms[trials]
    k = activity.bumps.shape[2]
    taught = [
        gate.teach(TeachingSignal(activity.time_ms, s, int(e), np.full(k, t)))
        for s, e, t in zip(activity.bumps, event, at, strict=True)
    ]
    target, opened = (np.array(a) for a in zip(*taught, strict=True))
    return activity.features, target, opened


def _shared(what: np.ndarray, when: np.ndarray) -> float | None:
    """Return the overlap of the largest "what" direction with "when"; None before both have learned."""
    if not all(basis(x, bias=True).shape[1] for x in (what, when)):
        return None
    return overlap(principal_angles(leading(what, bias=True), when[:, :-1]))


def _nulls(
    recording: Recording, activity: Activity, means: np.ndarray, rate: WhatRate, pair: tuple
) -> dict[str, Any]:
    """What refits to broken lessons and random directions share, and which cells both lean on."""
    rng = np.random.default_rng(0)
    x, s = activity.after_cue
    penalty = fit_ridge(x, s, folds=3).penalty
    broken = list(
        zip(
            permuted_what(means, activity.outcome, rate, DRAWS, rng),
            shifted_when(x, s, penalty, DRAWS, rng),
            strict=True,
        )
    )
    flat = x.reshape(-1, x.shape[2])[:, :-1]
    covariance = np.cov(flat, rowvar=False, bias=True)
    rank = basis(pair[1], bias=True).shape[1]
    size = flat.shape[1], 1, rank, DRAWS, rng
    active = rates_hz(recording) >= ACTIVE_HZ
    correlated = [_correlation(a, b, active) for a, b in broken]
    return {
        "refits": float(np.mean([_shared(a, b) for a, b in broken])),
        "matched": float(np.mean([overlap(a) for a in random_angles(*size, root(covariance))])),
        "uniform": float(np.mean([overlap(a) for a in random_angles(*size)])),
        "cells": _correlation(pair[0], pair[1], active),
        "cells_refits": float(np.mean(correlated)),
    }


def _correlation(what: np.ndarray, when: np.ndarray, active: np.ndarray) -> float:
    """Return the rank correlation over active cells of how much both readouts weigh them."""
    return float(rank_correlation(strength(what)[active], strength(when)[active]))


def judge(measured: Measured) -> Judged:
    """Compare the overlap that was learned with what the same lessons give without an error."""
    findings: list[Finding] = []
    series: dict[str, Any] = {"trial": AFTER, "windows": list(WINDOWS)}
    rests_on = None
    for kind, protocols in FEATURES.items():
        series[kind] = {}
        for n, protocol in protocols.items():
            runs = measured[protocol.name]
            series[kind][CUES[n]] = {}
            for window in WINDOWS:
                name = f"{CUES[n]}, {kind} features, window {window}"
                found = {k: column(runs, "windows", window, k) for k in ("learned", "hebbian")}
                both = {k: column(runs, "windows", window, "all", k)[:, -1] for k in found}
                main = (kind, n, window) == ("normalised", 1, "0-150 ms")
                ends = paired(
                    f"{name}: overlap of the largest what direction and when at trial {AFTER[-1]}, "
                    "learned minus Hebbian",
                    found["learned"][:, -1],
                    found["hebbian"][:, -1],
                    below=0.0,
                    published="near-orthogonal" if main else "",
                )
                rests_on = ends if main else rests_on
                findings += [
                    *(
                        finding(f"{name}: that overlap, {k}, trial {AFTER[-1]}", v[:, -1])
                        for k, v in found.items()
                    ),
                    ends,
                    paired(
                        f"{name}: learned, trial {AFTER[-1]} minus trial {AFTER[1]}",
                        found["learned"][:, -1],
                        found["learned"][:, 1],
                        below=0.0 if main else None,
                    ),
                    paired(
                        f"{name}: Hebbian, trial {AFTER[-1]} minus trial {AFTER[1]}",
                        found["hebbian"][:, -1],
                        found["hebbian"][:, 1],
                    ),
                    paired(
                        f"{name}: overlap of all directions, learned minus Hebbian",
                        both["learned"],
                        both["hebbian"],
                    ),
                ]
                entry = {k: band(v) for k, v in found.items()}
                if n == 1:
                    more, entry["nulls"] = _against(name, runs, window, found["learned"][:, -1])
                    findings += more
                series[kind][CUES[n]][window] = entry
    return Judged(findings, series, rests_on=rests_on)


def _against(name: str, runs: Any, window: str, learned: np.ndarray) -> tuple[list[Finding], dict[str, Any]]:
    """Findings of one cue against refits and random directions, and about the cells."""
    keys = ("refits", "matched", "uniform", "cells", "cells_refits")
    nulls = {k: column(runs, "windows", window, "nulls", k) for k in keys}
    text = f"{name}: rank correlation over active cells of |what| and |when|"
    return [
        paired(f"{name}: learned minus refits to broken lessons", learned, nulls["refits"]),
        paired(f"{name}: learned minus random directions as the activity varies", learned, nulls["matched"]),
        paired(f"{name}: learned minus uniform random directions", learned, nulls["uniform"]),
        finding(text, nulls["cells"], published="overlapping populations"),
        paired(f"{text}, minus that of refits to broken lessons", nulls["cells"], nulls["cells_refits"]),
    ], {k: band(v) for k, v in nulls.items()}


CLAIM = Claim(
    "C6H",
    "Orthogonal by error",
    "near-orthogonality emerges",
    tuple(p for of in FEATURES.values() for p in of.values()),
    measure,
    judge,
    (
        "Hebbian: the same trials, features and gate without an error, V as the sum of o m, W as that of "
        "G s x, each divided by its norm as the rules divide it.",
        "Built in: with one cue what lies along the mean activity of its window whatever it learns, and "
        "features in units of their own fluctuations give cells that answer the cue less weight later.",
        "What emerges: the error takes from both readouts what they would share, since what the other "
        "moments of a trial already explain is not learned again; association alone keeps it.",
        "Refits to broken lessons learn by an error too, so they show chance, and not what the error does. "
        "The ceilings stand in C6.",
    ),
)
