"""The search for parameters: what it varies, how it scores, that it goes on where it ended."""

from dataclasses import replace

import numpy as np
import optuna
import pytest

from spikewhen.examples.yamada_chao_2026.search import causal, regime, rules, what
from spikewhen.examples.yamada_chao_2026.search.evaluate import (
    BLOCKS,
    BROKEN,
    WORST,
    Score,
    probe_errors,
    score,
    task,
)
from spikewhen.examples.yamada_chao_2026.search.recorded import simulate, train, train_and_score
from spikewhen.examples.yamada_chao_2026.search.regime import GUESSES
from spikewhen.examples.yamada_chao_2026.search.report import trials_csv
from spikewhen.examples.yamada_chao_2026.search.space import (
    FRESH_SEEDS,
    REGIME,
    REGIME_RLS,
    SEARCH_SEEDS,
    applied,
    read,
    replaced,
    suggest,
)
from spikewhen.examples.yamada_chao_2026.search.study import mean_over_seeds, open_study
from spikewhen.examples.yamada_chao_2026.search.validate import Found, table, trials_to
from spikewhen.experiments.config import load_config
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.rules import Gate, ThreeFactor, WhatReadout

SMALL = {"network.out_degree": 6, "network.n_neurons": 60}


def small(blocks=BLOCKS, points=(1, 3), repeats=2):
    short = tuple(replace(block, trials=3) for block in blocks)
    return applied(task(short, points, repeats), SMALL)


def test_no_seed_for_reporting_is_searched():
    seeds = (*SEARCH_SEEDS, *FRESH_SEEDS, *what.SEEDS)
    assert min(seeds) >= 1000
    assert not set(SEARCH_SEEDS) & set(FRESH_SEEDS)
    assert {s % 4 for s in SEARCH_SEEDS} == {0, 1, 2, 3}, "not every counterbalancing"


def test_what_is_shipped_lies_inside_the_space():
    shipped = task()
    for p in REGIME:
        assert p.low <= read(shipped, p.path) <= p.high, p.path
    for guess in GUESSES:
        assert set(guess) <= {p.path for p in REGIME}


def test_least_squares_gets_a_network_of_its_own_by_as_many_parameters(monkeypatch, tmp_path):
    assert len(REGIME_RLS) == len(REGIME)
    asked = []
    monkeypatch.setattr(
        regime, "score", lambda experiment, seed: asked.append(experiment) or Score({}, 0.0, 0.0)
    )
    monkeypatch.setattr(
        regime, "_until", lambda study, objective, seconds: study.optimize(objective, n_trials=1)
    )
    regime.search_regime_rls(tmp_path, 0.0)
    (rule,) = asked[0].rules.values()
    assert (rule.name, rule.reset, rule.alpha, rule.gate.baseline) == ("rls", "switch", 0.1, 1.0)
    assert asked[0].network == task().network and asked[0].trace == task().trace


def test_a_value_is_replaced_in_dataclasses_dicts_and_tuples():
    before = task()
    after = replaced(before, "network.synapse_decay_ms.1", 7.0)
    after = replaced(after, "rules.local.gate.baseline", 0.123)
    assert after.network.synapse_decay_ms == (before.network.synapse_decay_ms[0], 7.0)
    assert after.rules["local"].gate == replace(before.rules["local"].gate, baseline=0.123)
    assert replaced(after, "rules.local", before.rules["local"]).rules == before.rules


def test_a_candidate_has_three_digits():
    values = {p.path: p.low + (p.high - p.low) / np.pi for p in REGIME}
    drawn = suggest(optuna.trial.FixedTrial(values), REGIME)
    assert all(f"{value:.3g}" == f"{value:.12g}" for value in drawn.values() if abs(value) < 1000)


def test_the_session_is_the_first_three_blocks_of_the_main_job():
    assert BLOCKS == load_config("meet.toml").paradigm.blocks[: len(BLOCKS)]


