"""A run as a script sees it: its identity, what it refuses, what it keeps in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from changing_rule import own_rule

from spikewhen import load_config, run
from spikewhen.analysis.summary import compare
from spikewhen.experiments.results import FREE, run_table
from spikewhen.experiments.run import run_to_file
from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import read_run
from spikewhen.reservoir.rules import RLS, ThreeFactor, WhatReadout

SMALL = (
    "network.n_neurons=60",
    "network.out_degree=10",
    "paradigm.trials_per_block=2",
    "paradigm.probes_after=[2]",
    "paradigm.probe_repeats=1",
    "paradigm.blocks=[{probability=[[0.5,0.5]],latency_ms=[[300.0,600.0]]}]",
)


@pytest.fixture
def small():
    return load_config("meet.toml", SMALL).with_rules(["local"])


def test_a_rule_whose_code_changed_is_another_run(small, monkeypatch):
    ids = [
        replace(small, rules={"own": own_rule(monkeypatch, amount)}).run_id(1000)
        for amount in (0.25, 0.25, 0.5)
    ]
    assert ids[0] == ids[1] != ids[2]


def test_a_shipped_rule_needs_no_code_in_its_identity(small):
    assert "code" not in small.resolved(0)["rules"]["local"]
    assert "code" not in small.resolved(0)["paradigm"]


@pytest.mark.parametrize("seed", [1.5, -1, "3"])
def test_a_seed_is_a_whole_number(small, seed):
    with pytest.raises(InputError, match="seed"):
        run(small, seed=seed)


def test_a_numpy_seed_is_a_seed(small, tmp_path):
    assert run_to_file(small, np.int64(4), tmp_path) == tmp_path / f"{small.run_id(4)}.h5"


def test_only_what_is_asked_for_is_read(small, tmp_path):
    path = run_to_file(small, 1000, tmp_path)
    part, whole = read_run(path, (schema.CONFIG, f"{schema.scores()}/")), read_run(path)
    assert {p for p in whole.arrays if p == schema.CONFIG or p.startswith(f"{schema.scores()}/")} == set(
        part.arrays
    )
    assert part.attrs == whole.attrs


def test_an_output_that_is_not_finite_names_the_readout(small):
    wild = replace(small, rules={"wild": ThreeFactor(eta=1e308, epsilon=1e-300)})
    with pytest.raises(ActivityError, match="wild"):
        run(wild, seed=1000)


@pytest.mark.parametrize("into", ["memory", "a file"])
def test_a_rule_that_diverges_takes_no_other_rule_with_it(small, tmp_path, caplog, into):
    """From Python as in the command: the run without it, a warning, and the reason where it is asked for."""
    wild = replace(small, rules={**small.rules, "wild": ThreeFactor(eta=1e308, epsilon=1e-300)})
    result = run(wild, seed=1000, out=tmp_path if into == "a file" else None)
    assert result.labels == list(small.rules) and result.run_id == small.run_id(1000)
    assert result.failed["wild"].startswith("the rule diverged: output of wild[")
    assert "wild is left out: the rule diverged" in caplog.text and "left out" in repr(result)
    with pytest.raises(InputError, match="label = 'wild': a rule that was not left out: the rule diverged"):
        result.readout("wild")
    alone = run(small, seed=1000)
    label = result.labels[0]
    assert result.readout(label).y.array.tobytes() == alone.readout(label).y.array.tobytes()


@pytest.mark.parametrize(
    "rule, advice",
    [(ThreeFactor(eta=1e308, epsilon=1e-300), "learning rate"), (RLS(alpha=1e-308), "raise alpha")],
)
def test_the_line_about_a_diverged_rule_advises_what_can_help_for_that_rule(small, rule, advice):
    with pytest.raises(ActivityError, match=advice) as caught:
        run(replace(small, rules={"wild": rule}), seed=1000)
    assert "\n" not in str(caught.value) and caught.value.rule == "wild"


@pytest.mark.parametrize("window", [(200.0, 150.0), (100.0, 100.0)])
def test_a_window_without_time_is_refused(window):
    with pytest.raises(InputError, match="window_end_ms"):
        WhatReadout(window_start_ms=window[0], window_end_ms=window[1])


def test_a_window_before_the_trial_is_refused(small):
    early = WhatReadout(window_start_ms=-500.0, window_end_ms=100.0)
    with pytest.raises(InputError, match="window_start_ms"):
        replace(small, rules={"early": ThreeFactor(what=early)})


@pytest.mark.parametrize(
    ("change", "named"),
    [("paradigm.events=['A','A']", "events"), ("paradigm.cues=['c','c']", "cues")],
)
def test_a_name_stands_once(change, named):
    with pytest.raises(InputError, match=named):
        load_config("meet.toml", (*SMALL, change))


def test_a_label_is_compared_once():
    with pytest.raises(InputError, match="once"):
        load_config("meet.toml", SMALL).with_rules(["local", "local"])


def test_rules_are_paired_at_fixed_trials_and_at_the_last():
    def scores(shift):
        trial = np.array([1, 10, 20, 75])
        return {"block": np.zeros(4), "trial": trial, "error": shift + trial / 100}

    merged = {f"seed {s}": {"a": scores(0.1 * s), "b": scores(0.1 * s + 0.2)} for s in range(3)}
    found = compare(merged, "a", "b")
    assert [(d.block, d.trial) for d in found] == [(1, 10), (1, 20), (1, 75)]
    assert all(d.paired.mean == pytest.approx(-0.2) for d in found)


def test_a_continuous_target_is_compared_by_its_free_run():
    entry = {"runs": ["x"], "run": {"free_frequency_hz": {"mean": 4.97}, "free_rmse": {"mean": None}}}
    table = run_table({"force": entry}, FREE).markdown()
    assert "| force | 4.97 | - | - | - | 1 |" in table and "| frequency (Hz) |" in table
