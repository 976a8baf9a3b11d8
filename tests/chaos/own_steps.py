"""Steps of rules that do what a step must not, run in a process of their own: `python own_steps.py short`.

Without bounds checks several of them end the interpreter. Prints a line of JSON per step: its name and
what was said.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numba as nb
import numpy as np

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.own_rules import named, safe
from spikewhen.reservoir.simd import add_row, dot

K, M = 2, 64
STEPS = {
    "writes far outside": "w[0, 10**9] = 1",
    "writes outside in a helper, later on": "helper(w, 10**9 * (clock > 2))",
    "writes NaN into x, later on": "if clock > 2:\n        x[3] = np.nan",
    "vector code reads outside": "w[0, 0] = dot(w[0], x[:40])",
    "raises": "raise ValueError('from inside')",
}
"""By name; each has to end in an `InputError`."""

MORE_STEPS = {
    "writes a little outside": "w[1, w.shape[1] + 3] = 1",
    "writes before the array": "w[0, -w.shape[1] - 1000] = 1",
    "reads outside": "w[0, 0] = x[x.size + 10**8]",
    "vector code writes outside": "add_row(w[0], 40, x, 0)",
    "writes into x": "x[3] = 1",
    "writes into y": "y[0] = 1",
    "writes into target": "target[:] = 0",
    "writes into gate": "gate[1] = 1",
    "reads outside a list": "w[0, 0] = [1.0][clock * 7]",
}
"""Of the long version."""

GOOD = "w[0] += x\n    w[1, -1] = clock\n    helper(w, 5)"


@nb.njit(nogil=True)
def helper(w, at):
    """Write at a place."""
    w[0, at] = 1


def make(body: str) -> Any:
    """Compile the body of a step."""
    head = "def step(constants, state, x, y, target, gate, clock, trial_end):\n    w = state[0]\n    "
    scope: dict[str, Any] = {"np": np, "helper": helper, "dot": dot, "add_row": add_row}
    exec(head + body, scope)
    return nb.njit(nogil=True, error_model="numpy")(scope["step"])


def said(body: str) -> str:
    """Run a step a few times; return what was said."""
    step = safe(make(body))
    w, x, row = np.zeros((K, M)), np.linspace(0, 1, M), np.full(K, 0.5)
    try:
        with named("rules.own.step"):
            for clock in range(5):
                step((0.1,), (w,), x, row.copy(), row.copy(), row.copy(), clock, False)
    except InputError as error:
        return str(error)
    except Exception as error:
        return f"FOREIGN {type(error).__name__}: {error}"
    return f"accepted, {w.sum():.6f}"


if __name__ == "__main__":
    chosen = {**STEPS, "good": GOOD} if sys.argv[1] == "short" else MORE_STEPS
    for name, body in chosen.items():
        print(json.dumps([name, said(body)]), flush=True)
    sys.exit(0)
