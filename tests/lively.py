"""Small networks that fire, and what drives an engine through a segment of trials."""

import json

import numpy as np

from spikewhen.paradigms.meet import Block, Meet
from spikewhen.reservoir.compile import compile_kernel
from spikewhen.reservoir.cpu.engine import CpuBackend
from spikewhen.reservoir.dot import dot_reference
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.files.sinks import MemorySink
from spikewhen.reservoir.files.static import write_declared, write_static
from spikewhen.reservoir.network import NetworkSpec, build_network
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.rules import (
    LMS,
    NLMS,
    RLS,
    TD,
    Gate,
    Kalman,
    NodePerturbation,
    Retrospective,
    RewardHebbian,
    Ridge,
    RLSSurprise,
    ThreeFactor,
    Unlearn,
    WhatReadout,
)
from spikewhen.reservoir.training import Trainer
from spikewhen.reservoir.types import Teaching, TimeGrid, Trials

N = 40

LIVELY = dict(
    n_neurons=N,
    out_degree=10,
    weight=30.0,
    inhibition=4.0,
    synapse_decay_ms=(20.0, 100.0),
    bias_pa=300.0,
    bias_spread=0.3,
    parameter_spread=0.2,
    slow_a_min=0.001,
    slow_a_max=0.03,
    cue_fraction=0.3,
    cue_pa=300.0,
    event_pa=300.0,
)
"""Fires at about 20 Hz, so that a tenth of a second holds many spikes."""

LINE = dict(
    n_neurons=N,
    connectivity="delay_line",
    delay_max_ms=40.0,
    fraction_excitatory=1.0,
    excitatory_mix={"RS": 1.0},
    parameter_spread=0.0,
    slow_a_min=0.0,
    bias_pa=0.0,
    weight=2500.0,
    weight_spread=0.0,
    synapse_decay_ms=(2.0,),
    v_start_spread_mv=0.0,
    cue_pa=1000.0,
)
"""A delay line that fires one cell after another, each once, after a cue of 5 ms."""

VARIANTS = {
    "three_factor": ThreeFactor(eta=0.1),
    "three_factor_eligibility": ThreeFactor(eta=0.1, eligibility_ms=30.0),
    "three_factor_consolidation": ThreeFactor(eta=0.1, consolidation=0.2, eligibility_ms=30.0),
    "three_factor_merged": ThreeFactor(eta=0.1, factored=False, what=None, gate=Gate(undelivered="zero")),
    "three_factor_unlearns": ThreeFactor(eta=0.1, unlearn=Unlearn(above=0.1, all_at=2.0, after=0)),
    "three_factor_unlearns_online": ThreeFactor(
        eta=0.1, consolidation=0.5, unlearn=Unlearn(above=0.01, all_at=0.5, after=1, rate=0.2, error=0.1)
    ),
    "lms": LMS(eta=0.05, what=WhatReadout(anneal=True)),
    "three_factor_hebbian": ThreeFactor(eta=0.1, teacher="target"),
    "three_factor_restarts": ThreeFactor(
        eta=0.1, what=WhatReadout(anneal=True, restart=0.02, restart_trials=2, restart_after=1)
    ),
    "three_factor_surprise": ThreeFactor(eta=0.1, what=WhatReadout(surprise=0.3, surprise_scale=0.2)),
    "retrospective": Retrospective(eta=0.1, back=0.02, late_ms=3.0),
    "retrospective_unlearns": Retrospective(
        eta=0.1, back=0.02, late_ms=3.0, trace_ms=50.0, unlearn=Unlearn(above=0.0, all_at=2.0, after=1)
    ),
    "rls": RLS(),
    "rls_shared": RLS(gate=Gate(kind="none", undelivered="zero"), interval_ms=1.0),
    "rls_memory": RLS(memory_trials=5, alpha=0.1, what=WhatReadout(surprise=0.5, surprise_scale=0.05)),
    "rls_limited": RLS(memory_trials=0.02, interval_ms=1.0, alpha=0.1, growth_limit=1.5),
    "rls_float32": RLS(precision="float32"),
    "nlms": NLMS(eta=0.1),
    "ridge": Ridge(alpha=0.1, every_trials=2),
    "ridge_shared": Ridge(gate=Gate(kind="none", undelivered="zero"), interval_ms=1.0),
    "td": TD(alpha=0.1, trace_ms=5.0),
    "td_goes_on": TD(
        alpha=0.1, trace_ms=0.0, discount_ms=0.0, episodes="never", gate=Gate("reward", between=1.0)
    ),
    "node_perturbation": NodePerturbation(eta=0.05),
    "reward_hebbian": RewardHebbian(eta=0.5),
    "reward_hebbian_graded": RewardHebbian(eta=0.05, modulation="graded", fall_s=0.0),
    "kalman": Kalman(drift=5.0, interval_ms=3.0),
    "kalman_shared": Kalman(drift=5.0, alpha=0.1, gate=Gate(kind="none", undelivered="zero")),
    "rls_surprised": RLSSurprise(memory_trials=5, surprise_above=0.2, surprise_after=1),
}
"""Every rule, with every option that changes what its step does."""

