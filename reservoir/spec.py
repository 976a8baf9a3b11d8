"""Fields of frozen parameter sets: every value with its unit, meaning and allowed range.

A parameter set is a frozen dataclass whose fields are made by `param`. The
ranges are checked when the object is built, whoever builds it: a script, a
test or a TOML file.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import types
import typing
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import field, fields
from functools import cache
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
    later: bool = False,
    file: bool = False,
    search: tuple[float, float] | None = None,
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
    later : bool
        Added after runs had got their names: left out of the name, and of files, while it has its default.
    file : bool
        A text is the path of a file, in a config beside that config.
    search : (float, float), optional
        From where to where ``spikewhen tune`` draws it where nothing else is asked for; by its
        logarithm if both are above 0. Decides no result of a run.
    """
    # Not under names that pydantic knows: it would hold a bound of every number against the whole sequence.
    bounds = {">": gt, ">=": ge, "<": lt, "<=": le}
    metadata: dict[str, Any] = dict(help=help, unit=unit, choices=choices, bounds=bounds)
    metadata |= dict(later=later, file=file, search=search)
    return field(default=default, default_factory=factory, metadata=metadata)


def as_table(value: Any) -> Any:
    """Return a parameter set as nested dicts, as a run's name and file have it.

    Like `dataclasses.asdict`, but without what is declared ``later`` and has its default. What
    is no parameter set may say by a method ``as_table`` what stands for it.
    """
    if hasattr(value, "as_table"):
        return value.as_table()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = ((f, getattr(value, f.name)) for f in fields(value))
        return {f.name: as_table(x) for f, x in named if not (f.metadata.get("later") and x == _default(f))}
    if isinstance(value, dict):
        return {key: as_table(x) for key, x in value.items()}
    return type(value)(map(as_table, value)) if type(value) in (tuple, list) else value


def _default(f: dataclasses.Field) -> Any:
    return f.default if f.default_factory is dataclasses.MISSING else f.default_factory()


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
    """Check every field of a frozen dataclass against its type and its declared range.

    Numbers of NumPy, and whole numbers where fractions are allowed, become the plain numbers
    that a TOML file would have given; lists and arrays become tuples.

    Raises
    ------
    InputError
        Naming the field, its value and what is allowed.
    """
    hints = hints_of(type(parameters))  # type: ignore[arg-type]
    for f in fields(parameters):
        value, m = getattr(parameters, f.name), f.metadata
        plain = as_declared(hints.get(f.name, Any), value, f.name)
        if plain is not value:
            object.__setattr__(parameters, f.name, plain)
        check_range(plain, m, f.name, value)


def check_range(plain: Any, metadata: Any, where: str, given: Any = None) -> None:
    """Check a value that has its declared type against the bounds declared with `param`."""
    if "bounds" not in metadata:  # a field that `param` did not make
        return
    given = plain if given is None else given
    if metadata["choices"] and plain not in metadata["choices"]:
        raise InputError(where, given, allowed(metadata))
    for x in _numbers(plain):
        bounds = metadata["bounds"].items()
        inside = (_COMPARE[sign](x, limit) for sign, limit in bounds if limit is not None)
        if not (math.isfinite(x) and all(inside)):
            raise InputError(where, given, allowed(metadata))


@cache
def hints_of(cls: type) -> dict[str, Any]:
    """Return the types that a class declares for its fields; none where they cannot be found out."""
    try:
        return typing.get_type_hints(cls)
    except Exception:  # names that only a type checker sees, in somebody's own class
        return {}


