"""Rules of a user's: their state is checked, and their compiled step cannot leave it.

The kernels check no index, and all rules of a run read the same features. So a step that is not
shipped is compiled in a copy that checks its indices (a step that asks for ``boundscheck=False`` is taken
at its word), and what it was only given to read is compared afterwards. Shipped steps run as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numba as nb
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from spikewhen.reservoir.errors import ActivityError, DeviceError, InputError
from spikewhen.reservoir.own_code import reason_of
from spikewhen.reservoir.rules import RULES
from spikewhen.reservoir.types import aligned, padded

ARGUMENTS = ("constants", "state", "x", "y", "target", "gate", "clock", "trial_end")
"""What the step of a rule takes."""

_OURS = str(Path(__file__).parent)
_RULES: tuple[Any, ...] = tuple(RULES.values())


class StepWrote(Exception):
    """A step wrote into what it was given to read."""


@contextmanager
def named(where: str) -> Iterator[None]:
    """Name code of a user's in what it raises.

    Raises
    ------
    InputError
        For every exception that is not one of ours, in one line with the file and line it came from.
    """
    try:
        yield
    except (InputError, ActivityError, DeviceError, MemoryError):
        raise
    except StepWrote as error:
        raise InputError(where, f"writes into {error}", "a step that writes into its state alone") from error
    except NumbaError as error:
        raise InputError(where, _first_reason(error), "a step that Numba can compile") from error
    except Exception as error:
        found = reason_of(error)
        if found.startswith(_OURS):  # compiled code does not say in which line
            found = f"{type(error).__name__}: {error}"
        inside = isinstance(error, IndexError)
        allowed = "code that stays inside its arrays" if inside else "code that runs without an error"
        raise InputError(where, found, allowed) from error


def _first_reason(error: NumbaError) -> str:
    """Cut what Numba has to say, pages of it, down to what it found and in which line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    what = next((line for line in lines if not line.startswith("Failed in")), "")
    signature = next((line for line in lines if line.startswith(">>>")), "").removeprefix(">>>")
    place = next((line for line in lines if line.startswith("File ")), "")
    return " ".join(f"{what}{signature} {place}".split())[:300]


def checked_step(label: str, rule: Any) -> Dispatcher:
    """Return the step of a rule.

    Raises
    ------
    InputError
        If it is not compiled, or takes other arguments, or if the rule has no name.
    """
    if isinstance(rule, type) or not isinstance(getattr(rule, "name", None), str):
        raise InputError(f"rules.{label}", type(rule).__name__, 'a rule, with a name: ClassVar[str] = "..."')
    where, step = f"rules.{label}.step", getattr(rule, "step", None)
    if isinstance(step, MethodType):  # where a class has it without staticmethod
        step = step.__func__
    if nb.config.DISABLE_JIT:
        raise InputError("NUMBA_DISABLE_JIT", nb.config.DISABLE_JIT, "unset: rules and engine are compiled")
    if not isinstance(step, Dispatcher):
        raise InputError(where, type(step).__name__, "a function with @numba.njit above it")
    try:
        inspect.signature(step.py_func).bind(*ARGUMENTS)
    except TypeError as error:
        found = str(inspect.signature(step.py_func))
        raise InputError(where, found, f"the arguments ({', '.join(ARGUMENTS)})") from error
    return step


def checked_constants(label: str, rule: Any, readout_step_ms: float, dtype: Any) -> tuple:
    """Return the constants of a rule.

    Raises
    ------
    InputError
        If they are no tuple of numbers or arrays.
    """
    where = f"rules.{label}.constants"
    try:
        with named(where):
            found = rule.constants(readout_step_ms, dtype)
    except InputError as error:  # what a rule itself refuses is one of its parameters
        raise error if error.where == where else error.within(f"rules.{label}") from error
    numbers = (int, float, np.number, np.bool_, np.ndarray)
    if not isinstance(found, tuple) or not all(isinstance(c, numbers) for c in found):
        odd = [c for c in found if not isinstance(c, numbers)] if isinstance(found, tuple) else [found]
        raise InputError(where, type(odd[0]).__name__, "a tuple of numbers")
    return found


