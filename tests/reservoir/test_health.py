"""The health report, on spikes whose statistics are known."""

from itertools import pairwise

import numpy as np
import pytest
from lively import lively_network

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.health import HealthMonitor, HealthSpec, health_line, warnings

DT = 0.1
NETWORK = lively_network(n_neurons=50)


def ordered(step, neuron):
    order = np.lexsort((neuron, step))
    return step[order], neuron[order]


def regular(period_ms=100.0, duration_ms=10_000.0, cells=range(0, 50, 2)):
    steps = np.arange(0, round(duration_ms / DT), round(period_ms / DT))
    cells = np.array(list(cells))
    return ordered(np.tile(steps, cells.size), np.repeat(cells, steps.size))


def report(step, neuron, cuts=(), duration_ms=10_000.0):
    monitor = HealthMonitor(NETWORK, DT)
    edges = [0, *np.searchsorted(step, cuts), step.size]
    for a, b in pairwise(edges):
        monitor.add(step[a:b], neuron[a:b])
    return monitor.report(duration_ms)


def test_regular_spikes():
    found = report(*regular())
    assert found["rate_hz"] == pytest.approx(5.0)
    assert found["fraction_silent"] == 0.5
    assert found["cv_isi"] == pytest.approx(0, abs=1e-6)


def test_rates_by_cell_type():
    step, neuron = regular()
    found = report(step, neuron)
    for i, name in enumerate(NETWORK.type_names):
        members = np.flatnonzero(NETWORK.cell_type == i)
        assert found[f"rate_hz_{name}"] == pytest.approx(np.isin(neuron, members).sum() / members.size / 10)


def test_poisson_spikes_have_a_coefficient_of_variation_of_1():
    rng = np.random.default_rng(0)
    n = rng.poisson(200, 50)
    step, neuron = ordered(
        np.concatenate([np.sort(rng.choice(100_000, k, replace=False)) for k in n]),
        np.repeat(np.arange(50), n),
    )
    found = report(step, neuron)
    assert found["cv_isi"] == pytest.approx(1, abs=0.05)
    assert found["rate_hz"] == pytest.approx(20, rel=0.05)
    assert found["fraction_silent"] == 0


@pytest.mark.parametrize("cuts", [(1,), (500, 501, 70_000), tuple(range(0, 100_000, 777))])
def test_the_segments_of_a_run_change_nothing(cuts):
    rng = np.random.default_rng(1)
    step, neuron = ordered(np.sort(rng.choice(100_000, 3000, replace=False)), rng.integers(0, 50, 3000))
    assert report(step, neuron, cuts) == pytest.approx(report(step, neuron))


def test_silence_has_no_irregularity():
    found = report(np.zeros(0, np.int64), np.zeros(0, np.int32))
    assert found["rate_hz"] == 0 and found["fraction_silent"] == 1 and np.isnan(found["cv_isi"])
    assert "0.00 Hz" in health_line(found) and "100 % silent" in health_line(found)
    assert len(warnings(found, HealthSpec())) == 2


def test_warnings_come_outside_the_limits_only():
    found = report(*regular())
    assert warnings(found, HealthSpec()) == []
    assert "mean rate 5.00 Hz is outside 6 to 20 Hz" in warnings(found, HealthSpec(rate_min_hz=6.0))
    assert "mean rate 5.00 Hz is outside 0.2 to 4 Hz" in warnings(found, HealthSpec(rate_max_hz=4.0))
    silent = warnings(found, HealthSpec(silent_max=0.4))
    assert silent == ["50 % of the cells are silent, above 40 %"]
    runaway = report(*regular(period_ms=5.0))
    assert len(warnings(runaway, HealthSpec())) == 1


def test_the_line_is_one_line():
    line = health_line(report(*regular()))
    assert "\n" not in line and line.startswith("5.00 Hz (RS ") and line.endswith("50 % silent")


def test_a_limit_out_of_range_is_refused():
    with pytest.raises(InputError, match="silent_max"):
        HealthSpec(silent_max=1.5)
