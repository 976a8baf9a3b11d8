"""A network specification and a seed give a network: arrays, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikewhen.reservoir.arrays import checked, number, whole
from spikewhen.reservoir.elementary import exp, normal, single, uniform
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.network_check import check_network as check_network
from spikewhen.reservoir.network_check import longest_delay
from spikewhen.reservoir.neurons import CELL_TYPES, population, preset
from spikewhen.reservoir.spec import Spec, param
from spikewhen.reservoir.types import Cells, Encoders, Network, Synapses


@dataclass(frozen=True)
class NetworkSpec(Spec):
    """A recurrent reservoir of Izhikevich cells under Dale's law, or a tapped delay line of the same cells.

    A delay line has no recurrence: cue c drives cell c alone, the head of its line, and the head drives cells
    c + C, c + 2 C, ... (C cues) after delays that grow evenly from `delay_min_ms` to `delay_max_ms`, cell i
    of N after the share i/N. It is made of the same cells and synapses; for one spike per cell they must be
    alike and at rest (``fraction_excitatory = 1``, ``excitatory_mix = {RS = 1}``, ``parameter_spread = 0``,
    ``slow_a_min = 0``, ``bias_pa = 0``, ``weight_spread = 0``), with ``synapse_decay_ms = [2]``,
    ``weight = 2500``, ``cue_pa = 1000`` and a cue of 5 ms. Then, at dt = .1 to .5 ms and noise 0 to
    20 pA sqrt(ms), each cell fires once, 11 ms after cue onset and its delay (tested). With a longer cue the
    head fires on, and every cell after it. Heads take neither `bias_pa` nor `drive_pa`: where these make the
    other cells fire by themselves, the line still begins with its cue. Without noise all trials are the same.
    Delays take N numbers per dt of `delay_max_ms`.
    """

    n_neurons: int = param(1000, "number of neurons", ge=1)
    model: str = param("2007", "preset family of the cells", choices=("2007", "2003"))
    fraction_excitatory: float = param(0.8, "share of excitatory cells", ge=0, le=1)
    excitatory_mix: dict[str, float] = param(
        help="shares of excitatory cell types", factory=lambda: {"RS": 0.6, "IB": 0.2, "CH": 0.2}
    )
    inhibitory_mix: dict[str, float] = param(
        help="shares of inhibitory cell types", factory=lambda: {"FS": 0.6, "LTS": 0.4}
    )
    cell: dict[str, float] = param(
        help="one cell type for all, by its nine parameters; empty = the mixes", factory=dict
    )
    parameter_spread: float = param(0.15, "SD of log C, log k, log a, log d over cells", ge=0)
    slow_a_min: float = param(0.0035, "least recovery rate of excitatory cells; 0 = preset", "1/ms", ge=0)
    slow_a_max: float = param(0.04, "largest recovery rate of excitatory cells", "1/ms", ge=0)
    bias_pa: float = param(65.0, "median constant current", "pA")
    bias_spread: float = param(0.15, "SD of the log of the constant current, and of the drive", ge=0)
    drive_pa: float = param(
        0.0,
        "median of a second constant current, which flows from cue onset to the trial's end",
        "pA",
        later=True,
    )
    connectivity: str = param(
        "out_degree",
        "each cell projects to a fixed number of others, or to any cell, itself too, with a probability; "
        "delay_line: no recurrence, a cue's own cell drives the others one after another",
        choices=("out_degree", "probability", "delay_line"),
    )
    out_degree: int = param(100, "targets of each neuron", ge=0)
    probability: float = param(0.1, "probability of a connection", ge=0, le=1)
    weights: str = param(
        "dale_lognormal",
        "Dale's law with lognormal sizes, or normal of mean 0",
        choices=("dale_lognormal", "normal"),
    )
    weight: float = param(1.0, "scale of a recurrent weight", "pA (pA ms with a rise time)", ge=0)
    weight_spread: float = param(0.5, "SD of the log of a weight (lognormal)", ge=0)
    inhibition: float = param(8.0, "inhibitory over excitatory weight", ge=0)
    synapse_decay_ms: tuple[float, ...] = param(
        (25.0, 75.0), "decay times, drawn per postsynaptic neuron", "ms", gt=0
    )
    synapse_rise_ms: float = param(0.0, "rise time; 0 = single exponential", "ms", ge=0)
    delay_min_ms: float = param(0.0, "least synaptic delay", "ms", ge=0)
    delay_max_ms: float = param(0.0, "largest synaptic delay; 0 = none", "ms", ge=0)
    cue_fraction: float = param(0.7, "share of cells a cue reaches", ge=0, le=1)
    cue_pa: float = param(700.0, "scale of the cue current, times |N(0,1)|", "pA", ge=0)
    event_fraction: float = param(0.3, "share of cells an event reaches", ge=0, le=1)
    event_pa: float = param(600.0, "scale of the event current, times |N(0,1)|", "pA", ge=0)
    feedback_pa: float = param(0.0, "Q: feedback weights are uniform(-Q, Q); 0 = open loop", "pA", ge=0)
    v_start_spread_mv: float = param(10.0, "starting v is v_rest + uniform(0, this)", "mV", ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        for field, mix in (("excitatory_mix", self.excitatory_mix), ("inhibitory_mix", self.inhibitory_mix)):
            for name, share in mix.items():
                if name not in CELL_TYPES:
                    raise InputError(f"{field}.{name}", share, "cell types: " + ", ".join(CELL_TYPES))
                if not (np.isfinite(share) and share >= 0):
                    raise InputError(f"{field}.{name}", share, "a finite number >= 0")
            if not 0 < sum(mix.values()) < np.inf:
                raise InputError(field, mix, "shares with a finite sum above 0")
        names = tuple(preset("RS"))
        for name, value in self.cell.items():
            if name not in names or not np.isfinite(value):
                raise InputError(f"cell.{name}", value, "finite numbers for " + ", ".join(names))
        if self.cell and len(self.cell) != len(names):
            missing = ", ".join(n for n in names if n not in self.cell)
            raise InputError("cell", self.cell, f"all nine parameters; missing: {missing}")
        if not self.synapse_decay_ms:
            raise InputError("synapse_decay_ms", self.synapse_decay_ms, "at least one time")
        if self.connectivity == "out_degree" and self.out_degree >= self.n_neurons > 1:
            raise InputError("out_degree", self.out_degree, f"below n_neurons = {self.n_neurons}")
        if self.delay_max_ms < self.delay_min_ms:
            raise InputError("delay_max_ms", self.delay_max_ms, f">= delay_min_ms = {self.delay_min_ms:g}")
        if self.connectivity == "delay_line" and not self.delay_max_ms > 0:
            raise InputError("delay_max_ms", self.delay_max_ms, 'above 0, where connectivity = "delay_line"')
        if 0 < self.slow_a_min > self.slow_a_max:
            raise InputError("slow_a_max", self.slow_a_max, f">= slow_a_min = {self.slow_a_min:g}")


def build_network(spec: NetworkSpec, seed: int, n_cues: int, n_channels: int, dt_ms: float) -> Network:
    """Draw a network.

    Its cells, weights, currents and starting voltages are numbers of float32, so that it is the same
    network in runs of either precision. What is given as it is stays so: `NetworkSpec.cell`, decay times.

    Parameters
    ----------
    spec : NetworkSpec
    seed : int
        Network seed; task and noise have seeds of their own.
    n_cues, n_channels : int
        Number of cues, and of events (readout channels).
    dt_ms : float
        Step the delays are rounded to.

    Raises
    ------
    InputError
    """
    if not isinstance(spec, NetworkSpec):
        raise InputError("spec", type(spec).__name__, "a NetworkSpec")
    for where, given, low in (("seed", seed, 0), ("n_cues", n_cues, 0), ("n_channels", n_channels, 1)):
        whole(where, given, low)
    if not number("dt_ms", dt_ms) > 0:
        raise InputError("dt_ms", dt_ms, "a number above 0")
    check_delays(spec, dt_ms)
    rng = np.random.default_rng([seed, 1])
    n = spec.n_neurons
    n_exc = round(spec.fraction_excitatory * n)
    excitatory = np.arange(n) < n_exc
    if spec.connectivity == "delay_line" and not (0 < n_cues <= n_exc and n_cues < n):
        raise InputError(
            "connectivity",
            spec.connectivity,
            f"for a delay line a task with cues, an excitatory cell for each, and more cells; "
            f"here {n_cues} cues and {n_exc} excitatory cells of {n}",
        )
    excitability = exp(spec.bias_spread * normal(rng, n))
    if spec.connectivity == "delay_line":
        excitability[:n_cues] = 0  # a head that fired by itself would send its spike down the whole line
    bias = single(spec.bias_pa * excitability)
    if spec.cell:
        names: list[str] = ["custom"] * n
        cells = Cells(**{k: np.full(n, float(v)) for k, v in spec.cell.items()}, bias=bias)
    else:
        names = _draw_types(spec.excitatory_mix, n_exc, rng) + _draw_types(
            spec.inhibitory_mix, n - n_exc, rng
        )
        slow = (spec.slow_a_min, spec.slow_a_max) if spec.slow_a_min > 0 else None
        cells = population(names, bias, spec.model, spec.parameter_spread, excitatory, slow, rng)
    type_names = tuple(dict.fromkeys(names))
    synapses = _draw_synapses(spec, excitatory, n_cues, dt_ms, rng)
    encoders = Encoders(
        cue=_cue_encoder(spec, n_cues, rng),
        event=_draw_encoder(n_channels, n, spec.event_fraction, spec.event_pa, rng),
        feedback=single(spec.feedback_pa * uniform(rng, -1, 1, (n_channels, n))),
        drive=single(spec.drive_pa * excitability[None, :]) if spec.drive_pa else np.zeros((0, n)),
    )
    above_rest = spec.v_start_spread_mv * rng.random(n)
    return Network(
        cells=cells,
        synapses=synapses,
        encoders=encoders,
        cell_type=np.array([type_names.index(t) for t in names], np.int8),
        type_names=type_names,
        v_start=np.where(above_rest > 0, single(cells.v_rest + above_rest), cells.v_rest),
    )


def _draw_types(mix: dict[str, float], n: int, rng: np.random.Generator) -> list[str]:
    share = np.array(list(mix.values()), float)
    names = list(mix)
    drawn = [names[i] for i in rng.choice(len(names), n, p=share / share.sum())]
    return sorted(drawn, key=CELL_TYPES.index)


def _cue_encoder(spec: NetworkSpec, n_cues: int, rng) -> np.ndarray:
    if spec.connectivity == "delay_line":
        return single(spec.cue_pa * np.eye(n_cues, spec.n_neurons))  # each into the head of its line
    return _draw_encoder(n_cues, spec.n_neurons, spec.cue_fraction, spec.cue_pa, rng)


def _draw_encoder(n_channels, n, fraction, scale, rng) -> np.ndarray:
    reached = rng.random((n_channels, n)) < fraction
    return single(reached * np.abs(normal(rng, (n_channels, n))) * scale)


def _draw_synapses(spec: NetworkSpec, excitatory: np.ndarray, n_cues: int, dt_ms: float, rng) -> Synapses:
    n = spec.n_neurons
    rows = []
    for j in range(n):
        if spec.connectivity == "out_degree":
            degree = min(spec.out_degree, n - 1)
            other = rng.choice(n - 1, degree, replace=False) if degree else np.zeros(0, np.int64)
            rows.append(np.sort(other + (other >= j)))  # no synapse onto itself
        elif spec.connectivity == "delay_line":
            rows.append(np.arange(j + n_cues, n, n_cues) if j < n_cues else np.zeros(0, np.int64))
        else:
            rows.append(np.flatnonzero(rng.random(n) < spec.probability))
    indptr = np.concatenate([[0], np.cumsum([r.size for r in rows])]).astype(np.int64)
    target = np.concatenate(rows).astype(np.int32)
    pre = np.repeat(np.arange(n), np.diff(indptr))
    if spec.weights == "normal":
        weight = spec.weight * normal(rng, target.size)
    else:
        size = spec.weight * exp(spec.weight_spread * normal(rng, target.size))
        weight = np.where(excitatory[pre], size, -spec.inhibition * size)
    if spec.connectivity == "delay_line":
        delay = spec.delay_min_ms + (spec.delay_max_ms - spec.delay_min_ms) * (target - pre) / n
    else:
        delay = uniform(rng, spec.delay_min_ms, spec.delay_max_ms, target.size)
    return Synapses(
        indptr=indptr,
        target=target,
        weight=single(weight),
        delay_steps=np.round(delay / dt_ms).astype(np.int32),
        decay_ms=rng.choice(np.array(spec.synapse_decay_ms, float), n),
        rise_ms=spec.synapse_rise_ms,
    )


def check_delays(spec: NetworkSpec, dt_ms: float) -> None:
    """Refuse delays whose ring of spikes on their way would not fit into memory, before it is made.

    Raises
    ------
    InputError
    """
    most = longest_delay(spec.n_neurons)
    if spec.delay_max_ms / dt_ms > most:
        allowed = f"at most {most * dt_ms:.6g} ms for {spec.n_neurons} cells at dt_ms = {dt_ms:g}"
        raise InputError("network.delay_max_ms", spec.delay_max_ms, allowed)


def synapses_from_matrix(
    weight: np.ndarray,
    decay_ms: float | np.ndarray,
    rise_ms: float = 0.0,
    delay_steps: np.ndarray | None = None,
) -> Synapses:
    """Turn a connectivity matrix into synapses.

    Parameters
    ----------
    weight : (N, N) array, pA, or pA ms with a rise time
        ``weight[j, i]`` is the synapse from cell j onto cell i; 0 = none.
    decay_ms : float or (N,) array, ms
        Decay of the postsynaptic current.
    rise_ms : float, ms
        0 = single exponential.
    delay_steps : (N, N) int array, optional
        Delays in steps of dt.

    Raises
    ------
    InputError
        Naming the array and the index of what is not allowed.
    """
    weight = checked("weight", weight, (None, None))
    n = len(weight)
    if weight.shape != (n, n) or n == 0:
        raise InputError("weight", weight.shape, "a square matrix")
    pre, post = np.nonzero(weight)
    delays: np.ndarray = np.zeros(pre.size)
    if delay_steps is not None:
        delays = checked("delay_steps", delay_steps, (n, n), np.int32, 0, longest_delay(n))[pre, post]
    decays = checked("decay_ms", decay_ms, (n,) if np.ndim(decay_ms) else (), above=0)
    return Synapses(
        indptr=np.searchsorted(pre, np.arange(n + 1)).astype(np.int64),
        target=post.astype(np.int32),
        weight=weight[pre, post],
        delay_steps=delays.astype(np.int32),
        decay_ms=np.broadcast_to(decays, n).copy(),
        rise_ms=number("rise_ms", rise_ms, low=0),
    )
