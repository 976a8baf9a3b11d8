"""Tasks, one file each. To add one: write its file, add its line here."""

from spikewhen.paradigms.base import PlannedSession, Task
from spikewhen.paradigms.meet import Block, Meet
from spikewhen.paradigms.signal import Signal

PARADIGMS = {
    "meet": Meet,
    "signal": Signal,
}

__all__ = ["PARADIGMS", "Block", "Meet", "PlannedSession", "Signal", "Task"]
