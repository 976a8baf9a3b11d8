"""The geometry and the ridge ceiling of one recording: reads, fits, reports.

Features come from a function that recomputes the traces from the spikes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spikewhen.analysis.baselines import ridge_ceiling
from spikewhen.analysis.geometry import nulls as refits
from spikewhen.analysis.geometry.subspaces import (
    basis,
    duty_cycle_angle,
    overlap,
    principal_angles,
    random_null,
    root,
)
from spikewhen.analysis.ridge import fit_ridge
from spikewhen.analysis.targets import bump, marginal_target

if TYPE_CHECKING:
    from spikewhen.analysis.views import Features, Readout, Scores, Task
    from spikewhen.reservoir.files.recording import Recording

DRAWS = 100
HALVES = 10
MOST_TRIALS = 200
"""Of a block; so memory does not grow with its length."""


def final_weights(
    recording: Recording, label: str, block: int, task: Task
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what and when weights (K, N+1) at a block's last probes, None without probes or label."""
    after = task.probe_seen[task.probe_block == block]
    if after.size == 0 or f"/weights/{label}/trial" not in recording:
        return None
    row = int(np.flatnonzero(recording[f"/weights/{label}/trial"] == after.max())[0])
    what, when = (
        recording[f"/weights/{label}/{k}"][row][task.channels].astype(float) for k in ("what", "when")
    )
    return what, when


