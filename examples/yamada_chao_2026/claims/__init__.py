"""The claims of the article, each tested on many seeds: one claim, one file."""

from __future__ import annotations

from spikewhen.examples.yamada_chao_2026.claims import (
    ablations,
    calibration,
    conditions,
    gates,
    generality,
    geometry,
    joint,
    learning,
    least_squares,
    merged,
    populations,
    recalibration,
    sizes,
    timing,
    transfer,
    volatility,
)
from spikewhen.experiments.study.claim import Claim

CLAIMS: dict[str, Claim] = {
    module.CLAIM.id: module.CLAIM
    for module in (
        learning,
        calibration,
        timing,
        recalibration,
        least_squares,
        geometry,
        merged,
        ablations,
        sizes,
        gates,
        populations,
        conditions,
        generality,
        transfer,
        joint,
        volatility,
    )
}
"""In the order in which they are reported."""
