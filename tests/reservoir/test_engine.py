"""The CPU engine equals the NumPy reference bit for bit, with every feature on and off."""

import numba as nb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lively import (
    VARIANTS,
    N,
    assert_same_bits,
    lessons,
    lively_network,
    outcome_of,
    small_grid,
    two_trials,
)

from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.cpu.engine import CpuBackend, CpuEngine
from spikewhen.reservoir.cpu.layout import tabulate
from spikewhen.reservoir.cpu.traces import feature_row, next_weight
from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.reference import ReferenceBackend
from spikewhen.reservoir.rules import LMS, RULES, ThreeFactor
from spikewhen.reservoir.simd import dot
from spikewhen.reservoir.step_constants import derive
from spikewhen.reservoir.traces import TINY, features_reference
from spikewhen.reservoir.types import LANES, Teaching

PRECISIONS = [np.float64, np.float32]

KERNELS = {
    "exponential": dict(),
    "double": dict(synapse_rise_ms=2.0, weight=300.0),
    "delays": dict(delay_min_ms=0.1, delay_max_ms=3.0),
    "double_delays": dict(synapse_rise_ms=2.0, weight=300.0, delay_max_ms=3.0),
}
TRACES = {
    "exponential": dict(),
    "double": dict(trace_rise_ms=2.0, normalise_ms=30.0),
    "delays": dict(normalise_ms=30.0),
    "double_delays": dict(trace_rise_ms=2.0, trace_scale=0.5),
}
FORCE_CELL = dict(
    capacitance=250.0, k=2.5, v_rest=-60.0, v_threshold=-19.2, v_peak=30.0, a=0.01, b=-2.0, c=-65.0, d=200.0
)
EQUAL_CELLS = dict(
    cell=FORCE_CELL, parameter_spread=0.0, slow_a_min=0.0, synapse_decay_ms=(10.0,), bias_pa=1500.0
)
NOISE = {
    "quiet": dict(noise=0.0),
    "noise": dict(),
    "held": dict(noise_hold_steps=5, scheme="heun"),
}


def kinds_of(network, grid) -> set[int]:
    """What the rows of 32 cells have in common, see `spikewhen.reservoir.cpu.layout.tabulate`."""
    return set(tabulate(derive(network, grid)).place[:, 3].tolist())


def both_engines(network, grid, rules, trials, chunks=(None,)):
    """Compare the reference with the CPU engine in chunks; returns what the reference left."""
    expected = outcome_of(ReferenceBackend().load(network, grid), rules, trials)
    for chunk in chunks:
        assert_same_bits(outcome_of(CpuEngine(network, grid, chunk), rules, trials), expected)
    return expected