def test_training_on_recorded_spikes_scores_as_simulating_does():
    experiment = small()
    direct = score(experiment, 1001)
    again = train_and_score(simulate(experiment, 1001), experiment.rules["local"])
    np.testing.assert_array_equal(again.errors["rule"], direct.errors["local"])
    assert direct.errors["local"].shape == (3, 2)
    assert again.rate_hz == direct.rate_hz > 0


def test_a_perfect_prediction_scores_0_and_silence_1():
    session = small().paradigm.plan(1002, 1.0)
    block = session.probes.block
    t, sigma = session.time_ms[:, None], session.sigma_ms
    p, latency = session.probability[block, 0], session.latency[block, 0]
    perfect = p[:, None] * np.exp(-((t - latency[:, None]) ** 2) / (2 * sigma**2))
    assert np.abs(probe_errors(session, perfect)).max() < 1e-9
    np.testing.assert_allclose(probe_errors(session, 0 * perfect), 1.0)


@pytest.mark.parametrize(
    ("rate_hz", "value"),
    [(3.0, 0.4), (12.0, 0.4 + 0.1 * np.log(2)), (0.5, 0.4 + 0.1 * np.log(2)), (0.1, WORST), (80.0, WORST)],
)
def test_rates_outside_what_is_wanted_cost(rate_hz, value):
    found = Score({"local": np.full((3, 3), 0.4)}, rate_hz, 0.0)
    assert found.value() == pytest.approx(value)
    assert BROKEN.value() == WORST


def test_silence_after_the_cue_costs():
    values = [Score({"local": np.full((3, 3), 0.4)}, 3.0, 0.0, lull).value() for lull in (1.0, 0.2, 0.1, 0.0)]
    assert values[:2] == [0.4, 0.4]
    assert values[2] == pytest.approx(0.4 + 0.03 * np.log(2)) and values[3] == pytest.approx(
        0.4 + 0.03 * np.log(200)
    )


def test_a_study_goes_on_where_it_ended_and_draws_anew(tmp_path):
    for _ in range(2):
        study = open_study(tmp_path, "x")
        study.optimize(lambda trial: trial.suggest_float("a", 0, 1), n_trials=3)
    values = [t.params["a"] for t in open_study(tmp_path, "x").trials]
    assert len(values) == len(set(values)) == 6


def test_a_candidate_worse_than_the_median_is_dropped(tmp_path):
    study = open_study(tmp_path, "x")
    runs = []

    def objective(trial, worth):
        runs.append(0)

        def value_of(seed):
            runs[-1] += 1
            return worth, {"rate_hz": 3.0}

        return mean_over_seeds(trial, SEARCH_SEEDS, value_of)

    for worth in (*np.linspace(0.3, 0.4, 7), 0.9):
        study.optimize(lambda trial, worth=worth: objective(trial, worth), n_trials=1)
    assert study.trials[-1].state == optuna.trial.TrialState.PRUNED
    assert study.best_value == pytest.approx(0.3)
    assert runs[0] == 4 and runs[-1] == 1
    rows = trials_csv(tmp_path).splitlines()
    assert len(rows) == 9 and rows[1].startswith("x,0,complete,0.3000,0.3000")
    assert rows[-1].startswith("x,7,pruned,0.9000,0.9000,,,,3.00")


def test_every_cell_of_the_factorial_starts_inside_its_space():
    assert len(rules.CELLS) == 8
    for name, (rule, space) in rules.CELLS.items():
        assert all(p.low <= rules.START[p.path] <= p.high for p in space), name
        tuned = rules.with_values(rule, {p.path: rules.START[p.path] for p in space})
        assert tuned.factored == ("factored" in name) and (tuned.what is not None) == tuned.factored
        assert tuned.gate.kind == ("none" if name.endswith("none") else "window")
        assert tuned.gate.undelivered == ("ignore" if tuned.factored else "zero")


