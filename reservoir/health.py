"""Is the network alive and well? Rates, irregularity and silence of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikewhen.reservoir.spec import Spec, param
from spikewhen.reservoir.types import Network


@dataclass(frozen=True)
class HealthSpec(Spec):
    """Limits outside which a run carries a warning."""

    rate_min_hz: float = param(0.2, "least mean rate", "Hz", ge=0)
    rate_max_hz: float = param(20.0, "largest mean rate", "Hz", ge=0)
    silent_max: float = param(0.5, "largest fraction of silent cells", ge=0, le=1)


class HealthMonitor:
    """Gathers spike statistics segment by segment, in constant memory."""

    def __init__(self, network: Network, dt_ms: float):
        n = network.n_neurons
        self._network, self._dt = network, dt_ms
        self.counts = np.zeros(n, np.int64)
        self._last = np.full(n, -1, np.int64)
        self._sum, self._square, self._number = np.zeros(n), np.zeros(n), np.zeros(n)

    def add(self, step: np.ndarray, neuron: np.ndarray) -> None:
        """Add the spikes of a segment of the training run, ordered by step."""
        n = self.counts.size
        self.counts += np.bincount(neuron, minlength=n)
        order = np.argsort(neuron, kind="stable")
        cell, time = neuron[order], step[order]
        first = np.ones(cell.size, bool)
        first[1:] = cell[1:] != cell[:-1]
        before = np.empty_like(time)
        before[1:] = time[:-1]
        before[first] = self._last[cell[first]]
        known = before >= 0
        interval = (time - before)[known] * self._dt
        self._sum += np.bincount(cell[known], interval, n)
        self._square += np.bincount(cell[known], interval * interval, n)
        self._number += np.bincount(cell[known], minlength=n)
        last = np.ones(cell.size, bool)
        last[:-1] = cell[1:] != cell[:-1]
        self._last[cell[last]] = time[last]

    def report(self, duration_ms: float) -> dict[str, float]:
        """Summarise.

        Returns
        -------
        dict
            ``rate_hz``, ``rate_hz_<type>``, ``fraction_silent`` and ``cv_isi``,
            the mean coefficient of variation of intervals over cells with at
            least 5 of them (NaN if there is none).
        """
        rate = self.counts / (duration_ms / 1000.0)
        many = self._number >= 5
        mean = self._sum[many] / self._number[many]
        variance = np.maximum(self._square[many] / self._number[many] - mean * mean, 0)
        report = {"rate_hz": float(rate.mean())}
        for i, name in enumerate(self._network.type_names):
            report[f"rate_hz_{name}"] = float(rate[self._network.cell_type == i].mean())
        report["fraction_silent"] = float(np.mean(self.counts == 0))
        report["cv_isi"] = float(np.mean(np.sqrt(variance) / mean)) if many.any() else float("nan")
        return report


def health_line(report: dict[str, float]) -> str:
    """Return the health report as one line of text."""
    types = ", ".join(
        f"{name.removeprefix('rate_hz_')} {value:.2f}"
        for name, value in report.items()
        if name.startswith("rate_hz_")
    )
    return (
        f"{report['rate_hz']:.2f} Hz ({types}), CV of intervals {report['cv_isi']:.2f}, "
        f"{100 * report['fraction_silent']:.0f} % silent"
    )


def warnings(report: dict[str, float], limits: HealthSpec) -> list[str]:
    """Return a sentence for every value of a report that lies outside the limits."""
    found = []
    if not limits.rate_min_hz <= report["rate_hz"] <= limits.rate_max_hz:
        found.append(
            f"mean rate {report['rate_hz']:.2f} Hz is outside "
            f"{limits.rate_min_hz:g} to {limits.rate_max_hz:g} Hz"
        )
    if report["fraction_silent"] > limits.silent_max:
        found.append(
            f"{100 * report['fraction_silent']:.0f} % of the cells are silent, "
            f"above {100 * limits.silent_max:g} %"
        )
    return found
