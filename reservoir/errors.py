"""The errors a user can cause, each of which fits on one line."""

from __future__ import annotations

import difflib
import reprlib
import unicodedata
from collections.abc import Iterable

LONGEST = 280
"""Letters of an error's line; what it echoes is cut to keep to it."""


def printable(text: object, most: int | None = None) -> str:
    """Return a text that a terminal shows and does not obey, on one line, its middle left out if it is long.

    Parameters
    ----------
    text : object
        Its ``str``; controls, lone surrogates and marks that turn the direction of writing are escaped.
    most : int, optional
        Letters that it may have.
    """
    shown = "".join(_escaped(letter) if _obeyed(letter) else letter for letter in cut(str(text), most))
    return cut(shown, most)  # an escape is longer than what it stands for


def lines(text: str) -> str:
    """Return the same of a text of several lines, none of them cut."""
    return "\n".join(map(printable, text.split("\n")))


_TURNING = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _obeyed(letter: str) -> bool:
    return letter in _TURNING or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode()


def cut(text: str, most: int | None = None) -> str:
    """Leave out the middle of a text that is longer than `most` letters."""
    if most is None or len(text) <= most:
        return text
    left = max(most - 3, 0)
    return text[: left - left // 2] + "..." + text[len(text) - left // 2 :]


class _Echo(reprlib.Repr):
    """A repr that is short whatever is shown, however deep or long it is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict = 4, 8
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxarray = self.maxdeque = 12
        self.maxstring = self.maxlong = self.maxother = 160

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write an integer of thousands of digits."""
        return f"an integer of {x.bit_length()} bits" if x.bit_length() > 4000 else super().repr_int(x, level)

    def repr_str(self, x: str, level: int) -> str:
        """Not as `reprlib` does, which quotes a text twice where it cuts."""
        return repr(cut(x, self.maxstring))


_ECHO = _Echo()


def echo(value: object, most: int = 120) -> str:
    """Return a value as an error shows it: its repr, cut."""
    try:
        return printable(_ECHO.repr(value), most)
    except Exception:  # a repr of somebody's own class
        return f"a {type(value).__name__}"


class InputError(ValueError):
    """A value the user gave is not allowed.

    Parameters
    ----------
    where : str
        The field, file or option, e.g. ``paradigm.blocks[0].probability``.
    value : object
        What was given there.
    allowed : str
        What is allowed instead.
    """

    def __init__(self, where: str, value: object, allowed: str):
        super().__init__(where, value, allowed)
        self.where, self.value, self.allowed = where, value, allowed

    def __str__(self) -> str:
        where, value, allowed = printable(self.where), echo(self.value), printable(self.allowed)
        if len(where) + len(value) + len(allowed) > LONGEST:
            value = cut(value, 60)
            where = cut(where, max(LONGEST - len(value) - len(allowed), 110))
            allowed = cut(allowed, LONGEST - len(where) - len(value))
        return f"{where} = {value}: {allowed}"

    def within(self, place: str) -> InputError:
        """Return the same error with `place` put in front of the field."""
        return InputError(f"{place}.{self.where}" if self.where else place, self.value, self.allowed)


class ActivityError(ArithmeticError):
    """The network's state, or a readout's output, is no longer finite.

    Parameters
    ----------
    array : str
        Name of the state array, or of the readout's output, that holds the value.
    neuron : int
        Index of the first neuron, or output channel, found affected.
    time_ms : float
        Time on the simulation's clock, to the nearest checked step.
    value : float
        The value found.
    rule : str
        Label of the rule whose readout it is, or "" where it is the network's own state.
    advice : str
        What can help for that rule.
    """

    def __init__(
        self, array: str, neuron: int, time_ms: float, value: float, rule: str = "", advice: str = ""
    ):
        super().__init__(array, neuron, time_ms, value, rule, advice)
        self.array, self.neuron, self.time_ms, self.value, self.rule = array, neuron, time_ms, value, rule
        self.advice = advice

    def __str__(self) -> str:
        found = f"{self.array}[{self.neuron}] = {self.value} at {self.time_ms:.1f} ms"
        if self.rule:
            return f"the rule diverged: {found}" + (f"; {self.advice}" if self.advice else "")
        return (
            f"activity blew up: {found}; "
            "lower the input currents, weights or learning rate, or take a smaller dt_ms"
        )


class DeviceError(RuntimeError):
    """The backend that was asked for cannot run on this machine."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known name that a mistaken one is closest to, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
