"""Tasks, one file each. To add one: write its file, add its line here."""

from spikewhen.paradigms.base import PlannedSession, Task
from spikewhen.paradigms.meet import Block, Meet
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
}

__all__ = [
    "PARADIGMS",
    "Block",
    "Meet",
    "PlannedSession",
    "RewardTiming",
    "SetGo",
    "Signal",
    "Task",
    "Transitions",
]
