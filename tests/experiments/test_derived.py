"""What follows from other arrays is computed when asked for, in memory and from a file; neither keeps it."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from spikewhen.experiments.config import load_config
from spikewhen.experiments.result import open_run
from spikewhen.experiments.run import run, run_to_file
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.rules import RLS, ThreeFactor

SMALL = (
    "network.n_neurons=40",
    "network.out_degree=8",
    "paradigm.trials_per_block=2",
    "paradigm.probes_after=[2]",
    "paradigm.probe_repeats=2",
    'record.spikes="all"',
    "record.geometry=false",
    "simulation.dt_ms=0.5",
)
RULES = {"factored": ThreeFactor(), "merged": ThreeFactor(factored=False, what=None), "rls": RLS()}


@pytest.fixture(scope="module")
def small():
    return replace(load_config("two_cues.toml", SMALL), rules=RULES)


@pytest.fixture(scope="module")
def path(small, tmp_path_factory):
    return run_to_file(small, 1000, tmp_path_factory.mktemp("derived"))


@pytest.mark.parametrize("where", ["memory", "file"])
def test_prediction_and_times_of_spikes_are_what_their_definitions_say(small, path, where):
    result = run(small, seed=1000) if where == "memory" else open_run(path)
    for label in RULES:
        y, p_hat, z = (result[schema.readout(label, "probes", name)] for name in schema.OUTPUTS)
        expected = np.maximum(y, 0) * (1 if label == "merged" else np.clip(p_hat, 0, 1)[:, None, :])
        assert z.dtype == y.dtype and np.array_equal(z, expected) and (label == "rls" or z.any())
        lazy = result.sliced(schema.readout(label, "trials", "prediction"))
        assert lazy.shape == result[schema.readout(label, "trials", "y")].shape
        assert np.array_equal(lazy[1], result[schema.readout(label, "trials", "prediction")][1])
    step = result[schema.spikes("reservoir", "step")]
    assert step.size and np.array_equal(result[schema.spikes("reservoir", "timestamps")], (step + 1) * 0.5)


def test_a_file_holds_neither_nor_the_p_of_least_squares_unless_asked(small, path, tmp_path):
    whole = run_to_file(replace(small, record=replace(small.record, whole_rule_states=True)), 1000, tmp_path)
    names: dict[str, set] = {}
    for file in (path, whole):
        names[file.name] = set()
        with h5py.File(file) as f:
            f.visit(names[file.name].add)
            left = json.loads(f["rule_state/rls"].attrs["left_out"])
        assert list(left) == (["p"] if file is path else [])
    assert names[whole.name] - names[path.name] == {"rule_state/rls/p"}
    assert not any(name.endswith(("prediction", "timestamps")) for name in names[path.name])


def test_a_run_without_probes_can_be_opened(small, tmp_path):
    bare = replace(small, paradigm=replace(small.paradigm, probes_after=()))
    result = open_run(run_to_file(bare, 1000, tmp_path))
    assert (
        result[schema.weights("merged", "w")].shape == (0, 2, 41)
        and result.readout("merged").trials.y.array.any()
    )


def test_what_is_neither_kept_nor_derived_is_not_there(path):
    result = open_run(path)
    for missing in ("/readouts/nobody/probes/prediction", "/spikes/reservoir/times", "/spikes/x/timestamps"):
        assert missing not in result
        with pytest.raises(KeyError):
            result[missing]
