"""A specification and a seed give a network: Dale's law, degrees, delays, encoders, and named mistakes."""

import numpy as np
import pytest

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.network import NetworkSpec, build_network, check_network, synapses_from_matrix

N = 200


def built(seed=0, dt_ms=0.1, n_cues=2, n_channels=3, **changes):
    spec = NetworkSpec(**{**dict(n_neurons=N, out_degree=20), **changes})
    return build_network(spec, seed, n_cues, n_channels, dt_ms)


def rows(network):
    s = network.synapses
    return [s.target[a:b] for a, b in zip(s.indptr[:-1], s.indptr[1:], strict=True)]


def presynaptic(network):
    return np.repeat(np.arange(network.n_neurons), np.diff(network.synapses.indptr))


CONNECTIVITY = [dict(), dict(connectivity="probability", probability=0.1)]


@pytest.mark.parametrize("changes", CONNECTIVITY, ids=["degree", "probability"])
def test_dales_law(changes):
    network = built(**changes)
    pre, weight = presynaptic(network), network.synapses.weight
    assert np.all(weight[pre < 160] > 0) and np.all(weight[pre >= 160] < 0)
    types = np.array(network.type_names)[network.cell_type]
    assert set(types[:160]) == {"RS", "IB", "CH"} and set(types[160:]) == {"LTS", "FS"}


@pytest.mark.parametrize("changes", CONNECTIVITY, ids=["degree", "probability"])
def test_targets_are_sorted_and_unique(changes):
    for targets in rows(built(**changes)):
        assert np.all(np.diff(targets) > 0)
        assert targets.size == 0 or (targets[0] >= 0 and targets[-1] < N)


def test_a_fixed_out_degree_has_no_synapse_onto_itself():
    network = built()
    found = rows(network)
    assert all(r.size == 20 for r in found)
    assert not any(j in r for j, r in enumerate(found))
    counts = np.bincount(network.synapses.target, minlength=N)
    assert counts.min() > 2 and counts.mean() == 20


@pytest.mark.parametrize("degree", [0, 1, N - 1])
def test_extreme_degrees(degree):
    found = rows(built(out_degree=degree))
    assert all(r.size == degree for r in found)
    assert not any(j in r for j, r in enumerate(found))


def test_a_connection_probability():
    network = built(connectivity="probability", probability=0.1)
    assert network.synapses.target.size == pytest.approx(0.1 * N * N, rel=0.1)
    assert built(connectivity="probability", probability=0.0).synapses.target.size == 0


def test_a_delay_line_has_a_head_for_each_cue_and_delays_that_grow_evenly():
    line = dict(connectivity="delay_line", delay_min_ms=10.0, delay_max_ms=110.0, cue_pa=700.0)
    network = built(n_cues=2, **line)
    found, s = rows(network), network.synapses
    assert all(np.array_equal(found[c], np.arange(c + 2, N, 2)) for c in (0, 1))
    assert not any(r.size for r in found[2:])
    assert np.array_equal(network.encoders.cue, 700.0 * np.eye(2, N))
    place = (s.target - s.target % 2) / N
    assert np.array_equal(s.delay_steps, np.round((10 + 100 * place) / 0.1))
    one = built(n_cues=1, **line).synapses
    assert np.array_equal(one.delay_steps, np.round((10 + 100 * np.arange(1, N) / N) / 0.1))


def test_weights_are_lognormal_and_inhibition_is_stronger():
    network = built(weight=5.0, weight_spread=0.5, inhibition=4.0)
    pre, weight = presynaptic(network), np.abs(network.synapses.weight)
    logs = np.log(weight / 5.0)
    assert logs[pre < 160].mean() == pytest.approx(0, abs=0.05)
    assert logs[pre < 160].std() == pytest.approx(0.5, rel=0.05)
    assert logs[pre >= 160].mean() == pytest.approx(np.log(4), abs=0.08)
    normal = built(weights="normal", weight=5.0).synapses.weight
    assert abs(normal.mean()) < 0.5 and normal.std() == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize("dt_ms", [0.1, 0.5])
