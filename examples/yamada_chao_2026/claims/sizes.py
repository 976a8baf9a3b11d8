"""C8, sizes: how E falls with the number of cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band
from spikewhen.examples.yamada_chao_2026.claims.ablations import MOMENTS, RULE, TASK, measure
from spikewhen.examples.yamada_chao_2026.claims.rules import local
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.protocol import Protocol

SIZES = {
    n: Protocol(f"ablation_{n}_cells", (*TASK, f"network.n_neurons={n}"), {"local": local()})
    for n in (250, 500, 2000, 4000)
}
"""100 targets per cell at every size; 1,000 cells are the intact network of C8."""


def judge(measured: Measured) -> Judged:
    """E by size at the end of block 1 and after the switch of timing; each size against 1,000 cells."""
    by_size = {n: column(measured[p.name], "local", "error") for n, p in SIZES.items()}
    by_size[1000] = column(measured[RULE.name], "local", "error")
    findings: list[Finding] = []
    for n in sorted(by_size):
        for i, (block, trial) in enumerate(MOMENTS):
            findings.append(finding(f"E of {n} cells, trial {trial} of block {block + 1}", by_size[n][:, i]))
    for n in SIZES:
        ours, theirs = (by_size[n], by_size[1000]) if n > 1000 else (by_size[1000], by_size[n])
        larger, smaller = max(n, 1000), min(n, 1000)
        findings.append(
            paired(
                f"E at the end of block 1, {larger} minus {smaller} cells",
                ours[:, 0],
                theirs[:, 0],
                below=0.0,
            )
        )
    sizes = sorted(by_size)
    slopes = np.polyfit(np.log(sizes), np.log([by_size[n][:, 0] for n in sizes]), 1)[0]
    findings.append(finding("slope of log E on log N, end of block 1", slopes, below=0.0))
    series: dict[str, Any] = {"sizes": sizes, "error": band(np.stack([by_size[n] for n in sizes], 1))}
    return Judged(findings, series)


CLAIM = Claim("C8N", "More cells, less error", "1,000 cells", (RULE, *SIZES.values()), measure, judge)