def learned_weights(
    recording: Recording, label: str, block: int, task: Task
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return `final_weights` if both readouts have directions, None where one is all zero."""
    weights = final_weights(recording, label, block, task)
    return weights if weights is not None and all(basis(w).shape[1] for w in weights) else None


def weight_geometry(recording: Recording, label: str, task: Task) -> Scores:
    """Return Euclidean angles (B, K) and overlap (B,) at the end of each block."""
    n, _, k = task.probability.shape
    angles, shared = np.full((n, k), np.nan), np.full(n, np.nan)
    for b in range(n):
        weights = final_weights(recording, label, b, task)
        if weights is not None:
            found = principal_angles(*weights)
            angles[b, : found.size], shared[b] = found, overlap(found)
    return {"angle_deg": angles, "overlap": shared}


def trial_bumps(task: Task, time_ms: np.ndarray, sigma_ms: float, rows: np.ndarray) -> np.ndarray:
    """Return s_k(t) (n, T, K) of every event: at its delivered time, else its mean latency.

    Of an event with two times that did not come, the average over both.
    """
    latency, late, share = (
        task.of_trials(a)[rows].copy() for a in (task.latency_ms, task.late_ms, task.late_share)
    )
    came = task.seen.event[rows] >= 0
    delivered = came, task.seen.event[rows][came]
    latency[delivered], share[delivered] = task.seen.time_ms[rows][came], 0
    bumps = bump(time_ms[:, None], latency[:, None, :], sigma_ms)
    if share.any():
        other = bump(time_ms[:, None], late[:, None, :], sigma_ms)
        bumps = bumps + share[:, None, :] * (other - bumps)
    return np.nan_to_num(bumps)


def ridge_errors(
    recording: Recording, readout: Readout, task: Task, features: Features, every_ms: float
) -> np.ndarray:
    """Return the ridge ceiling's E on the last probes of each block, NaN on the others, (q,).

    It depends on the activity alone: one fit serves every readout of the run.
    """
    out = np.full(len(task.probe_block), np.nan)
    for b in range(len(task.probability)):
        here = task.probe_block == b
        if not here.any():
            continue
        probes = np.flatnonzero(here & (task.probe_trial == task.probe_trial[here].max()))
        block = block_activity(recording, readout, task, features, every_ms, b)
        out[probes] = ridge_ceiling(
            block.features,
            block.bumps,
            features(recording, "probes", probes, every_ms),
            task.of_probes(task.probability)[probes],
            task.expected(marginal_target, block.time_ms, readout.sigma_ms, probes),
            block.time_ms,
        )
    return out


class BlockActivity(NamedTuple):
    """Activity and lessons of the training trials of one block."""

    block: int
    time_ms: np.ndarray  # (T',)
    features: np.ndarray  # (n, T', N+1) float64
    bumps: np.ndarray  # (n, T', K) s_k(t) of every event
    outcome: np.ndarray  # (n, K) one-hot, zero on omission
    probability: np.ndarray  # (n, K) true p


def block_activity(
    recording: Recording, readout: Readout, task: Task, features: Features, every_ms: float, block: int
) -> BlockActivity:
    """Collect a block's activity at times `every_ms` apart, of at most `MOST_TRIALS` evenly spaced trials."""
    rows = np.flatnonzero(task.trial_block == block)
    if rows.size > MOST_TRIALS:
        rows = rows[np.linspace(0, rows.size - 1, MOST_TRIALS).round().astype(int)]
    x = np.asarray(features(recording, "trials", rows, every_ms), float)
    stride = len(readout.time_ms) // x.shape[1]
    t = readout.time_ms[stride - 1 :: stride][: x.shape[1]]
    bumps = trial_bumps(task, t, readout.sigma_ms, rows)
    outcome = (task.seen.event[rows][:, None] == np.arange(bumps.shape[2])).astype(float)
    return BlockActivity(block, t, x, bumps, outcome, task.of_trials(task.probability)[rows])


class References(NamedTuple):
    """Chance and ceiling in one block's activity: what any readout of it is held against."""

    means: np.ndarray  # (n, N+1) mean features in the "what" window
    metric_root: np.ndarray  # (N, N) of the second moment of the activity
    chance: np.ndarray  # (DRAWS,) overlap of refits to broken targets
    output_chance: np.ndarray  # (DRAWS,) of the same refits, in that metric
    matched: float
    uniform: float
    ceiling_what: float
    ceiling_when: float


def references(
    activity: BlockActivity, window_ms: tuple[float, float], ranks: tuple[int, int], seed: int
) -> References:
    """Refit to the activity of a block; depends on the readout only through window and ranks.

    Parameters
    ----------
    activity : BlockActivity
    window_ms : (start, end)
        The "what" window, after cue onset.
    ranks : (what, when)
        Numbers of directions of the learned weights.
    seed : int
        Of the random draws.
    """
    rng = np.random.default_rng(seed)
    t, x, outcome = activity.time_ms, activity.features, activity.outcome
    means = x[:, (t > window_ms[0]) & (t <= window_ms[1])].mean(1)
    after, target = x[:, t >= 0], activity.bumps[:, t >= 0]
    flat = after.reshape(-1, after.shape[2])[:, :-1]
    metric = flat.T @ flat / len(flat)
    mean = flat.mean(0)
    covariance_root = root(metric - np.outer(mean, mean))
    penalty = fit_ridge(after, target).penalty

    def refit_when(i):
        return refits.fit_when(after[i], target[i], penalty)

    def refit_what(i):
        return refits.fit_what(means[i], outcome[i])

    metric_root = root(metric)
    broken = refits.broken_refits(after, target, means, outcome, penalty, DRAWS, rng)
    size = flat.shape[1], ranks[0], ranks[1], DRAWS, rng
    return References(
        means=means,
        metric_root=metric_root,
        chance=broken.overlaps(),
        output_chance=broken.overlaps(metric_root),
        matched=float(np.mean([overlap(a) for a in random_null(*size, covariance_root)])),
        uniform=float(np.mean([overlap(a) for a in random_null(*size)])),
        ceiling_what=refits.split_half(refit_what, len(x), HALVES, rng).mean(),
        ceiling_when=refits.split_half(refit_when, len(x), HALVES, rng).mean(),
    )


def activity_geometry(
    recording: Recording,
    label: str,
    readout: Readout,
    task: Task,
    activity: BlockActivity,
    known: dict[tuple, References],
    seed: int = 0,
) -> Scores:
    """Return overlap in the activity, chance, ceilings and losses, at the end of a block.

    Empty for readouts without "what" weights, or where either readout is all zero.

    Parameters
    ----------
    recording, label, readout, task
    activity : BlockActivity
    known : dict
        References found for other readouts of the same activity; added to.
    seed : int
        Of the random draws.
    """
    weights = learned_weights(recording, label, activity.block, task)
    if not readout.factored or weights is None:
        return {}
    what, when = weights
    rule = json.loads(recording.attrs[f"/readouts/{label}"]["parameters"])["what"]
    key = (
        (rule["window_start_ms"], rule["window_end_ms"]),
        (basis(what).shape[1], basis(when).shape[1]),
        seed,
    )
    if key not in known:
        known[key] = references(activity, *key)
    ref = known[key]
    found = overlap(principal_angles(what, when))
    after = activity.time_ms >= 0
    features, target = activity.features[:, after], activity.bumps[:, after]
    lose_when = refits.projection_loss(when, what, features, target)
    lose_what = refits.projection_loss(what, when, ref.means, activity.probability)
    values = {
        "overlap_output": overlap(principal_angles(what, when, ref.metric_root)),
        "overlap_output_chance": ref.output_chance.mean(),
        "overlap_chance": ref.chance.mean(),
        # Refits that learn nothing, as without any event, have no overlap to compare with.
        "overlap_chance_p": (1 + np.sum(ref.chance <= found)) / (1 + DRAWS)
        if np.isfinite(ref.chance).all()
        else np.nan,
        "overlap_matched": ref.matched,
        "overlap_uniform": ref.uniform,
        "ceiling_what": ref.ceiling_what,
        "ceiling_when": ref.ceiling_when,
        "angle_duty_deg": duty_cycle_angle(target.reshape(-1, target.shape[2])),
        "loss_when": lose_when.projected - lose_when.intact,
        "loss_what": lose_what.projected - lose_what.intact,
    }
    return {name: np.atleast_1d(float(value)) for name, value in values.items()}
