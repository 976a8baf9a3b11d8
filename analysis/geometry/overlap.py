"""How separate one learned pair of readouts is, beside chance and ceiling in the same activity.

The scores in every result file and the claims of a study both come from here: one
definition of overlap, chance, ceiling and removal, with one number of random draws.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.analysis.geometry.activity import Activity, final_weights, learned_weights
from spikewhen.analysis.geometry.nulls import (
    Refits,
    WhatRate,
    ceiling_of_what,
    ceiling_of_when,
    permuted_what,
    shifted_when,
)
from spikewhen.analysis.geometry.removal import Dissociation, dissociate
from spikewhen.analysis.geometry.subspaces import (
    basis,
    duty_cycle_angle,
    leading,
    overlap,
    overlaps,
    principal_angles,
    random_directions,
    root,
)
from spikewhen.analysis.ridge import fit_ridge
from spikewhen.analysis.views import Scores
from spikewhen.reservoir.files import schema

if TYPE_CHECKING:
    from spikewhen.analysis.views import Task
    from spikewhen.reservoir.files.recording import Recording

GEOMETRY = (
    "overlap_output",
    "overlap_output_chance",
    "overlap_chance",
    "overlap_chance_p",
    "overlap_matched",
    "overlap_uniform",
    "ceiling_what",
    "ceiling_when",
    "angle_duty_deg",
    "loss_when",
    "loss_what",
)
"""Scores that compare the weights with the activity they were learned from."""

OF_SHIFTS = ("overlap_output_chance", "overlap_chance", "overlap_chance_p")
"""Those of them that need targets shifted in time."""

DRAWS = 100
"""Refits to broken targets, and random directions. On the network that ships the overlap of one
refit has an SD of 1.8 times the mean over refits; the mean of 100 is known to 18 %."""


class Separation(NamedTuple):
    """How separate "what" and "when" are. Overlaps are mean squared cosines, angles degrees."""

    penalty: float
    angles_deg: np.ndarray  # (min rank,) ascending
    angles_output_deg: np.ndarray  # the same in the second moment: cosines of outputs
    leading_deg: float  # of the largest "what" direction alone
    leading_overlap: float
    leading_chance: float
    overlap: float
    chance: float  # mean over the refits to broken targets
    chance_p: float  # fraction of these refits that overlap no more; NaN if any is undefined
    overlap_output: float
    chance_output: float
    uniform: float
    matched: float
    ceiling_what: float
    ceiling_when: float
    duty_deg: float
    lost: Dissociation  # what removing directions costs

    def as_dict(self) -> dict[str, Any]:
        """Return all by name; what "when" loses without its own directions is ``when_own``, and so on."""
        removals = {f"{n}_{k}": v for n, r in self.lost._asdict().items() for k, v in r._asdict().items()}
        return {k: v for k, v in self._asdict().items() if k != "lost"} | removals


def what_window(rule: Mapping[str, Any]) -> tuple[float, float]:
    """Return start and end of the window over which a "what" readout averages, ms after cue onset."""
    return rule["window_start_ms"], rule["window_end_ms"]


class References(NamedTuple):
    """Chance and ceiling of one pair of readouts in the activity they were learned from."""

    broken: Refits  # to permuted outcomes and shifted targets
    ceiling_what: float
    uniform: float  # mean overlap of random directions
    matched: float  # of random directions with the activity's covariance


class BlockReferences:
    """What readouts of a block's activity are held against; every part is computed once.

    Parameters
    ----------
    activity : Activity
        Of the trials that the readouts were learned on.
    seed : int
        Of the random draws.
    penalty : float, optional
        Of the ridge refits of "when"; chosen on held-out trials if not given.
    draws : int
        Refits to broken targets, and random directions.
    """

    def __init__(
        self,
        activity: Activity,
        seed: int = 0,
        penalty: float | None = None,
        draws: int = DRAWS,
    ):
        self._x, self._target = activity.after_cue
        self._activity, self._seed, self._draws = activity, seed, draws
        self._penalty = penalty
        self._known: dict[tuple, References] = {}
        self._means: dict[tuple[float, float], np.ndarray] = {}

    @cached_property
    def penalty(self) -> float:
        """Return the penalty of the ridge refits."""
        return fit_ridge(self._x, self._target).penalty if self._penalty is None else self._penalty

    @cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        flat = self._x.reshape(-1, self._x.shape[2])[:, :-1]
        return flat.T @ flat / len(flat), flat.mean(0)

    @cached_property
    def metric_root(self) -> np.ndarray:
        """Root (N, N) of the second moment of the activity."""
        return root(self._moments[0])

    @cached_property
    def covariance_root(self) -> np.ndarray:
        """Root (N, N) of the covariance of the activity."""
        metric, mean = self._moments
        return root(metric - np.outer(mean, mean))

    @cached_property
    def ceiling_when(self) -> float:
        """Overlap of "when" with itself over halves of the trials."""
        return float(ceiling_of_when(self._x, self._target, self.penalty, self._random(1)).mean())

    @cached_property
    def duty_deg(self) -> float:
        """Angle in the second moment that the targets' duty cycle predicts."""
        return duty_cycle_angle(self._target.reshape(-1, self._target.shape[2]))

    @cached_property
    def _when(self) -> np.ndarray:
        return shifted_when(self._x, self._target, self.penalty, self._draws, self._random(0))

    @property
    def trials(self) -> int:
        """Number of trials of the activity."""
        return len(self._x)

    @property
    def times(self) -> int:
        """Number of times of the activity from cue onset on."""
        return self._x.shape[1]

    def window_means(self, window_ms: tuple[float, float]) -> np.ndarray:
        """Return the features' means (n, N+1) over a window, as `Activity.window_means` does; kept."""
        if window_ms not in self._means:
            self._means[window_ms] = self._activity.window_means(window_ms)
        return self._means[window_ms]

    def _random(self, part: int) -> np.random.Generator:
        """Return the generator of one part, which does not depend on the other parts."""
        return np.random.default_rng([self._seed, part])

    def of(self, rule: Mapping[str, Any], ranks: tuple[int, int]) -> References:
        """Return chance and ceiling for a readout that learned by a rule.

        Parameters
        ----------
        rule : mapping
            Parameters of the "what" readout: window, rate, annealing (`WhatRate`).
        ranks : (what, when)
            Numbers of directions of the learned weights.
        """
        window, rate = what_window(rule), WhatRate.of(rule)
        if (window, rate, ranks) not in self._known:
            lessons = self.window_means(window), self._activity.outcome, rate
            size, rng = (len(self.metric_root), sum(ranks), self._draws), self._random(4)
            roots = (None, self.covariance_root)
            pairs = (np.split(random_directions(*size, rng, r), [ranks[0]], axis=1) for r in roots)
            self._known[window, rate, ranks] = References(
                Refits(permuted_what(*lessons, self._draws, self._random(2)), self._when),
                float(ceiling_of_what(*lessons, self._random(3)).mean()),
                *(float(overlaps(*pair).mean()) for pair in pairs),
            )
        return self._known[window, rate, ranks]


