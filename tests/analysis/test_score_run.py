"""From a recording to scores, rows, summaries and tables."""

import json

import numpy as np
import pytest
from synthetic import TWO_BLOCKS, record, session, time_cells

from spikewhen.analysis.free_run import shape_of
from spikewhen.analysis.geometry.activity import block_activity, final_weights, trial_bumps
from spikewhen.analysis.geometry.nulls import Refits
from spikewhen.analysis.geometry.subspaces import overlap, principal_angles
from spikewhen.analysis.score_names import SCORES
from spikewhen.analysis.score_run import score_run
from spikewhen.analysis.summary import (
    compare,
    final,
    summarise,
    tidy_rows,
)
from spikewhen.analysis.targets import bump
from spikewhen.analysis.views import read_readout, read_task
from spikewhen.paradigms.meet import Block
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

OTHERS = (
    *("error_delivered", "free_", "omega_", "p300_", "r2_", "rt_", "shape_", "slope_surprise"),
    *("production_", "indifference_", "omission_", "tone_", "local_", "global_", "rare_", "accuracy"),
)
"""How scores begin that are of other tasks: signals, events at several times, sequences, streams."""


@pytest.fixture(scope="module")
def scored():
    """Fast, exact learner: after n trials it says 1 - exp(-n/8) of the target."""
    spec, s = session()
    return score_run(record(spec, s), time_cells)["local"]


def test_every_score_is_in_the_catalogue_with_the_shape_it_says(scored):
    points, blocks, channels = len(scored["error"]), 2, 2
    assert set(scored) <= set(SCORES)
    of_other_tasks = {n for n in SCORES if n.startswith(OTHERS)}
    assert not SCORES.keys() - scored.keys() - of_other_tasks and not of_other_tasks & scored.keys()
    for name, values in scored.items():
        per, _, channel = SCORES[name].per.partition("+")
        shape = ({"point": points, "block": blocks, "run": 1}[per], *([channels] if channel else []))
        assert values.shape == shape, name


def test_the_error_is_what_the_learner_has_not_learned(scored):
    np.testing.assert_array_equal(scored["block"], [0] * 4 + [1] * 4)
    np.testing.assert_array_equal(scored["trial"], [1, 5, 20, 40] * 2)
    np.testing.assert_allclose(scored["error"], np.exp(-scored["trial"] / 8), atol=1e-9)
    np.testing.assert_allclose(scored["error_relative"][:4], np.exp(-np.array([0, 4, 19, 39]) / 8))
    np.testing.assert_allclose(scored["error_bias"], scored["error"], atol=1e-9)
    np.testing.assert_allclose(scored["error_spread"], 0, atol=1e-9)
    np.testing.assert_allclose(scored["error_true_p"], scored["error"], atol=1e-9)


def test_the_ladder_stands_beside_the_error(scored):
    assert scored["error_equal_p"][3] == pytest.approx(0.51, abs=0.01)
    assert scored["error_winner"][3] == pytest.approx(0.34, abs=0.01)
    # Half of what the counting observer saw was at the old latencies.
    assert scored["error_counting"][7] == pytest.approx(np.sqrt(0.5), abs=0.05)
    assert scored["error_change_point"][7] < 0.3
    np.testing.assert_array_equal(np.isfinite(scored["error_ridge"]), [0, 0, 0, 1] * 2)
    assert np.nanmax(scored["error_ridge"]) < 0.2


def test_timing_and_amplitude_are_those_of_the_learner(scored):
    np.testing.assert_allclose(scored["timing_error_ms"][3], 0)
    np.testing.assert_allclose(scored["detection"][[0, 3]], [[0, 0], [1, 1]])
    np.testing.assert_allclose(scored["amplitude"][3], [0.93 * 0.8, 0.93 * 0.2], atol=0.01)
    np.testing.assert_allclose(scored["amplitude_y"][3], 0.93, atol=0.01)
    np.testing.assert_allclose(scored["calibration_r_p_hat"], 1)
    np.testing.assert_allclose(scored["calibration_slope_y"], 0, atol=1e-9)