@pytest.mark.parametrize("current", [False, True], ids=["", "current"])
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("feedback_pa", [0.0, 60.0], ids=["open", "feedback"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_cpu_equals_the_reference(dtype, kernel, feedback_pa, noise, current):
    network = lively_network(feedback_pa=feedback_pa, **KERNELS[kernel])
    grid = small_grid(dtype, **TRACES[kernel], **NOISE[noise])
    trials = two_trials(grid, n_steps=60, current=current)
    left = both_engines(network, grid, [VARIANTS["three_factor"]], trials, chunks=(None, 7))
    assert left["spike_step"].size > 30
    assert np.ptp(left["spike_step"]) > 300 and np.unique(left["spike_neuron"]).size > 15
    assert left["0.w"].any() and left["0.V"].any() and left["0.p_hat"][1].any()


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_all_rules_learn_the_same_beside_each_other(dtype, kernel):
    network, grid = lively_network(**KERNELS[kernel]), small_grid(dtype, **TRACES[kernel])
    trials = two_trials(grid)
    left = both_engines(network, grid, list(VARIANTS.values()), trials, chunks=(1, 7, 25, None))
    assert left["spike_step"].size > 60
    for i, rule in enumerate(VARIANTS.values()):
        assert left[f"{i}.w"].any(), rule
        assert left[f"{i}.V"].any() == (rule.what is not None)


IN_BOTH = ("three_factor", "lms", "rls")
"""Rules whose closed loop other tests compile in both precisions anyway."""


def closed_loops():
    """Every variant; of some rules `make verify` has the second precision, whose kernel takes 5 to 20 s."""
    names = sorted({rule.name for rule in VARIANTS.values()} - {*IN_BOTH})
    for variant, rule in VARIANTS.items():
        for dtype in PRECISIONS:
            here = rule.name in IN_BOTH or dtype is PRECISIONS[names.index(rule.name) % 2]
            yield pytest.param(dtype, variant, marks=[] if here else pytest.mark.long)


@pytest.mark.parametrize("dtype, variant", closed_loops())
def test_every_rule_learns_the_same_in_the_closed_loop(dtype, variant):
    network, grid = lively_network(feedback_pa=60.0, delay_max_ms=1.0), small_grid(dtype, normalise_ms=30.0)
    left = both_engines(network, grid, [VARIANTS[variant]], two_trials(grid, n_steps=60), chunks=(None, 7))
    solves_last = getattr(VARIANTS[variant], "every_trials", 1) > 1  # a ridge that has not spoken yet
    assert solves_last or left["state.output"].any()
    assert left["spike_step"].size > 30


READ_OUT_EVERY_STEP = {
    "bare": dict(normalise_ms=0.0, trace_scale=1.0, trace_rise_ms=2.0),
    "bare_exponential": dict(normalise_ms=0.0, trace_scale=1.0),
    "scaled": dict(normalise_ms=0.0, trace_scale=0.5, trace_rise_ms=2.0),
}


@pytest.mark.parametrize(
    "kernel, noise", [("exponential", "quiet"), ("double", "noise"), ("double_delays", "held")]
)
@pytest.mark.parametrize("trace", READ_OUT_EVERY_STEP)
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_loop_closed_in_every_step_equals_the_reference(dtype, trace, kernel, noise):
    """Where the traces are the features, another kernel runs; n = 31, 32 puts the bias in either row."""
    kinds = set()
    for n, cells in ((31, {}), (32, {}), (70, {}), (70, EQUAL_CELLS)):
        network = lively_network(n_neurons=n, feedback_pa=60.0, **KERNELS[kernel], **cells)
        grid = small_grid(dtype, steps_per_readout=1, **READ_OUT_EVERY_STEP[trace], **NOISE[noise])
        trials = two_trials(grid, n, n_steps=400, current=n == 31)
        left = both_engines(network, grid, [LMS(eta=0.001)], trials, chunks=(None, 7))
        assert left["spike_step"].size > 10 and left["state.output"].any(), (n, cells)
        kinds |= kinds_of(network, grid)
    assert kinds == {0, 1, 2}


def test_a_single_channel_fed_back_in_every_step_equals_the_reference():
    """Without inputs there is then nothing to add to the bias before the one channel."""
    network = lively_network(n_neurons=70, n_channels=1, feedback_pa=60.0, **EQUAL_CELLS)
    grid = small_grid(steps_per_readout=1, **READ_OUT_EVERY_STEP["bare"])
    trials = two_trials(grid, 70, n_steps=400)
    trials = trials._replace(inputs=trials.inputs[:, :2].copy(), outcome=trials.outcome[:, :1].copy())
    left = both_engines(network, grid, [LMS(eta=0.001)], trials)
    assert left["spike_step"].size > 10 and left["state.output"].shape == (1,)


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_rows_of_equal_cells_equal_the_reference(dtype, noise):
    """Rows of 32 cells with one set of parameters, and with one shape of v', have code of their own."""
    kinds = set()
    for cells in ({}, EQUAL_CELLS):
        network, grid = lively_network(n_neurons=70, **cells), small_grid(dtype, **NOISE[noise])
        left = both_engines(network, grid, [LMS(eta=0.001)], two_trials(grid, 70, n_steps=40))
        assert left["spike_step"].size > 10
        kinds |= kinds_of(network, grid)
    assert kinds == {0, 1, 2}


@pytest.mark.parametrize("feedback_pa", [0.0, 60.0])
def test_inputs_that_come_together_are_added_in_order(feedback_pa):
    network, grid = lively_network(feedback_pa=feedback_pa), small_grid()
    trials = two_trials(grid, n_steps=40)
    trials.inputs[5:20] = 1.0, 0.7, 0.3
    together = both_engines(network, grid, [LMS(eta=0.001)], trials)
    trials.inputs[5:20, 1:] = 0
    alone = outcome_of(CpuEngine(network, grid), [LMS(eta=0.001)], trials)
    assert not np.array_equal(together["state.v"], alone["state.v"])


def test_the_trace_of_a_silent_cell_becomes_zero():
    """Before it is too small to be stored in full: that would slow every step down."""
    grid = small_grid(np.float32, noise=0.0, trace_rise_ms=2.0, normalise_ms=30.0)
    for backend in (CpuBackend(), ReferenceBackend()):
        engine = backend.load(lively_network(bias_pa=0.0, weight=0.0), grid)
        state = engine.start()
        state.trace[:], state.trace_inflow[:] = 1e-3, 1e-3
        trials = two_trials(grid, n_steps=40)._replace(inputs=np.zeros((40, 3), np.float32))
        for t in range(60):
            engine.run(state, trials._replace(first_step=400 * t), [], [])
            for name, least in (("trace", TINY), ("trace_inflow", TINY), ("trace_mean", TINY)):
                values = getattr(state, name)
                assert np.all((values == 0) | (values >= np.float32(least))), name
        assert not state.trace.any() and not state.trace_variance.any()


def test_lessons_have_the_types_of_a_trainers():
    """Arrays of other types, read-only ones too, would compile every kernel of these tests once more."""
    trials = two_trials(small_grid())
    for shared in (False, True):
        taught = lessons(trials, small_grid(), shared)
        assert all(a.flags.writeable and a.flags.c_contiguous for a in taught)
        assert taught.window.dtype == np.int8


def test_every_registered_rule_is_among_the_variants():
    assert {type(r) for r in VARIANTS.values()} == set(RULES.values())


@pytest.mark.parametrize("n", [1, 30, 31, 32, 33, 64, 100])
def test_sizes_around_the_lanes_change_nothing(n):
    """31 neurons and a bias fill one row of lanes; 32 need two."""
    network = lively_network(n_neurons=n, out_degree=min(10, n - 1), bias_pa=400.0)
    grid = small_grid()
    left = both_engines(network, grid, [VARIANTS["rls"]], two_trials(grid, n, n_steps=40), chunks=(None, 3))
    assert left["spike_step"].size > 0


@pytest.mark.parametrize("feedback_pa", [0.0, 60.0])
def test_a_run_continues_from_where_it_stopped(feedback_pa):
    """Two calls of forty steps equal one of eighty, the running mean and the eligibility included."""
    network, grid = lively_network(feedback_pa=feedback_pa, delay_max_ms=3.0), small_grid(normalise_ms=30.0)
    rule = VARIANTS["three_factor_consolidation"]
    trials = two_trials(grid)
    whole = outcome_of(CpuEngine(network, grid), [rule], trials)

    engine = CpuEngine(network, grid)
    state, readout, taught = engine.start(), Readout(rule, 2, N + 1, grid), lessons(trials, grid)
    found, spikes = np.zeros((2, 2)), []
    for part in (slice(0, 33), slice(33, 80)):
        piece = trials._replace(
            first_step=part.start * grid.steps_per_readout,
            inputs=trials.inputs[part],
            trial_end=trials.trial_end[part],
        )
        activity = engine.run(state, piece, [readout], [Teaching(*[a[part] for a in taught])])
        found += activity.p_hat[0]
        spikes.append(activity.spike_step)
    assert np.array_equal(np.concatenate(spikes), whole["spike_step"])
    assert np.array_equal(found, whole["0.p_hat"])
    assert_same_bits(state._asdict(), {k: whole[f"state.{k}"] for k in state._fields})
    assert readout.state.w.tobytes() == whole["0.w"].tobytes()


def test_what_another_run_left_of_a_pair_of_draws_is_not_taken_up():
    """Two draws are made at once; a call ends between them, and another stream has the engine meanwhile."""
    network, grid = lively_network(), small_grid(noise_hold_steps=10)
    trials = two_trials(grid)
    whole = outcome_of(CpuEngine(network, grid), [], trials)
    engine = CpuEngine(network, grid)
    state, spikes = engine.start(), []
    for part in (slice(0, 33), slice(33, 80)):
        piece = trials._replace(
            first_step=part.start * grid.steps_per_readout,
            inputs=trials.inputs[part],
            trial_end=trials.trial_end[part],
        )
        spikes.append(engine.run(state, piece, [], []).spike_step)
        engine.run(engine.start(), piece._replace(stream=1), [], [])
    assert np.array_equal(np.concatenate(spikes), whole["spike_step"])
    assert whole["spike_step"].size > 30


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_silent_output_that_is_fed_back_equals_the_open_loop(kernel):
    """With a rate of zero y stays 0, so the closed loop's own kernel must give the open loop's spikes."""
    grid = small_grid()
    rule, trials = ThreeFactor(eta=0.0), two_trials(grid)
    kept = []
    for feedback_pa in (0.0, 60.0):
        network = lively_network(feedback_pa=feedback_pa, **KERNELS[kernel])
        left = outcome_of(CpuEngine(network, grid), [rule], trials)
        kept.append({k: v for k, v in left.items() if k.startswith(("spike", "state"))})
    assert_same_bits(*kept)
    assert kept[0]["spike_step"].size > 30


def test_feedback_changes_the_activity():
    grid = small_grid()
    a, b = (
        outcome_of(CpuEngine(lively_network(feedback_pa=q), grid), [VARIANTS["rls_shared"]], two_trials(grid))
        for q in (0.0, 60.0)
    )
    assert not np.array_equal(a["state.v"], b["state.v"])


def test_a_spike_arrives_after_its_delay():
    """One neuron is kicked; its target's current jumps after exactly the delay, counted in dt."""
    for delay_ms, steps in ((0.0, 0), (0.1, 1), (0.7, 7), (3.0, 30)):
        network = lively_network(
            n_neurons=2,
            out_degree=1,
            bias_pa=0.0,
            fraction_excitatory=1.0,
            delay_min_ms=delay_ms,
            delay_max_ms=delay_ms,
        )
        grid = small_grid(steps_per_readout=1, noise=0.0)
        for backend in (ReferenceBackend(), CpuBackend()):
            engine = backend.load(network, grid)
            state = engine.start()
            state.v[0] = 200.0  # above the peak after one step
            trials = two_trials(grid, 2, n_steps=2)
            sees = []
            for t in range(40):
                step = trials._replace(
                    first_step=t,
                    inputs=np.zeros((1, 3)),
                    trial_end=np.full(1, -1),
                    outcome=np.zeros((0, 2)),
                )
                engine.run(state, step, [], [])
                sees.append(state.current[1] > 0)
            assert sees.index(True) == steps, (backend.name, delay_ms)
            assert state.current[0] == 0


@pytest.mark.parametrize("rise_ms", [0.0, 2.0])
def test_traces_equal_an_update_every_step(rise_ms):
    """Gathering the jumps of a readout step gives, up to rounding, the trace updated every dt."""
    network, grid = lively_network(), small_grid(trace_rise_ms=rise_ms)
    engine = CpuEngine(network, grid)
    state, trials = engine.start(), two_trials(grid)
    activity = engine.run(state, trials, [], [])
    r, h = np.zeros(N), np.zeros(N)
    spikes = set(zip(activity.spike_step.tolist(), activity.spike_neuron.tolist(), strict=True))
    for step in range(800):
        here = [j for s, j in spikes if s == step]
        if rise_ms:
            r = r * np.exp(-0.1 / rise_ms) + h * 0.1
            h = h * np.exp(-0.1 / 40.0)
            h[here] += 1 / (rise_ms * 40.0)
        else:
            r = r * np.exp(-0.1 / 40.0)
            r[here] += 1
    assert len(spikes) > 60
    np.testing.assert_allclose(state.trace, r, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("rate", [0.0, 0.02])
def test_features_equal_their_definition(dtype, rate):
    rng = np.random.default_rng(4)
    parameters = tuple(dtype(v) for v in (rate, 0.05, 0.3, 0.07))
    a = [*np.zeros((2, 64), dtype), np.zeros(1, np.int64), np.zeros(64, dtype)]
    b = [*np.zeros((2, N), dtype), np.zeros(1, np.int64), np.zeros(64, dtype)]
    traces = rng.exponential(1.0, (200, N)).astype(dtype) * (rng.random(N) < 0.8)
    for trace in traces.astype(dtype):
        full, weight = np.pad(trace, (0, 64 - N)), dtype(next_weight(parameters[0], a[2]))
        for r in (0, 32):
            feature_row(full, r, a[0], r, a[1], r, weight, parameters, a[3], r)
        a[3][N] = parameters[3]
        features_reference(trace, *b[:3], *parameters, b[3])
        assert all(x[: y.size].tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))
    x = a[3]
    assert x[N] == dtype(0.07) and not x[N + 1 :].any()
    if rate == 0:
        assert np.array_equal(x[:N], traces[-1].astype(dtype) * dtype(0.3))


def test_normalised_features_are_deviations_in_units_of_a_cells_own_fluctuation():
    """A plain average as long as 1/n is above the rate, a running one later; silent cells stay silent."""
    rng = np.random.default_rng(5)
    traces = rng.exponential(1.0, (40, 3)) * [1.0, 10.0, 0.0]
    mean, variance, count, x = np.zeros(3), np.zeros(3), np.zeros(1, np.int64), np.zeros(32)
    for n, trace in enumerate(traces):
        features_reference(trace, mean, variance, count, 0.02, 0.05, 1.0, 0.0, x)
        np.testing.assert_allclose(mean, traces[: n + 1].mean(axis=0))
    np.testing.assert_allclose(x[:3], (traces[-1] - mean) / (np.sqrt(variance) + 0.05))
    assert x[2] == 0 and count[0] == 40
    assert np.all(variance[:2] > 0.2 * traces.var(axis=0)[:2])


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_spikes_come_ordered_by_step_then_neuron(backend):
    grid = small_grid()
    left = outcome_of(get_backend(backend).load(lively_network(), grid), [], two_trials(grid))
    key = left["spike_step"] * N + left["spike_neuron"]
    assert np.all(np.diff(key) > 0)
    assert left["spike_step"].dtype == np.int64 and left["spike_neuron"].dtype == np.int32


@pytest.mark.parametrize("name, word", [("quantum", "cpu, gpu, reference"), ("", "one of")])
def test_an_unknown_backend_is_named(name, word):
    with pytest.raises(InputError, match=word):
        get_backend(name)


def test_two_readouts_cannot_both_be_fed_back():
    grid = small_grid()
    engine = CpuEngine(lively_network(feedback_pa=10.0), grid)
    with pytest.raises(InputError, match="exactly one readout"):
        outcome_of(engine, [VARIANTS["lms"], VARIANTS["three_factor"]], two_trials(grid))


# activity that blows up


@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_huge_weights_raise_an_error_that_names_array_neuron_and_time(backend, dtype):
    grid = small_grid(dtype)
    network = lively_network(weight=1e37, out_degree=30, delay_max_ms=2.0)
    with pytest.raises(ActivityError) as caught:
        outcome_of(get_backend(backend).load(network, grid), [], two_trials(grid))
    error = caught.value
    assert error.array in ("v", "u", "current") and 0 <= error.neuron < N
    assert 0 < error.time_ms <= 80
    assert not np.isfinite(error.value)
    assert str(error).startswith(f"activity blew up: {error.array}[{error.neuron}] = ")
    assert f"at {error.time_ms:.1f} ms" in str(error) and "\n" not in str(error)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1e7, 1e9])
