"""N: the noise budget of neural time: what the error of a readout is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.examples.yamada_chao_2026.claims.rules import local
from spikewhen.examples.yamada_chao_2026.claims.shared import ACAUSAL, BLOCKS
from spikewhen.experiments.noise_budget import noise_budget
from spikewhen.experiments.recorded import recorded_experiment
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.files.recording import Recording

PARTS = ("bias", "state", "interval", "noise", "interaction")
READOUTS = {"local": "the shipped rule", "ridge": "the best linear readout"}
RERUNS: dict[str, Any] = {"histories": 5, "intervals": 2, "noises": 5}
"""Of the last trials of block 1; each with each."""
QUANTILES = tuple(np.round(np.linspace(0.05, 0.95, 19), 2).tolist())


def _network(name: str, *more: str) -> Protocol:
    task = blocks(BLOCKS[0], trials=100), *probes((100,), 4)
    return Protocol(f"budget_{name}", (*task, *SHORT, *more), {"local": local()})


NETWORKS = {
    "as shipped": _network("shipped"),
    "active between trials": _network("active", "network.bias_pa=78.0", "network.drive_pa=0.0"),
    "500 cells": _network("500", "network.n_neurons=500"),
    "250 cells": _network("250", "network.n_neurons=250"),
}
SHIPPED, ACTIVE = tuple(NETWORKS)[:2]


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Run the last trials of the block again and again, and take the squared error apart."""
    experiment = recorded_experiment(recording)
    found = noise_budget(experiment, recording.config["seed"], **RERUNS, progress=False)
    known = found.reliability[0][np.isfinite(found.reliability[0])]
    return jsonable(
        {
            "parts": {k: found.budgets[k]._asdict() for k in READOUTS},
            "quiet": {k: found.quiet[k] for k in READOUTS},
            "dimension": found.dimension[0],
            "signal": found.signal[0],
            "reliability": np.quantile(known, QUANTILES) if known.size else np.full(len(QUANTILES), np.nan),
            "rate_hz": float(np.mean(found.rate_hz)),
        }
    )


def judge(measured: Measured) -> Judged:
    """State the parts of the squared error, and compare a network that is active between trials."""
    findings: list[Finding] = []
    series: dict[str, Any] = {"parts": PARTS, "quantiles": QUANTILES, "networks": {}}
    for name, protocol in NETWORKS.items():
        runs = measured[protocol.name]
        entry: dict[str, Any] = {
            k: band(column(runs, k)) for k in ("dimension", "signal", "reliability", "rate_hz")
        }
        for label, text in READOUTS.items():
            parts = {k: column(runs, "parts", label, k) for k in (*PARTS, "total")}
            quiet = column(runs, "quiet", label)
            findings += [
                finding(f"squared error of {text}, {name}", parts["total"]),
                *(finding(f"of it {k}, {name}, {text}", parts[k]) for k in PARTS),
                finding(f"squared error of {text} without noise in the trial, {name}", quiet),
            ]
            entry[label] = {k: band(v) for k, v in parts.items()} | {"quiet": band(quiet)}
        findings += [
            finding(f"dimension of the mean trajectory, {name}", column(runs, "dimension")),
            finding(f"share of the variance that is the same in every run, {name}", column(runs, "signal")),
        ]
        series["networks"][name] = entry
    shipped, active = (measured[NETWORKS[k].name] for k in (SHIPPED, ACTIVE))
    noise, left, bias = (column(shipped, "parts", "ridge", k) for k in ("noise", "state", "bias"))
    best = f"squared error of {READOUTS['ridge']}"
    rests_on = paired(f"{best}: private noise minus what the last trial left", noise, left, at_least=0)
    findings += [
        rests_on,
        paired(f"{best}: private noise minus bias, as shipped", noise, bias),
        *(
            paired(
                f"squared error of {text}, active between trials minus as shipped",
                *(column(runs, "parts", label, "total") for runs in (active, shipped)),
                at_least=0.0,
            )
            for label, text in READOUTS.items()
        ),
    ]
    return Judged(findings, series, rests_on=rests_on)


CLAIM = Claim(
    "N",
    "The noise budget of neural time",
    "not published",
    tuple(NETWORKS.values()),
    measure,
    judge,
    (
        ACAUSAL,
        "A probe is run again from the ends of the last five trials, after two silences and with five "
        "streams of noise, each with each; the squared error is the sum of bias, of what an earlier trial "
        "left, of the silence, of private noise, and of what they do only together (docs/scores.md).",
        "The best linear readout is ridge regression on the block's trials, with the true p.",
    ),
)
