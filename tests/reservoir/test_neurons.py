"""Cell types: both preset families, and populations that differ from cell to cell."""

import numpy as np
import pytest
from lively import small_grid, two_trials

from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.network import NetworkSpec, build_network
from spikewhen.reservoir.neurons import (
    CELL_TYPES,
    COLUMNS,
    PRESETS_2003,
    PRESETS_2007,
    population,
    preset,
)
from spikewhen.reservoir.reference import ReferenceBackend

CURRENT_2003 = 14.0
CURRENT_2007 = {"RS": 150.0, "IB": 500.0, "CH": 250.0, "LTS": 250.0, "FS": 200.0}


def spikes(cell, bias, dt_ms, duration_ms, backend=None, v=None, u=None):
    """Spike steps of one cell driven by a constant current."""
    spec = NetworkSpec(n_neurons=1, cell=cell, bias_pa=bias, bias_spread=0.0, v_start_spread_mv=0.0)
    network = build_network(spec, 0, 0, 1, dt_ms)
    grid = small_grid(dt_ms=dt_ms, steps_per_readout=1, noise=0.0)
    engine = (backend or CpuBackend()).load(network, grid)
    state = engine.start()
    if v is not None:
        state.v[0], state.u[0] = v, u
    n = round(duration_ms / dt_ms)
    trials = two_trials(grid, 1)._replace(
        inputs=np.zeros((n, 1)), trial_end=np.full(n, -1), outcome=np.zeros((0, 1))
    )
    return engine.run(state, trials, [], []).spike_step, state


@pytest.mark.parametrize("dt_ms", [0.5, 0.1])
@pytest.mark.parametrize("name", PRESETS_2003)
def test_the_2003_presets_follow_the_2003_equations(name, dt_ms):
    """v' = .04 v^2 + 5 v + 140 - u + I, u' = a (b v - u), written out by hand."""
    a, b, c, d = PRESETS_2003[name]
    cell = preset(name, "2003")
    v, u, fired = -62.0, b * -62.0, []
    n = round(200 / dt_ms)
    for step in range(n):
        v, u = (
            v + dt_ms * (0.04 * v * v + 5 * v + 140 - u + CURRENT_2003),
            u + dt_ms * a * (b * v - u),
        )
        if v >= 30:
            v, u = c, u + d
            fired.append(step)
    found, state = spikes(cell, CURRENT_2003, dt_ms, 200, v=-62.0, u=b * -62.0 - b * cell["v_rest"])
    assert len(fired) > 3
    assert found.tolist() == fired
    assert state.v[0] == pytest.approx(v, rel=1e-6)
    assert state.u[0] == pytest.approx(u - b * cell["v_rest"], rel=1e-6, abs=1e-6)


def test_the_2003_presets_at_rest_are_at_rest():
    for name, (_, b, _, _) in PRESETS_2003.items():
        cell = preset(name, "2003")
        v = cell["v_rest"]
        assert 0.04 * v * v + (5 - b) * v + 140 == pytest.approx(0, abs=1e-9)
        assert cell["v_threshold"] > v
        found, state = spikes(cell, 0.0, 0.1, 50)
        assert found.size == 0 and state.v[0] == v
    assert preset("RS", "2003")["v_rest"] == pytest.approx(-70)
    assert preset("RS", "2003")["v_threshold"] == pytest.approx(-55)
    assert preset("LTS", "2003")["v_rest"] == pytest.approx(-64.414, abs=1e-3)
    assert preset("LTS", "2003")["v_threshold"] == pytest.approx(-60.586, abs=1e-3)


@pytest.mark.parametrize("name", CELL_TYPES)
def test_the_2007_presets_follow_the_2007_equations(name):
    capacitance, k, vr, vt, peak, a, b, c, d = map(float, PRESETS_2007[name])
    current = CURRENT_2007[name]
    v, u, fired = vr, 0.0, []
    for step in range(3000):
        dv = (k * (v - vr) * (v - vt) - u + current) / capacitance
        u = u + 0.1 * a * (b * (v - vr) - u)
        v = v + 0.1 * dv
        if v >= peak:
            v, u = c, u + d
            fired.append(step)
    for backend in (CpuBackend(), ReferenceBackend()):
        found, state = spikes(preset(name), current, 0.1, 300, backend)
        assert len(fired) > 2
        assert found.tolist() == fired
        assert state.v[0] == pytest.approx(v, rel=1e-6)


def test_the_two_families_name_the_same_types():
    assert tuple(PRESETS_2003) == tuple(PRESETS_2007) == CELL_TYPES == ("RS", "IB", "CH", "LTS", "FS")
    for form in ("2003", "2007"):
        for name in CELL_TYPES:
            assert tuple(preset(name, form)) == COLUMNS


def draw(spread=0.2, slow_a=(0.001, 0.03), n=4000):
    excitatory = np.arange(n) < n // 2
    names = ["RS"] * (n // 2) + ["FS"] * (n // 2)
    rng = np.random.default_rng(0)
    return population(names, np.ones(n), "2007", spread, excitatory, slow_a, rng), excitatory


def test_parameters_spread_lognormally_and_the_others_stay():
    cells, excitatory = draw()
    for name, value in (("capacitance", 100.0), ("k", 0.7), ("d", 100.0)):
        logs = np.log(getattr(cells, name)[excitatory] / value)
        assert logs.std() == pytest.approx(0.2, rel=0.06) and abs(logs.mean()) < 0.02
    for name in ("v_rest", "v_threshold", "v_peak", "b", "c"):
        assert np.all(getattr(cells, name)[excitatory] == preset("RS")[name])


def test_slow_recovery_is_log_uniform_in_excitatory_cells_only():
    cells, excitatory = draw()
    logs = np.log(cells.a[excitatory])
    assert np.log(0.001) <= logs.min() and logs.max() <= np.log(0.03)
    assert logs.mean() == pytest.approx(0.5 * (np.log(0.001) + np.log(0.03)), abs=0.1)
    assert np.median(cells.a[~excitatory]) == pytest.approx(0.15, rel=0.05)
    plain, _ = draw(slow_a=None)
    assert np.median(plain.a[excitatory]) == pytest.approx(0.03, rel=0.05)


def test_without_a_spread_all_cells_of_a_type_are_equal():
    cells, _ = draw(spread=0.0, slow_a=None)
    assert np.unique(cells.capacitance).size == 2
