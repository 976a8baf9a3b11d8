"""C6: "what" and "when" are read out along near-orthogonal directions; PC1 is probability, PC2 latency."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.analysis.geometry.activity import block_activity, learned_weights, probe_activity
from spikewhen.analysis.geometry.components import position_along
from spikewhen.analysis.geometry.overlap import BlockReferences, separation
from spikewhen.analysis.views import Task, read_readout, read_task
from spikewhen.examples.yamada_chao_2026.claims.grid import GRID, judge_components, measure_components
from spikewhen.examples.yamada_chao_2026.claims.rules import local
from spikewhen.examples.yamada_chao_2026.claims.shared import SWITCHES
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.protocol import Protocol, blocks, probes
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.replay import features

HIGH, LOW, EARLY, LATE = (0.8, 0.2), (0.2, 0.8), (300, 600), (450, 750)
FOUR_CUES = Protocol(
    "four_cues",
    (
        'paradigm.cues=["a", "b", "c", "d"]',
        blocks(((HIGH, HIGH, LOW, LOW), (EARLY, LATE, EARLY, LATE)), trials=400),
        *probes((400,), 10),
        "record.trials=false",
        "record.geometry=false",
    ),
    {"local": local()},
)
"""Two probabilities x two latencies, a cue for each: "what" has more than one direction."""

LABEL = "local"
EVERY_MS = 10.0
RESTS_ON = ("one cue", "below refits")
"""The test that the claim rests on: see `_overlaps`."""
ALIKE = 0.05
"""Error, as a fraction of silence's, up to which a removal counts as no worse than a random one."""


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take the geometry at every block's end, or the components of the grid."""
    if protocol == GRID.name:
        return jsonable(measure_components(recording))
    out: dict[str, Any] = {"blocks": list(_separations(recording))}
    if protocol == SWITCHES.name:
        out["path"] = _path(recording)
    return jsonable(out)


