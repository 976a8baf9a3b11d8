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
    """Error of each seed, median over probes and then over latencies, and the rate of detection."""
    names = [p.name for p in LATENCIES]
    values = {
        key: np.hstack([column(measured[name], key) for name in names])
        for key in ("latency_ms", "error_ms", "detected", "half_width_ms")
    }  # (seeds, events of all protocols)
    findings = [
        finding(
            "median timing error, 200 to 800 ms",
            np.nanmedian(values["error_ms"], axis=1),
            at_most=15,
            unit="ms",
            published="time-locked",
        ),
        finding("events detected (peak >= 25 % of the target's)", values["detected"].mean(1), at_least=0.95),
    ]
    times = sorted(set(values["latency_ms"].ravel()))
    at = {key: np.array([_at(values, key, t) for t in times]).T for key in KEPT}
    findings += [
        finding(f"timing error at {t:g} ms", at["error_ms"][:, i], unit="ms") for i, t in enumerate(times)
    ]
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
    return Judged(findings, {"latency_ms": times} | {k: band(v) for k, v in at.items()})


KEPT = ("error_ms", "detected", "half_width_ms")


def _at(values: dict[str, np.ndarray], key: str, time_ms: float) -> np.ndarray:
    """Return one value per seed: a latency of two protocols is met twice by the same network."""
    chosen = np.where(values["latency_ms"] == time_ms, values[key], np.nan)
    known = np.isfinite(chosen)
    return np.where(known.any(1), np.where(known, chosen, 0).sum(1) / np.maximum(known.sum(1), 1), np.nan)


CLAIM = Claim("C3", "Fires at the right time", "time-locked", (*LATENCIES, SWITCHES), measure, judge)
