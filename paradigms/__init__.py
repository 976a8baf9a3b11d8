"""Tasks, one file each. To add one: write its file, add its line here."""

from spikewhen.paradigms.base import PlannedSession, Task
from spikewhen.paradigms.graded_omission import GradedOmission
from spikewhen.paradigms.local_global import LocalGlobal
from spikewhen.paradigms.meet import Block, Meet
from spikewhen.paradigms.neurogym import NeuroGym
from spikewhen.paradigms.ready_set_go import Prior, ReadySetGo
from spikewhen.paradigms.reward_timing import RewardTiming
from spikewhen.paradigms.set_go import SetGo
from spikewhen.paradigms.signal import Signal
from spikewhen.paradigms.transitions import Transitions

PARADIGMS = {
    "meet": Meet,
    "signal": Signal,
    "reward_timing": RewardTiming,
    "set_go": SetGo,
    "transitions": Transitions,
    "graded_omission": GradedOmission,
    "ready_set_go": ReadySetGo,
    "local_global": LocalGlobal,
    "neurogym": NeuroGym,
}

__all__ = [
    "PARADIGMS",
    "Block",
    "GradedOmission",
    "LocalGlobal",
    "Meet",
    "NeuroGym",
    "PlannedSession",
    "Prior",
    "ReadySetGo",
    "RewardTiming",
    "SetGo",
    "Signal",
    "Task",
    "Transitions",
]
