"""Learning rules, one file each. To add one: write its file, add its line here."""

from spikewhen.reservoir.rules.base import Rule
from spikewhen.reservoir.rules.gate import Gate, TeachingSignal
from spikewhen.reservoir.rules.kalman import Kalman
from spikewhen.reservoir.rules.lms import LMS
from spikewhen.reservoir.rules.nlms import NLMS
from spikewhen.reservoir.rules.node_perturbation import NodePerturbation
from spikewhen.reservoir.rules.retrospective import Retrospective
from spikewhen.reservoir.rules.reward_hebbian import RewardHebbian
from spikewhen.reservoir.rules.ridge import Ridge
from spikewhen.reservoir.rules.rls import RLS
from spikewhen.reservoir.rules.rls_surprise import RLSSurprise
from spikewhen.reservoir.rules.td import TD
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
    "ridge": Ridge,
    "td": TD,
    "node_perturbation": NodePerturbation,
    "reward_hebbian": RewardHebbian,
}

__all__ = [
    "LMS",
    "NLMS",
    "RLS",
    "RULES",
    "TD",
    "Gate",
    "Kalman",
    "NodePerturbation",
    "RLSSurprise",
    "Retrospective",
    "RewardHebbian",
    "Ridge",
    "Rule",
    "TeachingSignal",
    "ThreeFactor",
    "Unlearn",
    "WhatReadout",
]
