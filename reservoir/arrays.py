"""Arrays and names from outside, checked once before unchecked code gets them."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from spikewhen.reservoir.errors import InputError

LONGEST_NAME = 100


def checked(
    where: str,
    given: Any,
    shape: tuple[int | None, ...],
    dtype: Any = np.float64,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: float = -math.inf,
    nan: bool = False,
) -> np.ndarray:
    """Return an array as compiled code may take it: of one kind, one shape, finite and in range.

    Parameters
    ----------
    where : str
        Name in an error.
    given : array_like
        Lists are taken, and whole numbers among floats; masks, text, dates, complex numbers and
        objects are not.
    shape : tuple of int or None
        None leaves a length open.
    dtype : dtype
        Of the result; of integers asks for whole numbers.
    low, high : float
        Least and largest number allowed.
    above : float
        Every number has to be larger.
    nan : bool
        Whether NaN may stand for "none".

    Returns
    -------
    ndarray
        C-contiguous, `given` itself where nothing had to be changed.

    Raises
    ------
    InputError
        Naming the array, the index and the value.
    """
    dtype = np.dtype(dtype)
    whole = dtype.kind == "i"
    words = _allowed(whole, low, high, above, nan)
    if isinstance(given, np.ma.MaskedArray):
        raise InputError(where, "a masked array", "an array without a mask")
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(where, type(given).__name__, f"an array of {words}") from error
    if array.dtype.kind not in ("iuf" if whole else "iufb"):
        raise InputError(where, f"{_what(given)} of {array.dtype}", f"an array of {words}")
    if array.ndim != len(shape) or any(
        n is not None and n != m for n, m in zip(shape, array.shape, strict=True)
    ):
        lengths = ", ".join("any" if n is None else str(n) for n in shape)
        raise InputError(where, array.shape, f"shape ({lengths}{',' * (len(shape) == 1)})")
    bad = _outside(array, whole, low, high, above, nan)
    if not bad.any():
        with np.errstate(over="ignore"):
            out = np.ascontiguousarray(array, dtype)
        bad = np.isinf(out) if dtype.kind == "f" else bad  # of the float32 of a run
        words = f"{words} that fit into {dtype}"
    if bad.any():
        at = np.unravel_index(int(np.argmax(bad)), bad.shape)
        index = f"[{', '.join(str(int(i)) for i in at)}]" if at else ""
        raise InputError(f"{where}{index}", array[at].item(), words)
    return out if out.shape == array.shape else out.reshape(array.shape)  # of a single number


def _outside(array: np.ndarray, whole: bool, low: float, high: float, above: float, nan: bool) -> np.ndarray:
    """Return which numbers are not allowed."""
    real = array.dtype.kind == "f"
    bad = np.isinf(array) if nan else ~np.isfinite(array)
    if whole and real:
        bad |= array != np.floor(array)
    with np.errstate(invalid="ignore"):
        for limit, wrong in ((low, np.less), (high, np.greater), (above, np.less_equal)):
            if math.isfinite(limit):
                bad |= wrong(array, limit)
    if whole:
        # What a double cannot hold any more is not compared with its neighbour.
        bad |= (array > 2.0**63 - 1025) | (array < -(2.0**63))
    return bad


def _allowed(whole: bool, low: float, high: float, above: float, nan: bool) -> str:
    words = ("whole" if whole else "finite") + " numbers" + (", or NaN," if nan else "")
    if math.isfinite(low) and math.isfinite(high):
        return f"{words} from {low:.15g} to {high:.15g}"
    for limit, sign in ((low, "at least"), (high, "at most"), (above, "above")):
        if math.isfinite(limit):
            words += f" {sign} {limit:.15g}"
    return words


def _what(given: Any) -> str:
    return "an array" if isinstance(given, np.ndarray) else type(given).__name__


def number(where: str, given: Any, low: float = -math.inf) -> float:
    """Return a finite number of at least `low`.

    Raises
    ------
    InputError
    """
    plain = isinstance(given, (int, float, np.integer, np.floating)) and not isinstance(given, bool)
    if not (plain and abs(given) <= 1.7e308 and given >= low):
        value = given if plain or given is None or isinstance(given, (str, bool)) else type(given).__name__
        raise InputError(
            where, value, _allowed(False, low, math.inf, -math.inf, False).replace("numbers", "number")
        )
    return float(given)


def whole(where: str, given: Any, low: int = 0, high: int = 2**63 - 1) -> int:
    """Return a whole number, such as a seed.

    Raises
    ------
    InputError
    """
    good = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if not (good and low <= given <= high):
        plain = good or given is None or isinstance(given, (str, bool, float))
        limit = "2^63 - 1" if high == 2**63 - 1 else f"{high}"
        raise InputError(
            where, given if plain else type(given).__name__, f"a whole number from {low} to {limit}"
        )
    return int(given)


def check_name(where: str, given: Any) -> str:
    """Return a name that files and messages can hold.

    Raises
    ------
    InputError
        If it is no text, is empty or very long, or holds a slash or what cannot be printed.
    """
    good = isinstance(given, str) and 0 < len(given) <= LONGEST_NAME and given.isprintable()
    if not good or "/" in given or given.strip(".") == "":
        value = given if isinstance(given, str) else type(given).__name__
        allowed = f"a name of 1 to {LONGEST_NAME} printable letters without a slash, other than dots"
        raise InputError(where, value[: LONGEST_NAME + 1], allowed)
    return given


def check_label(label: Any) -> str:
    """Return the label of a rule, which stands in paths, tables and file names.

    Raises
    ------
    InputError
    """
    if not (isinstance(label, str) and _LABEL.fullmatch(label)):
        allowed = f"labels of at most {LONGEST_NAME} letters, digits, underscores, points and hyphens"
        raise InputError("rules", label, allowed)
    return label


_LABEL = re.compile(rf"\w[\w.-]{{0,{LONGEST_NAME - 1}}}")
