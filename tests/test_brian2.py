"""An independent oracle: Brian2, fed with our weights, gives our spikes and states bit for bit.

Where Brian2 is not installed these tests are skipped; where it is installed and
broken they fail.
"""

import importlib.util

import numpy as np
import pytest
from lively import lively_network, small_grid, two_trials

from reservoir.derived import derive
from reservoir.noise import PURPOSE_MEMBRANE, draws
from reservoir.reference import ReferenceBackend

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("brian2") is None, reason="Brian2 is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Brian2's own
]

N, STEPS = 50, 2000

STEP = """
total = (drive + current) + noise
above_rest = v - v_rest
dv = k * above_rest * (v - v_threshold) - u + total
v = v + dt_over_c * dv
u = u + a_dt * (b * above_rest - u)
current = current * current_decay
"""


@pytest.fixture(scope="module")
def brian2():
    import brian2

    brian2.prefs.codegen.target = "numpy"
    brian2.prefs.codegen.loop_invariant_optimisations = False  # they would regroup the operations
    brian2.start_scope()
    return brian2


def ours(network, grid, inputs):
    engine = ReferenceBackend().load(network, grid)
    state = engine.start()
    m = grid.steps_per_readout
    trials = two_trials(grid, N)._replace(
        inputs=inputs, trial_end=np.full(STEPS // m, -1), outcome=np.zeros((0, 2))
    )
    return engine.run(state, trials, [], []), state


def theirs(brian2, network, grid, inputs):
    d = derive(network, grid)
    names = ("dt_over_c", "k", "v_rest", "v_threshold", "v_peak", "a_dt", "b", "current_decay")
    constants = [*names, "c_reset", "d_reset", "drive", "noise"]
    equations = "\n".join(f"{x} : 1" for x in ("v", "u", "current", *constants))
    clock = brian2.Clock(0.1 * brian2.ms)
    cells = brian2.NeuronGroup(
        N, equations, threshold="v >= v_peak", reset="v = c_reset\nu = u + d_reset", clock=clock
    )
    cells.run_regularly(STEP, clock=clock, when="groups")
    for name in names:
        setattr(cells, name, getattr(d, name))
    cells.c_reset, cells.d_reset = d.c, d.d
    cells.v, cells.u, cells.current = network.v_start, 0, 0
    synapses = brian2.Synapses(
        cells, cells, "weight : 1", on_pre="current_post = current_post + weight", clock=clock
    )
    synapses.connect(i=np.repeat(np.arange(N), np.diff(d.indptr)), j=d.target)
    synapses.weight = d.weight
    m = grid.steps_per_readout
    step = 0

    @brian2.network_operation(clock=clock, when="start")
    def feed():
        nonlocal step
        drive = d.bias
        for c in np.flatnonzero(inputs[step // m]):
            drive = drive + inputs[step // m, c] * d.encoders[c]
        cells.drive_[:] = drive
        z = draws(grid.noise_seed, step, 0, PURPOSE_MEMBRANE, N)
        cells.noise_[:] = d.noise_scale[0] * z.astype(float)
        step += 1

    monitor = brian2.SpikeMonitor(cells)
    net = brian2.Network(cells, synapses, feed, monitor)
    net.run(STEPS * 0.1 * brian2.ms)
    at = np.round(np.asarray(monitor.t / brian2.ms) / 0.1).astype(np.int64)
    return (
        at,
        np.asarray(monitor.i),
        {name: np.asarray(getattr(cells, name)) for name in ("v", "u", "current")},
    )


@pytest.mark.parametrize("model, bias, weight", [("2007", 300.0, 30.0), ("2003", 6.0, 1.0)])
def test_the_reference_equals_brian2_bit_for_bit(brian2, model, bias, weight):
    scale = dict(cue_pa=300.0) if model == "2007" else dict(cue_pa=5.0)
    network = lively_network(n_neurons=N, model=model, bias_pa=bias, weight=weight, **scale)
    grid = small_grid(noise=20.0 if model == "2007" else 1.0)
    inputs = np.zeros((STEPS // 10, 3))
    inputs[20:60, 0] = 1.0
    inputs[90:120, 1] = 0.7
    activity, state = ours(network, grid, inputs)
    at, cell, final = theirs(brian2, network, grid, inputs)
    assert activity.spike_step.size > 100
    assert np.array_equal(activity.spike_step, at)
    assert np.array_equal(activity.spike_neuron, cell)
    for name, values in final.items():
        assert values.tobytes() == getattr(state, name).tobytes(), name