def separation(
    what: np.ndarray,
    when: np.ndarray,
    block: BlockReferences,
    probes: Activity,
    rule: Mapping[str, Any],
    removals: int = DRAWS,
) -> Separation:
    """Measure how separate two readouts are.

    Parameters
    ----------
    what, when : (K, N+1) array
        Learned weights, of any length, none zero; the bias last.
    block : BlockReferences
        Of the activity they were learned on.
    probes : Activity
        Held-out activity, on which the cost of removing directions is measured.
    rule : mapping
        Parameters of the "what" readout: its window and its rate.
    removals : int
        Random directions and refits whose removal is chance; with 0 that chance is NaN.
    """
    known = block.of(rule, (basis(what, bias=True).shape[1], basis(when, bias=True).shape[1]))
    angles = principal_angles(what, when, bias=True)
    output = principal_angles(what, when, block.metric_root, bias=True)
    chance, chance_output = known.broken.overlaps(), known.broken.overlaps(block.metric_root)
    found = overlap(angles)
    first = principal_angles(leading(what, bias=True), when[:, :-1])
    first_chance = overlaps(leading(known.broken.what, bias=True), known.broken.when[..., :-1])
    # Refits that learn nothing, as without any event, have no overlap to compare with.
    comparable = np.isfinite(chance).all()
    return Separation(
        penalty=block.penalty,
        angles_deg=angles,
        angles_output_deg=output,
        leading_deg=float(first[0]),
        leading_overlap=overlap(first),
        leading_chance=float(np.mean(first_chance)),
        overlap=found,
        chance=float(chance.mean()),
        chance_p=float((1 + np.sum(chance <= found)) / (1 + len(chance))) if comparable else np.nan,
        overlap_output=overlap(output),
        chance_output=float(chance_output.mean()),
        uniform=known.uniform,
        matched=known.matched,
        ceiling_what=known.ceiling_what,
        ceiling_when=block.ceiling_when,
        duty_deg=block.duty_deg,
        lost=dissociate(
            what,
            when,
            probes,
            what_window(rule),
            known.broken,
            block.covariance_root,
            removals,
            np.random.default_rng(0),
        ),
    )


