"""The GPU engine above the driver: replicates, memory, errors, runs in lockstep, on the host device."""

import dataclasses
import logging
import threading

import numpy as np
import pytest
from host_kernel import needs_compiler
from lively import (
    VARIANTS,
    N,
    assert_same_bits,
    lessons,
    lively_network,
    make_trainer,
    outcome_of,
    small_grid,
    two_trials,
)

from spikewhen.gpu.backend import GpuBackend, GpuEngine, run_batch
from spikewhen.gpu.batch import LONGEST, Request
from spikewhen.gpu.host import HostDevice
from spikewhen.gpu.lockstep import Lockstep
from spikewhen.gpu.upload import loaded_bytes
from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import ActivityError, DeviceError, InputError
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.rules import LMS, ThreeFactor

pytestmark = needs_compiler


def prepared(engine, rules, trials):
    """A fresh start of an engine, ready for `run`."""
    readouts = [Readout(r, 2, engine.network.n_neurons + 1, engine.grid) for r in rules]
    teaching = [lessons(trials, engine.grid, getattr(r, "shares_p", False)) for r in rules]
    return Request(engine.start(), trials, readouts, teaching)


def left_by(request, activity):
    """Everything a segment leaves behind."""
    found = {"step": activity.spike_step, "neuron": activity.spike_neuron, **request.state._asdict()}
    for i, readout in enumerate(request.readouts):
        found |= {f"{i}.y": activity.y[i], f"{i}.p_hat": activity.p_hat[i], f"{i}.V": readout.v}
        found |= {f"{i}.{k}": v for k, v in readout.state._asdict().items()}
        found |= {
            f"{i}.window_sum": readout.window_sum,
            f"{i}.count": readout.count,
            f"{i}.seen": readout.seen,
        }
        found[f"{i}.surprise"] = readout.surprise
    return found


def run_alone(network, grid, rules, trials):
    engine = CpuEngine(network, grid)
    request = prepared(engine, rules, trials)
    return left_by(request, engine.run(*request))


def compare_batch(networks, grids, rules, trials, device=None):
    """Run R replicates as one batch; each must equal a CPU run of its own."""
    device = device or HostDevice()
    engines = [GpuEngine(device, n, g) for n, g in zip(networks, grids, strict=True)]
    requests = [prepared(e, r, t) for e, r, t in zip(engines, rules, trials, strict=True)]
    found = run_batch(engines, requests)
    for i, (request, activity) in enumerate(zip(requests, found, strict=True)):
        assert_same_bits(left_by(request, activity), run_alone(networks[i], grids[i], rules[i], trials[i]))
    return found


def test_replicates_with_own_networks_noise_trials_and_rule_parameters():
    grids = [small_grid(noise_seed=s) for s in (1, 2, 2**63)]
    networks = [lively_network(seed=s) for s in (3, 4, 5)]
    rules = [[ThreeFactor(eta=eta), VARIANTS["rls"]] for eta in (0.1, 0.02, 0.3)]
    lengths = (60, 80, 40)
    trials = [two_trials(g, n_steps=t, first_step=10 * t) for g, t in zip(grids, lengths, strict=True)]
    found = compare_batch(networks, grids, rules, trials)
    assert len({a.spike_step.size for a in found}) == 3


def test_replicates_that_share_weights_have_noise_of_their_own():
    grid, network, device = small_grid(), lively_network(), HostDevice()
    first = GpuEngine(device, network, grid)
    engines = [first.with_noise(s) for s in range(4)]
    trials = two_trials(grid, n_steps=40)
    requests = [prepared(e, [VARIANTS["lms"]], trials) for e in engines]
    before = device.free
    found = run_batch(engines, requests)
    assert before - device.free == loaded_bytes(first.variant([], False), first.derived)
    for s, (request, activity) in enumerate(zip(requests, found, strict=True)):
        alone = run_alone(network, grid._replace(noise_seed=s), [VARIANTS["lms"]], trials)
        assert_same_bits(left_by(request, activity), alone)


def test_a_segment_longer_than_a_launch_and_its_room_for_spikes(monkeypatch):
    """With room for one readout step, a launch ends after a few; what is left goes into the next."""
    monkeypatch.setattr("spikewhen.gpu.backend.ROOM", 1)
    device = HostDevice()
    grid = small_grid()
    compare_batch([lively_network()], [grid], [[VARIANTS["three_factor"]]], [two_trials(grid)], device)
    assert device.launches > 40
    monkeypatch.setattr("spikewhen.gpu.batch.LONGEST", 7)
    monkeypatch.setattr("spikewhen.gpu.backend.ROOM", 4)
    device = HostDevice()
    compare_batch([lively_network()], [grid], [[VARIANTS["three_factor"]]], [two_trials(grid)], device)
    assert 12 <= device.launches <= 14 and LONGEST > 1000


