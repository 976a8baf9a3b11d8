"""Recordings made up for figures."""

import json
from dataclasses import asdict

import numpy as np
from synthetic import record
from unequal import Unequal

from spikewhen.analysis.score_names import SCORES
from spikewhen.paradigms.meet import Block, Meet
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.rules.gate import Gate

TWO_EVENTS = tuple(Block(((p, 1 - p),), ((a, b),)) for p, a, b in ((0.8, 300.0, 600.0), (0.3, 450.0, 750.0)))


ACTIVITY = [n for n in SCORES if n.startswith(("overlap_", "ceiling", "loss_"))]


def put_text(recording, path, table):
    recording.arrays[path] = np.frombuffer(json.dumps(table).encode(), np.uint8)


def meet_run(
    seed=0, blocks=TWO_EVENTS, events="AB", cues=("cue",), labels=("local",), noise=0.1, pa=0.0, gate=None
):
    """A synthetic run of MEET with everything a figure can ask for; seeds differ in their noise."""
    spec = Meet(
        cues=cues,
        events=tuple(events),
        blocks=blocks,
        trials_per_block=20,
        probes_after=(1, 5, 20),
        probe_repeats=2,
        counterbalance=False,
    )
    session = spec.plan(seed, 1.0)
    rng = np.random.default_rng(seed)
    out = Recording()
    for label in labels:
        part = record(spec, session, label=label, noise=noise, seed=seed)
        out.arrays |= part.arrays
        out.attrs |= part.attrs
        n = session.trials.block.size
        for name in ("y", "prediction"):
            first = part[schema.readout(label, "probes", name)][:1]
            out.arrays[schema.readout(label, "trials", name)] = np.repeat(first, n, axis=0)
        out.arrays |= {schema.scores(label, n): rng.uniform(0.001, 0.9, 1) for n in ACTIVITY}
    n = 40
    step = np.sort(rng.integers(0, 100_000, 4000))
    owner = np.sort(rng.integers(0, session.probes.block.size, 1000))
    out.arrays |= {
        schema.CELL_TYPE: np.repeat([0, 1], [32, 8]).astype(np.int8),
        schema.synapses("indptr"): np.arange(n + 1) * 4,
        schema.synapses("target"): rng.integers(0, n, 4 * n).astype(np.int32),
        schema.synapses("weight"): rng.standard_normal(4 * n),
        schema.encoder("cue"): (rng.random((len(cues), n)) < 0.3) * 1.0,
        schema.trial("onset_ms"): 1500.0 * np.arange(session.trials.block.size),
        schema.spikes("reservoir", "timestamps"): step * 0.6,
        schema.spikes("reservoir", "node_ids"): rng.integers(0, n, step.size),
        schema.spikes("probes", "timestamps"): rng.uniform(-500, 1000, owner.size),
        schema.spikes("probes", "node_ids"): rng.integers(0, n, owner.size),
        schema.spikes("probes", "probe"): owner,
    }
    out.attrs[schema.block()]["figures"] = list(Meet.figures)
    out.attrs |= {
        "/": {"run_id": f"{seed:015x}{int(pa > 0)}"},
        schema.CELL_TYPE: {"names": ["RS", "FS"]},
        schema.spikes("reservoir"): {"subset": "subset", "recorded": list(range(n))},
    }
    window = {"window_start_ms": 0.0, "window_end_ms": 150.0}
    rule = {"rule": "three_factor", "gate": asdict(gate or Gate()), "what": window}
    config = {
        "seed": seed,
        "seeds": {"network": seed},
        "network": {"feedback_pa": pa},
        "trace": {"decay_ms": 45.0, "rise_ms": 0.0},
        "paradigm": {"name": "meet", **asdict(spec)},
        "rules": dict.fromkeys(labels, rule),
    }
    put_text(out, schema.CONFIG, config)
    put_text(out, schema.SOFTWARE, {"commit": "abc123"})
    return out


def signal_run(seed=0):
    t = np.arange(1.0, 2001.0)
    y = 0.9 * np.sin(2 * np.pi * 5.1 * t / 1000) + 0.05 * np.random.default_rng(seed).standard_normal(t.size)
    out = Recording(
        {
            schema.block("frequency_hz"): np.array([5.0]),
            schema.block("amplitude"): np.array([1.0]),
            schema.probe("after_trial"): np.array([1]),
            schema.readout("force", "time_ms"): t,
            schema.readout("force", "probes", "y"): y[None, :, None],
        },
        {"/": {"run_id": f"{seed:016x}"}, schema.block(): {"scores": "signal", "figures": ["free_run"]}},
    )
    put_text(out, schema.CONFIG, {"seed": seed, "paradigm": {"name": "signal"}, "rules": {"force": {}}})
    put_text(out, schema.SOFTWARE, {"commit": "abc123"})
    return out


def target_run(seed=0):
    """A task of one's own: three conditions of different length, two events, a target."""
    session = Unequal().plan(seed, 1.0)
    target = session.blocks["target"][0]
    probes, out = session.probes, Recording()
    z = 0.7 * target[probes.block, probes.condition]
    put = {
        **{schema.block(name): array for name, (array, _) in session.blocks.items()},
        **{schema.trial(name): array for name, array in session.trials._asdict().items()},
        **{schema.probe(name): array for name, array in probes._asdict().items()},
        schema.readout("local", "time_ms"): session.time_ms,
        schema.readout("local", "sigma_ms"): np.array([5.0]),
        schema.readout("local", "probes", "y"): z,
        schema.readout("local", "probes", "p_hat"): np.ones(z.shape[::2]),
        schema.readout("local", "probes", "prediction"): z,
    }
    out.arrays |= put
    names = {"events": list(session.events), "conditions": list(session.conditions), "scores": "target"}
    out.attrs |= {
        "/": {"run_id": f"{seed:016x}"},
        schema.block(): {**names, "figures": list(Unequal.figures)},
        schema.readout("local"): {"factored": True},
    }
    put_text(out, schema.CONFIG, {"seed": seed, "paradigm": {"name": "unequal"}, "rules": {"local": {}}})
    put_text(out, schema.SOFTWARE, {"commit": "abc123"})
    return out