ON_GPU = {name: rule for name, rule in VARIANTS.items() if rule.device}
"""Those that a GPU can run."""


def lively_network(dt_ms=0.1, seed=3, n_cues=1, n_channels=2, **changes):
    return build_network(NetworkSpec(**{**LIVELY, **changes}), seed, n_cues, n_channels, dt_ms)


def small_grid(dtype=np.float64, **changes) -> TimeGrid:
    values = dict(
        dt_ms=0.1,
        steps_per_readout=10,
        noise=20.0,
        noise_hold_steps=1,
        noise_seed=12345678901,  # more than 32 bits
        trace_decay_ms=40.0,
        trace_rise_ms=0.0,
        trace_scale=0.0,
        feature_bias=0.05,
        dtype=np.dtype(dtype),
    )
    return TimeGrid(**{**values, **changes})


def two_trials(grid, n=N, n_steps=80, current=False, learn=True, first_step=0) -> Trials:
    """Two trials of `n_steps` / 2 readout steps; the cue is on for ten of each."""
    rng = np.random.default_rng(0)
    half = n_steps // 2
    inputs = np.zeros((n_steps, 3), grid.dtype)
    inputs[5:15, 0] = inputs[half + 5 : half + 15, 0] = 1
    inputs[20:24, 1] = 0.7  # an event that enters the reservoir as well
    extra = 50 * rng.standard_normal((n_steps, n)) if current else np.zeros((0, n))
    end = np.full(n_steps, -1, np.int64)
    end[[half - 1, -1]] = 0, 1
    outcome = np.array([[1, 0], [0, 1]], grid.dtype)
    return Trials(first_step, 0, inputs, extra.astype(grid.dtype), end, outcome, learn)


def waits(rule) -> bool:
    """Whether a rule is taught nothing before an event's onset."""
    return getattr(rule, "gate", None) is not None and rule.gate.kind == "expectation"


