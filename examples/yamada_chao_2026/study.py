"""The study of Yamada and Chao (2026): what `spikewhen claims` tests and `spikewhen figures` draws."""

from __future__ import annotations

from spikewhen.examples.yamada_chao_2026.claims import (
    ablations,
    calibration,
    causal,
    conditions,
    gates,
    generality,
    geometry,
    joint,
    learning,
    least_squares,
    merged,
    orthogonality,
    populations,
    recalibration,
    sizes,
    timing,
    transfer,
    unlearning,
    volatility,
)
from spikewhen.experiments.study.study import Study

FIGURES = "spikewhen.examples.yamada_chao_2026.figures"

STUDY = Study(
    __package__,
    "Claims of Yamada and Chao (2026)",
    claims=[
        learning.CLAIM,
        calibration.CLAIM,
        timing.CLAIM,
        recalibration.CLAIM,
        least_squares.CLAIM,
        geometry.CLAIM,
        orthogonality.CLAIM,
        merged.CLAIM,
        ablations.CLAIM,
        sizes.CLAIM,
        gates.CLAIM,
        populations.CLAIM,
        conditions.CLAIM,
        generality.CLAIM,
        transfer.CLAIM,
        joint.CLAIM,
        volatility.CLAIM,
        unlearning.CLAIM,
        causal.CLAIM,
    ],
    figures={
        "figure_1_task": f"{FIGURES}.task",
        "figure_2_trial": f"{FIGURES}.single",
        "figure_3_learning": f"{FIGURES}.learning",
        "figure_4_calibration": f"{FIGURES}.calibration",
        "figure_5_switches": f"{FIGURES}.switches",
        "figure_6_factorial": f"{FIGURES}.factorial",
        "figure_7_geometry": f"{FIGURES}.geometry",
        "figure_8_mechanism": f"{FIGURES}.mechanism",
        "figure_9_populations": f"{FIGURES}.populations",
        "figure_10_unlearning": f"{FIGURES}.unlearning",
        "figure_11_causal": f"{FIGURES}.causal",
        "figure_13_orthogonality": f"{FIGURES}.orthogonality",
        "figure_14_worlds": f"{FIGURES}.worlds",
    },
    seeds="0-19",
    quick_seeds="0-2",
    command="spikewhen claims",
)
