"""Every score by name: what one value belongs to, its unit, its meaning.

Channels are in the order of the config, also where a seed swapped the roles of
events. NaN is "undefined", inf is "never".
"""

from __future__ import annotations

from typing import NamedTuple


class Score(NamedTuple):
    """One score of a run."""

    per: str  # point = (block, probed trial, cue), block, run; "+channel" adds an axis over events
    unit: str
    meaning: str


SCORES = {
    "block": Score("point", "1", "block of the probes"),
    "trial": Score("point", "1", "trials of the block before the probes"),
    "cue": Score("point", "1", "cue of the probes"),
    "error": Score("point", "1", "E = RMSE / RMSE of silence against the expectation at cue time"),
    "error_channel": Score("point+channel", "1", "E of one channel"),
    "error_bias": Score("point", "1", "E of the mean probe"),
    "error_spread": Score("point", "1", "scatter of the probes around their mean, on the scale of E"),
    "error_relative": Score("point", "1", "E(n) / E(1) of the same block and cue"),
    "error_hazard": Score("point", "1", "E against the expectation given that nothing has come yet"),
    "error_before": Score("point", "1", "E over the times before each event's (first) latency"),
    "error_after": Score("point", "1", "E over the times from each event's (first) latency on"),
    "error_equal_p": Score("point", "1", "E of the network's own timing with equal p"),
    "error_winner": Score("point", "1", "E of the network's own timing with winner-take-all"),
    "error_true_p": Score("point", "1", "E of the network's own timing with the true p"),
    "error_counting": Score("point", "1", "E of the counting ideal observer"),
    "error_change_point": Score("point", "1", "E of the change-point ideal observer"),
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
    "trials_to_settle": Score("block", "1", "trials until E is within 10 % of the block's last E"),
    "trials_to_naive": Score("block", "1", "trials until E is within 10 % of a naive network's E"),
    "savings": Score("block", "1", "1 - trials / trials of the block's first occurrence, same criterion"),
    "overshoot": Score("block+channel", "1", "amplitude beyond the block's last one, of the step to it"),
    "brier": Score("block", "1", "Brier score of p-hat on the block's outcomes"),
    "brier_true": Score("block", "1", "Brier score of the true p on the same outcomes"),
    "angle_deg": Score("block+channel", "deg", "principal angles of what and when weights, ascending"),
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
    "loss_when": Score("run", "1", "error of y without the what directions minus intact error"),
    "loss_what": Score("run", "1", "error of p-hat without the when directions minus intact error"),
    "free_frequency_hz": Score("run", "Hz", "fitted frequency of the free run"),
    "free_amplitude": Score("run", "1", "fitted amplitude of the free run"),
    "free_residual": Score("run", "1", "RMS left by the fit, relative to its amplitude"),
    "free_rmse": Score("run", "1", "RMSE of the free run against the target, phase drift included"),
}