def block_weights(recording: Recording, block: int, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return the local rule's what and when weights (K, N+1) at the end of a block.

    Raises
    ------
    InputError
        If nothing was probed or learned there.
    """
    weights = learned_weights(recording, LABEL, block, task)
    if weights is None:
        raise InputError(schema.weights(LABEL), "absent or zero", f"both readouts, probed in block {block}")
    return weights


def what_rule(recording: Recording) -> dict[str, Any]:
    """Return the parameters with which the local rule learned "what"."""
    return json.loads(recording.attrs[schema.readout(LABEL)]["parameters"])["what"]


def _separations(recording: Recording) -> Iterator[dict]:
    task = read_task(recording)
    readout = read_readout(recording, LABEL)
    rule, penalty = what_rule(recording), None
    for b in range(len(task.probability)):
        weights = block_weights(recording, b, task)
        activity = block_activity(recording, readout, task, features, EVERY_MS, b)
        # The loop is open: activity does not depend on what was learned by then, so all probes serve.
        rows = np.flatnonzero(task.probe_block == b)
        tested = probe_activity(recording, readout, task, features, EVERY_MS, rows)
        found = separation(*weights, BlockReferences(activity, b, penalty), tested, rule)
        penalty = found.penalty  # of one network's activity: chosen once
        yield found.as_dict()


def _path(recording: Recording) -> dict[str, Any]:
    """Where the weights are after every probed trial, along the axes of two switches.

    The "what" axis goes from its weights before the probability switch (block 3) to
    those at that block's end, the "when" axis likewise over the timing switch (block 2).
    """
    task = read_task(recording)
    trials = recording[schema.weights(LABEL, "trial")]
    what, when = (
        recording[schema.weights(LABEL, k)][..., :-1].astype(float).reshape(len(trials), -1)
        for k in ("v", "w")
    )
    last = [int(np.flatnonzero(trials == n)[0]) for n in (*task.first_trial[1:], trials.max())]
    middle = int(np.argmin(np.abs(trials - trials[last[0]] / 2)))

    def size(w, a, b):
        return float(np.linalg.norm(w[b] - w[a]))

    return {
        "trial": trials,
        "first_trial": task.first_trial,
        "what": position_along(what, what[last[1]], what[last[2]]),
        "when": position_along(when, when[last[0]], when[last[1]]),
        # How far weights moved over a block, and over half of the first: what goes on without a switch.
        "moved_what": [size(what, a, b) for a, b in pairwise(last)],
        "moved_when": [size(when, a, b) for a, b in pairwise(last)],
        "idle_what": size(what, middle, last[0]),
        "idle_when": size(when, middle, last[0]),
    }


def judge(measured: Measured) -> Judged:
    """Compare overlap with chance and ceiling, losses with chance, components with permuted labels."""
    one, four = measured[SWITCHES.name], measured[FOUR_CUES.name]
    findings: list[Finding] = []
    series: dict[str, Any] = {}
    overlaps: dict[tuple[str, str], Finding] = {}
    for name, runs in (("one cue", one), ("four cues", four)):
        mean = _mean_over_blocks(runs)
        here = _overlaps(name, mean)
        overlaps |= {(name, key): found for key, found in here.items()}
        findings += [*here.values(), *_losses(name, mean)]
        series[name.replace(" ", "_")] = {k: band(v) for k, v in mean.items()}
    mean = _mean_over_blocks(one)
    findings.append(
        paired(
            "one cue: smallest angle in the metric of the activity minus what the duty cycle predicts",
            mean["angles_output_deg"][:, 0],
            mean["duty_deg"],
            unit="deg",
        )
    )
    series["by_block"] = {
        k: band(np.array([[b[k] for b in run["blocks"]] for run in one.values()], float))
        for k in ("overlap", "chance", "leading_deg", "overlap_output", "chance_output")
    }
    found, series["grid"] = judge_components(dict(measured[GRID.name]))
    findings += [*found, *_moves(one)]
    first = next(iter(one.values()))["path"]
    series["path"] = {
        **{k: first[k] for k in ("trial", "first_trial")},
        **{k: band(column(one, "path", k)) for k in ("what", "when")},
    }
    return Judged(findings, series, rests_on=overlaps[RESTS_ON])


def _mean_over_blocks(runs: Any) -> dict[str, np.ndarray]:
    """Every measure as the mean over block ends, (seeds, ...)."""
    keys = next(iter(runs.values()))["blocks"][0]
    return {
        k: np.array([np.mean([b[k] for b in run["blocks"]], axis=0) for run in runs.values()], float)
        for k in keys
    }


def _overlaps(name: str, mean: dict[str, np.ndarray]) -> dict[str, Finding]:
    """Findings about overlap, by a short name."""

    def below(what: str, ours: str, chance: str, published: str = "") -> Finding:
        return paired(f"{name}: {what}", mean[ours], mean[chance], below=0, published=published)

    text = "overlap of what and when minus that of refits to permuted and shifted lessons"
    return {
        "angle": finding(
            f"{name}: smallest angle between what and when", mean["angles_deg"][:, 0], unit="deg"
        ),
        "overlap": finding(f"{name}: overlap of what and when", mean["overlap"], published="near-orthogonal"),
        "below refits": below(text, "overlap", "chance", "near-orthogonal"),
        "leading": below("the same for the largest what direction", "leading_overlap", "leading_chance"),
        "output": below("the same in the metric of the activity", "overlap_output", "chance_output"),
        "uniform": below("overlap minus that of uniform random directions", "overlap", "uniform"),
        "matched": below(
            "overlap minus that of random directions as the activity varies", "overlap", "matched"
        ),
        "what": finding(f"{name}: ceiling, what with itself in split halves", mean["ceiling_what"]),
        "when": finding(f"{name}: ceiling, when with itself in split halves", mean["ceiling_when"]),
    }


def _losses(name: str, mean: dict[str, np.ndarray]) -> list[Finding]:
    out = []
    for ours, theirs in (("when", "what"), ("what", "when")):
        own, other, refit, uniform, matched = (
            mean[f"{ours}_{k}"] for k in ("own", "other", "refit", "uniform", "matched")
        )
        text = f"{name}: error of {ours}"
        out += [
            finding(f"{text} added by removing {theirs}", other),
            paired(f"{text}, own directions removed minus {theirs} removed", own, other, at_least=0),
            paired(
                f"{text}, {theirs} removed minus random directions removed", other, uniform, at_most=ALIKE
            ),
            paired(
                f"{text}, {theirs} removed minus random directions as the activity varies", other, matched
            ),
            paired(f"{text}, {theirs} removed minus refits of {theirs} to broken lessons", other, refit),
        ]
    return out


def _moves(one: Any) -> list[Finding]:
    what, when = (column(one, "path", f"moved_{k}") for k in ("what", "when"))
    idle = {k: column(one, "path", f"idle_{k}") for k in ("what", "when")}
    of_when, of_what = "over the timing switch", "over the probability switch"
    return [
        finding(f"what weights moved by the timing switch, {of_what}", what[:, 0] / what[:, 1]),
        finding(f"what weights moved in the second half of block 1, {of_what}", idle["what"] / what[:, 1]),
        finding(f"when weights moved by the probability switch, {of_when}", when[:, 1] / when[:, 0]),
        finding(f"when weights moved in the second half of block 1, {of_when}", idle["when"] / when[:, 0]),
    ]


CLAIM = Claim(
    "C6",
    "Near-orthogonal readouts; PC1 is probability, PC2 latency",
    "near-orthogonal, no angle given",
    (SWITCHES, FOUR_CUES, GRID),
    measure,
    judge,
    (
        "Overlap: mean squared cosine of the principal angles. Chance: readouts refitted to the same "
        "activity with outcomes permuted over trials and targets shifted in time.",
        "With one cue, what is rank one along the mean activity but for noise, and its overlap with when "
        "follows from the duty cycle of the targets; four cues give it directions of its own.",
        "Scaling what and when to equal variance gives each half of it: that probability, one direction of "
        "what, comes first is partly made by the scaling; the unscaled components are beside it.",
        "The rule of what never sees a latency, and conditions of one seed share the random numbers of "
        "their outcomes: that what weights do not vary with latency is so by construction.",
    ),
)
