"""The claims about geometry, populations and composition, from small runs to verdicts."""

import json
from dataclasses import replace

import numpy as np
import pytest

from spikewhen.examples.yamada_chao_2026.claims import geometry, grid, populations, silencing, transfer
from spikewhen.experiments.config import load_config
from spikewhen.experiments.recorded import learned_under
from spikewhen.experiments.run import run
from spikewhen.paradigms.meet import Block
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

SMALL = (
    "network.n_neurons=60",
    "network.out_degree=10",
    "simulation.settle_ms=100.0",
    "paradigm.interval_min_ms=50.0",
    "paradigm.interval_max_ms=100.0",
    "paradigm.probe_repeats=2",
    "health.silent_max=1.0",
)
TRIALS = 12


def small(protocol, seed):
    """Run a protocol on few cells, with few trials of each block."""
    experiment = protocol.experiment()
    loaded = load_config("meet.toml", (*protocol.overrides, *SMALL))
    meet = replace(
        loaded.paradigm,
        trials_per_block=TRIALS,
        probes_after=tuple(n for n in loaded.paradigm.probes_after if n < TRIALS) + (TRIALS,),
        blocks=tuple(replace(b, trials=0) for b in loaded.paradigm.blocks),
    )
    labels = ("local", "merged", *transfer.PARTS)
    rules = {k: experiment.rules[k] for k in labels if k in experiment.rules}
    return run(replace(loaded, paradigm=meet, rules=rules), seed)


@pytest.fixture(scope="module")
def recordings():
    """Two seeds of every protocol, run when first asked for."""
    known = {}

    def get(protocol):
        if protocol.name not in known:
            known[protocol.name] = {seed: small(protocol, seed) for seed in (0, 1)}
        return known[protocol.name]

    return get


class TestRetrained:
    """Another contingency on the spikes of a run."""

    def test_it_equals_a_run_of_that_contingency_bit_for_bit(self, recordings):
        made = recordings(grid.GRID)[0]
        other = grid.condition(0.2, 450.0)
        (found,) = learned_under(made, [other], ["local", "merged"])
        loaded = load_config("meet.toml", (*grid.GRID.overrides, *SMALL))
        meet = replace(loaded.paradigm, trials_per_block=TRIALS, probes_after=(TRIALS,), blocks=(other,))
        direct = run(replace(loaded, paradigm=meet, rules=grid.GRID.experiment().rules), 0)
        for label in ("local", "merged"):
            for path in (schema.weights(label, "w"), schema.readout(label, "probes", "prediction")):
                np.testing.assert_array_equal(found[path], direct[path])
            assert not np.array_equal(found[schema.weights(label, "w")], made[schema.weights(label, "w")])

    def test_a_block_of_other_length_is_refused(self, recordings):
        longer = replace(grid.condition(0.5, 300.0), trials=TRIALS + 1)
        with pytest.raises(InputError, match="as many trials"):
            list(learned_under(recordings(grid.GRID)[0], [longer], ["local"]))

    def test_a_run_in_which_events_may_swap_roles_is_refused(self, recordings):
        with pytest.raises(InputError, match="counterbalance"):
            list(
                learned_under(
                    recordings(populations.CLOSED)[0], [Block(((0.5, 0.5),), ((300, 600),))], ["local"]
                )
            )


@pytest.mark.parametrize("module", [geometry, populations, transfer], ids=lambda m: m.__name__.split(".")[-1])
def test_a_claim_goes_from_runs_to_findings(module, recordings, monkeypatch):
    monkeypatch.setattr(silencing, "KEPT", (10, 30))
    monkeypatch.setattr(silencing, "CONTROLS", 2)
    monkeypatch.setattr(populations, "PERMUTATIONS", 10)
    monkeypatch.setattr(transfer, "AFTER", (1, 5, 10, TRIALS))
    claim = module.CLAIM
    measured = {
        p.name: {seed: claim.measure(p.name, r) for seed, r in recordings(p).items()} for p in claim.protocols
    }
    assert json.loads(json.dumps(measured)) is not None
    judged = claim.judge(measured)
    assert np.isfinite(judged.p)
    named = [f.what for f in judged.findings]
    assert len(set(named)) == len(named)
    assert all(f.n == 2 for f in judged.findings if "timing" not in f.what)
    json.dumps(judged.series, allow_nan=False)
