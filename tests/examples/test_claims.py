"""Every claim: its protocols are sound, and what it measures of a run it can judge."""

import json
from dataclasses import replace

import numpy as np
import pytest
import synthetic

from spikewhen.analysis.bands import band, jsonable
from spikewhen.examples.yamada_chao_2026.claims import calibration, recalibration, timing
from spikewhen.examples.yamada_chao_2026.claims.rules import changed, local, shipped
from spikewhen.examples.yamada_chao_2026.claims.shared import BLOCKS
from spikewhen.examples.yamada_chao_2026.claims.tuned import CELLS
from spikewhen.examples.yamada_chao_2026.study import STUDY
from spikewhen.experiments.config import load_config
from spikewhen.experiments.run import run
from spikewhen.experiments.study.claim import FAILS, HOLDS, OPEN, REPORTED, Claim, finding, paired
from spikewhen.experiments.study.curves import curves
from spikewhen.experiments.study.protocol import SHORT, blocks, probes
from spikewhen.experiments.study.run import carry_out, make_plan

SMALL_BUT_ALIVE = ("network.n_neurons=200", "network.out_degree=20")
UNTUNED = {"baseline": 0.4, "half_width_ms": 100.0}
SMALL = ("network.n_neurons=60", "network.out_degree=10", "health.silent_max=1.0")


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda c: c.id)
def test_protocols_are_sound_and_of_one_meaning(claim: Claim, tmp_path):
    plan = make_plan(STUDY, [claim], (0, 1), tmp_path)
    assert all(len(plan.jobs[p.name]) == 2 * p.seeds for p in claim.protocols)
    assert len({job.path for jobs in plan.jobs.values() for job in jobs}) == sum(map(len, plan.jobs.values()))


def test_all_claims_share_their_protocols(tmp_path):
    names = [p.name for c in STUDY.claims for p in c.protocols]
    assert len(set(names)) < len(names)
    make_plan(STUDY, STUDY.claims, (0,), tmp_path)  # refuses two protocols of one name


def test_reported_seeds_are_not_search_seeds():
    from spikewhen.examples.yamada_chao_2026.search.space import FRESH_SEEDS, SEARCH_SEEDS

    assert max(STUDY.seeds_of()) < 1000 <= min((*SEARCH_SEEDS, *FRESH_SEEDS))


def test_the_local_rule_is_that_of_the_config():
    assert local() == load_config("meet.toml").rules["local"]
    assert {name.split("_")[0] for name in CELLS} == {"local", "rls"} and len(CELLS) == 8


@pytest.mark.parametrize(
    ("values", "bounds", "verdict"),
    [
        (np.linspace(0.5, 0.6, 20), {"at_most": 0.7}, HOLDS),
        (np.linspace(0.5, 0.6, 20), {"at_most": 0.55}, OPEN),
        (np.linspace(0.5, 0.6, 20), {"at_most": 0.4}, FAILS),
        (np.linspace(0.5, 0.6, 20), {"at_least": 0.4}, HOLDS),
        (np.linspace(0.5, 0.6, 20), {"at_least": 0.4, "at_most": 0.5}, FAILS),
        (np.linspace(0.5, 0.6, 20), {}, REPORTED),
        (np.linspace(0.5, 0.6, 3), {"at_most": 0.7}, OPEN),
        ([np.nan] * 20, {"at_most": 0.7}, OPEN),
    ],
)
def test_a_verdict_stands_on_the_bound_of_the_interval(values, bounds, verdict):
    assert finding("x", values, **bounds).verdict == verdict


def test_never_counts_as_larger_than_any_bound():
    some = finding("trials", [10.0] * 16 + [np.inf] * 4, at_most=20, median=True)
    most = finding("trials", [10.0] * 4 + [np.inf] * 16, at_most=20, median=True)
    assert some.verdict == HOLDS and some.mean == 10
    assert most.verdict == FAILS and most.mean == np.inf


