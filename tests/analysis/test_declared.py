"""Scores by declaration: the target of a task, a function of one's own, none."""

import json
import sys
import types

import numpy as np
import pytest
from lively import local_rule, train
from unequal import Unequal

from spikewhen.analysis.score_names import SCORES, ordered, score_of
from spikewhen.analysis.score_run import SCORERS, score_run, scored
from spikewhen.analysis.score_targets import score_targets, targets
from spikewhen.analysis.summary import compare, final, summarise, tidy_rows
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording


def said(z, target, condition, window=None, steps=None):
    """A recording of probes after 5 and 10 trials of one block, that said z (q, T, K)."""
    q, t, k = z.shape
    n = np.tile([5, 10], q // 2)
    order = np.argsort(n, kind="stable")
    arrays = {
        schema.block("target"): target,
        schema.trial("block"): np.zeros(10, int),
        schema.trial("condition"): np.zeros(10, int),
        schema.probe("block"): np.zeros(q, int),
        schema.probe("after_trial"): n[order],
        schema.probe("condition"): np.asarray(condition)[order],
        schema.readout("a", "time_ms"): np.arange(1.0, t + 1),
        schema.readout("a", "sigma_ms"): np.ones(1),
        schema.readout("a", "probes", "y"): z[order],
        schema.readout("a", "probes", "p_hat"): np.full((q, k), 0.5),
        schema.readout("a", "probes", "prediction"): z[order],
        schema.CONFIG: np.frombuffer(b'{"rules": {"a": {}}}', np.uint8),
    }
    if window is not None:
        arrays[schema.block("window")] = window
    attrs = {schema.block(): {"scores": "target"}, schema.readout("a"): {"factored": True}}
    return Recording(arrays, attrs)


@pytest.fixture
def target():
    return np.random.default_rng(0).uniform(0.2, 1, (1, 2, 30, 2))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_e_is_the_share_of_the_target_that_is_missing(target, share):
    condition = [0, 0, 1, 1]
    found = score_run(said((1 - share) * target[0][condition], target, condition))["a"]
    np.testing.assert_allclose(found["error"], share, atol=1e-12)
    np.testing.assert_allclose(found["error_channel"], share, atol=1e-12)
    assert found["condition"].tolist() == [0, 1, 0, 1] and found["trial"].tolist() == [5, 5, 10, 10]
    assert set(found) <= set(SCORES)


def test_only_the_window_counts(target):
    z = target[0][[0, 0, 1, 1]].copy()
    z[:, :10] = 7
    window = np.ones((1, 2, 30))
    window[:, :, :10] = 0
    assert score_run(said(z, target, [0, 0, 1, 1]))["a"]["error"].min() > 1
    np.testing.assert_allclose(score_run(said(z, target, [0, 0, 1, 1], window))["a"]["error"], 0, atol=1e-12)


def test_times_past_a_trial_do_not_count(target):
    z = target[0][[0, 0, 1, 1]].copy()
    z[:2, 20:] = np.nan
    np.testing.assert_allclose(score_run(said(z, target, [0, 0, 1, 1]))["a"]["error"], 0, atol=1e-12)
    target[0, 0, 20:] = np.nan
    np.testing.assert_allclose(score_run(said(z, target, [0, 0, 1, 1]))["a"]["error"], 0, atol=1e-12)


def test_a_target_on_finer_steps_is_taken_at_the_times_that_were_kept(target):
    fine = np.repeat(target, 2, axis=2)
    recording = said(target[0][[0, 1]], fine, [0, 1])
    text = b'{"simulation": {"readout_step_ms": 0.5}}'
    recording.arrays[schema.CONFIG] = np.frombuffer(text, np.uint8)
    found, counts = targets(recording, np.arange(1.0, 31.0))
    np.testing.assert_array_equal(found, target)
    assert counts.all()


@pytest.mark.parametrize("kept", [1, 4, 7, 20])
def test_a_target_is_held_against_what_was_said_at_its_own_times(target, kept):
    """Also where the kept steps do not divide the trial: 20 of 30 keeps one, 7 keeps four."""
    recording = said(target[0][[0, 0, 1, 1]], target, [0, 0, 1, 1])
    recording.attrs[schema.block()]["before_steps"] = 0
    for path in [
        schema.readout("a", "time_ms"),
        *(schema.readout("a", "probes", k) for k in ("y", "prediction")),
    ]:
        array = recording.arrays[path]
        recording.arrays[path] = array[kept - 1 :: kept] if array.ndim == 1 else array[:, kept - 1 :: kept]
    np.testing.assert_allclose(score_run(recording)["a"]["error"], 0, atol=1e-12)


def test_a_task_without_its_target_is_refused_in_one_line(target):
    recording = said(target[0][[0, 1]], target, [0, 1])
    del recording.arrays[schema.block("target")]
    with pytest.raises(InputError, match="/blocks/target"):
        score_run(recording)
    with pytest.raises(InputError, match="/blocks/target"):
        score_run(said(target[0][[0, 1]], target[0], [0, 1]))


def test_the_ridge_ceiling_of_a_target_is_what_a_linear_readout_reaches(target):
    """Features that hold the target can make it; features that hold half of it cannot."""
    recording = said(target[0][[0, 0, 1, 1]], target, [0, 0, 1, 1])
    recording.arrays[schema.trial("condition")] = np.tile([0, 1], 5)

    def of(kind):
        def features(recording, which, rows, every_ms):
            c = recording[schema.trial("condition") if which == "trials" else schema.probe("condition")][rows]
            x = target[0][c].copy()
            x[:, 20:] = np.nan  # a shorter trial
            return np.concatenate([x[..., :kind], np.ones((*x.shape[:2], 1))], axis=2)

        return score_targets(recording, features, 1.0)["a"]["error_ridge"]

    whole, half = of(2), of(1)
    assert np.isnan(whole[:2]).all(), "on the block's last probes"
    assert whole[2:].max() < 1e-3 < 0.1 < half[2:].min()


def test_a_run_of_a_third_task_is_scored_summarised_and_compared():
    rules = {"local": local_rule(), "still": local_rule(eta=1e-9)}
    runs = {}
    for seed in (0, 1, 2):
        recording = train(Unequal(), rules, task_seed=seed)
        text = json.dumps({"rules": dict.fromkeys(rules)}).encode()
        recording.arrays[schema.CONFIG] = np.frombuffer(text, np.uint8)
        runs[str(seed)] = score_run(recording)
    summary = summarise(runs)
    assert [b["block"] for b in summary["local"]["blocks"]] == [1, 2]
    assert summary["local"]["blocks"][0]["curve"]["trial"] == [2, 6]
    assert {row.score for row in tidy_rows(runs)} >= {"error", "error_channel", "p_hat"}
    found = compare(runs, "local", "still")
    assert [(d.block, d.trial) for d in found] == [(1, 6), (2, 6)]
    assert np.isfinite(final(runs["0"]["local"], "error", 1))


@pytest.fixture
def own(monkeypatch):
    module = types.ModuleType("my_scores")
    module.given = {}
    module.score = lambda recording: module.given
    monkeypatch.setitem(sys.modules, "my_scores", module)
    return module


def with_own(target):
    recording = said(target[0][[0, 0, 1, 1]], target, [0, 0, 1, 1])
    recording.attrs[schema.block()]["scores"] = "my_scores:score"
    return recording


def test_scores_of_ones_own_keep_their_names_units_and_places(target, own):
    points = {"block": [0, 0], "trial": [5, 10], "condition": [0, 0]}
    values = {
        "produced": ([1.0, 2.0], "ms"),
        "each": [[1.0, 2.0], [3.0, 4.0]],
        "slope": 0.5,
        "by_block": [1, 2, 3],
    }
    own.given = {"a": {**points, **values}}
    result = scored(with_own(target))
    found = result.found["a"]
    assert result.main == "produced" and result.units["produced"] == "ms"
    assert ordered(found) == ["produced", "each", "slope", "by_block"]
    per = {name: score_of(name, found).per for name in ordered(found)}
    assert per == {"produced": "point", "each": "point+channel", "slope": "run", "by_block": "block"}
    summary = summarise({"r": result.found}, "produced")["a"]
    assert summary["run"]["slope"]["mean"] == 0.5
    assert summary["blocks"][0]["produced"]["mean"] == 2.0
    assert [e["mean"] for e in summary["blocks"][0]["curve"]["produced"]] == [1.0, 2.0]
    own.score.main = "slope"
    assert scored(with_own(target)).main == "slope"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([1], "label: "),
        ({"a": [1]}, "label: "),
        ({"b": {}}, "labels of the run: a"),
        ({"a": {"x": "word"}}, "a.x.*numbers"),
    ],
)
def test_what_a_function_of_ones_own_must_not_give(target, own, given, complaint):
    own.given = given
    with pytest.raises(InputError, match=complaint):
        scored(with_own(target))


def test_a_function_of_ones_own_that_fails_is_named_with_its_line(target, own):
    own.score = lambda recording: 1 / 0
    with pytest.raises(InputError, match=r"my_scores:score.*test_declared.py, line \d+: ZeroDivisionError"):
        scored(with_own(target))


@pytest.mark.parametrize("name", ["none", None])
def test_a_task_that_declares_no_scores_says_so(target, name):
    recording = said(target[0][[0, 1]], target, [0, 1])
    del recording.attrs[schema.block()]["scores"]
    if name:
        recording.attrs[schema.block()]["scores"] = name
    with pytest.raises(InputError, match="declares scores"):
        score_run(recording)


def test_a_misspelt_name_is_suggested(target):
    recording = said(target[0][[0, 1]], target, [0, 1])
    recording.attrs[schema.block()]["scores"] = "targets"
    with pytest.raises(InputError, match="did you mean target"):
        score_run(recording)
    assert "targets" not in SCORERS
