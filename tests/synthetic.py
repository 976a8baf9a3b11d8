"""Recordings of a network that needs no simulation: bumps that grow with the trials."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np

from spikewhen.analysis.targets import bump
from spikewhen.paradigms.meet import Block, Meet
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.rules import WhatReadout

N_NEURONS = 40

TWO_BLOCKS = (Block(((0.8, 0.2),), ((300.0, 600.0),)), Block(((0.8, 0.2),), ((450.0, 750.0),)))


def session(seed=0, blocks=TWO_BLOCKS, trials=40, cues=("cue",), counterbalance=False, repeats=3):
    """A short session of MEET."""
    spec = Meet(
        cues=cues,
        blocks=blocks,
        trials_per_block=trials,
        probes_after=(1, 5, 20, trials),
        probe_repeats=repeats,
        counterbalance=counterbalance,
    )
    return spec, spec.plan(seed, 1.0)


def record(spec, s, seed=0, noise=0.0, factored=True, tau=8.0, label="local") -> Recording:
    """A network whose timing is right and whose outputs approach their targets as 1 - exp(-n/tau)."""
    rng = np.random.default_rng(seed)
    block, cue = s.probes.block, s.probes.cue
    n = s.probes.after_trial - s.blocks["first_trial"][0][block]
    learned = 1 - np.exp(-n / tau)
    p, latency = s.probability[block, cue], s.latency[block, cue]
    late, share = s.late[block, cue][:, None, :], s.late_share[block, cue][:, None, :]
    early_bump, late_bump = (bump(s.time_ms[:, None], a, s.sigma_ms) for a in (latency[:, None, :], late))
    y = learned[:, None, None] * ((1 - share) * early_bump + share * late_bump)
    y = y + noise * rng.standard_normal((*y.shape[:1], 1, y.shape[2]))
    y = y if factored else y * p[:, None, :]
    z = np.maximum(y, 0) * (p[:, None, :] if factored else 1)
    k = p.shape[1]
    points = np.unique(s.probes.after_trial)
    v, w = rng.standard_normal((2, points.size, k, N_NEURONS + 1))
    config = {
        "paradigm": {"blocks": [{"probability": b.probability} for b in spec.blocks]},
        "rules": {label: {}},
    }
    arrays = {schema.block(name): a for name, (a, _) in s.blocks.items()}
    arrays |= {schema.trial(name): a for name, a in s.trials._asdict().items()}
    arrays |= {schema.probe(name): a for name, a in s.probes._asdict().items()}
    arrays |= {
        schema.CONFIG: np.frombuffer(json.dumps(config).encode(), np.uint8),
        schema.readout(label, "time_ms"): s.time_ms,
        schema.readout(label, "sigma_ms"): np.array([s.sigma_ms]),
        schema.readout(label, "probes", "y"): y,
        schema.readout(label, "probes", "p_hat"): p if factored else np.zeros_like(p),
        schema.readout(label, "probes", "prediction"): z,
        schema.readout(label, "trials", "p_hat"): s.probability[s.trials.block, s.trials.cue],
        schema.weights(label, "trial"): points,
        schema.weights(label, "w"): w,
        schema.weights(label, "v"): v if factored else np.zeros_like(v),
    }
    rule = {"what": asdict(WhatReadout())}
    attrs = {
        schema.readout(label): {"rule": "three_factor", "parameters": json.dumps(rule), "factored": factored},
        schema.block(): {"events": list(spec.events), "conditions": list(spec.cues), "scores": "events"},
    }
    return Recording(arrays, attrs)


def time_cells(recording, which, rows, every_ms):
    """Features of neurons that prefer a time after the cue, noisy, and a bias column."""
    time = recording[schema.readout("local", "time_ms")]
    stride = round(every_ms / (time[1] - time[0]))
    t = time[stride - 1 :: stride]
    rng = np.random.default_rng([which == "probes", len(rows)])
    cells = bump(t[:, None], np.linspace(0, 1000, N_NEURONS), 40.0)
    x = cells + 0.02 * rng.standard_normal((len(rows), t.size, N_NEURONS))
    return np.concatenate([x, np.full((len(rows), t.size, 1), 0.05)], axis=2)
