"""When a rule that unlearns lost weights, counted from what its readout said while it learned."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spikewhen.analysis.bands import band
from spikewhen.analysis.targets import bump
from spikewhen.analysis.views import read_clock, read_task
from spikewhen.examples.yamada_chao_2026.claims.worlds import (
    AT_ENDS,
    JITTERED,
    JITTERS_MS,
    LONG,
    NAMES,
    ONLINE,
    OVER_TRAINED,
)
from spikewhen.experiments.study.claim import Finding, Measured, column, finding, paired
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.rules import Unlearn

FORMS = {"unlearn": AT_ENDS, "online": ONLINE}
"""The two forms of unlearning, by their label."""
GRACE = 20
"""Trials of a run before losses are counted: until then a bump is still growing."""


class Losses(NamedTuple):
    """Of each training trial, what its delivered channel lost."""

    event: np.ndarray  # (n,) delivered, -1 = none
    surprise: np.ndarray  # (n,) u, NaN where nothing came
    at_end: np.ndarray  # (n,) share of the weights that the trial's end takes
    online: np.ndarray  # (n,) share that the steps of the trial take

    def counted(self, where: np.ndarray) -> dict[str, float]:
        """Return trials with a loss and the mean share lost, per 100 of some trials; NaN of none."""
        if not where.any():
            return {"trials": np.nan, "share": np.nan}
        lost = (self.at_end + self.online)[where]
        return {"trials": 100 * float(np.mean(lost > 0)), "share": 100 * float(np.mean(lost))}


def losses(recording: Recording, label: str, unlearn: Unlearn) -> Losses:
    """Recompute the surprise of every trial, and what it took.

    Parameters
    ----------
    recording : Recording
        With ``record.trials``; sums are over the readout steps that were kept.
    label : str
        Any readout: of one that does not unlearn it is what would have been lost.
    unlearn : Unlearn
        Thresholds.
    """
    task = read_task(recording)
    time = np.asarray(recording[schema.readout(label, "time_ms")], float)
    y = np.asarray(recording[schema.readout(label, "trials", "y")], float)[:, time >= 0]
    sigma = float(recording[schema.readout(label, "sigma_ms")][0])
    event, n = task.seen.event, len(task.seen.event)
    surprise, at_end, online = np.full(n, np.nan), np.zeros(n), np.zeros(n)
    came = np.zeros(task.probability.shape[2], int)
    every = max(1, round((time[1] - time[0]) / read_clock(recording, time).step_ms))
    for i in np.flatnonzero(event >= 0):
        k = event[i]
        s = bump(time[time >= 0], task.seen.time_ms[i], sigma)
        wrong = s - y[i, :, k]
        surprise[i] = np.sum(np.minimum(wrong, 0) ** 2) / np.sum(s**2)
        if unlearn.at_trial_ends and came[k] >= unlearn.after:
            above = (surprise[i] - unlearn.above) / (unlearn.all_at - unlearn.above)
            at_end[i] = np.clip(above, 0, 1)
        excess = unlearn.rate * np.maximum(-wrong - unlearn.error, 0)
        online[i] = 1 - np.prod((1 - np.minimum(excess, 1)) ** every)
        came[k] += 1
    return Losses(event, surprise, at_end, online)


def first_difference(recording: Recording, a: str, b: str) -> float:
    """Return the first probed trial at which two readouts' "when" weights differ in any bit; inf = none."""
    trial = recording[schema.weights(a, "trial")]
    ours, theirs = (np.asarray(recording[schema.weights(x, "w")]) for x in (a, b))
    differ = np.flatnonzero((ours != theirs).any(axis=(1, 2)))
    return float(trial[differ[0]]) if differ.size else np.inf


def measure_losses(recording: Recording) -> dict[str, Any]:
    """Return by block what was lost of the weights, and the surprise of every trial."""
    block = read_task(recording).trial_block
    settled = np.arange(block.size) >= GRACE
    out: dict[str, Any] = {"first_difference": first_difference(recording, "plain", "unlearn")}
    for label, form in FORMS.items():
        found = losses(recording, label, form)
        out[label] = [found.counted(settled & (block == b)) for b in range(int(block.max()) + 1)]
    plain = losses(recording, "plain", AT_ENDS)
    out["surprise"] = {"plain": plain.surprise, "unlearn": losses(recording, "unlearn", AT_ENDS).surprise}
    return out


def judge_losses(measured: Measured) -> tuple[list[Finding], dict[str, Any]]:
    """Count trials that took weights though nothing had switched."""
    still = measured[OVER_TRAINED[LONG].name]
    places = {"fixed": (still, 0)} | {
        f"SD {sd} ms": (measured[JITTERED.name], b) for b, sd in enumerate(JITTERS_MS)
    }
    out: list[Finding] = []
    series: dict[str, Any] = {}
    for name, (runs, b) in places.items():
        for label in FORMS:
            counted = {
                k: np.array([r["lost"][label][b][k] for r in runs.values()], float)
                for k in ("trials", "share")
            }
            out.append(
                finding(
                    f"trials in 100 that took weights, nothing switched, latency {name}, {NAMES[label]}",
                    counted["trials"],
                    at_most=1.0 if (name, label) == ("fixed", "unlearn") else None,
                    unit="trials",
                )
            )
            out.append(
                finding(
                    f"percent of the weights lost per trial, latency {name}, {NAMES[label]}",
                    counted["share"],
                    unit="%",
                )
            )
            series.setdefault(name, {})[label] = {k: band(v) for k, v in counted.items()}
    apart = column(still, "lost", "first_difference")
    out.append(
        finding(
            f"networks whose weights are to the bit those without unlearning for {LONG} trials",
            apart > LONG,
            fraction=True,
        )
    )
    for sd, b in zip(JITTERS_MS, range(len(JITTERS_MS)), strict=True):
        runs = measured[JITTERED.name]
        for label in FORMS:
            out.append(
                paired(
                    f"E at the block's end, latency SD {sd} ms, {NAMES[label]} minus without",
                    column(runs, label, "error")[:, b, -1],
                    column(runs, "plain", "error")[:, b, -1],
                    at_most=0.02 if label == "unlearn" else None,
                )
            )
    surprise = {k: band(column(still, "lost", "surprise", k)) for k in ("plain", "unlearn")}
    return out, {
        "counted": series,
        "surprise": surprise,
        "switch_at": LONG,
        "above": AT_ENDS.above,
        "all_at": AT_ENDS.all_at,
    }
