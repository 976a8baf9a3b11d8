"""Tasks, one file each. To add one: write its file, add its line here."""

from paradigms.meet import Block, Meet
from paradigms.signal import Signal

PARADIGMS = {
    "meet": Meet,
    "signal": Signal,
}

__all__ = ["PARADIGMS", "Block", "Meet", "Signal"]
