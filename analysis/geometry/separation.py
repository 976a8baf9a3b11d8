"""The geometry of one learned pair of readouts in one block, with chance and ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.analysis.geometry.nulls import broken_refits, fit_what
from spikewhen.analysis.geometry.removal import dissociate
from spikewhen.analysis.geometry.subspaces import (
    basis,
    duty_cycle_angle,
    leading,
    overlap,
    principal_angles,
    random_null,
    root,
)
from spikewhen.analysis.ridge import fit_ridge, solve_ridge

if TYPE_CHECKING:
    from spikewhen.analysis.geometry.overlap import BlockActivity


def window_means(features: np.ndarray, time_ms: np.ndarray, window_ms: tuple[float, float]) -> np.ndarray:
    """Average (n, T, M) features over the "what" window, (n, M)."""
    return features[:, (time_ms > window_ms[0]) & (time_ms <= window_ms[1])].mean(1)


def separation(
    what: np.ndarray,
    when: np.ndarray,
    activity: BlockActivity,
    window_ms: tuple[float, float],
    test: tuple[np.ndarray, np.ndarray, np.ndarray],
    seed: int,
    draws: int = 50,
    halves: int = 3,
    penalty: float | None = None,
) -> dict[str, Any]:
    """Measure how separate two readouts are, beside chance and ceiling in the same activity.

    Parameters
    ----------
    what, when : (K, N+1) array
        Learned weights, of any length, none zero.
    activity : BlockActivity
        Of the trials they were learned on: refits, metric and ceilings come from it.
    window_ms : (start, end)
        Of the "what" readout.
    test : features (q, T, N+1), s_k(t) (q, T, K), p (q, K)
        Probes, at the times of `activity`: what a projection costs is measured on them.
    seed : int
        Of the random draws.
    draws : int
        Refits and random directions.
    halves : int
        Random halvings of the trials for the ceilings.
    penalty : float, optional
        Of the refits; chosen on held-out trials if not given.

    Returns
    -------
    dict
        Angles in degrees, overlaps (mean squared cosine), losses (fractions of silence's error).
        ``*_output``: in the second moment of the activity, where a cosine is the correlation
        of outputs. ``leading_*``: of the largest "what" direction alone.
    """
    rng = np.random.default_rng(seed)
    after = activity.time_ms >= 0
    x, target = activity.features[:, after], activity.bumps[:, after]
    means = window_means(activity.features, activity.time_ms, window_ms)
    flat = x.reshape(-1, x.shape[2])
    gram, lessons = flat.T @ flat, target.reshape(len(flat), -1)
    metric, mean = gram[:-1, :-1] / len(flat), flat[:, :-1].mean(0)
    metric_root, covariance_root = root(metric), root(metric - np.outer(mean, mean))
    penalty = fit_ridge(x, target, folds=3).penalty if penalty is None else penalty
    broken = broken_refits(x, target, means, activity.outcome, penalty, draws, rng)

    angles, output = principal_angles(what, when), principal_angles(what, when, metric_root)
    chance, output_chance = broken.overlaps(), broken.overlaps(metric_root)
    first = principal_angles(leading(what), when)
    first_chance = [
        overlap(principal_angles(leading(a), b)) for a, b in zip(broken.what, broken.when, strict=True)
    ]
    n, ranks = len(metric), (basis(what).shape[1], basis(when).shape[1])
    random = {
        name: float(np.mean([overlap(a) for a in random_null(n, *ranks, draws, rng, r)]))
        for name, r in (("uniform", None), ("matched", covariance_root))
    }
    again: dict[str, list[float]] = {"what": [], "when": []}
    cross = flat.T @ lessons
    for _ in range(halves):
        order = rng.permutation(len(x))
        rows = np.sort(order[: len(x) // 2]), np.sort(order[len(x) // 2 :])
        half = x[rows[0]].reshape(-1, x.shape[2])
        # The Gram matrix of the other half is what is left.
        parts = half.T @ half, half.T @ target[rows[0]].reshape(len(half), -1)
        pairs = parts, (gram - parts[0], cross - parts[1])
        again["when"].append(overlap(principal_angles(*(solve_ridge(g, c, penalty) for g, c in pairs))))
        fits = (fit_what(means[r], activity.outcome[r]) for r in rows)
        again["what"].append(overlap(principal_angles(*fits)))
    features, bumps, probability = test
    lost = dissociate(
        what,
        when,
        features[:, after],
        bumps[:, after],
        window_means(features, activity.time_ms, window_ms),
        probability,
        broken,
        covariance_root,
        draws,
        rng,
    )
    return {
        "penalty": penalty,
        "angles_deg": angles.tolist(),
        "angles_output_deg": output.tolist(),
        "leading_deg": float(first[0]),
        "leading_overlap": overlap(first),
        "leading_chance": float(np.mean(first_chance)),
        "overlap": overlap(angles),
        "chance": float(chance.mean()),
        "chance_p": float((1 + np.sum(chance <= overlap(angles))) / (1 + draws)),
        "overlap_output": overlap(output),
        "chance_output": float(output_chance.mean()),
        **random,
        "ceiling_what": float(np.mean(again["what"])),
        "ceiling_when": float(np.mean(again["when"])),
        "duty_deg": duty_cycle_angle(lessons),
        **{
            f"{name}_{field}": float(value)
            for name, part in (("when", lost.when), ("what", lost.what))
            for field, value in part._asdict().items()
        },
    }
