"""Brian2 as an independent oracle: networks of ours, simulated by its code.

Several networks of one size run as blocks of one group without synapses between
the blocks: Brian2's cost is per step and object, so that costs little more than one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.step_constants import StepConstants, derive
from spikewhen.reservoir.types import Network, TimeGrid
from spikewhen.validation.draws import membrane_draws

FLAGS = ["-w", "-O2", "-ffp-contract=off", "-std=c++11"]
"""Brian2's own flags include -ffast-math, which regroups sums, and -march=native, which fuses them."""

NOISE_STEPS = 1000
"""Steps of noise drawn at once."""


class Activity(NamedTuple):
    """What Brian2 made of one network."""

    spike_step: np.ndarray  # (S,) int64
    spike_neuron: np.ndarray  # (S,) int64
    state: dict[str, np.ndarray]  # final v, u, current, current_inflow


def require() -> None:
    """Raise `InputError` where Brian2 is not installed."""
    if importlib.util.find_spec("brian2") is None:
        raise InputError("Brian2", "not installed", "pip install brian2, or name checks without it")


def load(compiled: bool = True) -> Any:
    """Import Brian2 and choose its code: Cython where a compiler works, else NumPy.

    Parameters
    ----------
    compiled : bool
        False = NumPy always: starts at once, 1 ms per step.
    """
    require()
    import brian2

    brian2.prefs.codegen.loop_invariant_optimisations = False  # they would regroup the operations
    brian2.prefs.codegen.target = "cython" if compiled and _compiler_works() else "numpy"
    return brian2


@cache
def _compiler_works() -> bool:
    """Set the compiler's flags and try it."""
    import brian2
    from brian2.codegen.runtime.cython_rt.cython_rt import CythonCodeObject
    from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir

    brian2.prefs.codegen.cpp.extra_compile_args_gcc = FLAGS
    # Brian2's cache does not know flags: a folder of our own keeps code for -ffast-math out.
    brian2.prefs.codegen.runtime.cython.cache_dir = f"{get_cython_cache_dir()}/spikewhen_strict"
    return bool(CythonCodeObject.is_available())


# One step in the order of reservoir/reference.py; thresholds, synapses and resets follow in this order.
_SINGLE = "decayed = current * current_factor"
_DOUBLE = "decayed = current * current_factor + current_inflow * inflow_dt"
_EULER = """
above_rest = v - v_rest
dv = dt_over_c * (k * above_rest * (v - v_threshold) - u + ((drive + current) + noise))
du = a_dt * (b * above_rest - u)
"""
_HEUN = """
v_end = v + dv
u_end = u + du
above_end = v_end - v_rest
dv_end = dt_over_c * (k * above_end * (v_end - v_threshold) - u_end + ((drive + decayed) + noise))
du_end = a_dt * (b * above_end - u_end)
v = v + 0.5 * (dv + dv_end)
u = u + 0.5 * (du + du_end)
current = decayed
"""
_EULER_END = "v = v + dv\nu = u + du\ncurrent = decayed"
_INFLOW_DECAYS = "current_inflow = current_inflow * inflow_factor"


def step_of(scheme: str, double: bool) -> str:
    """Return the statements of one step."""
    parts = [_DOUBLE if double else _SINGLE, _EULER, _HEUN if scheme == "heun" else _EULER_END]
    return "\n".join([*parts, _INFLOW_DECAYS] if double else parts)


_PER_CELL = ("dt_over_c", "k", "v_rest", "v_threshold", "v_peak", "a_dt", "b", "current_factor")