def lessons(trials, grid, shared=False, late=False) -> Teaching:
    """Random targets, 0 early in a trial if `late`; gates of all sizes with gaps, the same if `shared`."""
    rng = np.random.default_rng(1)
    n_steps = len(trials.inputs)
    target = rng.random((n_steps, 2))
    if late:
        target[np.arange(n_steps) % (n_steps // 2) < 0.6 * (n_steps // 2)] = 0
    gate = rng.random((n_steps, 1 if shared else 2))
    gate = np.broadcast_to(gate * (rng.random(gate.shape) < 0.7), target.shape)
    window = np.zeros(n_steps, np.int8)
    window[10:25] = window[n_steps // 2 + 10 : n_steps // 2 + 25] = 1
    # A copy, as a trainer's gate is: read-only arrays are a type of their own and compile every kernel anew.
    return Teaching(target.astype(grid.dtype), np.array(gate, grid.dtype, order="C"), window)


def outcome_of(engine, rules, trials, state=None) -> dict[str, np.ndarray]:
    """Run a segment from a fresh start; every array that it leaves behind, by name."""
    grid = engine.grid
    state = engine.start() if state is None else state
    k = trials.outcome.shape[1]
    readouts = [Readout(r, k, engine.network.n_neurons + 1, grid) for r in rules]
    teaching = [lessons(trials, grid, getattr(r, "shares_p", False), waits(r)) for r in rules]
    if k < 2:
        teaching = [t._replace(target=t.target[:, :k].copy(), gate=t.gate[:, :k].copy()) for t in teaching]
    activity = engine.run(state, trials, readouts, teaching)
    found = {"spike_step": activity.spike_step, "spike_neuron": activity.spike_neuron}
    found |= {f"state.{k}": v for k, v in state._asdict().items()}
    for i, readout in enumerate(readouts):
        found |= {f"{i}.y": activity.y[i], f"{i}.p_hat": activity.p_hat[i]}
        found |= {f"{i}.{k}": v for k, v in readout.state._asdict().items()}
        found |= {f"{i}.V": readout.v, f"{i}.seen": readout.seen, f"{i}.window_sum": readout.window_sum}
        found[f"{i}.surprise"] = readout.surprise
    return found


def assert_same_bits(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name, x in a.items():
        y = b[name]
        assert (x.dtype, x.shape) == (y.dtype, y.shape), name
        if x.tobytes() != y.tobytes():
            where = np.argwhere(x != y)
            first = tuple(map(int, where[0])) if len(where) else ()
            raise AssertionError(f"{name}{list(first)}: {x[first]!r} != {y[first]!r} ({len(where)} differ)")


def compiled_step(rule):
    """The rule's step as a kernel of its own, from the disk cache if nothing changed."""
    step = rule.step

    def one_step(constants, state, x, y, target, gate, clock, trial_end):
        step(constants, state, x, y, target, gate, clock, trial_end)

    return compile_kernel(one_step, step)


def follow(rule, state, x, target, gate=None, clock=0, trial_end=(), dt_ms=1.0):
    """Take the reference steps of a rule through features (T, m) and targets (T, K); returns the state."""
    wide = np.zeros((len(x), state.w.shape[1]), state.w.dtype)
    wide[:, : x.shape[1]] = x
    gate = np.ones(target.shape) if gate is None else gate
    constants = rule.constants(dt_ms, state.w.dtype)
    for t, (row, told, open_) in enumerate(zip(wide, target, gate, strict=True)):
        y = state.w @ row
        rule.reference_step(constants, state, row, y, told, open_, clock + t, t in trial_end)
    return state


def outputs(weights, x):
    return np.array([dot_reference(w, x) for w in weights], x.dtype)


def short_meet(**changes) -> Meet:
    """Two blocks of four trials of 120 ms; the latencies switch."""
    values = dict(
        blocks=(
            Block(((0.7, 0.3),), ((40.0, 80.0),)),
            Block(((0.7, 0.3),), ((80.0, 40.0),)),
        ),
        trials_per_block=4,
        cue_ms=20.0,
        event_ms=10.0,
        before_ms=10.0,
        after_ms=110.0,
        interval_min_ms=10.0,
        interval_max_ms=30.0,
        sigma_ms=10.0,
        probes_after=(1, 4),
        probe_repeats=2,
    )
    return Meet(**{**values, **changes})


WHAT = WhatReadout(window_end_ms=35.0)

SHORT_GATE = Gate(half_width_ms=20.0)


def local_rule(**changes) -> ThreeFactor:
    return ThreeFactor(**{**dict(eta=0.1, gate=SHORT_GATE, what=WHAT), **changes})


def make_trainer(
    meet=None,
    rules=None,
    sink=None,
    backend=None,
    dtype=np.float64,
    network=None,
    grid=None,
    task_seed=0,
    record=None,
    **options,
) -> Trainer:
    session = (meet or short_meet()).plan(task_seed, 1.0)
    network = network or lively_network(0.5, n_cues=session.n_cues, n_channels=session.n_channels)
    grid = grid or small_grid(dtype, dt_ms=0.5, steps_per_readout=2)
    engine = (backend or CpuBackend()).load(network, grid)
    return Trainer(
        engine,
        network,
        grid,
        session,
        rules or {"local": local_rule()},
        sink or MemorySink(),
        record or RecordSpec(spikes="all"),
        **options,
    )


def train(*args, **options) -> Recording:
    """Run a short session into memory."""
    trainer = make_trainer(*args, **options)
    write_static(trainer.sink, trainer.network, trainer.session, trainer.onsets_ms())
    write_declared(trainer.sink, args[0] if args else options.get("meet") or short_meet())
    trainer.run()
    return trainer.sink.recording


def equal(a: Recording, b: Recording) -> bool:
    """Whether two recordings hold the same arrays, bit for bit, and the same attributes."""
    return (
        json.dumps(a.attrs, sort_keys=True) == json.dumps(b.attrs, sort_keys=True)
        and a.arrays.keys() == b.arrays.keys()
        and all(
            x.dtype == b.arrays[p].dtype
            and x.shape == b.arrays[p].shape
            and x.tobytes() == b.arrays[p].tobytes()
            for p, x in a.arrays.items()
        )
    )
