"""A run is prepared once: what is refused, what a worker gets, what its summary holds."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import small
from changing_rule import own_rule

from spikewhen import build_network, load_config
from spikewhen.experiments import jobs as planning
from spikewhen.experiments.batch import carry_out
from spikewhen.experiments.run import run
from spikewhen.experiments.setup import prepare
from spikewhen.experiments.update_cost import update_cost
from spikewhen.paradigms.meet import Meet
from spikewhen.reservoir.cpu.readout import train
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import read_run
from spikewhen.reservoir.rules import LMS


@pytest.fixture
def experiment():
    return load_config(small.table()).with_rules(["local"])


def test_a_task_is_planned_and_a_config_hashed_once_per_run(experiment, monkeypatch, tmp_path):
    planned, resolved = [], []
    plan, resolve = Meet.plan, type(experiment).resolved
    monkeypatch.setattr(Meet, "plan", lambda *a: planned.append(1) or plan(*a))
    monkeypatch.setattr(type(experiment), "resolved", lambda *a: resolved.append(1) or resolve(*a))
    jobs = planning.make_jobs("small", experiment, [0], tmp_path)
    (summary,) = carry_out(jobs, threads=1)
    assert (len(planned), len(resolved)) == (1, 1)
    assert summary.config == jobs[0].setup.config


def test_a_summary_holds_what_the_file_holds(experiment, tmp_path):
    jobs = planning.make_jobs("small", experiment, [0], tmp_path)
    (now,), (later,) = carry_out(jobs), carry_out(jobs)
    assert not now.skipped and later.skipped
    assert (now.health, now.health_line, now.warnings) == (later.health, later.health_line, later.warnings)
    assert now.scores["local"].keys() == later.scores["local"].keys()
    for name, values in now.scores["local"].items():
        assert np.array_equal(values, later.scores["local"][name], equal_nan=True), name
        assert np.array_equal(values, read_run(now.path)[f"/scores/local/{name}"], equal_nan=True)


def test_a_worker_prepares_the_same_run_again(experiment):
    network = build_network(experiment.network, 5, 1, 2, 0.1)
    setup = prepare(experiment, 3, network=network, current=np.zeros((550, 60)))
    again = pickle.loads(pickle.dumps(setup))
    assert again.run_id == setup.run_id and again.config == setup.config
    assert np.array_equal(
        again.session.trials.event_time_ms, setup.session.trials.event_time_ms, equal_nan=True
    )
    assert np.array_equal(again.network.v_start, network.v_start)


def test_a_worker_refuses_code_that_was_edited_meanwhile(experiment, monkeypatch):
    setup = prepare(replace(experiment, rules={"own": own_rule(monkeypatch, 0.25)}), 0)
    data = pickle.dumps(setup)
    own_rule(monkeypatch, 0.5)  # the module of the same name now holds another rule
    with pytest.raises(InputError, match="the code that the run was planned with"):
        pickle.loads(data)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (dict(seed=-1), "seed"),
        (dict(current=np.zeros((3, 60))), "current"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_built(experiment, change, named):
    with pytest.raises(InputError, match=named):
        prepare(experiment, **change)


def test_a_rule_that_does_not_fit_the_grid_is_named_by_its_label(experiment):
    class Odd(LMS):
        def constants(self, readout_step_ms, dtype):
            raise InputError("interval_ms", 1.5, f"a multiple of {readout_step_ms:g}")

    with pytest.raises(InputError, match=r"rules\.odd\.interval_ms"):
        prepare(replace(experiment, rules={"odd": Odd()}))


def test_an_update_is_timed_on_the_kernel_of_a_run(experiment):
    """Arrays of another type would compile the rule a second time, some 20 s for one that keeps P."""
    run(experiment, 0)
    setup = prepare(experiment, 0)
    kernel = train(setup.experiment.rules["local"].step)
    before = list(kernel.signatures)
    assert update_cost(setup, "local").ns_per_step > 0
    assert before and kernel.signatures == before