@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_current_that_explodes_is_caught_where_it_enters(backend, bad):
    grid = small_grid()
    trials = two_trials(grid, current=True)
    trials.current[40, 7] = bad
    engine = get_backend(backend).load(lively_network(), grid)
    with pytest.raises(ActivityError, match=r"[vu]\[7\]"):
        outcome_of(engine, [], trials)


@pytest.mark.parametrize("field, value", [("weight", np.nan), ("decay_ms", np.nan)])
def test_a_network_with_nan_is_refused_before_it_runs(field, value):
    network = lively_network()
    array = np.array(getattr(network.synapses, field))
    array[3] = value
    network = network._replace(synapses=network.synapses._replace(**{field: array}))
    with pytest.raises(InputError, match=r"network\.synapses\.\w+\[3\] = nan: finite numbers"):
        CpuEngine(network, small_grid())


# the canonical dot product


@nb.njit
def compiled_dot(a, b):
    return dot(a, b)


def values(dtype):
    tiny = float(np.finfo(dtype).smallest_subnormal)
    width = 8 * np.dtype(dtype).itemsize
    small = st.floats(0, float(np.finfo(dtype).tiny), width=width, allow_subnormal=True)
    return st.floats(-(2.0**50), 2.0**50, width=width) | small | st.sampled_from([0.0, -0.0, tiny, -tiny])


