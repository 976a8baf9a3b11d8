"""The space in which a rule is tuned: its parameters by dotted path, from where to where."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from spikewhen.experiments.axes import Range
from spikewhen.experiments.tuning.spec import Axis
from spikewhen.reservoir.errors import InputError, nearest

if TYPE_CHECKING:
    from optuna import Trial

DIGITS = 4
"""Of a drawn value: what stands in a table is what was run."""

Space = dict[str, Axis]


def space_of(label: str, rule: Any, given: Mapping[str, Axis] | None) -> Space:
    """Return what is tuned of a rule, checked: what is asked for, or else what the rule declares.

    Parameters
    ----------
    label : str
    rule : Rule
        As the config has it; its own values are the first candidate.
    given : mapping, optional
        Dotted paths in the rule.

    Raises
    ------
    InputError
        If there is no such parameter, the rule refuses an end of a range, or its own value is outside.
    """
    space = dict(given or declared(rule))
    if not space:
        raise InputError(
            f"space.{label}", "nothing", f"what to tune of {rule.name}, e.g. eta = {{ low = .., high = .. }}"
        )
    for path, axis in space.items():
        where = f"space.{label}.{path}"
        own = read(rule, path, where)
        for value in (axis.low, axis.high) if isinstance(axis, Range) else axis:
            try:
                changed(rule, {path: value})
            except InputError as error:
                raise InputError(where, value, error.allowed) from error
        if not _holds(axis, own, where):
            raise InputError(where, _shown(axis), f"to hold {own!r}, the rule's own value, which comes first")
    return space


def _holds(axis: Axis, own: Any, where: str) -> bool:
    """Whether a value of the config lies on an axis; refuses an axis of another kind."""
    if not isinstance(axis, Range):
        return own in axis
    if isinstance(own, bool) or not isinstance(own, int | float):
        raise InputError(where, _shown(axis), f"a list of values: it is {own!r} in the config")
    if isinstance(own, int) and not (isinstance(axis.low, int) and isinstance(axis.high, int)):
        raise InputError(where, _shown(axis), "whole numbers as ends of the range")
    return axis.low <= own <= axis.high


def declared(rule: Any, where: str = "") -> Space:
    """Return the ranges that a rule's parameters declare with ``param(search=...)``, parts included."""
    found: Space = {}
    for f in dataclasses.fields(rule):
        value, path = getattr(rule, f.name), f"{where}.{f.name}" if where else f.name
        if search := f.metadata.get("search"):
            found[path] = Range(low=search[0], high=search[1], log=search[0] > 0)
        elif dataclasses.is_dataclass(value):
            found |= declared(value, path)
    return found


def read(rule: Any, path: str, where: str) -> Any:
    """Return the value at a dotted path of a rule.

    Raises
    ------
    InputError
    """
    part = rule
    for name in path.split("."):
        names = [f.name for f in dataclasses.fields(part)] if dataclasses.is_dataclass(part) else []
        if name not in names:
            raise InputError(where, name, "a parameter of the rule" + nearest(name, names))
        part = getattr(part, name)
    return part


def changed(rule: Any, values: Mapping[str, Any]) -> Any:
    """Return a rule with other values at some dotted paths.

    Raises
    ------
    InputError
    """
    for path, value in values.items():
        name, _, rest = path.partition(".")
        inner = changed(getattr(rule, name), {rest: value}) if rest else value
        rule = dataclasses.replace(rule, **{name: inner})
    return rule


def start(rule: Any, space: Space) -> dict[str, Any]:
    """Return the values that the rule has, which are the first candidate."""
    return {path: read(rule, path, path) for path in space}


def suggest(trial: Trial, space: Space) -> dict[str, Any]:
    """Draw a candidate."""
    return {path: _suggest(trial, path, axis) for path, axis in space.items()}


def _suggest(trial: Trial, path: str, axis: Axis) -> Any:
    if not isinstance(axis, Range):
        return trial.suggest_categorical(path, axis)
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return trial.suggest_int(path, axis.low, axis.high, log=axis.log)
    return trial.suggest_float(path, axis.low, axis.high, log=axis.log)


def readable(value: Any, low: float, high: float) -> Any:
    """Return a drawn number with few digits, inside its range."""
    return min(max(float(f"{value:.{DIGITS}g}"), low), high) if isinstance(value, float) else value


def described(space: Space) -> Iterator[str]:
    """Yield a phrase for every axis: ``eta from 0.004 to 0.1 (log)``."""
    for path, axis in space.items():
        yield f"{path} {_shown(axis)}"


def _shown(axis: Axis) -> str:
    if isinstance(axis, Range):
        return f"from {axis.low:g} to {axis.high:g}{' (log)' if axis.log else ''}"
    return "of " + ", ".join(map(str, axis))
