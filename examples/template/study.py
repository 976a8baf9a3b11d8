"""What this study claims, what it draws, and on how many seeds.

spikewhen study template                what comes of it, into results/template
spikewhen study template --dry-run      what it would cost
"""

from __future__ import annotations

from spikewhen.examples.template.claims import learning, rules
from spikewhen.experiments.study.study import Study

STUDY = Study(
    __package__,
    "Two cues, two times",
    claims=[learning.CLAIM, rules.CLAIM],
    figures={"figure_1_learning": "spikewhen.examples.template.figures.learning"},
    seeds="0-5",
    quick_seeds="0-1",
    config="small.toml",
)