def test_every_rival_of_the_local_rule_has_its_budget_and_starts_inside_its_space():
    for name, (rule, space) in rules.RIVALS.items():
        assert all(p.low <= rules.START[p.path] <= p.high for p in space), name
        tuned = rules.with_values(rule, {p.path: rules.START[p.path] for p in space})
        assert tuned.factored and tuned.gate.undelivered == "ignore" and tuned.what.anneal
        paths = {p.path for p in space}
        assert ("alpha" in paths) == ("rls" in name) and "what.eta_w" in paths
        assert ("gate.half_width_ms" in paths) == (rule.gate.kind == "window")
    assert {r.reset for name, (r, _) in rules.RIVALS.items() if "told" in name} == {"switch"}


def test_the_search_of_the_causal_rule_tries_its_defaults_first(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(causal, "over_seeds", lambda trial, rule, simulated: asked.append(rule) or 1.0)
    monkeypatch.setattr(causal, "BUDGET", 2)
    causal.search_causal(tmp_path, 60.0)
    first, drawn = asked
    assert (first.eta, first.late_ms, first.gate.kind) == (0.03, 60, "expectation")
    assert first.unlearn == drawn.unlearn and drawn.unlearn.at_trial_ends
    assert {p.path for p in causal.SPACE if p.low <= read(drawn, p.path) <= p.high} == {
        p.path for p in causal.SPACE
    }


@pytest.mark.parametrize(
    "identity", [WhatReadout(), WhatReadout(anneal=True), WhatReadout(surprise=0.3, anneal=True)]
)
def test_p_hat_from_mean_features_is_that_of_a_run(monkeypatch, identity):
    monkeypatch.setattr(what, "TRIALS", 32)
    experiment = what.session

    monkeypatch.setattr(what, "session", lambda p: applied(experiment(p), SMALL))
    seed = what.taught(1003)
    rule = ThreeFactor(eta=0.0, gate=Gate(baseline=0.0), what=identity)
    run = train(simulate(what.session(what.P_EVERY_25), 1003), {"r": rule}, trials=True)
    np.testing.assert_array_equal(
        what.p_hats(identity, seed, "every 25"), run[schema.readout("r", "trials", "p_hat")]
    )
    assert np.ptp(run[schema.readout("r", "trials", "p_hat")]) > 0.1


def test_trials_to_the_naive_level():
    falling = Found(np.array([[1.0, 0.8, 0.5, 0.3, 0.2]]), 3.0)
    assert trials_to(falling, Found(np.array([[1, 1, 1, 1, 0.28]]), 3.0), 0) == 50
    assert trials_to(falling, Found(np.array([[1, 1, 1, 1, 0.1]]), 3.0), 0) == np.inf


def test_the_comparison_is_paired_by_seed():
    rng = np.random.default_rng(0)
    base = [Found(0.5 + 0.1 * rng.random((5, 5)), 3.0) for _ in range(6)]
    better = [Found(f.errors - 0.05 - 0.001 * i, 3.5) for i, f in enumerate(base)]
    text = table({"shipped": base, "new": better}, {"shipped": base, "new": better})
    assert "-0.053 (-0.054 to -0.051, p = 0.031)" in text
    assert "3.50 to 3.50" in text


def test_every_point_is_scored_once_also_after_a_stop(tmp_path):
    study = open_study(tmp_path, "x", prune=False)
    points = [{"a": a} for a in (1, 2, 3)]
    scored = []

    def objective(trial):
        scored.append(trial.suggest_categorical("a", (1, 2, 3)))
        if scored == [1, 2]:
            raise KeyboardInterrupt
        return float(scored[-1])

    with pytest.raises(KeyboardInterrupt):
        rules._each(study, objective, points, 0)
    rules._each(open_study(tmp_path, "x", prune=False), objective, points, 0)
    assert sorted(scored) == [1, 2, 2, 3]
    assert open_study(tmp_path, "x", prune=False).best_params == {"a": 1}