def test_delays_lie_in_their_range_in_steps(dt_ms):
    delay = built(dt_ms=dt_ms, delay_min_ms=0.5, delay_max_ms=3.0).synapses.delay_steps
    assert delay.min() == round(0.5 / dt_ms) and delay.max() == round(3.0 / dt_ms)
    assert delay.dtype == np.int32
    assert not built().synapses.delay_steps.any()


def test_synaptic_decay_is_drawn_per_target():
    network = built(synapse_decay_ms=(20.0, 100.0))
    assert set(network.synapses.decay_ms.tolist()) == {20.0, 100.0}
    assert np.mean(network.synapses.decay_ms == 20) == pytest.approx(0.5, abs=0.15)


def test_encoders_reach_a_share_of_the_cells():
    network = built(n_cues=3, feedback_pa=30.0, cue_pa=300.0, cue_fraction=0.3, event_fraction=0.0)
    enc = network.encoders
    assert enc.cue.shape == (3, N) and enc.event.shape == enc.feedback.shape == (3, N)
    assert np.mean(enc.cue > 0) == pytest.approx(0.3, abs=0.06) and enc.cue.min() == 0
    assert enc.cue[enc.cue > 0].mean() == pytest.approx(300 * np.sqrt(2 / np.pi), rel=0.15)
    assert not enc.event.any()
    assert np.abs(enc.feedback).max() <= 30 and enc.feedback.min() < -20 and enc.feedback.max() > 20
    assert not built().encoders.feedback.any()
    assert built(n_cues=0, n_channels=1).encoders.cue.shape == (0, N)


def test_cells_start_above_rest_within_the_spread():
    network = built(v_start_spread_mv=10.0)
    above = network.v_start - network.cells.v_rest
    assert above.min() >= 0 and above.max() <= 10 and above.std() > 1


def test_a_seed_decides_a_network_and_another_seed_another():
    def parts(seed):
        n = built(seed)
        return [*n.cells, *n.synapses[:5], *n.encoders, n.cell_type, n.v_start]

    assert all(np.array_equal(a, b) for a, b in zip(parts(3), parts(3), strict=True))
    assert not np.array_equal(built(3).synapses.target, built(4).synapses.target)
    assert not np.array_equal(built(3).v_start, built(4).v_start)


def test_scaling_the_feedback_leaves_everything_else_alone():
    a, b = built(feedback_pa=0.0), built(feedback_pa=50.0)
    for x, y in zip(
        (*a.cells, *a.synapses[:5], a.v_start), (*b.cells, *b.synapses[:5], b.v_start), strict=True
    ):
        assert np.array_equal(x, y)
    assert np.array_equal(built(feedback_pa=100.0).encoders.feedback, 2 * b.encoders.feedback)


def test_one_cell_type_for_all():
    cell = dict(
        capacitance=250.0,
        k=2.5,
        v_rest=-60.0,
        v_threshold=-19.2,
        v_peak=30.0,
        a=0.01,
        b=-2.0,
        c=-65.0,
        d=200.0,
    )
    network = built(cell=cell)
    for name, value in cell.items():
        assert np.all(getattr(network.cells, name) == value)
    assert network.type_names == ("custom",) and not network.cell_type.any()


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_one_sign_only(fraction):
    weight = built(fraction_excitatory=fraction).synapses.weight
    assert np.all(weight > 0) if fraction else np.all(weight < 0)


def test_a_single_neuron():
    network = built(n_neurons=1, out_degree=100)
    assert network.n_neurons == 1 and network.synapses.target.size == 0


CELL = dict.fromkeys(("capacitance", "k", "v_rest", "v_threshold", "v_peak", "a", "b", "c", "d"), 1.0)


