"""One configuration, one hash: of all spikes, weights and predictions, however the work is cut up.

The short form runs with every `make test`; `make verify` runs the long one (mark `long`): larger
networks, all rules, every combination, and 20,000 steps against the reference.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from lively import (
    VARIANTS,
    assert_same_bits,
    lively_network,
    local_rule,
    make_trainer,
    outcome_of,
    short_meet,
    small_grid,
    train,
    two_trials,
)

from spikewhen.reservoir import training
from spikewhen.reservoir.cpu.engine import CpuBackend, CpuEngine
from spikewhen.reservoir.reference import ReferenceBackend
from spikewhen.reservoir.rules import LMS, RLS

RULES = {
    "local": local_rule(),
    "rls": RLS(interval_ms=2.0, gate=local_rule().gate, what=local_rule().what),
    "lms": LMS(eta=0.05, gate=local_rule().gate, what=local_rule().what),
}
LOOPS = {"open": dict(), "feedback": dict(feedback_pa=40.0)}
SEGMENTS, SAVES, THREADS, BATCHES = (1, 7, 64, 1000), (1, 3, 25), (1, 2, 4), (1, 3, 8)


class Segments(CpuBackend):
    """The CPU engine with a length of its kernel calls."""

    def __init__(self, chunk):
        self.chunk = chunk

    def load(self, network, grid):
        return CpuEngine(network, grid, self.chunk)


def digest(recording) -> str:
    """Hash of everything of the reservoir and of the rule ``local``, whatever other rules there are."""
    whole = hashlib.sha256()
    for place in sorted(recording.arrays):
        if "/readouts/" in place or "/weights/" in place or "/rule_state/" in place:
            if "/local/" not in place:
                continue
        array = recording[place]
        whole.update(f"{place} {array.dtype} {array.shape}".encode())
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


def one(loop="open", seed=0, dtype=np.float64, chunk=None, rules=("local",), n=40, meet=None):
    network = lively_network(0.2, seed=seed + 3, n_neurons=n, delay_max_ms=2.0, **LOOPS[loop])
    grid = small_grid(dtype, dt_ms=0.2, steps_per_readout=5, noise_seed=seed, normalise_ms=30.0)
    found = train(
        meet or short_meet(probes_after=(4,)),
        {r: RULES[r] for r in rules},
        backend=Segments(chunk),
        network=network,
        grid=grid,
        task_seed=seed,
    )
    return digest(found)


@pytest.mark.parametrize("loop", LOOPS)
def test_segments_saves_and_other_rules_change_no_hash(monkeypatch, loop):
    expected = one(loop)
    assert len({expected, one(loop, seed=1)}) == 2, "another seed is another run"
    for chunk in SEGMENTS:
        assert one(loop, chunk=chunk) == expected, chunk
    for segment in SAVES:
        monkeypatch.setattr(training, "SEGMENT", segment)
        assert one(loop, chunk=7) == expected, segment
    if loop == "open":
        assert one(loop, chunk=64, rules=tuple(RULES)) == expected
        assert one(loop, rules=("lms", "local")) == expected


def test_threads_and_batches_change_no_hash():
    expected = [one(seed=s) for s in range(8)]
    assert len(set(expected)) == 8
    for threads in THREADS:
        for batch in BATCHES:
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(lambda s: one(seed=s, chunk=64), range(batch)))
            assert found == expected[:batch], (threads, batch)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loop", LOOPS)
def test_every_combination_of_cuts_gives_one_hash(monkeypatch, loop, dtype):
    meet = short_meet(probes_after=(1, 4), trials_per_block=6)
    every = [("local",)] + ([("local", "lms"), ("lms", "rls", "local")] if loop == "open" else [])
    expected = [one(loop, s, dtype, n=200, meet=meet) for s in range(8)]
    for chunk in SEGMENTS:
        for segment in SAVES:
            monkeypatch.setattr(training, "SEGMENT", segment)
            for rules in every:
                for threads in THREADS:
                    for batch in BATCHES:
                        with ThreadPoolExecutor(threads) as pool:
                            found = list(
                                pool.map(
                                    lambda s, chunk=chunk, rules=rules: one(
                                        loop, s, dtype, chunk, rules, n=200, meet=meet
                                    ),
                                    range(batch),
                                )
                            )
                        assert found == expected[:batch], (chunk, segment, rules, threads, batch)


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["euler", "heun"])
@pytest.mark.parametrize("kernel", [dict(), dict(synapse_rise_ms=2.0, weight=300.0, delay_max_ms=3.0)])
@pytest.mark.parametrize("feedback", [0.0, 60.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_kernels_equal_the_reference_over_20000_steps(dtype, feedback, kernel, scheme):
    network = lively_network(n_neurons=300, out_degree=30, feedback_pa=feedback, **kernel)
    grid = small_grid(dtype, normalise_ms=300.0, scheme=scheme)
    trials = two_trials(grid, 300, n_steps=2000)
    sets = [list(VARIANTS.values())] if feedback == 0 else [[VARIANTS["three_factor"]], [VARIANTS["rls"]]]
    for rules in sets:
        expected = outcome_of(ReferenceBackend().load(network, grid), rules, trials)
        assert expected["spike_step"].size > 3000
        assert_same_bits(outcome_of(CpuEngine(network, grid, 64), rules, trials), expected)


@pytest.mark.long
def test_a_thousand_cells_keep_one_hash_over_segments_and_threads():
    """The shipped size, float64, whole rows and a half-filled one."""

    def run(chunk):
        trainer = make_trainer(
            short_meet(),
            {"local": RULES["local"]},
            backend=Segments(chunk),
            network=lively_network(0.1, n_neurons=1000, out_degree=100),
            grid=small_grid(normalise_ms=30.0),
        )
        trainer.run()
        return digest(trainer.sink.recording)

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(run, [None, 1, 7, 64, 1000]))) == 1
