"""Brian2, strict tier: our weights, inputs, noise and order of operations give our bits.

Two engines and Brian2's code generator share nothing but the derived constants
and the noise, so equal bits over 10 s of a recurrent network mean that all three
do the arithmetic that docs/numerics.md writes down.
"""

from __future__ import annotations

import numpy as np

from experiments.validation import oracle
from experiments.validation.findings import Context, Finding
from reservoir.backends import get_backend
from reservoir.grid import SimulationSpec, TraceSpec, make_grid
from reservoir.network import NetworkSpec, build_network
from reservoir.types import Activity, Grid, Network, State, Trials

NEEDS_BRIAN2 = True
N = 300
SEEDS = (11, 12, 13)
SECONDS = 10
REFERENCE_SECONDS = 1
KINDS = {
    "single exponential": NetworkSpec(n_neurons=N, out_degree=30, weight=8.0, bias_pa=120.0),
    "double exponential": NetworkSpec(
        n_neurons=N, out_degree=30, weight=300.0, bias_pa=120.0, synapse_rise_ms=2.0
    ),
}


def cue_inputs(n_steps: int) -> np.ndarray:
    """One cue of 100 ms at full, then one of half strength, in every second of 1 ms steps."""
    inputs = np.zeros((n_steps, 3))
    at = np.arange(n_steps) % 1000
    inputs[(at >= 100) & (at < 200), 0] = 1.0
    inputs[(at >= 600) & (at < 700), 0] = 0.5
    return inputs


def prepare(spec: NetworkSpec, seed: int, dt_ms: float = 0.1, noise: float = 20.0) -> tuple[Network, Grid]:
    """Draw a network of the recurrent kind and the grid it runs on."""
    network = build_network(spec, seed, 1, 2, dt_ms)
    return network, make_grid(SimulationSpec(dt_ms=dt_ms, noise=noise), TraceSpec(), seed)


def ours(backend: str, network: Network, grid: Grid, inputs: np.ndarray) -> tuple[Activity, State]:
    """Run an engine of ours without readouts."""
    engine = get_backend(backend).load(network, grid)
    state = engine.start()
    trials = Trials(
        0, 0, inputs.astype(grid.dtype), np.zeros((0, network.n_neurons), grid.dtype),
        np.full(len(inputs), -1), np.zeros((0, inputs.shape[1] - 1), grid.dtype), False,
    )  # fmt: skip
    return engine.run(state, trials, [], []), state


def differences(theirs: oracle.Activity, activity: Activity, state: State) -> list[str]:
    """Name what is not the same to the bit: spikes, or arrays of the final state."""
    spikes = np.array_equal(theirs.spike_step, activity.spike_step) and np.array_equal(
        theirs.spike_neuron, activity.spike_neuron
    )
    arrays = [name for name, a in theirs.state.items() if a.tobytes() != getattr(state, name).tobytes()]
    return arrays if spikes else ["spikes", *arrays]


def run(context: Context) -> list[Finding]:
    """Compare both engines with Brian2."""
    seconds, seeds = (2, SEEDS[:2]) if context.quick else (SECONDS, SEEDS)
    found = []
    for kind, spec in KINDS.items():
        pairs = [prepare(spec, seed) for seed in seeds]
        networks, grids = zip(*pairs, strict=True)
        for backend, duration in (("cpu", seconds), ("reference", REFERENCE_SECONDS)):
            context.say(f"{kind}, {duration} s of Brian2 against {backend}")
            inputs = cue_inputs(1000 * duration)
            theirs = oracle.simulate_strictly(networks, grids, inputs)
            mine = [ours(backend, network, grid, inputs) for network, grid in pairs]
            wrong = {
                seed: bad
                for seed, a, b in zip(seeds, theirs, mine, strict=True)
                if (bad := differences(a, *b))
            }
            spikes = [a.spike_step.size for a, _ in mine]
            found.append(
                Finding(
                    "Brian2 strict",
                    f"{kind} synapses, {backend} engine, N = {N}, {duration} s, {len(seeds)} seeds",
                    f"{sum(spikes)} spikes, "
                    + (f"differ: {wrong}" if wrong else "all equal; final v, u, currents too"),
                    "equal to the bit",
                    not wrong and min(spikes) > 100 * duration,
                    {"spikes": spikes, "seconds": duration, "seeds": list(seeds), "differ": wrong},
                )
            )
    return found