def checked_state(
    label: str, rule: Any, state: Any, n_channels: int, n_features: int, readout_step_ms: float, dtype: Any
) -> Any:
    """Return the state of a rule with its arrays aligned.

    Parameters
    ----------
    label : str
        Of the rule, or its name.
    rule : spikewhen.reservoir.rules.Rule
    state : NamedTuple
        What ``rule.start`` or ``rule.at_switch`` returned.
    n_channels, n_features : int
    readout_step_ms : float
    dtype : dtype
        Of the run.

    Raises
    ------
    InputError
        Naming the rule and the field.
    """
    where, shape = f"state of rule {label}", (n_channels, padded(n_features))
    fields = getattr(state, "_fields", ())
    if not isinstance(state, tuple) or fields[:1] != ("w",) or {"v", "surprise"} & set(fields):
        found = ", ".join(fields) or type(state).__name__
        allowed = "a NamedTuple whose first field is w, and none v or surprise"
        raise InputError(where, found, allowed)
    for field, array in zip(fields, state, strict=True):
        if type(array) is not np.ndarray or array.dtype.kind not in "biuf" or not array.dtype.isnative:
            found = f"array of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
            raise InputError(f"{where}: {field}", found, "an array of numbers")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{where}: {field}", "not finite", "finite numbers")
    if state[0].shape != shape or state[0].dtype != dtype:
        found = f"{state[0].dtype} {state[0].shape}"
        what = f"{np.dtype(dtype)} {shape}: channels, and padded(n_features) = {shape[1]} features"
        raise InputError(f"{where}: w", found, what)
    _check_layout(where, rule, state, (n_channels, n_features, readout_step_ms, dtype))
    return type(state)(*map(aligned, state))


def _check_layout(where: str, rule: Any, state: Any, size: tuple) -> None:
    """Hold a state of a user's against the shipped step that will use it: it checks no index."""
    base = next((cls for cls in _RULES if cls.step is checked_step(cls.name, rule)), None)
    if base is None or type(rule) is base:
        return
    with named(f"{where}: like that of {base.__name__}, whose step it takes"):
        shipped: Any = object.__new__(base)
        vars(shipped).update(vars(rule))
        like = shipped.start(*size)
    for field, array in zip(like._fields, like, strict=True):
        mine = getattr(state, field, None)
        if len(state) != len(like) or mine is None or (mine.shape, mine.dtype) != (array.shape, array.dtype):
            found = "missing" if mine is None else f"{mine.dtype} {mine.shape}"
            what = f"{array.dtype} {array.shape}, as the step of {base.__name__} takes it"
            raise InputError(f"{where}: {field}", found, what)


@cache
def safe(step: Dispatcher) -> Dispatcher:
    """Return what kernels may call for a step: a shipped one itself, else a copy that stays in its state."""
    if step.py_func.__code__.co_filename.startswith(_OURS):
        return step
    checking = bounds_checked(step)

    @nb.njit(nogil=True, error_model="numpy")
    def watched(constants, state, x, y, target, gate, clock, trial_end):
        kept = x.copy(), y.copy(), target.copy(), gate.copy()
        checking(constants, state, x, y, target, gate, clock, trial_end)
        if _differ(x, kept[0]):
            raise StepWrote("x, the features that all rules read")
        if _differ(y, kept[1]):
            raise StepWrote("y")
        if _differ(target, kept[2]):
            raise StepWrote("target")
        if _differ(gate, kept[3]):
            raise StepWrote("gate")

    return watched


@nb.njit(nogil=True, error_model="numpy")
def _differ(a, b):
    """Whether any number is another one; two NaN are the same."""
    found = False
    for i in range(a.size):
        found |= (a[i] != b[i]) & ((a[i] == a[i]) | (b[i] == b[i]))
    return found


def bounds_checked(function: Dispatcher, _made: dict[Dispatcher, Dispatcher] | None = None) -> Dispatcher:
    """Return a copy of a compiled function that checks its indices, as do the compiled functions it calls.

    Parameters
    ----------
    function : Numba dispatcher
        Its options stay; an explicit ``boundscheck`` too.
    """
    made = {} if _made is None else _made
    if function in made:
        return made[function]
    options = dict(function.targetoptions)
    if options.get("boundscheck") is None:
        options["boundscheck"] = True
    old = function.py_func
    scope, cells = dict(old.__globals__), tuple(CellType() for _ in old.__closure__ or ())
    new = FunctionType(old.__code__, scope, old.__name__, old.__defaults__, cells or None)
    new.__module__, new.__qualname__, new.__kwdefaults__ = (
        old.__module__,
        old.__qualname__,
        old.__kwdefaults__,
    )
    made[function] = nb.jit(locals=function.locals, **options)(new)
    used = _names(old.__code__)

    def copied(value: Any) -> Any:
        if isinstance(value, Dispatcher):
            return bounds_checked(value, made)
        if isinstance(value, ModuleType):
            inside = {n: vars(value)[n] for n in used if isinstance(vars(value).get(n), Dispatcher)}
            if inside:
                other = ModuleType(value.__name__)
                vars(other).update(vars(value) | {n: bounds_checked(d, made) for n, d in inside.items()})
                return other
        return value

    scope.update({n: copied(scope[n]) for n in used if n in scope})
    for cell, given in zip(cells, old.__closure__ or (), strict=True):
        cell.cell_contents = copied(given.cell_contents)
    return made[function]


def _names(code: CodeType) -> set[str]:
    inner = (_names(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inner)
