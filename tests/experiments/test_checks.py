"""What was asked for and cannot happen is refused before a run, or told beside it."""

import copy

import numpy as np
import pytest
import small

import spikewhen as sw
from spikewhen.experiments.checks import remarks
from spikewhen.experiments.config import CONFIGS, load_config
from spikewhen.experiments.setup import prepare
from spikewhen.paradigms.base import PlannedSession, Task, probe_table, trial_table
from spikewhen.reservoir.errors import InputError

SIGNAL = {"name": "signal", "duration_ms": 500.0, "trials": 2}
MERGED = {"rule": "rls", "factored": False}


def config(**changes):
    table = copy.deepcopy(small.table()) | {"rules": {"local": {"rule": "three_factor"}}}
    for section, values in changes.items():
        new = section == "rules" or values.get("name", "meet") != "meet"
        table[section] = values if new else table.get(section, {}) | values
    return table


def rule(**parameters):
    return {"local": {"rule": "three_factor", **parameters}}


REFUSED = {
    "no what, yet factored": (config(rules=rule(what="none")), "rules.local.factored", "p-hat"),
    "a signal, factored": (config(paradigm=SIGNAL), "rules.local.factored", "continuous"),
    "a window between two steps": (
        config(
            simulation={"readout_step_ms": 5.0},
            rules=rule(what={"window_start_ms": 11.0, "window_end_ms": 14.0}),
        ),
        "window_end_ms",
        "readout step",
    ),
    "no readout kept": (config(record={"readouts_every_ms": 2000.0}), "record.readouts_every_ms", "550"),
    "no readout kept after the cue": (
        config(paradigm={"before_ms": 600.0}, record={"readouts_every_ms": 580.0}),
        "record.readouts_every_ms",
        "after the onset",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_come_out_is_refused_in_one_line(name, tmp_path):
    table, where, allowed = REFUSED[name]
    with pytest.raises(InputError) as caught:
        prepare(load_config(table), 0)
    assert where in str(caught.value) and allowed in str(caught.value)
    assert len(str(caught.value)) < 250 and "\n" not in str(caught.value)


BLOCK = {"probability": [[0.0, 1.0]], "latency_ms": [[200.0, 480.0]]}
TOLD = {
    "a window that the trial cuts": (config(paradigm={"blocks": [BLOCK]}), "80 ms too long for B at 480 ms"),
    "an expectation that the trial cuts": (
        config(paradigm={"blocks": [BLOCK]}, rules=rule(gate={"kind": "epoch"})),
        "sigma_ms = 30: the expectation is 40 ms too long for B",
    ),
    "an injected event that the trial cuts": (
        config(paradigm={"blocks": [BLOCK], "stimulus_drives_reservoir": True}),
        "paradigm.event_ms = 50",
    ),
    "an event that reaches nobody": (
        config(paradigm={"stimulus_drives_reservoir": True}, network={"event_pa": 0.0}),
        "network.event_pa = 0",
    ),
    "an event of no strength": (
        config(paradigm={"stimulus_drives_reservoir": True, "event_strength": 0.0}),
        "paradigm.event_strength = 0",
    ),
    "a cue that reaches nobody": (config(network={"cue_pa": 0.0}), "network.cue_pa = 0"),
    "probes after trials that never come": (config(paradigm={"probes_after": [1, 2, 7]}), "no block has 7"),
    "a latency off the grid": (
        config(paradigm={"blocks": [{"probability": [[0.8, 0.2]], "latency_ms": [[200.5, 400.0]]}]}),
        "200.5 ms is no multiple",
    ),
    "a gate that never opens": (
        config(rules=rule(gate={"baseline": 0.0, "shift_ms": 5000.0})),
        "rules.local.gate: it opens at no readout step",
    ),
    "a frequency too high for the steps": (
        config(paradigm=SIGNAL | {"frequency_hz": [600.0]}, rules={"rls": MERGED}),
        "simulation.readout_step_ms = 1",
    ),
    "a frequency too high for what is kept": (
        config(paradigm=SIGNAL | {"frequency_hz": [120.0]}, rules={"rls": MERGED}),
        "record.readouts_every_ms = 5",
    ),
    "a rule that learns a value": (config(rules={"td": {"rule": "td"}}), "rules.td: a value of the reward"),
    "less than a period": (
        config(paradigm=SIGNAL | {"frequency_hz": [1.0]}, rules={"rls": MERGED}),
        "less than a period of 1 Hz",
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_cannot_happen_as_asked_is_told_in_one_line(name):
    table, line = TOLD[name]
    setup = prepare(load_config(table), 0)
    found = remarks(setup.experiment, setup.session, setup.grid.readout_step_ms)
    assert any(line in text for text in found), found
    assert all("\n" not in text and len(text) < 200 for text in found)


@pytest.mark.parametrize("name", sorted(p.stem for p in CONFIGS.glob("*.toml")))
def test_the_shipped_configs_ask_for_nothing_that_cannot_happen(name):
    for seed in (0, 1):
        setup = prepare(load_config(f"{name}.toml"), seed)
        assert not remarks(setup.experiment, setup.session, setup.grid.readout_step_ms)


def test_what_is_told_stands_with_the_run():
    table = config(paradigm={"probes_after": [1, 7]})
    result = sw.run(load_config(table), seed=0, scores=False, progress=False)
    assert any("no block has 7" in text for text in result.warnings)


class Late(Task):
    """One event at 150 ms; the length of trials and probes is that of the test."""

    name = "late"

    def __init__(self, trial_ms, probe_ms, target=None):
        self.ends, self.target = (trial_ms, probe_ms), target

    def plan(self, seed, readout_step_ms):
        time, block = np.arange(1.0, 201.0), np.zeros(4, int)
        probes = probe_table(block, [4], [0], 50.0)
        return PlannedSession(
            time_ms=time,
            cues=("cue",),
            events=("go",),
            conditions=("one",),
            trials=trial_table(block, block, 50.0, event=0, event_time_ms=150.0),
            probes=probes,
            shown=np.zeros((1, 200, 2)),
            sigma_ms=10.0,
            target=self.target,
            trial_steps=np.full(4, self.ends[0]),
            probe_steps=np.full(1, self.ends[1]),
        )


def checked(trial_ms, probe_ms):
    from spikewhen.experiments.checks import refuse_impossible

    experiment = load_config(config(rules=rule(gate={"half_width_ms": 20.0})))
    session = Late(trial_ms, probe_ms).plan(0, 1.0)
    refuse_impossible(experiment, session, 1.0)
    return [text for text in remarks(experiment, session, 1.0) if "probes_after" not in text]


def test_an_event_after_its_trial_is_refused_and_a_probe_before_its_event_is_told():
    assert checked(200, 200) == []
    with pytest.raises(InputError, match=r"event_time_ms.0.*ends at 140 ms"):
        checked(140, 200)
    (line,) = checked(200, 120)
    assert "probes of one end at 120 ms, before the first event at 150 ms" in line
