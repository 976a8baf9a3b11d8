"""Every score by name: what one value belongs to, its unit, its meaning.

Channels are in the order of the config, also where a seed swapped the roles of
events. NaN is "undefined", inf is "never".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema


class Score(NamedTuple):
    """One score of a run."""

    per: str
    # point = (block, probed trial, condition), block or run;
    # "+channel" adds an axis of events, "+angle" one of angles
    unit: str
    meaning: str


SCORES = {
    "block": Score("point", "1", "block of the probes"),
    "trial": Score("point", "1", "trials of the block before the probes"),
    "condition": Score("point", "1", "condition of the probes; of MEET, their cue"),
    "error": Score("point", "1", "E = RMSE / RMSE of silence against the expectation at cue time"),
    "error_channel": Score("point+channel", "1", "E of one channel"),
    "error_bias": Score("point", "1", "E of the mean probe"),
    "error_spread": Score("point", "1", "scatter of the probes around their mean, on the scale of E"),
    "error_relative": Score("point", "1", "E(n) / E(1) of the same block and cue"),
    "error_hazard": Score("point", "1", "E against the expectation given that nothing has come yet"),
    "error_delivered": Score("point", "1", "E against p times the hazard among trials that bring the event"),
    "error_before": Score("point", "1", "E over the times before each event's (first) latency"),
    "error_after": Score("point", "1", "E over the times from each event's (first) latency on"),
    "error_equal_p": Score("point", "1", "E of the network's own timing with equal p"),
    "error_winner": Score("point", "1", "E of the network's own timing with winner-take-all"),
    "error_true_p": Score("point", "1", "E of the network's own timing with the true p"),
    "error_counting": Score("point", "1", "E of the counting ideal observer"),
    "error_change_point": Score(
        "point",
        "1",
        "E of the change-point ideal observer: p and each latency change apart, at .01 per trial",
    ),
    "error_ridge": Score("point", "1", "E of the best linear readout with the true p, at a block's end"),
    "timing_error_ms": Score(
        "point+channel", "ms", "|time of peak - latency, the nearer of two|, mean over detected probes"
    ),
    "detection": Score("point+channel", "1", "fraction of probes with a peak >= 25 % of the target's"),
    "half_width_ms": Score("point+channel", "ms", "full width at half height of the detected peaks"),
    "amplitude": Score(
        "point+channel", "1", "mean prediction within 20 ms of the latency; not of events with two"
    ),
    "amplitude_y": Score("point+channel", "1", "mean y within 20 ms of the latency; not of events with two"),
    "p_hat": Score("point+channel", "1", "learned probability"),
    "probability": Score("point+channel", "1", "true probability"),
    "residual": Score(
        "point+channel",
        "1",
        "left at the previous block's latency, of a learned amplitude there",
    ),
    "shape_density": Score(
        "point+channel", "1", "correlation of the prediction with the density, at the times"
    ),
    "shape_hazard": Score("point+channel", "1", "correlation of the prediction with the hazard there"),
    "shape_delivered": Score("point+channel", "1", "the same with the delivered hazard"),
    "rt_density": Score("point+channel", "1", "signed r^2 of 1/(prediction + .1) with 1/blurred density"),
    "rt_hazard": Score("point+channel", "1", "signed r^2 of 1/(prediction + .1) with minus blurred hazard"),
    "slope_surprise": Score("point+channel", "1/s", "slope of 1 - prediction at the event's times on time"),
    "trials_to_settle": Score("block", "1", "trials until E is within 10 % of the block's last E"),
    "trials_to_naive": Score("block", "1", "trials until E is within 10 % of a naive network's E"),
    "savings": Score("block", "1", "1 - trials / trials of the block's first occurrence, same criterion"),
    "overshoot": Score("block+channel", "1", "amplitude beyond the block's last one, of the step to it"),
    "brier": Score("block", "1", "Brier score of p-hat on the block's outcomes"),
    "brier_true": Score("block", "1", "Brier score of the true p on the same outcomes"),
    "angle_deg": Score("block+angle", "deg", "principal angles of what and when weights, ascending"),
    "overlap": Score("block", "1", "mean squared cosine of these angles"),
    "calibration_r_p_hat": Score("run", "1", "correlation of p-hat with p over blocks, cues, channels"),
    "calibration_r_y": Score("run", "1", "correlation of the amplitude of y with p"),
    "calibration_r_amplitude": Score("run", "1", "correlation of the prediction's amplitude with p"),
    "calibration_slope_p_hat": Score("run", "1", "slope of p-hat on p"),
    "calibration_slope_y": Score("run", "1", "slope of the amplitude of y on p; timing alone has 0"),
    "calibration_slope_amplitude": Score("run", "1", "slope of the amplitude on p; perfect is .93"),
    "overlap_output": Score("run", "1", "overlap in the second moment of the activity, last block"),
    "overlap_output_chance": Score("run", "1", "mean overlap of the same refits in that metric"),
    "overlap_chance": Score("run", "1", "mean overlap of refits to permuted and shifted targets"),
    "overlap_chance_p": Score("run", "1", "fraction of these refits that overlap no more than learned"),
    "overlap_matched": Score("run", "1", "mean overlap of random weights with the activity's covariance"),
    "overlap_uniform": Score("run", "1", "mean overlap of random weights"),
    "ceiling_what": Score("run", "1", "overlap of what with itself over split halves"),
    "ceiling_when": Score("run", "1", "overlap of when with itself over split halves"),
    "angle_duty_deg": Score("run", "deg", "angle in the second moment that one cue's duty cycle predicts"),
    "loss_when": Score("run", "1", "error of y without the what directions minus intact error, last probes"),
    "loss_what": Score(
        "run", "1", "error of p-hat without the when directions minus intact error, last probes"
    ),
    **{
        f"r2_{statistic}": Score(
            "run", "1", f"r^2 of p-hat with a leaky observer of {statistic}, best memory"
        )
        for statistic in ("items", "alternation", "transitions")
    },
    **{
        f"omega_{statistic}": Score("run", "1", f"memory, in items, of the leaky observer of {statistic}")
        for statistic in ("items", "alternation", "transitions")
    },
    "p300_squires": Score("run", "1", "R2 of the P300 of Squires et al. on the surprise of p-hat"),
    "p300_kolossa": Score("run", "1", "R2 of the P300 of Kolossa et al. on the surprise of p-hat"),
    "p300_squires_observer": Score("run", "1", "the same on a leaky observer's of the run's own series"),
    "p300_kolossa_observer": Score("run", "1", "the same on a leaky observer's of the run's own series"),
    "production_ms": Score("point", "ms", "from set until the prediction rises above half its mean peak"),
    "production_peak_ms": Score("point", "ms", "from set to the peak of the prediction"),
    "production_slope": Score("block", "1", "slope of productions on intervals of the prior, last probes"),
    "production_slope_peak": Score("block", "1", "the same slope of the times of peaks"),
    "production_slope_bls": Score("block", "1", "slope of Bayes least squares with the noise production_cv"),
    "indifference_ms": Score("block", "ms", "interval at which the prediction peaks on time"),
    "production_cv": Score("block", "1", "SD over mean of productions, mean over intervals"),
    "production_missed": Score("block", "1", "share of probes without a production"),
    "omission_share": Score("run", "1", "share of cells whose answer to omissions is graded, odd omissions"),
    "omission_share_chance": Score("run", "1", "mean of that share with exchanged block labels"),
    "omission_share_p": Score("run", "1", "how often exchanged block labels give at least that share"),
    "omission_rho": Score("run", "1", "Spearman of their omission answer with the preferred tone's share"),
    "tone_rho": Score("run", "1", "Spearman of their answer to the preferred tone with its share"),
    "omission_selective": Score("run", "1", "share that answers omissions of the preferred tone alone"),
    "local_effect": Score("run", "1", "error at the fifth tone: Y less x, mean over both kinds of blocks"),
    "global_effect": Score("run", "1", "error at the fifth tone: rare less frequent, mean over x and Y"),
    "rare_y": Score("run", "1", "error at Y where it is rare less where it is frequent"),
    "rare_x": Score("run", "1", "error at a fifth x where it is rare less where it is frequent"),
    "omission_effect": Score("run", "1", "predicted where the fifth tone is left out: blocks xY less xx"),
    "accuracy": Score("point", "1", "share of test trials in which the largest output is the right choice"),
    "accuracy_steps": Score("point", "1", "share of steps in which the largest output is the right action"),
    "free_frequency_hz": Score("run", "Hz", "fitted frequency of the free run"),
    "free_amplitude": Score("run", "1", "fitted amplitude of the free run"),
    "free_residual": Score("run", "1", "RMS left by the fit, relative to its amplitude"),
    "free_rmse": Score("run", "1", "RMSE of the free run against the target, phase drift included"),
    "free_r": Score("run", "1", "correlation of the free run with the target, over times and channels"),
    "free_horizon_ms": Score("run", "ms", "until the free run is .4 SD away from its target for 100 ms"),
    "free_distribution": Score("run", "1", "distance of the values' distributions over the target's SD"),
}

LABELS = {
    "block": "block",
    "trial": "trial",
    "condition": "condition",
    "error": "E",
    "error_channel": "E of one event",
    "error_bias": "E of the mean probe",
    "error_spread": "scatter of the probes",
    "error_relative": "E relative to the first probes",
    "error_hazard": "E against the hazard",
    "error_delivered": "E against the delivered hazard",
    "error_before": "E before the latency",
    "error_after": "E from the latency on",
    "error_equal_p": "E with equal p",
    "error_winner": "E with winner takes all",
    "error_true_p": "E with true p",
    "error_counting": "E of the counting observer",
    "error_change_point": "E of the change-point observer",
    "error_ridge": "E of the best linear readout",
    "timing_error_ms": "timing error",
    "detection": "detected",
    "half_width_ms": "width at half height",
    "amplitude": "amplitude of the prediction",
    "amplitude_y": "amplitude of y",
    "p_hat": "p-hat",
    "probability": "true p",
    "residual": "left at the old latency",
    "shape_density": "r with the density",
    "shape_hazard": "r with the hazard",
    "shape_delivered": "r with the delivered hazard",
    "rt_density": "r^2 of reaction times with the density",
    "rt_hazard": "r^2 of reaction times with the hazard",
    "slope_surprise": "slope of the surprise on time",
    "trials_to_settle": "trials to settle",
    "trials_to_naive": "trials to a naive network's E",
    "savings": "savings",
    "overshoot": "overshoot",
    "brier": "Brier score",
    "brier_true": "Brier score of true p",
    "angle_deg": "principal angle",
    "overlap": "overlap of what and when",
    "calibration_r_p_hat": "r of p-hat with p",
    "calibration_r_y": "r of y with p",
    "calibration_r_amplitude": "r of the prediction with p",
    "calibration_slope_p_hat": "slope of p-hat on p",
    "calibration_slope_y": "slope of y on p",
    "calibration_slope_amplitude": "slope of the prediction on p",
    "overlap_output": "overlap in the activity",
    "overlap_output_chance": "overlap in the activity by chance",
    "overlap_chance": "overlap of refits by chance",
    "overlap_chance_p": "p of the overlap by chance",
    "overlap_matched": "overlap of random weights, matched",
    "overlap_uniform": "overlap of random weights",
    "ceiling_what": "overlap of what with itself",
    "ceiling_when": "overlap of when with itself",
    "angle_duty_deg": "angle by one cue's duty cycle",
    "loss_when": "loss of when without what",
    "loss_what": "loss of what without when",
    "r2_items": "r^2 with an observer of items",
    "r2_alternation": "r^2 with an observer of alternation",
    "r2_transitions": "r^2 with an observer of transitions",
    "omega_items": "memory for items",
    "omega_alternation": "memory for alternation",
    "omega_transitions": "memory for transitions",
    "p300_squires": "R2 of the P300 (Squires)",
    "p300_kolossa": "R2 of the P300 (Kolossa)",
    "p300_squires_observer": "R2 of the P300 (Squires), observer",
    "p300_kolossa_observer": "R2 of the P300 (Kolossa), observer",
    "production_ms": "production",
    "production_peak_ms": "peak of the prediction",
    "production_slope": "slope of productions",
    "production_slope_peak": "slope of peaks",
    "production_slope_bls": "slope of Bayes least squares",
    "indifference_ms": "indifference point",
    "production_cv": "CV of productions",
    "production_missed": "missed",
    "omission_share": "graded cells",
    "omission_share_chance": "graded cells by chance",
    "omission_share_p": "p of the graded cells",
    "omission_rho": "rho of omissions with the share",
    "tone_rho": "rho of the preferred tone with its share",
    "omission_selective": "selective cells",
    "local_effect": "local effect",
    "global_effect": "global effect",
    "rare_y": "effect of a rare Y",
    "rare_x": "effect of a rare x",
    "omission_effect": "effect of the block on omissions",
    "accuracy": "right choices",
    "accuracy_steps": "right steps",
    "free_frequency_hz": "frequency",
    "free_amplitude": "amplitude",
    "free_residual": "residual of the fit",
    "free_rmse": "RMSE",
    "free_r": "r with the target",
    "free_horizon_ms": "stays with the target",
    "free_distribution": "distance of distributions",
}
"""Every score as a table or a figure calls it, without its unit."""

MAIN = ("error", "r2_transitions", "omission_share", "global_effect", "free_rmse")
"""The scores by which rules are compared: of a run, the first of these that it has."""


def heading(name: str) -> str:
    """Return what people call a score, with its unit: ``"timing error (ms)"``."""
    unit = SCORES[name].unit if name in SCORES else "1"
    label = LABELS.get(name, name.replace("_", " "))
    return label if unit == "1" else f"{label} ({unit})"


def main_score(names: Iterable[str]) -> str | None:
    """Return the score by which rules are compared, of those that are there."""
    there = set(names)
    return next((name for name in MAIN if name in there), None)


KEYS = ("block", "trial", "condition")
"""What names a point: block (from 0), trials of the block before the probes, condition."""


def score_of(name: str, found: Mapping[str, Any]) -> Score:
    """Say what a score is, one of a user's own by the shape of its values.

    Parameters
    ----------
    name : str
    found : mapping of str to array
        All scores of the readout. Of an own score the first axis says what a value belongs
        to: as long as `KEYS`, a probed point; of length 1, the run; else a block. A second
        axis is over the events.
    """
    if name in SCORES:
        return SCORES[name]
    shape = np.shape(found[name])
    points = np.size(found["block"]) if "block" in found else -1
    length = shape[0] if shape else 1
    per = "run" if length == 1 else "point" if length == points else "block"
    return Score(per + "+channel" * (len(shape) > 1), "1", "")


def stored(recording: Any, label: str) -> dict[str, np.ndarray]:
    """Return the scores that a run holds of a readout, by name.

    Raises
    ------
    InputError
        If a score has another shape than its kind has: a file that somebody changed by hand.
    """
    found = schema.read_scores(recording, label)
    points = np.size(found["block"]) if "block" in found else -1
    for name, values in found.items():
        per = score_of(name, found).per
        long = len(values) == points if per.startswith("point") else len(values) > 0 or "block" in per
        if not long or (name in SCORES and values.ndim != 1 + per.count("+")):
            where = str(getattr(recording, "path", None) or schema.scores(label))
            allowed = f"a score per {per}, {points} probed points" if points >= 0 else f"a score per {per}"
            raise InputError(where, f"{schema.scores(label, name)} of shape {values.shape}", allowed)
    return found


def ordered(names: Iterable[str]) -> list[str]:
    """Return the names of scores but for `KEYS`: shipped ones in their order, then own ones."""
    there = list(names)
    return [n for n in SCORES if n in there and n not in KEYS] + [n for n in there if n not in SCORES]