def weight_geometry(recording: Recording, label: str, task: Task) -> Scores:
    """Return Euclidean angles (B, K) and overlap (B,) at the end of each block."""
    n, _, k = task.probability.shape
    angles, shared = np.full((n, k), np.nan), np.full(n, np.nan)
    for b in range(n):
        weights = final_weights(recording, label, b, task)
        if weights is not None:
            found = principal_angles(*weights, bias=True)
            angles[b, : found.size], shared[b] = found, overlap(found)
    return Scores(angle_deg=angles, overlap=shared)


def geometry_scores(found: Separation) -> Scores:
    """Return what result files keep of a separation, each (1,)."""
    values = (
        found.overlap_output,
        found.chance_output,
        found.chance,
        found.chance_p,
        found.matched,
        found.uniform,
        found.ceiling_what,
        found.ceiling_when,
        found.duty_deg,
        found.lost.when.other,
        found.lost.what.other,
    )
    return Scores((name, np.full(1, float(v))) for name, v in zip(GEOMETRY, values, strict=True))


def score_geometry(
    recording: Recording, label: str, task: Task, block: int, known: BlockReferences, probes: Activity
) -> Scores:
    """Return the geometry of a readout at the end of a block, as result files keep it.

    Empty for readouts without "what" weights, or where either readout is all zero.

    Parameters
    ----------
    recording : Recording
    label : str
    task : Task
    block : int
    known : BlockReferences
        Of the trials of that block.
    probes : Activity
        On its last probes.
    """
    attributes = recording.attrs[schema.readout(label)]
    weights = learned_weights(recording, label, block, task)
    if not attributes["factored"] or weights is None:
        return Scores()
    rule = json.loads(attributes["parameters"])["what"]
    means = known.window_means(what_window(rule))
    if known.times == 0 or not np.isfinite(means).all():
        reason = "no feature stands " + ("in the window of what" if known.times else "after the cue")
        return Scores().without(GEOMETRY, reason)
    try:
        found = geometry_scores(separation(*weights, known, probes, rule, removals=0))
    except np.linalg.LinAlgError as error:
        return Scores().without(GEOMETRY, f"the activity is degenerate: {error}")
    if known.trials < 2:
        found.without(
            ("ceiling_what", "ceiling_when"), "two halves of the last block need 2 trials, it has 1"
        )
    if known.times < 2:
        found.without(OF_SHIFTS, "nothing can be shifted in time: one feature stands after the cue")
    return found