def test_a_paired_finding_keeps_its_test():
    x = np.linspace(0, 1, 20)
    found = paired("d", x, x + 0.1 + 0.01 * np.sin(9 * x), below=0.0)
    assert found.verdict == HOLDS and found.p < 1e-4


@pytest.mark.parametrize(
    "protocol", [calibration.ELEVEN, calibration.TWO_CUES, calibration.OMISSION], ids=lambda p: p.name
)
def test_the_bound_of_c2_is_the_scatter_of_a_delta_rule(protocol):
    """A rule of rate .04 that averages outcomes over this design; its RMS is the bound's basis to 6 %."""
    rng, eta = np.random.default_rng(3), 0.04
    p = np.array([b.probability for b in protocol.experiment().paradigm.blocks]).ravel()
    p_hat = p[:, None] * np.ones(400)
    for _ in range(150):
        p_hat += eta * ((rng.random(p_hat.shape) < p[:, None]) - p_hat)
    rms = np.sqrt(np.mean((p_hat - p[:, None]) ** 2))
    assert calibration.own_rms(p, eta) == pytest.approx(rms, rel=0.06)


def test_an_error_in_proportion_to_p_is_split_by_its_square():
    """A learner that says the same share of every target: A has .8^2 of .8^2 + .2^2, where p(A) is .8."""
    spec, s = synthetic.session()
    shares = recalibration.error_shares(synthetic.record(spec, s), "local", 20)
    p = s.probability[:, 0]
    np.testing.assert_allclose(shares, p**2 / (p**2).sum(1, keepdims=True), rtol=1e-4)
    assert np.isnan(recalibration.error_shares(synthetic.record(spec, s), "local", 19)).all()


def test_a_latency_of_two_protocols_counts_once_per_seed():
    values = {
        "latency_ms": np.array([[500.0, 500.0, 800.0]] * 2),
        "error_ms": np.array([[2.0, 4, 9], [np.nan, 6, np.nan]]),
    }
    np.testing.assert_array_equal(timing._at(values, "error_ms", 500.0), [3, 6])
    np.testing.assert_array_equal(timing._at(values, "error_ms", 800.0), [9, np.nan])


def test_series_can_be_written_as_json():
    values = {"a": np.array([[1.0, np.nan], [np.inf, 2.0]]), "b": band(np.array([[1.0, 2.0]] * 8))}
    assert json.loads(json.dumps(jsonable(values), allow_nan=False))["a"] == [[1.0, None], ["inf", 2.0]]


@pytest.mark.long
@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda c: c.id)
def test_what_is_measured_can_be_judged(claim: Claim, tmp_path):
    small = tuple(
        p if "tapped_delay_line" in p.name else replace(p, overrides=(*p.overrides, *SMALL))
        for p in claim.protocols
    )
    claim = replace(claim, protocols=small)
    plan = make_plan(STUDY, [claim], (1000, 1001), tmp_path)
    assert carry_out(plan, "cpu", 1) == []
    judged = claim.judge(plan.measured(claim.id))
    assert judged.findings
    json.dumps(jsonable(judged.series), allow_nan=False)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1006))
def test_no_shipped_rule_is_unstable(seed):
    """A small network. The merged rule at the rate of the factored one diverges, so this can fail."""
    small = (*SMALL_BUT_ALIVE, blocks(*BLOCKS[:2], trials=80), *probes((20, 40, 60, 80), 2), *SHORT)
    experiment = load_config("meet.toml", small)
    unstable = changed(shipped("local_merged"), eta=shipped("local").eta, consolidation=0.0, gate=UNTUNED)
    found = run(replace(experiment, rules={**experiment.rules, "unstable": unstable}), seed)
    errors = {label: np.array(curves(found, label, ("error",))["error"], float) for label in found.labels}
    assert errors.pop("unstable").max() > 1.1
    for label, error in errors.items():
        assert error[:, -1].max() < 0.95, label
