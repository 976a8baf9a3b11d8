"""C3: the network fires at the right time, for latencies of 200 to 800 ms."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.analysis.scores import timing
from spikewhen.analysis.targets import marginal_target
from spikewhen.analysis.views import read_readout, read_task
from spikewhen.examples.yamada_chao_2026.claims.rules import local
from spikewhen.examples.yamada_chao_2026.claims.shared import SWITCHES
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.files.recording import Recording

PAIRS = ((200, 500), (300, 600), (400, 700), (500, 800))
LATENCIES = tuple(
    Protocol(
        f"latency_{a}_{b}",
        (blocks(((0.5, 0.5), (a, b))), *probes((100,), 10), *SHORT),
        {"local": local()},
    )
    for a, b in PAIRS
)


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Return timing error and detection of every last probe of each block, by event."""
    task = read_task(recording)
    readout = read_readout(recording, "local")
    p, latency, sd = map(task.of_probes, (task.probability, task.latency_ms, task.latency_sd_ms))
    target = marginal_target(readout.time_ms, p, latency, sd, readout.sigma_ms)
    found = timing(readout.prediction, target, readout.time_ms, latency)
    out: dict[str, Any] = {"latency_ms": [], "error_ms": [], "detected": [], "half_width_ms": []}
    for b in range(len(task.probability)):
        last = (task.probe_block == b) & (task.probe_trial == task.probe_trial[task.probe_block == b].max())
        for k in range(p.shape[1]):
            out["latency_ms"].append(float(latency[last, k][0]))
            out["error_ms"].append(float(np.nanmedian(found.error_ms[last, k])))
            out["detected"].append(float(found.detected[last, k].mean()))
            out["half_width_ms"].append(float(np.nanmean(found.half_width_ms[last, k])))
    return jsonable(out)


def judge(measured: Measured) -> Judged:
    """Median error over probes and latencies, and the rate of detection."""
    by_latency: dict[float, dict[str, list]] = {}
    per_seed: dict[str, list] = {"error_ms": [], "detected": []}
    names = [p.name for p in LATENCIES]
    for seed in measured[names[0]]:
        runs = [measured[name][seed] for name in names]
        for run in runs:
            for t, e, d, w in zip(
                *(run[k] for k in ("latency_ms", "error_ms", "detected", "half_width_ms")), strict=True
            ):
                place = by_latency.setdefault(t, {"error_ms": [], "detected": [], "half_width_ms": []})
                for key, value in (("error_ms", e), ("detected", d), ("half_width_ms", w)):
                    place[key].append(np.nan if value is None else value)
        errors = np.array([e for run in runs for e in run["error_ms"]], float)
        per_seed["error_ms"].append(np.nanmedian(errors))
        per_seed["detected"].append(np.mean([d for run in runs for d in run["detected"]]))
    findings = [
        finding(
            "median timing error, 200 to 800 ms",
            per_seed["error_ms"],
            at_most=15,
            unit="ms",
            published="time-locked",
        ),
        finding("events detected (peak >= 25 % of the target's)", per_seed["detected"], at_least=0.95),
    ]
    for t in sorted(by_latency):
        findings.append(finding(f"timing error at {t:g} ms", by_latency[t]["error_ms"], unit="ms"))
    switches = measured[SWITCHES.name]
    errors = column(switches, "error_ms")
    findings += [
        finding(
            "median timing error, ends of the five blocks, event A",
            np.nanmedian(errors[:, ::2], 1),
            unit="ms",
        ),
        finding("the same, event B", np.nanmedian(errors[:, 1::2], 1), unit="ms"),
    ]
    times = sorted(by_latency)
    width = len(measured[names[0]])
    stacked = {
        key: np.array([np.resize(by_latency[t][key], width) for t in times]).T
        for key in ("error_ms", "detected", "half_width_ms")
    }
    return Judged(findings, {"latency_ms": times} | {k: band(v) for k, v in stacked.items()})


CLAIM = Claim("C3", "Fires at the right time", "time-locked", (*LATENCIES, SWITCHES), measure, judge)
