"""Environments of neurogym as tasks: what is shown, taught and scored, and what is refused."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lively import train
from trial_world import TwoChoices

import spikewhen as sw
import spikewhen.paradigms.neurogym as neurogym
from spikewhen.analysis.score_choices import score_choices
from spikewhen.experiments.config import load_config
from spikewhen.experiments.parse import choose
from spikewhen.paradigms.neurogym import TEST, NeuroGym
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.rules.gate import CONTINUOUS

TASK = NeuroGym("trial_world:TwoChoices", trials=6, test_trials=4, probes_every=4, interval_ms=10.0)


def drawn(seed, n, **options):
    """Trials of the environment itself, drawn alone."""
    world = TwoChoices(**options)
    world.seed(seed)
    out = []
    for _ in range(n):
        world.new_trial()
        out.append((world.ob, world.gt))
    return out


def test_observations_are_held_and_the_ground_truth_is_taught():
    session = TASK.plan(1000, 1.0)
    assert (session.cues, session.events) == (
        ("observation 0", "observation 1", "observation 2"),
        ("action 0", "action 1", "action 2"),
    )
    for i, (shown, truth) in enumerate(drawn(1000, 6)):
        steps = 10 * len(shown)
        assert session.trial_steps[i] == steps
        inputs, said = session.inputs(i), session.teaching(i)
        np.testing.assert_allclose(inputs[:steps, :3], np.repeat(shown, 10, axis=0))
        assert not inputs[:, 3:].any() and not inputs[steps:].any(), "actions are no input"
        assert said.event == CONTINUOUS
        assert np.array_equal(said.signal[:steps].argmax(axis=1), np.repeat(truth, 10))
        assert (said.signal[:steps].sum(axis=1) == 1).all()
        assert session.conditions[session.trials.condition[i]] == f"choice {truth[-1]}"


def test_every_probe_shows_the_same_test_set_which_training_never_sees():
    session = TASK.plan(1000, 1.0)
    assert session.probes.after_trial.tolist() == [0] * 4 + [4] * 4 + [6] * 4
    for q, (shown, truth) in enumerate(drawn(1000 + TEST, 4) * 3):
        steps = 10 * len(shown)
        np.testing.assert_allclose(session.probe_inputs(q)[:steps, :3], np.repeat(shown, 10, axis=0))
        assert session.probe_steps[q] == steps
        assert session.conditions[session.probes.condition[q]] == f"choice {truth[-1]}"
    more = replace(TASK, trials=9).plan(1000, 1.0)
    assert np.array_equal(more.probe_inputs(2), session.probe_inputs(2)), "it depends on the seed alone"


def test_times_are_scaled_and_options_reach_the_environment():
    fast = replace(TASK, scale=0.5, options={"dt": 4, "wait": 5}).plan(1000, 1.0)
    (shown, _), *_ = drawn(1000, 1, dt=4, wait=5)
    assert fast.trial_steps[0] == 2 * len(shown)
    with pytest.raises(InputError, match=r"paradigm\.scale"):
        replace(TASK, scale=0.15).plan(1000, 1.0)


def test_where_waiting_is_right_it_is_scored_when_others_choose():
    session = replace(TASK, trials=30, options={"ignore": 0.5}).plan(1000, 1.0)
    assert set(session.train.choice) == {0, 1, 2}
    waits = np.flatnonzero(session.train.choice == 0)
    assert session.train.due[waits].any(axis=1).all() and not session.train.due[waits, :2].any()


def recorded(task):
    """A run of a small network, with the labels of its rules."""
    recording = train(task, task_seed=1000)
    recording.arrays[schema.CONFIG] = np.frombuffer(json.dumps({"rules": {"local": {}}}).encode(), np.uint8)
    return recording


def scored(y_of):
    """Scores of a run whose readout is replaced by `y_of(target)` on the probes, (q, T, K)."""
    recording, session = recorded(TASK), TASK.plan(1000, 1.0)
    path, time = schema.readout("local", "probes", "y"), recording[schema.readout("local", "time_ms")]
    step = np.ceil(np.asarray(time) / 10).astype(int) - 1
    target = session.blocks["test_target"][0][0][recording[schema.probe("repeat")]][:, step]
    recording.arrays[path] = np.where(np.isfinite(target), y_of(target), np.nan)
    return score_choices(recording)["local"]


def test_a_perfect_readout_is_right_and_others_are_not():
    perfect = scored(lambda target: target)
    assert (perfect["accuracy"] == 1).all() and (perfect["accuracy_steps"] == 1).all()
    assert np.allclose(perfect["error"], 0)
    silent = scored(np.zeros_like)
    assert np.allclose(silent["error"], 1), "1 is silence"
    late = scored(lambda target: np.roll(target, 1, axis=-1))
    assert (late["accuracy"] == 0).all() and (late["accuracy_steps"] == 0).all()
    waits = scored(lambda target: np.eye(3)[np.zeros(target.shape[:2], int)])
    assert (waits["accuracy"] == 0).all() and (waits["accuracy_steps"] > 0.3).all(), "waiting is no choice"


def test_a_position_has_no_choice_but_an_error():
    task = NeuroGym("trial_world:Continuous", trials=3, test_trials=2, interval_ms=10.0)
    found = score_choices(recorded(task))["local"]
    assert np.isnan(found["accuracy"]).all() and np.isfinite(found["error"]).all()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("trial_world:NoTruth", "ground truth"),
        ("trial_world:Outside", "one of its 3 actions"),
        ("trial_world:Nothing", "no attribute|has no"),
        ("no_such_module:Class", "neurogym"),
        ("pathlib:Path", "no new_trial"),
        ("no_such_package:Some-v0", "neurogym"),
    ],
)
def test_what_cannot_be_taught_is_refused_in_one_line(name, complaint):
    with pytest.raises(InputError, match=complaint) as refusal:
        NeuroGym(name, trials=2).plan(0, 1.0)
    assert "paradigm.environment" in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_version_of_an_environment_is_part_of_the_task(monkeypatch):
    stored = TASK.version
    assert len(stored) == 16
    table = {"name": "neurogym", "environment": "trial_world:TwoChoices", "version": stored}
    assert choose("paradigm", table, "name", "paradigm", None).version == stored
    monkeypatch.setattr(neurogym, "version_of", lambda name: "another")
    with pytest.raises(InputError, match="version"):
        replace(TASK)


def test_environments_of_neurogym_itself_can_be_planned():
    """In an environment of its own, since neurogym pins other versions: see docs/how_to/neurogym.md."""
    pytest.importorskip("neurogym")
    task = NeuroGym(trials=4, test_trials=2, scale=0.1, options={"dt": 20})
    session = task.plan(1000, 1.0)
    assert task.version and len(session.events) == 3
    assert set(session.train.choice) <= {1, 2}


PAGE = Path(__file__).resolve().parents[2] / "docs/how_to/neurogym.md"


def test_the_page_learns_a_world_of_ones_own(tmp_path, monkeypatch):
    """The config and the module of the page, with fewer trials."""
    text = PAGE.read_text(encoding="utf-8")
    (config,), (world, _) = (
        re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE) for kind in ("toml", "python")
    )
    (tmp_path / "my_world.py").write_text(world)
    (tmp_path / "mine.toml").write_text(config)
    monkeypatch.syspath_prepend(tmp_path)
    values = {
        "environment": "my_world:Lights",
        "options": {},
        "trials": 40,
        "probes_every": 40,
        "test_trials": 8,
    }
    experiment = load_config(
        tmp_path / "mine.toml", values={f"paradigm.{key}": value for key, value in values.items()}
    ).with_rules(["rls"])
    scores = sw.run(experiment, seed=1000, progress=False).scores("rls")
    last = scores["trial"] == 40
    assert scores["accuracy"][last].mean() > 0.6 > scores["accuracy"][~last].mean()
