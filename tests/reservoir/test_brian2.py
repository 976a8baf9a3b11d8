"""An independent oracle: Brian2, fed with our weights, gives our spikes and states bit for bit.

Where Brian2 is not installed these tests are skipped; where it is installed and
broken they fail. `spikewhen validate strict` does the same for 10 s and 300 cells.
"""

import importlib.util

import numpy as np
import pytest
from lively import lively_network, small_grid

from spikewhen.validation.oracle import simulate_strictly
from spikewhen.validation.strict import differences, ours

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("brian2") is None, reason="Brian2 is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Brian2's own
]

N, READOUT_STEPS = 50, 200
CASES = {
    "2007": (dict(model="2007", bias_pa=300.0, weight=30.0, cue_pa=300.0), 20.0),
    "2003": (dict(model="2003", bias_pa=6.0, weight=1.0, cue_pa=5.0), 1.0),
    "double exponential": (dict(weight=600.0, synapse_rise_ms=2.0), 20.0),
    "heun": (dict(weight=30.0), 20.0),
    "delays": (dict(weight=30.0, delay_max_ms=3.0), 20.0),
    "double exponential, delays": (dict(weight=600.0, synapse_rise_ms=2.0, delay_max_ms=3.0), 20.0),
    "double exponential, heun": (dict(weight=600.0, synapse_rise_ms=2.0), 20.0),
}


def both(case: str, seeds=(3, 4)):
    """Two networks, what Brian2 makes of them and what the reference does."""
    changes, noise = CASES[case]
    networks = [lively_network(n_neurons=N, seed=s, **changes) for s in seeds]
    scheme = "heun" if "heun" in case else "euler"
    grids = [small_grid(noise=noise, noise_seed=s << 33, scheme=scheme) for s in seeds]
    inputs = np.zeros((READOUT_STEPS, 3))
    inputs[20:60, 0] = 1.0
    inputs[90:120, 1] = 0.7
    theirs = simulate_strictly(networks, grids, inputs, compiled=False)
    return theirs, [ours("reference", n, g, inputs) for n, g in zip(networks, grids, strict=True)]


@pytest.mark.parametrize("case", CASES)
def test_the_reference_equals_brian2_bit_for_bit(case):
    for their, (activity, state) in zip(*both(case), strict=True):
        assert activity.spike_step.size > 100
        assert differences(their, activity, state) == []


def test_a_last_bit_and_a_moved_spike_are_found():
    (their, _), ((activity, state), _) = both("2007")
    their.state["u"][7] = np.nextafter(their.state["u"][7], np.inf)
    assert differences(their, activity, state) == ["u"]
    their.spike_step[5] += 1
    assert differences(their, activity, state) == ["spikes", "u"]