def test_a_switch_leaves_nothing_and_does_not_overshoot(scored):
    assert np.all(np.isnan(scored["residual"][:4]))
    np.testing.assert_allclose(scored["residual"][4:], 0, atol=1e-3)
    np.testing.assert_allclose(scored["overshoot"], 0, atol=1e-9)
    # E falls to exp(-5) at trial 40; at trial 20 it is 12 times larger.
    np.testing.assert_array_equal(scored["trials_to_settle"], [40, 40])


def test_scores_of_a_peak_are_means_over_the_probes_that_have_one():
    spec, s = session(repeats=2)
    recording = record(spec, s)
    recording.arrays[schema.readout("local", "probes", "prediction")][::2] = 0
    found = score_run(recording)["local"]
    np.testing.assert_allclose(found["detection"][3], 0.5)
    np.testing.assert_allclose(found["timing_error_ms"][3], 0)


def test_error_is_split_at_the_latency_of_each_event():
    spec, s = session()
    recording = record(spec, s)
    z = recording.arrays[schema.readout("local", "probes", "prediction")]
    z *= s.time_ms[:, None] < s.latency[s.probes.block, s.probes.cue][:, None, :]
    found = score_run(recording)["local"]
    np.testing.assert_allclose(found["error_before"][3], np.exp(-5))
    np.testing.assert_allclose(found["error_after"], 1)


TWO_TIMES = (Block(((0.6, 0.3),), ((300.0, 450.0),), (), ((600.0, 800.0),), ((0.4, 0.0),)), TWO_BLOCKS[1])


