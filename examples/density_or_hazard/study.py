"""Density or hazard, in four cases: what this study claims, and what it draws.

spikewhen study density_or_hazard --quick       three seeds, some five minutes of one core
spikewhen study density_or_hazard --figures     twenty seeds
"""

from __future__ import annotations

from spikewhen.examples.density_or_hazard.claims import four_cases
from spikewhen.experiments.study.study import Study

STUDY = Study(
    __package__,
    "Density or hazard",
    claims=list(four_cases.CLAIMS),
    figures={"figure_1_four_cases": "spikewhen.examples.density_or_hazard.figures.four_cases"},
    seeds="0-19",
    quick_seeds="0-2",
    config="reward_timing.toml",
)
"""Nothing here is shared with the study of Yamada and Chao."""
