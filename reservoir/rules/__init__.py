"""Learning rules, one file each. To add one: write its file, add its line here."""

from spikewhen.reservoir.rules.base import Rule
from spikewhen.reservoir.rules.gate import Gate, TeachingSignal
from spikewhen.reservoir.rules.kalman import Kalman
from spikewhen.reservoir.rules.lms import LMS
from spikewhen.reservoir.rules.nlms import NLMS
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
    "nlms": NLMS,
    "retrospective": Retrospective,
    "rls_surprise": RLSSurprise,
    "kalman": Kalman,
}

__all__ = [
    "LMS",
    "NLMS",
    "RLS",
    "RULES",
    "Gate",
    "Kalman",
    "RLSSurprise",
    "Retrospective",
    "Rule",
    "TeachingSignal",
    "ThreeFactor",
    "Unlearn",
    "WhatReadout",
]