@pytest.mark.parametrize(
    "changes, field",
    [
        (dict(n_neurons=0), "n_neurons"),
        (dict(n_neurons=-5), "n_neurons"),
        (dict(out_degree=N), "out_degree"),
        (dict(fraction_excitatory=1.1), "fraction_excitatory"),
        (dict(weight=float("nan")), "weight"),
        (dict(bias_pa=float("inf")), "bias_pa"),
        (dict(connectivity="ring"), "connectivity"),
        (dict(model="2010"), "model"),
        (dict(excitatory_mix={"PV": 1.0}), "excitatory_mix.PV"),
        (dict(excitatory_mix={"RS": -1.0}), "excitatory_mix.RS"),
        (dict(inhibitory_mix={"FS": 0.0}), "inhibitory_mix"),
        (dict(inhibitory_mix={}), "inhibitory_mix"),
        (dict(cell={"k": 1.0}), "cell"),
        (dict(cell={**CELL, "k": float("nan")}), "cell.k"),
        (dict(cell={**CELL, "tau": 1.0}), "cell.tau"),
        (dict(synapse_decay_ms=()), "synapse_decay_ms"),
        (dict(synapse_decay_ms=(20.0, 0.0)), "synapse_decay_ms"),
        (dict(delay_min_ms=2.0, delay_max_ms=1.0), "delay_max_ms"),
        (dict(slow_a_min=0.1, slow_a_max=0.01), "slow_a_max"),
        (dict(connectivity="delay_line"), "delay_max_ms"),
        (dict(connectivity="delay_line", delay_max_ms=9.0, n_cues=0), "connectivity"),
        (dict(connectivity="delay_line", delay_max_ms=9.0, fraction_excitatory=0.0), "connectivity"),
        (dict(connectivity="delay_line", delay_max_ms=9.0, n_neurons=2), "connectivity"),
    ],
)
def test_mistakes_are_named(changes, field):
    with pytest.raises(InputError) as caught:
        built(**changes)
    assert str(caught.value).startswith(f"{field} = ") and "\n" not in str(caught.value)


def test_a_matrix_becomes_synapses_and_back():
    matrix = np.random.default_rng(3).normal(size=(7, 7)) * (np.random.default_rng(4).random((7, 7)) < 0.4)
    delays = np.arange(49).reshape(7, 7)
    made = synapses_from_matrix(matrix, decay_ms=20.0, delay_steps=delays)
    back, late = np.zeros((7, 7)), np.zeros((7, 7))
    for j in range(7):
        row = slice(made.indptr[j], made.indptr[j + 1])
        back[j, made.target[row]] = made.weight[row]
        late[j, made.target[row]] = made.delay_steps[row]
    np.testing.assert_array_equal(back, matrix)
    np.testing.assert_array_equal(late, delays * (matrix != 0))


@pytest.mark.parametrize("matrix", [np.zeros((3, 4)), np.full((2, 2), np.nan)])
def test_a_matrix_that_is_no_connectivity_is_refused(matrix):
    with pytest.raises(InputError, match="weight"):
        synapses_from_matrix(matrix, 20.0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda n: n._replace(cell_type=n.cell_type[:-1]), "cell_type"),
        (lambda n: n._replace(cells=n.cells._replace(a=np.zeros(3))), "cells.a"),
        (lambda n: n._replace(synapses=n.synapses._replace(target=n.synapses.target[::-1].copy())), "target"),
        (lambda n: n._replace(synapses=n.synapses._replace(target=n.synapses.target + 50)), "target"),
        (
            lambda n: n._replace(synapses=n.synapses._replace(delay_steps=n.synapses.delay_steps - 1)),
            "delay_steps",
        ),
        (lambda n: n._replace(encoders=n.encoders._replace(cue=np.zeros((2, 40)))), "encoders.cue"),
    ],
)
def test_a_network_made_by_hand_is_checked(change, named):
    network = build_network(NetworkSpec(n_neurons=40, out_degree=5), 0, 1, 2, 0.1)
    check_network(network, 1, 2)
    with pytest.raises(InputError, match=named):
        check_network(change(network), 1, 2)