def as_declared(hint: Any, value: Any, where: str) -> Any:
    """Return a value as the type that its field declares, or refuse it.

    Parameters
    ----------
    hint : type
        bool, int, float, str, tuples, lists and tables of them, a dataclass, ``X | None``;
        values of any other type are returned as they are.
    value : object
    where : str
        Named in an error.

    Raises
    ------
    InputError
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        some = [part for part in inner if part is not type(None)]
        if value is None and len(some) < len(inner):
            return None
        return as_declared(some[0], value, where) if len(some) == 1 else value
    if hint in _PLAIN:
        return _PLAIN[hint](value, where)
    if origin in (tuple, list):
        return origin(_items(inner, value, where, origin is tuple))
    if origin is dict and len(inner) == 2:
        if not isinstance(value, dict):
            raise InputError(where, value, "a table")
        keys = [_text(key, where) for key in value]
        return {
            key: as_declared(inner[1], item, f"{where}.{key}")
            for key, item in zip(keys, value.values(), strict=True)
        }
    if dataclasses.is_dataclass(hint) and isinstance(value, (bool, int, float, str, list, tuple, type(None))):
        raise InputError(where, value, "a table")
    return value


def _items(inner: tuple, value: Any, where: str, fixed: bool) -> Iterator[Any]:
    if hasattr(value, "tolist") and hasattr(value, "ndim"):  # an array, of NumPy or like it
        if hasattr(value, "mask"):
            raise InputError(where, "a masked array", "an array without a mask")
        value = value.tolist()
    if not isinstance(value, (tuple, list)):
        raise InputError(where, value, "an array of values")
    every = inner[:1] * len(value) if not fixed or inner[1:] == (Ellipsis,) else inner
    if len(every) != len(value):
        raise InputError(where, value, f"{len(every)} values")
    for i, (hint, item) in enumerate(zip(every, value, strict=True)):
        yield as_declared(hint, item, f"{where}[{i}]")


def _bare(value: Any, where: str) -> Any:
    """Take a scalar of NumPy out of its wrapping."""
    if hasattr(value, "mask"):
        raise InputError(where, "a masked value", "a plain number")
    return value.item() if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0 else value


def _truth(value: Any, where: str) -> bool:
    value = _bare(value, where)
    if not isinstance(value, bool):
        raise InputError(where, value, "true or false")
    return value


def _whole(value: Any, where: str) -> int:
    number = _bare(value, where)
    if isinstance(number, float) and math.isfinite(number) and number == round(number):
        number = round(number)
    if isinstance(number, bool) or not isinstance(number, int):
        raise InputError(where, value, "an integer")
    if not -(2**63) <= number < 2**63:
        raise InputError(where, value, "an integer of at most 64 bits, from -2^63 to 2^63 - 1")
    return int(number)


def _real(value: Any, where: str) -> float:
    number = _bare(value, where)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise InputError(where, value, "a finite number")
    try:
        return float(number)
    except OverflowError as error:
        raise InputError(where, value, "a finite number") from error


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(where, value, "a text")
    if len(value) > LONGEST_TEXT or any(unicodedata.category(x) in ("Cc", "Cs") for x in value):
        raise InputError(
            where, value, f"a text of at most {LONGEST_TEXT} letters, without control characters"
        )
    return str(value)


_PLAIN: dict[Any, Callable[[Any, str], Any]] = {bool: _truth, int: _whole, float: _real, str: _text}
LONGEST_TEXT = 1000


class Spec:
    """Base of every parameter set: checks its ranges, refuses unknown TOML keys."""

    # Read by pydantic where TOML is parsed; the engine itself never imports pydantic.
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check(self)


def steps(where: str, duration_ms: float, step_ms: float, of: str = "readout_step_ms") -> int:
    """Convert a duration to a whole number of steps, at least 1 where it is above 0.

    Parameters
    ----------
    where : str
        The duration's name.
    duration_ms, step_ms : float, ms
    of : str
        The step's name.

    Raises
    ------
    InputError
        If `step_ms` does not divide `duration_ms` (relative tolerance 1e-9), or goes into it too often.
    """
    share = duration_ms / step_ms if step_ms > 0 else math.inf
    if not abs(share) <= MOST_STEPS:
        raise InputError(where, duration_ms, f"at most {MOST_STEPS:.0e} steps of {step_ms:g} ms ({of})")
    n = round(share)
    if abs(n * step_ms - duration_ms) > 1e-9 * abs(duration_ms):
        raise InputError(where, duration_ms, f"a multiple of {step_ms:g} ms ({of})")
    return n


MOST_STEPS = 1e15
"""Beyond it a double no longer tells one step from the next."""
