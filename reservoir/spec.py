"""Fields of frozen parameter sets: every value with its unit, meaning and allowed range.

A parameter set is a frozen dataclass whose fields are made by `param`. The
ranges are checked when the object is built, whoever builds it: a script, a
test or a TOML file.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from dataclasses import field, fields
from typing import Any, ClassVar

from spikewhen.reservoir.errors import InputError

_COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


def param(
    default: Any = dataclasses.MISSING,
    help: str = "",
    unit: str = "1",
    *,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    choices: tuple[str, ...] | None = None,
    factory: Any = dataclasses.MISSING,
) -> Any:
    """Declare one parameter of a frozen dataclass.

    Parameters
    ----------
    default : object
        Default value; without one the parameter must be given.
    help : str
        One line of meaning.
    unit : str
        Unit, "1" for dimensionless numbers.
    gt, ge, lt, le : float, optional
        Bounds that hold for the number, or for every number in a sequence.
    choices : tuple of str, optional
        The allowed words.
    factory : callable, optional
        Makes the default, for mutable or nested values.
    """
    # Not under names that pydantic knows: it would hold a bound of every number against the whole sequence.
    bounds = {">": gt, ">=": ge, "<": lt, "<=": le}
    metadata = dict(help=help, unit=unit, choices=choices, bounds=bounds)
    return field(default=default, default_factory=factory, metadata=metadata)


def _numbers(value: Any):
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _numbers(item)


def allowed(metadata: Any) -> str:
    """Say in words which values a parameter takes."""
    if metadata.get("choices"):
        return "one of " + ", ".join(metadata["choices"])
    bounds = [f"{sign} {limit:g}" for sign, limit in metadata["bounds"].items() if limit is not None]
    return "a finite number" + (" " + " and ".join(bounds) if bounds else "")


def check(parameters: Any) -> None:
    """Check every field of a frozen dataclass against its declared range.

    Raises
    ------
    InputError
        Naming the field, its value and what is allowed.
    """
    for f in fields(parameters):
        value, m = getattr(parameters, f.name), f.metadata
        if m.get("choices") and value not in m["choices"]:
            raise InputError(f.name, value, allowed(m))
        for x in _numbers(value):
            inside = (_COMPARE[sign](x, limit) for sign, limit in m["bounds"].items() if limit is not None)
            if not (math.isfinite(x) and all(inside)):
                raise InputError(f.name, value, allowed(m))


class Spec:
    """Base of every parameter set: checks its ranges, refuses unknown TOML keys."""

    # Read by pydantic where TOML is parsed; the engine itself never imports pydantic.
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check(self)


def steps(where: str, duration_ms: float, step_ms: float) -> int:
    """Convert a duration to a whole number of steps.

    Raises
    ------
    InputError
        If `step_ms` does not divide `duration_ms` (relative tolerance 1e-9).
    """
    n = round(duration_ms / step_ms)
    if abs(n * step_ms - duration_ms) > 1e-9 * max(abs(duration_ms), step_ms):
        raise InputError(where, duration_ms, f"a multiple of {step_ms:g} ms")
    return n