def simulate_strictly(
    networks: Sequence[Network], grids: Sequence[TimeGrid], inputs: np.ndarray, compiled: bool = True
) -> list[Activity]:
    """Run networks in Brian2 with our order of operations and our noise.

    Parameters
    ----------
    networks, grids : sequences of equal length
        Of one size, scheme and kind of synapse; the grids differ in their noise seed.
    inputs : (T, C) ndarray
        Amplitudes of the input channels at every readout step, the same for all.
    compiled : bool
        See `load`.

    Returns
    -------
    list of Activity
    """
    brian2 = load(compiled)
    brian2.start_scope()
    derived = [derive(n, g) for n, g in zip(networks, grids, strict=True)]
    size, grid, double = networks[0].n_neurons, grids[0], derived[0].inflow_factor.size > 0
    per_cell = (*_PER_CELL, "inflow_factor") if double else _PER_CELL
    states = ("v", "u", "current", "current_inflow")
    names = (*states, "arriving", "c_reset", "d_reset", "drive", "noise", *per_cell)
    clock = brian2.Clock(grid.dt_ms * brian2.ms)
    cells = brian2.NeuronGroup(
        len(networks) * size,
        "\n".join(f"{name} : 1" for name in names),
        threshold="v >= v_peak",
        reset="v = c_reset\nu = u + d_reset",
        clock=clock,
        namespace={"inflow_dt": float(derived[0].inflow_dt[0])},
    )
    cells.run_regularly(step_of(grid.scheme, double), clock=clock, when="groups")
    for name in per_cell:
        setattr(cells, name, np.concatenate([getattr(d, name) for d in derived]))
    cells.c_reset = np.concatenate([d.c for d in derived])
    cells.d_reset = np.concatenate([d.d for d in derived])
    cells.v = np.concatenate([n.v_start for n in networks])
    received = "current_inflow" if double else "current"
    late = derived[0].delay_steps.size > 0
    if late:  # what arrives in one step is summed by itself, then added
        cells.run_regularly(
            f"{received} = {received} + arriving\narriving = 0", clock=clock, when="after_synapses"
        )
    target = "arriving" if late else received
    synapses = brian2.Synapses(
        cells, cells, "weight : 1", on_pre=f"{target}_post = {target}_post + weight", clock=clock
    )
    connect(synapses, networks, np.concatenate([d.weight for d in derived]))
    if late:
        steps = np.concatenate([d.delay_steps for d in derived])
        synapses.delay = steps * grid.dt_ms * brian2.ms
    feed = brian2.NetworkOperation(_feeder(cells, derived, grids, inputs), clock=clock, when="start")
    monitor = brian2.SpikeMonitor(cells)
    net = brian2.Network(cells, synapses, feed, monitor)
    net.run(len(inputs) * grid.steps_per_readout * grid.dt_ms * brian2.ms)
    state = {name: np.asarray(getattr(cells, name)) for name in states}
    return split(monitor, brian2.ms, grid.dt_ms, size, len(networks), state)


def connect(synapses: Any, networks: Sequence[Network], weight: Any) -> None:
    """Make the synapses of all blocks, presynaptic neuron by presynaptic neuron."""
    size = networks[0].n_neurons
    rows = [np.repeat(np.arange(size), np.diff(n.synapses.indptr)) for n in networks]
    before = [row + i * size for i, row in enumerate(rows)]
    after = [n.synapses.target.astype(np.int64) + i * size for i, n in enumerate(networks)]
    synapses.connect(i=np.concatenate(before), j=np.concatenate(after))
    synapses.weight = weight


def _feeder(
    cells: Any, derived: Sequence[StepConstants], grids: Sequence[TimeGrid], inputs: np.ndarray
) -> Any:
    """Return what writes drive and noise into the group before every step."""
    size, m = derived[0].v_peak.size, grids[0].steps_per_readout
    drive, noise = (cells.variables[name].get_value() for name in ("drive", "noise"))
    table, step = np.zeros((NOISE_STEPS, noise.size)), 0

    def feed() -> None:
        nonlocal step
        for i, (d, grid) in enumerate(zip(derived, grids, strict=True)):
            block = slice(i * size, (i + 1) * size)
            if step % NOISE_STEPS == 0 and grid.noise > 0:
                draws = membrane_draws(grid.noise_seed, step, NOISE_STEPS, size)
                table[:, block] = d.noise_scale[0] * draws
            if step % m == 0:
                drive[block] = d.bias
                for c in np.flatnonzero(inputs[step // m]):
                    drive[block] = drive[block] + inputs[step // m, c] * d.encoders[c]
        noise[:] = table[step % NOISE_STEPS]
        step += 1

    return feed


def split(monitor: Any, ms: Any, dt_ms: float, size: int, n: int, state: dict) -> list[Activity]:
    """Take a group's spikes and states apart into its blocks."""
    step = np.round(np.asarray(monitor.t / ms) / dt_ms).astype(np.int64)
    cell = np.asarray(monitor.i).astype(np.int64)
    return [
        Activity(
            step[cell // size == i],
            cell[cell // size == i] % size,
            {name: np.array(values[i * size : (i + 1) * size]) for name, values in state.items()},
        )
        for i in range(n)
    ]
