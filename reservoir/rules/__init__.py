"""Learning rules, one file each. To add one: write its file, add its line here."""

from spikewhen.reservoir.rules.base import Rule
from spikewhen.reservoir.rules.gate import Gate, TeachingSignal
from spikewhen.reservoir.rules.lms import LMS
from spikewhen.reservoir.rules.retrospective import Retrospective
from spikewhen.reservoir.rules.rls import RLS
from spikewhen.reservoir.rules.rls_surprise import RLSSurprise
from spikewhen.reservoir.rules.three_factor import ThreeFactor
from spikewhen.reservoir.rules.unlearn import Unlearn
from spikewhen.reservoir.rules.what import WhatReadout

RULES = {
    "three_factor": ThreeFactor,
    "rls": RLS,
    "lms": LMS,
    "retrospective": Retrospective,
    "rls_surprise": RLSSurprise,
}

__all__ = [
    "LMS",
    "RLS",
    "RULES",
    "Gate",
    "RLSSurprise",
    "Retrospective",
    "Rule",
    "TeachingSignal",
    "ThreeFactor",
    "Unlearn",
    "WhatReadout",
]
