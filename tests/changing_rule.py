"""A rule that is not one of ours, as code that can be changed."""

import sys
import types

OWN_RULE = """
import math
from dataclasses import dataclass
from typing import Any, ClassVar
import numba as nb
import numpy as np
from spikewhen.reservoir.rules import LMS

@nb.njit(nogil=True, error_model="numpy")
def step(constants, state, x, y, target, gate, clock, trial_end):
    for k in range(y.size):
        state[0][k, 0] += {amount}

@dataclass(frozen=True)
class Own(LMS):
    name: ClassVar[str] = "own"
    step: ClassVar[Any] = staticmethod(step)
"""


def own_rule(monkeypatch, amount: float):
    module = types.ModuleType("own_rule")
    monkeypatch.setitem(sys.modules, "own_rule", module)
    exec(compile(OWN_RULE.format(amount=amount), "own_rule.py", "exec", dont_inherit=True), vars(module))
    return module.Own()