def test_a_segment_of_nothing_changes_nothing():
    grid = small_grid()
    engine = GpuEngine(HostDevice(), lively_network(), grid)
    trials = two_trials(grid)
    nothing = trials._replace(
        inputs=trials.inputs[:0], trial_end=trials.trial_end[:0], outcome=trials.outcome[:0]
    )
    request = prepared(engine, [VARIANTS["rls"]], nothing)
    activity = engine.run(*request)
    assert activity.spike_step.size == activity.y[0].size == activity.p_hat[0].size == 0
    assert_same_bits(request.state._asdict(), engine.start()._asdict())


def test_too_many_replicates_are_split_and_it_is_said(caplog):
    grids = [small_grid(noise_seed=s) for s in range(5)]
    networks = [lively_network(seed=s) for s in range(5)]
    trials = [two_trials(g, n_steps=40) for g in grids]
    device = HostDevice(free=400_000)
    with caplog.at_level(logging.WARNING):
        compare_batch(networks, grids, [[VARIANTS["rls"]]] * 5, trials, device)
    assert "5 networks of 40 cells do not fit at once; run in 3 parts of at most 2" in caplog.text
    assert device.free == 400_000


def test_what_a_batch_takes_is_known_before():
    """It fits into exactly what it was said to need, and not into less."""
    grid, network = small_grid(), lively_network()
    trials = two_trials(grid, n_steps=40)
    device = HostDevice()
    engine = GpuEngine(device, network, grid)
    lowest = [device.free]
    upload = device.upload

    def watch(array):
        memory = upload(array)
        lowest.append(device.free)
        return memory

    device.upload = watch
    run_batch([engine], [prepared(engine, [VARIANTS["rls"]], trials)])
    used = lowest[0] - min(lowest)
    enough = GpuEngine(HostDevice(free=int(used / 0.95) + 1), network, grid)
    run_batch([enough], [prepared(enough, [VARIANTS["rls"]], trials)])
    short = GpuEngine(HostDevice(free=int(0.9 * used)), network, grid)
    with pytest.raises(DeviceError, match=r"no room for R = 1 networks of N = 40 cells .* one of them needs"):
        run_batch([short], [prepared(short, [VARIANTS["rls"]], trials)])


def test_memory_that_runs_out_is_named(monkeypatch):
    """Others may take memory between the estimate and the upload."""
    grid = small_grid()
    device = HostDevice(free=300_000)
    monkeypatch.setattr(device, "free_bytes", lambda: 10**9)
    engines = [GpuEngine(device, lively_network(seed=s), grid) for s in range(4)]
    requests = [prepared(e, [VARIANTS["rls"]], two_trials(grid, n_steps=40)) for e in engines]
    with pytest.raises(
        DeviceError, match=r"R = 4 networks of N = 40 .* at most 2 at once might fit"
    ) as caught:
        run_batch(engines, requests)
    assert "\n" not in str(caught.value)


# errors


def test_a_rule_that_needs_more_shared_memory_than_there_is_is_refused(monkeypatch):
    grid, device = small_grid(), HostDevice()
    monkeypatch.setattr(device, "shared_bytes", lambda: 2000)
    with pytest.raises(DeviceError, match=r"N = 40 cells needs \d+ bytes of shared memory") as caught:
        outcome_of(GpuEngine(device, lively_network(), grid), [VARIANTS["rls"]], two_trials(grid))
    assert "\n" not in str(caught.value)


class Foreign(LMS):
    """A rule of a user's with a step of its own."""

    name = "foreign"
    step = staticmethod(LMS.step)


def test_a_rule_without_device_text_is_refused_by_name():
    grid = small_grid()
    engine = GpuEngine(HostDevice(), lively_network(), grid)
    with pytest.raises(InputError, match=r"rule = 'foreign': a rule with a device text"):
        outcome_of(engine, [Foreign()], two_trials(grid))


def test_a_rule_of_a_users_with_device_text_runs():
    class Mine(LMS):
        name = "mine"
        step = staticmethod(LMS.step)
        device = LMS.device

    grid = small_grid()
    found = outcome_of(GpuEngine(HostDevice(), lively_network(), grid), [Mine(eta=0.1)], two_trials(grid))
    assert_same_bits(found, outcome_of(CpuEngine(lively_network(), grid), [Mine(eta=0.1)], two_trials(grid)))


def test_replicates_that_do_not_go_together_are_refused():
    grid, device = small_grid(), HostDevice()
    engines = [GpuEngine(device, lively_network(n_neurons=n), grid) for n in (40, 80)]
    requests = [prepared(e, [VARIANTS["lms"]], two_trials(grid, e.network.n_neurons)) for e in engines]
    with pytest.raises(InputError, match=r"batch\[1\]"):
        run_batch(engines, requests)
    engine = engines[0]
    requests = [prepared(engine, [VARIANTS[v]], two_trials(grid)) for v in ("lms", "rls")]
    with pytest.raises(InputError, match=r"batch\[1\]"):
        run_batch([engine, engine], requests)


