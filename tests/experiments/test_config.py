"""Reading configs: what is resolved, what is refused, and how it is said."""

from __future__ import annotations

import pytest
import small
from hypothesis import given
from hypothesis import strategies as st

from spikewhen.experiments.config import CONFIGS, load_config
from spikewhen.experiments.jobs import make_jobs
from spikewhen.experiments.tables import format_seeds, parse_seeds
from spikewhen.reservoir.errors import InputError

SHIPPED = sorted(path.name for path in CONFIGS.glob("*.toml"))


def test_the_promised_configs_are_shipped():
    names = (
        *("force_lorenz", "force_oscillators", "force_song"),
        *("calibration", "force_sine", "graded_omission", "local_global", "meet", "ready_set_go"),
        *("reward_timing", "set_go", "transitions", "two_cues"),
    )
    assert set(SHIPPED) == {f"{name}.toml" for name in names}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configs_plan_their_runs(name, tmp_path):
    (job,) = make_jobs(name, load_config(name), [0], tmp_path)
    assert job.estimate.seconds > 0
    assert not list(tmp_path.iterdir())


def test_calibration_has_eleven_levels_in_scrambled_order():
    blocks = load_config("calibration").paradigm.blocks
    levels = [b.probability[0][0] for b in blocks]
    assert sorted(levels) == [i / 10 for i in range(11)] and levels != sorted(levels)
    assert all(sum(b.probability[0]) == pytest.approx(1) for b in blocks)


def test_force_sine_is_the_published_network():
    e = load_config("force_sine.toml")
    assert e.network.weight == pytest.approx(5000 / (0.1 * 2000**0.5))
    assert e.network.cell["v_threshold"] == pytest.approx(-60 + 40 + 2 / 2.5)
    assert e.rules["force"].forgetting == 1.0 and e.rules["force"].shares_p
    assert [list(part.rules) for part in e.split()] == [["force"]]


def test_feedback_splits_the_rules_into_runs():
    open_loop = load_config(small.table())
    closed = load_config(small.table(), ("network.feedback_pa=5.0",))
    assert len(open_loop.split()) == 1
    assert [list(part.rules) for part in closed.split()] == [["local"], ["rls"]]
    assert len({part.run_id(0) for part in closed.split()} | {open_loop.run_id(0)}) == 3


def test_run_id_follows_values_not_spelling():
    e = load_config(small.table())
    assert load_config(small.table(), ("network.n_neurons=60",)).run_id(3) == e.run_id(3)
    assert load_config(small.table(), ("network.n_neurons=61",)).run_id(3) != e.run_id(3)
    assert e.run_id(4) != e.run_id(3)


def test_overrides_take_numbers_words_arrays_and_new_tables():
    e = load_config(
        small.table(),
        (
            "simulation.precision=float32",
            "paradigm.probes_after=[2]",
            "rules.local.gate.baseline=0.5",
            "rules.more.rule=lms",
        ),
    )
    assert e.simulation.precision == "float32" and e.paradigm.probes_after == (2,)
    assert e.rules["local"].gate.baseline == 0.5 and list(e.rules) == ["local", "rls", "more"]


@pytest.mark.parametrize(
    "override, field, hint",
    [
        ("network.n_neuron=5", "network.n_neuron", "n_neurons"),
        ("netwrk.n_neurons=5", "netwrk", "network"),
        ("rules.local.gate.basline=1", "rules.local.gate.basline", "baseline"),
        ("rules.local.what.eta=1", "rules.local.what.eta", "eta_w"),
        ("rules.local.rule=three_factors", "rules.local.rule", "three_factor"),
        ("paradigm.name=meat", "paradigm.name", "meet"),
        (
            "paradigm.blocks=[{probabilty=[[1.0,0.0]],latency_ms=[[200.0,400.0]]}]",
            "paradigm.blocks[0].probabilty",
            "probability",
        ),
        ("paradigm.probe_repeat=1", "paradigm.probe_repeat", "probe_repeats"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest_name(override, field, hint):
    with pytest.raises(InputError) as caught:
        load_config(small.table(), (override,))
    assert caught.value.where == field
    assert caught.value.allowed.endswith(f"did you mean {hint}?")


@pytest.mark.parametrize("text", ["n_neurons", "=3", "rules.local=3", "paradigm.blocks.probability=1"])
def test_overrides_that_make_no_sense(text):
    with pytest.raises(InputError):
        load_config(small.table(), (text,))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30, unique=True))
def test_seeds_round_trip(seeds):
    assert list(parse_seeds(format_seeds(seeds))) == seeds


def test_seeds_as_people_write_them():
    assert parse_seeds("0-3") == (0, 1, 2, 3)
    assert parse_seeds("0,3, 7-9,3") == (0, 3, 7, 8, 9)
    assert format_seeds((0, 1, 2, 7)) == "0-2,7"


@pytest.mark.parametrize("text", ["", "x", "-1", "3-1", "1,,2", "0-9999999", "1.5", "٣", "0--2"])
def test_seeds_refused(text):
    with pytest.raises(InputError, match="--seeds"):
        parse_seeds(text)
