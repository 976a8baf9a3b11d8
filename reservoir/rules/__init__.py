"""Learning rules, one file each. To add one: write its file, add its line here."""

from reservoir.rules.base import Rule
from reservoir.rules.force import RLS
from reservoir.rules.identity import Identity
from reservoir.rules.lms import LMS
from reservoir.rules.teaching import Gate, Lesson
from reservoir.rules.three_factor import ThreeFactor

RULES = {
    "three_factor": ThreeFactor,
    "rls": RLS,
    "lms": LMS,
}

__all__ = ["LMS", "RLS", "RULES", "Gate", "Identity", "Lesson", "Rule", "ThreeFactor"]
