"""A current that flows from cue onset to the end of a trial: exact, kept in files, nothing without it."""

from dataclasses import replace

import numpy as np
import pytest
import small
from host_kernel import needs_compiler
from lively import (
    VARIANTS,
    assert_same_bits,
    equal,
    lively_network,
    make_trainer,
    outcome_of,
    short_meet,
    small_grid,
    train,
    two_trials,
)
from unequal import Unequal

from spikewhen.experiments.config import load_config
from spikewhen.paradigms import Signal
from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.files.static import read_network, write_static
from spikewhen.reservoir.network import NetworkSpec, build_network
from spikewhen.reservoir.reference import ReferenceBackend
from spikewhen.reservoir.sessions import check_session
from spikewhen.reservoir.types import drive_course

DRIVEN = dict(bias_pa=0.0, drive_pa=400.0)


def driven_trials(grid, **options):
    """Two trials with a column for the drive, which begins with the cue and ends before the trial does."""
    trials = two_trials(grid, **options)
    course = np.zeros((len(trials.inputs), 1), grid.dtype)
    course[5:35] = course[45:78] = 1
    course[20:25] = 0.5
    return trials._replace(inputs=np.concatenate([trials.inputs, course], axis=1))


@pytest.mark.parametrize("feedback_pa", [0.0, 60.0], ids=["open", "feedback"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cpu_equals_the_reference(dtype, feedback_pa):
    network, grid = lively_network(feedback_pa=feedback_pa, **DRIVEN), small_grid(dtype)
    trials, rules = driven_trials(grid, current=True), [VARIANTS["three_factor"]]
    expected = outcome_of(ReferenceBackend().load(network, grid), rules, trials)
    assert_same_bits(outcome_of(CpuEngine(network, grid, 7), rules, trials), expected)
    assert expected["spike_step"].size > 30


@needs_compiler
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_gpu_kernel_equals_the_cpu_engine(dtype):
    from spikewhen.gpu.backend import GpuEngine
    from spikewhen.gpu.host import ORDERS, HostDevice

    network, grid = lively_network(**DRIVEN), small_grid(dtype)
    trials, rules = driven_trials(grid), [VARIANTS["three_factor"]]
    expected = outcome_of(CpuEngine(network, grid), rules, trials)
    assert_same_bits(outcome_of(GpuEngine(HostDevice(ORDERS[0]), network, grid), rules, trials), expected)
    assert expected["spike_step"].size > 30


@pytest.mark.parametrize("task", [short_meet(), Signal(duration_ms=60.0, trials=2), Unequal()])
def test_a_drive_equals_the_same_current_given_by_hand(task):
    """Of every task: in trials and probes, from the cue on, and not in the silence between them."""
    session = task.plan(0, 1.0)
    size = dict(n_cues=session.n_cues, n_channels=session.n_channels)
    driven = lively_network(0.5, **DRIVEN, **size)
    plain = lively_network(0.5, bias_pa=0.0, **size)
    current = np.outer(session.time_ms > 1e-6, driven.encoders.drive[0])
    rules = {"lms": VARIANTS["lms"]} if session.n_cues else {"lms": replace(VARIANTS["lms"], what=None)}
    found = train(task, rules, network=driven)
    given = train(task, rules, network=plain, current=current)
    kept = [path for path in given.arrays if not path.startswith("/network/")]
    assert found[schema.spikes("reservoir", "step")].size > 30
    assert_same_bits({p: found[p] for p in kept}, {p: given[p] for p in kept})


def test_a_task_says_when_its_network_is_driven():
    session = Unequal().plan(0, 1.0)
    assert np.array_equal(drive_course(session), session.time_ms > 1e-6)
    session.driven = 0.5 * (session.time_ms > 30)
    check_session(session, 1.0)
    assert np.array_equal(drive_course(session, np.float32), session.driven)
    for wrong in (session.driven[1:], np.where(session.time_ms == 31, np.nan, 1.0), "on"):
        session.driven = wrong
        with pytest.raises(InputError, match=r"session\.driven"):
            check_session(session, 1.0)


def test_without_a_drive_a_network_is_as_before():
    with_it, without = (
        build_network(NetworkSpec(n_neurons=50, out_degree=5, drive_pa=x), 0, 1, 2, 0.1) for x in (9, 0)
    )
    assert without.encoders.drive.shape == (0, 50)
    np.testing.assert_allclose(with_it.encoders.drive[0] / 9, without.cells.bias / 65, rtol=1e-6)
    for a, b in zip(
        (*with_it.cells, *with_it.synapses[:5], *with_it.encoders[:3], with_it.v_start),
        (*without.cells, *without.synapses[:5], *without.encoders[:3], without.v_start),
        strict=True,
    ):
        assert a.tobytes() == b.tobytes()
    plain = load_config(small.table())
    assert load_config(small.table(), ("network.drive_pa=0.0",)).run_id(0) == plain.run_id(0)
    assert load_config(small.table(), ("network.drive_pa=75.0",)).run_id(0) != plain.run_id(0)


def test_the_drive_is_in_the_file_and_comes_back():
    network = lively_network(0.5, **DRIVEN)
    trainer, sink = make_trainer(network=network), MemorySink()
    write_static(sink, network, trainer.session, trainer.onsets_ms())
    assert np.array_equal(read_network(sink.recording).encoders.drive, network.encoders.drive)
    assert np.array_equal(sink.recording[schema.DRIVEN], trainer.session.time_ms > 1e-6)
    assert schema.DRIVEN not in train().arrays
    assert read_network(train()).encoders.drive.shape == (0, 40)


def test_a_closed_loop_with_a_drive_is_the_same_on_both_engines():
    network = lively_network(0.5, feedback_pa=5.0, **DRIVEN)
    assert equal(train(network=network), train(network=network, backend=ReferenceBackend()))


def test_more_than_one_drive_is_refused():
    network = lively_network(0.5)
    two = network._replace(encoders=network.encoders._replace(drive=np.ones((2, 40))))
    with pytest.raises(InputError, match=r"network\.encoders\.drive"):
        CpuEngine(two, small_grid())
