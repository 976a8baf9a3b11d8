"""The CUDA source of one readout: its rule's device text in a namespace, with the arrays the readout brings.

The fields of `Arrays` are listed here once for both sides, the device text and NumPy.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import InputError

FOLDER = Path(__file__).parent
ARRAYS = (
    ("const real *", "target"),
    ("const real *", "gate"),
    ("const signed char *", "window"),
    ("real *", "y"),
    ("real *", "p_hat"),
    ("const Constants *", "constants"),
    ("const real *", "what_constants"),
    ("real *", "v"),
    ("real *", "window_sum"),
    ("real *", "mean"),
    ("i64 *", "count"),
    ("i64 *", "seen"),
    ("real *", "surprise"),
    ("void *", "scratch"),
)
C_TYPES = {"float32": "float", "float64": "double", "int64": "i64", "int32": "int", "int8": "signed char"}


class RuleText:
    """All that the compiled code of one readout depends on. `rule_text` makes it and keeps it.

    Attributes
    ----------
    text : str
        The rule's device text.
    state : tuple of (str, str, int)
        Name, C type and rows of each array of its state.
    constants : dtype
        Of a struct of its constants.
    """

    def __init__(self, cls: type, state: tuple, constants: tuple):
        self.text = device_text(cls)
        self.state = tuple((name, C_TYPES[np.dtype(char).name], rows) for name, char, rows in state)
        self.constants = np.dtype([(f"c{i}", c) for i, c in enumerate(constants)], align=True)
        # Each name stands once in the parameters of `step`; a rule that uses it names it again.
        self.needs_workspace = self.text.count("workspace") > 1
        self.needs_scratch = self.text.count("scratch") > 1

    def source(self, index: int) -> str:
        """Return the namespace of readout `index`."""
        lines = [f"namespace readout{index} {{"]
        for name, kind, rows in self.state:
            lines.append(f"typedef {kind} {name}_type;\nconstexpr int {name}_rows = {rows};")
        fields = " ".join(f"{name}_type *{name};" for name, *_ in self.state)
        arrays = " ".join(f"{kind}{name};" for kind, name in ARRAYS)
        return "\n".join(
            [
                *lines,
                f"struct State {{ {fields} }};",
                '#line 1 "rule"',
                self.text,
                f"struct Arrays {{ {arrays} State state; }};",
                device_file("readout.cu"),
                "}\n",
            ]
        )

    @property
    def dtype(self) -> np.dtype:
        """The structured dtype that lays out the struct `Arrays`."""
        return np.dtype(
            [(name, np.uint64) for _, name in ARRAYS] + [(name, np.uint64) for name, *_ in self.state]
        )


def rule_text(readout: Readout) -> RuleText:
    """Return what a readout's code depends on: one object for all readouts that one kernel serves.

    Raises
    ------
    InputError
        If the rule has no device text.
    """
    state = zip(readout.state._fields, readout.state, strict=True)
    fields = tuple((name, array.dtype.char, array.shape[0]) for name, array in state)
    return _rule_text(type(readout.rule), fields, tuple(type(c) for c in readout.constants))


_rule_text: Any = cache(RuleText)


def device_text(cls: Any) -> str:
    """Return the CUDA text of a rule's step.

    It must stand in the class that defines `step`: a subclass with another step
    does not inherit it.

    Raises
    ------
    InputError
    """
    for base in cls.__mro__:
        if "step" in vars(base):
            text = vars(base).get("device")
            if text:
                return text
            break
    raise InputError(
        "rule", cls.name, "a rule with a device text (the class attribute `device`), or --backend cpu"
    )


def device_file(name: str) -> str:
    """Read a file of device text, with the line directive that lets a compiler name it."""
    return f'#line 1 "{name}"\n{(FOLDER / name).read_text(encoding="utf-8")}'