@pytest.mark.parametrize("seed", range(4))
def test_an_event_with_two_times_is_scored_against_its_mixture(seed):
    spec, s = session(seed, blocks=TWO_TIMES, counterbalance=True)
    recording = record(spec, s)
    task = read_task(recording)
    assert (task.late_share > 0).sum() == 1 and sorted(task.late_ms[0, 0] - task.latency_ms[0, 0]) == [0, 300]
    two = int(np.argmax(task.late_share[0, 0]))  # the event that plays the order of A
    assert two == (seed // 2) % 2
    found = score_run(recording, time_cells)["local"]
    np.testing.assert_allclose(found["error"], np.exp(-found["trial"] / 8), atol=1e-9)
    np.testing.assert_allclose(found["timing_error_ms"][3], 0)
    for name in ("amplitude", "amplitude_y"):
        assert np.array_equal(np.isnan(found[name][3]), np.arange(2) == two), name
        assert np.isfinite(found[name][4:]).all(), name
    assert np.isnan(found["residual"][4:, two]).all() and np.isnan(found["overshoot"][0, two])
    assert np.isfinite(found["error_ridge"][[3, 7]]).all()


def test_the_ceiling_is_taught_both_times_of_an_event_that_did_not_come():
    spec, s = session(blocks=TWO_TIMES)
    task, t = read_task(record(spec, s)), s.time_ms
    rows = np.arange(40)
    bumps = trial_bumps(task, t, 30.0, rows)
    for i in rows:
        came = s.trials.event[i]
        for k in range(2):
            if came == k:
                expected = bump(t, s.trials.event_time_ms[i], 30.0)
            else:
                expected = (
                    0.6 * bump(t, 300.0, 30.0) + 0.4 * bump(t, 600.0, 30.0)
                    if k == 0
                    else bump(t, 450.0, 30.0)
                )
            np.testing.assert_allclose(bumps[i, :, k], expected, atol=1e-12)
    assert {-1, 0, 1} == set(s.trials.event[rows].tolist())


def test_the_peak_at_either_time_is_in_time():
    spec, s = session(blocks=TWO_TIMES)
    recording = record(spec, s)
    z = recording.arrays[schema.readout("local", "probes", "prediction")]
    first = s.probes.block == 0
    z[first, :, 0] = bump(s.time_ms, 590.0, 30.0)
    np.testing.assert_allclose(score_run(recording)["local"]["timing_error_ms"][:4, 0], 10)
    z[first, :, 0] = bump(s.time_ms, 325.0, 30.0)
    np.testing.assert_allclose(score_run(recording)["local"]["timing_error_ms"][:4, 0], 25)


def test_a_file_without_second_times_has_none(scored):
    spec, s = session()
    recording = record(spec, s)
    assert not any("/late_" in path for path in recording.arrays)
    task = read_task(recording)
    assert np.array_equal(task.late_ms, task.latency_ms) and not task.late_share.any()


def test_features_stand_at_the_ends_of_their_strides():
    spec, s = session()
    recording = record(spec, s)
    task = read_task(recording)
    readout = read_readout(recording, "local")
    activity = block_activity(recording, readout, task, time_cells, 10.0, 1)
    np.testing.assert_array_equal(activity.time_ms[[0, -1]], [-40, 1000])
    assert activity.bumps.shape == (40, 105, 2)
    came = task.seen.event[40:]
    np.testing.assert_array_equal(activity.outcome.argmax(1), came)


def test_a_naive_reference_gives_the_trials_to_reach_it():
    spec, s = session()
    found = score_run(record(spec, s), naive={"local": np.array([0.54, 0.01])})["local"]
    np.testing.assert_array_equal(found["trials_to_naive"], [5, 40])


def test_returning_statistics_have_savings():
    spec, s = session(blocks=(*TWO_BLOCKS, TWO_BLOCKS[0]))
    found = score_run(record(spec, s))["local"]
    np.testing.assert_array_equal(found["savings"], [np.nan, np.nan, 0])


@pytest.mark.parametrize("seed", range(4))
def test_counterbalanced_seeds_score_alike_in_the_roles_of_the_config(seed):
    spec, s = session(seed, counterbalance=True)
    recording = record(spec, s)
    # Makes channel A of the config fail, wherever it is stored.
    a = int(s.probability[0, 0].argmax())
    recording.arrays[schema.readout("local", "probes", "prediction")][..., a] = 0
    found = score_run(recording)["local"]
    np.testing.assert_allclose(found["probability"][0], [0.8, 0.2])
    np.testing.assert_allclose(found["error_channel"][3], [1, np.exp(-5)], atol=1e-6)
    np.testing.assert_allclose(found["brier"], found["brier_true"])
    assert np.all(found["brier_true"] < 0.5)  # outcomes in the wrong roles score about 1


def test_cues_with_opposite_probabilities_are_scored_against_their_own_targets():
    block = Block(((0.8, 0.2), (0.1, 0.6)), ((300.0, 600.0), (450.0, 750.0)))
    spec, s = session(blocks=(block,), cues=("x", "y"))
    found = score_run(record(spec, s))["local"]
    np.testing.assert_array_equal(found["condition"], [0, 1] * 4)
    np.testing.assert_allclose(found["error"], np.exp(-found["trial"] / 8), atol=1e-9)
    np.testing.assert_allclose(found["probability"][1], [0.1, 0.6])
    np.testing.assert_allclose(final(found, "amplitude", 0), 0.92 * np.array([0.45, 0.4]), atol=0.01)


def test_a_merged_readout_has_no_probability_of_its_own():
    spec, s = session()
    found = score_run(record(spec, s, factored=False), time_cells)["local"]
    np.testing.assert_allclose(found["error"], np.exp(-found["trial"] / 8), atol=1e-9)
    for name in ("p_hat", "error_true_p", "error_equal_p", "overlap", "brier", "calibration_r_p_hat"):
        assert np.all(np.isnan(found[name])), name
    assert "loss_when" not in found


@pytest.mark.parametrize("name", ["v", "w"])
def test_weights_that_are_all_zero_have_no_geometry(name):
    spec, s = session()
    recording = record(spec, s)
    recording.arrays[schema.weights("local", name)][:] = 0
    found = score_run(recording, time_cells)["local"]
    assert np.all(np.isnan(found["overlap"])) and np.all(np.isnan(found["angle_deg"]))
    assert "overlap_chance" not in found and "loss_when" not in found


def test_a_recording_without_a_label_has_no_weights_of_it():
    recording = record(*session())
    assert final_weights(recording, "other", 1, read_task(recording)) is None


def test_chance_in_both_metrics_is_of_the_same_refits():
    rng = np.random.default_rng(0)
    metric = np.diag(np.linspace(0.1, 3, 40))
    refits = Refits(*rng.standard_normal((2, 5, 2, 41)))
    euclidean, in_metric = refits.overlaps(), refits.overlaps(metric)
    for i, (what, when) in enumerate(zip(*refits, strict=True)):
        each = overlap(principal_angles(what[:, :-1], when[:, :-1]))
        assert euclidean[i] == pytest.approx(each, rel=1e-12)
        each = overlap(principal_angles(what, when, metric, bias=True))
        assert in_metric[i] == pytest.approx(each, rel=1e-12)
    assert np.all(euclidean != in_metric)


@pytest.mark.parametrize("kept", [1, 3, 4, 7])
def test_ceiling_and_geometry_do_not_depend_on_which_readouts_are_kept(kept):
    recording = record(*session())
    every = score_run(recording, time_cells)["local"]
    time = schema.readout("local", "time_ms")
    recording.arrays[time] = recording[time][kept - 1 :: kept]
    for name in ("y", "prediction"):
        path = schema.readout("local", "probes", name)
        recording.arrays[path] = recording[path][:, kept - 1 :: kept]

    def cells(recording, *rest):
        return time_cells(record(*session()), *rest)

    found = score_run(recording, cells)["local"]
    for name in ("error_ridge", "overlap_chance", "ceiling_when", "ceiling_what", "loss_what"):
        np.testing.assert_array_equal(found[name], every[name], err_msg=name)


@pytest.mark.filterwarnings("error")
def test_where_nothing_ever_comes_the_error_is_undefined():
    found = score_run(record(*session(blocks=(Block(((0.0, 0.0),), ((300.0, 600.0),)),))))["local"]
    assert np.all(np.isnan(found["error"])) and np.all(np.isnan(found["trials_to_settle"]))


def test_trials_that_were_not_kept_leave_the_brier_score_undefined():
    spec, s = session()
    recording = record(spec, s)
    del recording.arrays[schema.readout("local", "trials", "p_hat")]
    found = score_run(recording)["local"]
    assert np.all(np.isnan(found["brier"])) and np.all(np.isfinite(found["brier_true"]))


def test_a_free_run_of_any_signal_is_judged_by_likeness_range_and_how_long_it_stays():
    t = np.arange(1.0, 2001.0)
    target = np.stack([np.sin(t / 50), np.cos(t / 70)], axis=1)
    same = shape_of(target, target, t)
    assert same == pytest.approx({"free_horizon_ms": 2000, "free_r": 1, "free_distribution": 0})
    leaves = np.where(t[:, None] < 500, target, target[::-1])
    found = shape_of(leaves, target, t)
    assert 400 <= found["free_horizon_ms"] < 500, "the 100 ms after it are those that leave"
    assert found["free_r"] < 0.9 and found["free_distribution"] < 0.2
    silent = shape_of(0 * target, target, t)
    assert (
        np.isnan(silent["free_r"]) and silent["free_horizon_ms"] < 100 and silent["free_distribution"] > 0.8
    )


def test_a_free_run_is_judged_by_its_fit():
    t = np.arange(1.0, 2051.0)
    arrays = {
        schema.CONFIG: np.frombuffer(json.dumps({"rules": {"force": {}}}).encode(), np.uint8),
        schema.block("frequency_hz"): np.array([5.0]),
        schema.block("amplitude"): np.array([1.0]),
        schema.probe("after_trial"): np.array([1]),
        schema.readout("force", "time_ms"): t,
    }

    def judge(size, f):
        y = size * np.sin(2 * np.pi * f * (t + 2050) / 1000)
        said = {schema.readout("force", "probes", "y"): y[None, :, None]}
        return score_run(Recording(arrays | said, {schema.block(): {"scores": "signal"}}))["force"]

    found = judge(0.9, 5.1)
    assert found["free_frequency_hz"].item() == pytest.approx(5.1, abs=1e-3)
    assert found["free_amplitude"].item() == pytest.approx(0.9, abs=1e-3)
    assert found["free_rmse"] > 0.5 > 0.01 > found["free_residual"]
    assert judge(1.0, 5.0)["free_rmse"] < 1e-9  # the target's phase goes on from the learning run


@pytest.fixture(scope="module")
def runs():
    """Five seeds of a fast and a slow learner."""
    out = {}
    for seed in range(5):
        spec, s = session(seed, counterbalance=True, repeats=2)
        out[f"run{seed}"] = {
            label: score_run(record(spec, s, seed, noise=0.02, tau=tau))["local"]
            for label, tau in (("fast", 8.0), ("slow", 30.0))
        }
    return out


def test_a_summary_is_json_with_intervals_and_run_ids(runs):
    found = json.loads(json.dumps(summarise(runs), allow_nan=False))
    block = found["slow"]["blocks"][1]
    assert block["block"] == 2
    assert found["slow"]["runs"] == list(runs)
    assert block["error"]["n"] == 5
    assert block["error"]["low"] <= block["error"]["mean"] <= block["error"]["high"]
    assert block["curve"]["trial"] == [1, 5, 20, 40]
    assert block["curve"]["error"][-1] == block["error"]
    assert [round(a["mean"], 2) for a in block["probability"]] == [0.8, 0.2]
    assert block["savings"]["mean"] is None


def test_a_label_is_summarised_over_the_runs_that_have_it(runs):
    some = {
        run: {k: v for k, v in labels.items() if k == "fast" or run != "run0"} for run, labels in runs.items()
    }
    found = summarise(some)
    assert found["slow"]["runs"] == ["run1", "run2", "run3", "run4"]
    assert found["fast"]["blocks"][0]["error"]["n"] == 5


def test_rows_carry_every_value_once(runs):
    rows = list(tidy_rows(runs))
    keys = [r[:-1] for r in rows]
    assert len(set(keys)) == len(keys)
    wanted = ("run3", "slow", 2, 20, 0, 1, "amplitude")  # blocks count from 1
    value = next(r.value for r in rows if r[:-1] == wanted)
    assert value == runs["run3"]["slow"]["amplitude"][6, 1]


def test_comparison_is_paired_and_corrected(runs):
    found = compare(runs, "fast", "slow")
    last = next(d for d in found if (d.block, d.trial) == (1, int(runs["run0"]["fast"]["trial"].max())))
    assert last.paired.high < 0
    assert last.paired.p == pytest.approx(2 / 2**5)
    assert last.p_holm == pytest.approx(min(1, len(found) * 2 / 2**5))
    assert all(d.paired.mean == 0 for d in compare(runs, "fast", "fast"))


def test_scores_of_blocks_and_of_runs_are_compared_at_their_own_moments(runs):
    assert [(d.block, d.trial) for d in compare(runs, "fast", "slow", "brier")] == [(1, None), (2, None)]
    (of_run,) = compare(runs, "fast", "slow", "calibration_r_y")
    assert (of_run.block, of_run.trial, of_run.paired.n) == (None, None, 5)
