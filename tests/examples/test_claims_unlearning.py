"""The claims about unlearning, the causal rule and orthogonality by error, from small runs to verdicts."""

import json
from dataclasses import replace

import numpy as np
import pytest
from drawn import meet_run
from made_up_report import Maker
from made_up_rules import RULES_AND_ERRORS

from spikewhen.analysis.bands import jsonable
from spikewhen.examples.yamada_chao_2026.claims import (
    budget,
    causal,
    orthogonality,
    shared,
    unlearning,
    worlds,
)
from spikewhen.examples.yamada_chao_2026.claims import (
    losses as counting,
)
from spikewhen.examples.yamada_chao_2026.claims.losses import first_difference, losses
from spikewhen.experiments.config import load_config
from spikewhen.experiments.run import run
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.rules import Unlearn

SMALL = (
    "network.n_neurons=60",
    "network.out_degree=10",
    "simulation.settle_ms=100.0",
    "paradigm.interval_min_ms=50.0",
    "paradigm.interval_max_ms=100.0",
    "paradigm.probe_repeats=1",
    "health.silent_max=1.0",
)
FEWER = 10
"""By which the trials of every block are divided."""


def small(protocol, seed):
    """Run a protocol on few cells, with a tenth of the trials of each block and of those probed."""
    experiment = protocol.experiment()
    loaded = load_config("meet.toml", (*protocol.overrides, *SMALL))
    meet = loaded.paradigm
    blocks = tuple(replace(b, trials=(b.trials or 100) // FEWER) for b in meet.blocks)
    after = tuple(sorted({max(1, n // FEWER) for n in meet.probes_after}))
    labels = [x for x in experiment.rules if not x.startswith("rls_n") and x not in ("surprise", "rls_reset")]
    rules = {x: experiment.rules[x] for x in labels}
    return run(replace(loaded, paradigm=replace(meet, blocks=blocks, probes_after=after), rules=rules), seed)


@pytest.fixture(scope="module")
def measured_of():
    """What a claim measures of small runs; every protocol is run once."""
    runs = {}

    def get(claim):
        out = {}
        for protocol in claim.protocols:
            if protocol.name not in runs:
                runs[protocol.name] = {seed: small(protocol, seed) for seed in (0, 1)}
            out[protocol.name] = {s: claim.measure(protocol.name, r) for s, r in runs[protocol.name].items()}
        return json.loads(json.dumps(out))

    return get


def shape(entry):
    """Keys of nested tables down to lists and numbers."""
    return {k: shape(v) for k, v in entry.items()} if isinstance(entry, dict) else None


@pytest.mark.long
@pytest.mark.parametrize(
    "module", [unlearning, causal, orthogonality, budget], ids=lambda m: m.__name__.split(".")[-1]
)
def test_a_claim_goes_from_runs_to_findings_and_to_what_figures_draw(module, measured_of, monkeypatch):
    claim = module.CLAIM
    if module is orthogonality:
        monkeypatch.setattr(orthogonality, "AFTER", (1, 2, 5, 10))
        monkeypatch.setattr(orthogonality, "DRAWS", 3)
    if module is unlearning:
        few = {n // FEWER: p for n, p in worlds.OVER_TRAINED.items()}
        monkeypatch.setattr(counting, "GRACE", 1)
        for place in (unlearning, counting):
            monkeypatch.setattr(place, "OVER_TRAINED", few)
            for name in ("AT", "FOLLOW", "FOLLOWED", "LONG", "BRIEF"):
                if hasattr(place, name):
                    monkeypatch.setattr(place, name, max(1, getattr(place, name) // FEWER))
    judged = claim.judge(measured_of(claim))
    assert np.isfinite(judged.p)
    named = [f.what for f in judged.findings]
    assert len(set(named)) == len(named)
    assert [f.what for f in judged.findings if f.n != 2 and "that is best" not in f.what] == []
    real = json.loads(json.dumps(jsonable(judged.series), allow_nan=False))
    made_up = json.loads(json.dumps(jsonable(RULES_AND_ERRORS[claim.id](Maker(2)))))
    assert shape(real) == shape(made_up)


class TestLosses:
    """Trials that take weights, counted from outputs."""

    FORM = Unlearn(above=0.2, all_at=0.5, after=2)

    @pytest.fixture
    def recording(self):
        """Outputs that say event 0 at 300 ms and event 1 at 600 ms, whatever comes."""
        return meet_run(noise=0.0)

    def test_an_event_where_it_was_expected_is_no_surprise(self, recording):
        y = recording.arrays[schema.readout("local", "trials", "y")]
        right = np.exp(
            -0.5 * ((recording[schema.readout("local", "time_ms")][:, None] - [300, 600]) / 30) ** 2
        )
        y[:] = right
        found = losses(recording, "local", self.FORM)
        block = recording[schema.trial("block")]
        assert np.nanmax(found.surprise[block == 0]) < 1e-6 and not found.at_end[block == 0].any()

    def test_a_missed_expectation_takes_all_and_the_first_deliveries_are_spared(self, recording):
        y = recording.arrays[schema.readout("local", "trials", "y")]
        time = recording[schema.readout("local", "time_ms")]
        y[:] = np.exp(-0.5 * ((time[:, None] - [800, 900]) / 30) ** 2)
        found = losses(recording, "local", self.FORM)
        for k in range(2):
            mine = np.flatnonzero(found.event == k)
            np.testing.assert_allclose(found.surprise[mine], 1, atol=0.01)
            assert found.at_end[mine].tolist() == [0, 0] + [1] * (mine.size - 2)

    def test_what_was_not_delivered_loses_nothing(self, recording):
        recording.arrays[schema.trial("event")][:] = -1
        found = losses(recording, "local", self.FORM)
        assert np.isnan(found.surprise).all()
        assert found.counted(np.ones(found.event.size, bool)) == {"trials": 0.0, "share": 0.0}
        assert np.isnan(found.counted(np.zeros(found.event.size, bool))["trials"])

    def test_weights_differ_from_the_first_trial_on_that_took_some(self):
        """Counted from outputs, and compared bit by bit after every trial, it is the same trial."""
        overrides = (
            "paradigm.blocks=[{probability = [[1.0, 0.0]], latency_ms = [[300.0, 600.0]], trials = 12}, "
            "{probability = [[1.0, 0.0]], latency_ms = [[700.0, 600.0]], trials = 8}]",
            "paradigm.counterbalance=false",
            f"paradigm.probes_after={list(range(1, 13))}",
            'record.spikes="none"',
            *SMALL,
        )
        rules = {
            "local": worlds.RULES["plain"],
            "unlearn": replace(worlds.RULES["plain"], unlearn=Unlearn(above=0.05, all_at=0.4)),
        }
        recording = run(replace(load_config("meet.toml", overrides), rules=rules), 0)
        found = losses(recording, "unlearn", rules["unlearn"].unlearn)
        taken = np.flatnonzero(found.at_end > 0)
        assert taken.size and first_difference(recording, "local", "unlearn") == taken[0] + 1
        assert first_difference(recording, "local", "local") == np.inf


def test_naive_networks_meet_the_very_blocks_that_others_are_switched_to():
    switched = worlds.SWITCHED.experiment().paradigm.blocks
    for b, protocol in enumerate(unlearning.NAIVE_OF.values(), 1):
        (block,) = protocol.experiment().paradigm.blocks
        assert block == switched[b]
    assert switched[:4] == shared.SWITCHES.experiment().paradigm.blocks[:4]


def test_only_one_channel_moves_in_the_last_block_of_the_switches():
    before, after = worlds.SWITCHED.experiment().paradigm.blocks[-2:]
    moved = np.not_equal(before.latency_ms, after.latency_ms)
    assert before.probability == after.probability and moved.tolist() == [[True, False]]


def test_the_rules_are_the_shipped_one_changed():
    plain = worlds.RULES["plain"]
    assert replace(worlds.RULES["unlearn"], unlearn=plain.unlearn) == plain
    assert replace(worlds.RULES["online"], unlearn=plain.unlearn) == plain
    assert not plain.unlearn.at_trial_ends and plain.unlearn.rate == 0
    retro = worlds.RULES["retro"]
    assert retro.what == plain.what and not retro.unlearn.at_trial_ends
    assert replace(retro, unlearn=worlds.AT_ENDS) == worlds.RULES["retro_unlearn"]
    assert worlds.RULES["rls_told"].what == plain.what
