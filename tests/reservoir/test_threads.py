"""One network on several threads: the same bits, and nobody waits for ever."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from time import sleep

import numpy as np
import pytest
from lively import VARIANTS, assert_same_bits, lively_network, outcome_of, small_grid, two_trials

from spikewhen.reservoir.cpu import engine, rls_crew
from spikewhen.reservoir.cpu.barrier import meet
from spikewhen.reservoir.cpu.engine import CELLS_PER_THREAD, CpuBackend, CpuEngine
from spikewhen.reservoir.cpu.lessons import CHUNKS_AHEAD, Lessons
from spikewhen.reservoir.cpu.rls_crew import gather
from spikewhen.reservoir.cpu.shares import share_out
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules.gate import Gate
from spikewhen.reservoir.rules.lms import LMS
from spikewhen.reservoir.rules.rls import RLS
from spikewhen.reservoir.step_constants import derive

CELLS = 600
"""Five blocks of 128 cells, the last of them not full."""
OPEN = [VARIANTS["three_factor"], VARIANTS["rls"], VARIANTS["lms"]]
NETWORKS = {
    "open": (dict(), OPEN),
    "delays": (dict(delay_max_ms=3.0), OPEN[:1]),
    "rising currents": (dict(synapse_rise_ms=2.0, weight=300.0), OPEN[:1]),
    "closed": (dict(feedback_pa=40.0), OPEN[:1]),
    "closed, with delays": (dict(feedback_pa=40.0, delay_max_ms=3.0), OPEN[1:2]),
}


def network(**options):
    return lively_network(n_neurons=CELLS, out_degree=30, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", NETWORKS)
def test_threads_change_no_bit(kind, dtype):
    options, rules = NETWORKS[kind]
    grid = small_grid(dtype, normalise_ms=300.0, scheme="heun" if kind == "delays" else "euler")
    trials = two_trials(grid, n_steps=60)
    expected = outcome_of(CpuEngine(network(**options), grid, 16), rules, trials)
    assert expected["spike_step"].size > 100
    for threads in (2, 3, 4):
        shared = CpuEngine(network(**options), grid, 16, threads)
        assert len(shared.shares) == threads
        assert_same_bits(outcome_of(shared, rules, trials), expected)


@pytest.mark.parametrize("learners", [1, 2, 8])
def test_readouts_that_learn_beside_the_network_change_no_bit(learners):
    grid = small_grid(np.float64, normalise_ms=300.0)
    trials = two_trials(grid, n_steps=100)  # seven chunks, the last one shorter
    expected = outcome_of(CpuEngine(network(), grid, 16), OPEN, trials)
    beside = CpuEngine(network(), grid, 16, learners=learners)
    for _ in range(3):
        assert_same_bits(outcome_of(beside, OPEN, trials), expected)


FORCE = {
    "one P, in float32": RLS(interval_ms=2.0, precision="float32"),
    "a P for each channel": RLS(interval_ms=2.0, gate=Gate()),
    "forgetting": RLS(interval_ms=2.0, memory_trials=0.02, growth_limit=1.5),
}


@pytest.mark.parametrize("rule", FORCE)
def test_least_squares_on_several_threads_change_no_bit(rule, monkeypatch):
    grid = small_grid(np.float64)
    trials = two_trials(grid, n_steps=100)
    closed = network(feedback_pa=40.0)
    expected = outcome_of(CpuEngine(closed, grid, 16), [FORCE[rule]], trials)
    assert expected["spike_step"].size > 100
    monkeypatch.setattr(rls_crew, "NUMBERS_PER_THREAD", 1)
    begun = []
    monkeypatch.setattr(rls_crew, "gather", lambda *a: begun.append(a[2]) or gather(*a))
    for learners in (1, 2, 4):
        assert_same_bits(
            outcome_of(CpuEngine(closed, grid, 16, learners=learners), [FORCE[rule]], trials), expected
        )
        assert set(begun) == {learners + 1}
        begun.clear()


def test_tiles_are_dealt_out_evenly_and_small_matrices_are_not(monkeypatch):
    p = np.zeros((1, 5050, 32, 32), np.float32)  # 100 rows of tiles
    first = gather(p, 3200, 4).first
    assert first[0] == 0 and first[-1] == 100
    tiles = np.diff(first * (first + 1) // 2)
    assert tiles.sum() == 5050 and tiles.max() < 1.1 * 5050 / 4
    readout = Readout(RLS(precision="float32"), 1, 6400, small_grid(np.float64))
    assert [rls_crew.threads_of(readout, n) for n in (1, 2, 64)] == [1, 2, 4]
    assert rls_crew.threads_of(Readout(RLS(), 1, 1001, small_grid(np.float64)), 64) == 1
    assert rls_crew.threads_of(Readout(LMS(), 1, 6400, small_grid(np.float64)), 64) == 1


def test_where_the_loop_fails_no_thread_goes_on_waiting(monkeypatch):
    monkeypatch.setattr(rls_crew, "NUMBERS_PER_THREAD", 1)
    begun = []
    monkeypatch.setattr(rls_crew, "gather", lambda *a: begun.append(a[2]) or gather(*a))
    readout = Readout(RLS(), 1, 100, small_grid(np.float64))
    with ThreadPoolExecutor(2) as pool:
        with pytest.raises(ValueError, match="enough"), rls_crew.shared(readout, pool, 3):
            raise ValueError("enough")
        assert begun == [3] and pool.submit(int).result(timeout=20) == 0


def test_where_a_thread_that_assists_fails_nobody_waits_and_the_run_fails(monkeypatch):
    def fails(*_):
        raise ValueError("enough")

    monkeypatch.setattr(rls_crew, "NUMBERS_PER_THREAD", 1)
    monkeypatch.setattr(rls_crew, "assist", fails)
    grid = small_grid(np.float64)
    shared = CpuEngine(network(feedback_pa=40.0), grid, 16, learners=1)
    with pytest.raises(Exception, match="enough"):
        outcome_of(shared, [FORCE["forgetting"]], two_trials(grid, n_steps=100))


@pytest.mark.parametrize("helpers", [1, 3])
def test_a_readout_takes_its_chunks_in_order_and_no_place_is_filled_before_it_is_learned(helpers):
    took, places = [[], [], []], [None] * CHUNKS_AHEAD
    delays = iter(np.random.default_rng(0).random(60) * 2e-3)

    def learn(readout, chunk, place):
        assert places[place] == chunk
        took[readout].append(chunk)
        sleep(next(delays))
        assert places[place] == chunk

    with ThreadPoolExecutor(helpers) as pool:
        lessons = Lessons(3, pool, helpers)
        for chunk in range(20):
            place = lessons.make_room()
            places[place] = chunk
            lessons.add([partial(learn, readout, chunk, place) for readout in range(3)])
        lessons.finish()
    assert took == [list(range(20))] * 3


def test_a_step_that_fails_beside_the_network_names_its_rule(monkeypatch):
    grid = small_grid(np.float64)

    def fails(readout, *segment):
        raise InputError(f"rules.{readout.label}.step", "failed", "a step that does not")

    monkeypatch.setattr(engine, "learn_from", fails)
    with pytest.raises(InputError, match=r"rules\.three_factor\.step"):
        outcome_of(CpuEngine(network(), grid, 16, learners=2), OPEN, two_trials(grid, n_steps=100))


@pytest.mark.parametrize("n", [1, 33, 128, 129, 600, 1000])
@pytest.mark.parametrize("threads", [1, 2, 3, 5, 64])
def test_every_row_synapse_and_noise_group_has_one_owner(n, threads):
    given = derive(lively_network(n_neurons=n, out_degree=min(20, n - 1) or 1), small_grid(np.float32))
    shares = share_out(given, threads)
    assert len(shares) == min(threads, -(-n // 128))
    rows = np.concatenate([share.rows for share in shares])
    assert np.array_equal(np.sort(rows), np.arange(-(-n // 32)))
    ends = [share.groups for share in shares]
    assert ends[0][0] == 0 and all(a[1] == b[0] for a, b in pairwise(ends))
    quarter = ends[-1][1]
    for share in shares:
        groups = 32 * share.rows % quarter
        assert ((groups >= share.groups[0]) & (groups < share.groups[1])).all()
    assert sum(share.target.size for share in shares) == given.target.size
    for j in range(0, n, 7):  # the synapses of each cell, in their order
        of_j = slice(given.indptr[j], given.indptr[j + 1])
        for share in shares:
            mine = share.owner[given.target[of_j] // 32] == share.me
            cut = share.weight[share.indptr[j] : share.indptr[j + 1]]
            assert np.array_equal(cut, given.weight[of_j][mine])


def test_where_one_thread_fails_the_others_wait_for_nobody():
    shared = CpuEngine(network(), small_grid(np.float32), 16, 2)
    share = shared.shares[1]

    def fails():
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        shared._side_by_side([fails, lambda: meet(share.counter, share.meetings, 2)])


def test_only_large_networks_use_more_threads():
    small, grid = network(), small_grid(np.float32)
    assert len(CpuBackend(threads=8).load(small, grid).shares) == 1
    large = lively_network(n_neurons=2 * CELLS_PER_THREAD, out_degree=1)
    assert len(CpuBackend(threads=8).load(large, grid).shares) == 2
    assert len(CpuBackend().load(large, grid).shares) == 1
