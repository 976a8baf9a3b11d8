"""Density or hazard, in four cases: what this study claims, and what it draws.

spikewhen study density_or_hazard --quick       three seeds, some two minutes of one core
spikewhen study density_or_hazard --figures     twenty seeds, some ten minutes
"""

from __future__ import annotations

from spikewhen.examples.density_or_hazard.claims import four_cases, reaction_times
from spikewhen.experiments.study.study import Study

STUDY = Study(
    __package__,
    "Density or hazard",
    claims=[*four_cases.CLAIMS, reaction_times.CLAIM],
    figures={
        "figure_1_four_cases": "spikewhen.examples.density_or_hazard.figures.four_cases",
        "figure_2_heard": "spikewhen.examples.density_or_hazard.figures.heard",
    },
    seeds="0-19",
    quick_seeds="0-2",
    config="reward_timing.toml",
)
"""Nothing here is shared with the study of Yamada and Chao."""