@pytest.mark.parametrize("dtype", PRECISIONS)
@given(data=st.data())
def test_dot_equals_its_definition(dtype, data):
    """Sizes and values drawn, subnormal numbers included; sums may round but never differ."""
    n = LANES * data.draw(st.integers(1, 5), label="rows")
    pool = data.draw(st.lists(values(dtype), min_size=4, max_size=40), label="pool")
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    a, b = np.random.default_rng(seed).choice(np.array(pool, dtype), (2, n))
    expected = dot_reference(a, b)
    assert expected.dtype == dtype
    assert np.array(compiled_dot(a, b), dtype).tobytes() == np.array(expected).tobytes()


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_dot_adds_in_the_documented_order(dtype):
    """Written out scalar by scalar, with numbers whose sum depends on the order."""
    rng = np.random.default_rng(0)
    a = (rng.standard_normal(96) * 10.0 ** rng.integers(-6, 6, 96)).astype(dtype)
    b = rng.standard_normal(96).astype(dtype)
    acc = [dtype(0)] * 32
    for i in range(96):
        acc[i % 32] = acc[i % 32] + a[i] * b[i]
    for h in (16, 8, 4, 2, 1):
        acc = [acc[i] + acc[i + h] for i in range(h)]
    assert dot_reference(a, b) == acc[0] == compiled_dot(a, b)
    assert acc[0] != np.sum(a * b)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_subnormal_products_are_kept(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    a, b = np.zeros((2, 32), dtype)
    a[5], b[5] = tiny, 3
    assert compiled_dot(a, b) == dot_reference(a, b) == 3 * tiny > 0