def test_two_readouts_cannot_both_be_fed_back():
    grid = small_grid()
    engine = GpuEngine(HostDevice(), lively_network(feedback_pa=10.0), grid)
    with pytest.raises(InputError, match="exactly one readout"):
        outcome_of(engine, [VARIANTS["lms"], VARIANTS["three_factor"]], two_trials(grid))


@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e7, 1e9])
def test_activity_that_explodes_is_the_error_of_its_own_replicate(bad):
    grid, device = small_grid(), HostDevice()
    engines = [GpuEngine(device, lively_network(), grid) for _ in range(2)]
    trials = [two_trials(grid, current=True) for _ in engines]
    trials[1].current[40, 7] = bad
    requests = [prepared(e, [VARIANTS["lms"]], t) for e, t in zip(engines, trials, strict=True)]
    fine, error = run_batch(engines, requests)
    alone = run_alone(lively_network(), grid, [VARIANTS["lms"]], trials[0])
    assert_same_bits(left_by(requests[0], fine), alone)
    assert isinstance(error, ActivityError) and error.neuron == 7 and error.time_ms == pytest.approx(41)
    with pytest.raises(ActivityError, match=r"[vu]\[7\]"):
        outcome_of(GpuEngine(device, lively_network(), grid), [], trials[1])


def test_a_probe_changes_nothing_of_what_it_shares():
    grid, device = small_grid(), HostDevice()
    trials = two_trials(grid)
    left = []
    for engine in (GpuEngine(device, lively_network(), grid), CpuEngine(lively_network(), grid)):
        request = prepared(engine, [VARIANTS["rls"]], trials)
        engine.run(*request)
        before = [a.copy() for a in request.readouts[0].state]
        frozen = request.readouts[0].frozen()
        probe = trials._replace(learn=False, stream=3, first_step=800)
        activity = engine.run(request.state.copy(), probe, [frozen], request.teaching)
        assert all(np.array_equal(a, b) for a, b in zip(request.readouts[0].state, before, strict=True))
        left.append({"y": activity.y[0], "p_hat": activity.p_hat[0], "step": activity.spike_step})
    assert_same_bits(*left)


# whole runs


def trained(backend, task_seed):
    trainer = make_trainer(backend=backend, sink=MemorySink(), task_seed=task_seed)
    trainer.run()
    return trainer.sink.recording.arrays


def test_runs_in_lockstep_equal_runs_alone():
    """Three sessions of different lengths, in threads; one device, and far fewer launches than alone."""
    device = HostDevice()
    lockstep = Lockstep(GpuBackend(device), 3)
    found = {}

    def go(seed):
        try:
            found[seed] = trained(lockstep, seed)
        finally:
            lockstep.leave()

    threads = [threading.Thread(target=go, args=(s,)) for s in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    together = device.launches
    for seed in range(3):
        assert_same_bits(found[seed], trained(None, seed))
    device.launches = 0
    trained(GpuBackend(device), 0)
    assert together < 2 * device.launches


def test_a_run_that_fails_in_lockstep_leaves_the_others_alone():
    lockstep = Lockstep(GpuBackend(HostDevice()), 2)
    found, errors = {}, []

    def go(seed):
        try:
            rules = {"bad": Foreign()} if seed else None
            trainer = make_trainer(backend=lockstep, rules=rules, task_seed=seed)
            trainer.run()
            found[seed] = trainer.sink.recording.arrays
        except InputError as error:
            errors.append(error)
        finally:
            lockstep.leave()

    threads = [threading.Thread(target=go, args=(s,)) for s in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert [e.value for e in errors] == ["foreign"]
    assert_same_bits(found[0], trained(None, 0))


def test_the_variant_knows_everything_that_decides_the_text():
    """Fields that change no text would compile twice, and a text without its field once too few."""
    grid = small_grid()
    engine = GpuEngine(HostDevice(), lively_network(), grid)
    base = engine.variant([], False)
    changed = dict(
        real="float32",
        n=300,
        channels_in=2,
        channels=3,
        sub_steps=5,
        hold=2,
        slots=3,
        dense=not base.dense,
        noisy=False,
        rises=True,
        trace_rises=True,
        normalised=True,
        heun=True,
        feeds_back=True,
        extra_current=True,
        threads=64,
        heavy=True,
        wide=True,
    )
    assert set(changed) == {f.name for f in dataclasses.fields(base)}
    texts = {dataclasses.replace(base, **{k: v}).source([]) for k, v in changed.items()}
    assert len(texts | {base.source([])}) == len(changed) + 1 and N == 40
