"""Brian2, strict tier: with our weights, inputs, noise and order of operations it gives our bits.

Two engines and Brian2's code generator share nothing but the derived constants
and the noise, so equal bits over 10 s of a recurrent network mean that all three
do the arithmetic that docs/numerics.md writes down.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.engine import Activity
from spikewhen.reservoir.network import NetworkSpec, build_network
from spikewhen.reservoir.time_grid import SimulationSpec, TraceSpec, make_grid
from spikewhen.reservoir.types import Network, State, TimeGrid, Trials
from spikewhen.validation import oracle
from spikewhen.validation.findings import CheckResult, Context

NEEDS_BRIAN2 = True
N = 300
SEEDS = (11, 12, 13)
SECONDS = 10
DT_MS = 0.1
SINGLE = NetworkSpec(n_neurons=N, out_degree=30, weight=8.0, bias_pa=120.0)
DOUBLE = replace(SINGLE, weight=300.0, synapse_rise_ms=2.0)
KINDS = {
    "single exponential, euler": (SINGLE, "euler"),
    "double exponential, euler": (DOUBLE, "euler"),
    "double exponential, heun": (DOUBLE, "heun"),
    "single exponential with delays to 5 ms, euler": (replace(SINGLE, delay_max_ms=5.0), "euler"),
}
QUICK_KINDS = ("double exponential, euler", "single exponential, euler")


def cue_inputs(n_steps: int) -> np.ndarray:
    """One cue of 100 ms at full, then one of half strength, in every second of 1 ms steps."""
    inputs = np.zeros((n_steps, 3))
    at = np.arange(n_steps) % 1000
    inputs[(at >= 100) & (at < 200), 0] = 1.0
    inputs[(at >= 600) & (at < 700), 0] = 0.5
    return inputs


def prepare(
    spec: NetworkSpec, seed: int, scheme: str = "euler", noise: float = 20.0
) -> tuple[Network, TimeGrid]:
    """Draw a network of the recurrent kind and the grid it runs on."""
    network = build_network(spec, seed, 1, 2, DT_MS)
    return network, make_grid(SimulationSpec(dt_ms=DT_MS, scheme=scheme, noise=noise), TraceSpec(), seed)


def ours(backend: str, network: Network, grid: TimeGrid, inputs: np.ndarray) -> tuple[Activity, State]:
    """Run an engine of ours without readouts."""
    engine = get_backend(backend).load(network, grid)
    state = engine.start()
    trials = Trials(
        0,
        0,
        inputs.astype(grid.dtype),
        np.zeros((0, network.n_neurons), grid.dtype),
        np.full(len(inputs), -1),
        np.zeros((0, inputs.shape[1] - 1), grid.dtype),
        False,
    )
    return engine.run(state, trials, [], []), state


def differences(theirs: oracle.Activity, activity: Activity, state: State) -> list[str]:
    """Name what is not the same to the bit: spikes, or arrays of the final state."""
    spikes = np.array_equal(theirs.spike_step, activity.spike_step) and np.array_equal(
        theirs.spike_neuron, activity.spike_neuron
    )
    arrays = [name for name, a in theirs.state.items() if a.tobytes() != getattr(state, name).tobytes()]
    return arrays if spikes else ["spikes", *arrays]


def run(context: Context) -> list[CheckResult]:
    """Compare both engines with Brian2."""
    kinds, seconds, seeds = (QUICK_KINDS, 1, SEEDS[:2]) if context.quick else (tuple(KINDS), SECONDS, SEEDS)
    found = []
    for kind in kinds:
        spec, scheme = KINDS[kind]
        pairs = [prepare(spec, seed, scheme) for seed in seeds]
        networks, grids = zip(*pairs, strict=True)
        for backend, ms in (("cpu", 1000 * seconds), ("reference", 100 * seconds)):
            context.say(f"{kind}, {ms} ms of Brian2 against {backend}")
            inputs = cue_inputs(ms)
            theirs = oracle.simulate_strictly(networks, grids, inputs, compiled=not context.quick)
            mine = [ours(backend, network, grid, inputs) for network, grid in pairs]
            wrong = {
                seed: bad
                for seed, a, b in zip(seeds, theirs, mine, strict=True)
                if (bad := differences(a, *b))
            }
            spikes = [a.spike_step.size for a, _ in mine]
            outcome = f"differ: {wrong}" if wrong else "all equal, and final v, u, currents"
            found.append(
                CheckResult(
                    "Brian2 strict",
                    f"{kind}; {backend} engine, N = {N}, {ms / 1000:g} s, {len(seeds)} seeds",
                    f"{sum(spikes)} spikes, {outcome}",
                    "equal to the bit",
                    not wrong and min(spikes) > ms / 10,
                    {"spikes": spikes, "ms": ms, "seeds": list(seeds), "differ": wrong},
                )
            )
    return found
