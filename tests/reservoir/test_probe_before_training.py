"""A probe before the first trial: a settled network, weights at their start, an unchanged run after it."""

import numpy as np
from lively import equal, local_rule, make_trainer, short_meet, train

from spikewhen.reservoir.files import schema
from spikewhen.reservoir.rules import RLS

SETTLE = 60.0
RULES = {"local": local_rule(), "rls": RLS(alpha=0.1)}


def meet(*after, **changes):
    return short_meet(trials_per_block=2, probes_after=after, probe_repeats=1, **changes)


def test_it_finds_weights_at_their_start_and_predicts_nothing():
    recording = train(meet(0, 1, 2), RULES, settle_ms=SETTLE)
    assert recording[schema.probe("after_trial")].tolist() == [0, 1, 2, 2, 3, 4]
    assert recording[schema.probe("block")].tolist() == [0, 0, 0, 1, 1, 1]
    for label in RULES:
        assert recording[schema.weights(label, "trial")].tolist() == [0, 1, 2, 3, 4]
        w = recording[schema.weights(label, "w")]
        assert not w[0].any() and w[1:].any(axis=(1, 2)).all()
        for name in schema.OUTPUTS:
            assert not recording[schema.readout(label, "probes", name)][0].any()


def test_the_network_has_settled_by_then():
    """Its spikes are those of a probe that branches after the silence, not from the state at time zero."""
    network = make_trainer().network
    found = {}
    for settle in (0.0, SETTLE):
        recording = train(meet(0), network=network, settle_ms=settle)
        first = recording[schema.spikes("probes", "probe")] == 0
        found[settle] = recording[schema.spikes("probes", "timestamps")][first]
    assert found[SETTLE].size and not np.array_equal(found[0.0], found[SETTLE])
    assert found[SETTLE].min() >= -40  # the interval before the probe, not the settling


def test_the_run_goes_on_as_if_it_had_not_been_taken():
    with_it, without = (train(meet(*after), RULES, settle_ms=SETTLE) for after in ((0, 2), (2,)))
    for path in without.arrays:
        if "probes" not in path and not path.startswith("/weights"):
            assert with_it[path].tobytes() == without[path].tobytes(), path
    assert not equal(with_it, without)
