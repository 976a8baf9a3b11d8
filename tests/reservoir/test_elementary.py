"""Elementary functions: near enough, and the same digits whatever the processor can do."""

import hashlib
import os
import subprocess
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest
from lively import VARIANTS, lively_network, outcome_of, short_meet, small_grid, two_trials
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from spikewhen.paradigms.base import bump
from spikewhen.paradigms.signal import Signal
from spikewhen.reservoir.elementary import PART, exp, log, normal, sine_of_turns, single
from spikewhen.reservoir.network import NetworkSpec, build_network
from spikewhen.reservoir.reference import ReferenceBackend
from spikewhen.reservoir.step_constants import derive


def units_off(found, exact, x) -> float:
    """Largest distance from a function of `decimal`, in units of the last digit."""
    with localcontext() as context:
        context.prec = 40
        wrong = [Decimal(float(y)) - exact(Decimal(float(a))) for y, a in zip(found, x, strict=True)]
    return max(abs(float(w)) / s for w, s in zip(wrong, np.spacing(np.abs(found)), strict=True))


def numbers(n=1500):
    rng = np.random.default_rng(1)
    return np.concatenate([rng.random(n) - 0.5, 1400 * rng.random(n) - 700, 1e-6 * rng.random(n)])


def test_exp_is_nearly_always_the_nearest_number():
    x = numbers()
    assert units_off(exp(x), Decimal.exp, x) < 0.51
    assert exp(0.0) == 1 and exp(-np.inf) == 0 and exp(-746.0) == 0
    with np.errstate(over="ignore"):
        assert exp(710.0) == np.inf


def test_log_is_near_everywhere():
    x = np.concatenate([exp(numbers()), 1 + 1e-3 * numbers()[:1500]])
    assert units_off(log(x), Decimal.ln, x) < 2
    assert log(1.0) == 0


def test_sine_is_near_and_exact_at_quarters():
    x = 100 * numbers()[:1500]
    assert sine_of_turns(x) == pytest.approx(np.sin(2 * np.pi * (x - np.rint(x))), rel=0, abs=4e-16)
    assert sine_of_turns(np.array([0, 0.25, 0.5, 0.75, 1, -0.25, 7])).tolist() == [0, 1, 0, -1, 0, -1, 0]


def test_long_arrays_give_what_their_parts_give():
    x = numbers(PART).reshape(3, -1)
    for function in (exp, sine_of_turns):
        whole = function(x)
        assert whole.shape == x.shape
        assert whole.ravel()[PART - 3 : PART + 3].tolist() == [
            float(function(y)) for y in x.ravel()[PART - 3 : PART + 3]
        ]


def test_normal_numbers_are_normal():
    z = normal(np.random.default_rng(3), (400, 500))
    assert z.shape == (400, 500)
    standard_error = 1 / np.sqrt(z.size)
    assert abs(z.mean()) < 4 * standard_error and abs(z.var() - 1) < 4 * np.sqrt(2) * standard_error
    assert (z**4).mean() == pytest.approx(3, abs=4 * np.sqrt(96) * standard_error)
    for limit, share in ((1, 0.317311), (2, 0.0455003), (3, 0.0026998), (4, 6.334e-5)):
        assert (np.abs(z) > limit).mean() == pytest.approx(share, abs=4 * np.sqrt(share / z.size))


def test_a_drawn_network_is_the_same_in_float32():
    network = build_network(NetworkSpec(n_neurons=80, out_degree=9, feedback_pa=3.3), 1, 2, 2, 0.1)
    syn, enc = network.synapses, network.encoders
    for array in (*network.cells, syn.weight, enc.cue, enc.event, enc.feedback, network.v_start):
        assert np.array_equal(array, array.astype(np.float32)), array
    assert not np.array_equal(network.cells.k, np.round(network.cells.k, 3))
    assert single(np.array([0.1, 1e300])).tolist() == [float(np.float32(0.1)), np.inf]


def test_what_the_user_gives_is_not_rounded():
    cell = dict(capacitance=100.1, k=0.7, v_rest=-60.1, v_threshold=-40.1, v_peak=35.1)
    cell |= dict(a=0.03, b=-2.1, c=-50.1, d=100.1)
    spec = NetworkSpec(n_neurons=3, out_degree=1, cell=cell, synapse_decay_ms=(7.1,), v_start_spread_mv=0.0)
    network = build_network(spec, 1, 1, 1, 0.1)
    assert all(getattr(network.cells, name).tolist() == [value] * 3 for name, value in cell.items())
    assert set(network.synapses.decay_ms) == {7.1} and set(network.v_start) == {-60.1}


def everything_drawn() -> str:
    """Hash of networks, tasks, targets, constants, and of a run in plain NumPy."""
    whole = hashlib.sha256()
    grid = small_grid(trace_decay_ms=20.0, trace_rise_ms=35.0, normalise_ms=30.0)
    for changes in ({}, dict(weights="normal", connectivity="probability", delay_max_ms=3.0)):
        network = lively_network(n_neurons=64, feedback_pa=20.0, **changes)
        for part in (network.cells, network.synapses, network.encoders, network[3:], derive(network, grid)):
            whole.update(repr([np.asarray(a).tolist() for a in part]).encode())
    for task in (short_meet(), Signal(frequency_hz=(5.0, 7.0), amplitude=(1.0, 0.3))):
        session = task.plan(3, 1.0)
        tables = *session.trials, *session.probes, *session.teaching(0)[:2]
        whole.update(repr([np.asarray(a).tolist() for a in tables]).encode())
    whole.update(bump(np.arange(1.0, 3000.0), np.array([100.0, np.nan, 1234.5]), 33.0).tobytes())
    whole.update(
        exp(numbers()).tobytes() + log(exp(numbers())).tobytes() + sine_of_turns(numbers()).tobytes()
    )
    whole.update(normal(np.random.default_rng(3), 3000).tobytes())
    outcome = outcome_of(ReferenceBackend().load(network, grid), [VARIANTS["rls"]], two_trials(grid, 64))
    for name, value in outcome.items():
        whole.update(name.encode() + np.ascontiguousarray(value).tobytes())
    return whole.hexdigest()


def test_a_processor_of_fewer_features_draws_and_simulates_the_same():
    """NumPy and the C library choose their code by what the processor can do; here they may use the least.

    Seen failing with the exp and the sine of NumPy in place of ours.
    """
    features = [f for f in __cpu_dispatch__ if __cpu_features__.get(f)]
    env = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(features)}
    env["GLIBC_TUNABLES"] = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"
    env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    code = "import test_elementary as t, numpy as np; print(t.features_left(), t.everything_drawn())"
    found = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, cwd=os.getcwd()
    ).stdout.split()
    assert found == ["0", everything_drawn()]


def features_left() -> int:
    """How many features beyond the least NumPy uses in this process."""
    return sum(bool(__cpu_features__.get(f)) for f in __cpu_dispatch__)
