"""Names as people write them, made fit for a figure: any script, any sign, any length."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

from matplotlib import font_manager, rcParams
from matplotlib.font_manager import FontProperties

log = logging.getLogger(__name__)

_told: set[str] = set()
"""Letters that were named in a warning of this process: every figure of a folder has the same ones."""

BOXES = "Last Resort"
"""Beginning of the name of fonts that have a box for every letter, which says nothing."""

FIRST = (
    "Noto Sans",
    "Source Han Sans",
    "IPAex",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft",
    "PingFang",
    "Arial",
)
"""Beginnings of the names of fonts that are taken before others, since they go with the sheet's own."""


def plain(name: str) -> str:
    """Return a name as text for matplotlib: a dollar sign in it begins no mathematics.

    A letter that no font in use has stands by its number, such as U+97F3, and is told.
    """
    missing = lacking(name, in_use())
    if missing:
        _tell(missing)
        name = "".join(f"U+{ord(c):04X} " if c in missing else c for c in name).strip()
    return name.replace("$", r"\$")


def as_typed(text: str) -> str:
    """Return the text that `plain` made safe as it was typed, for tables and captions."""
    return text.replace(r"\$", "$")


def fit_all(names: Sequence[str], letters: int) -> list[str]:
    """Shorten names from `plain` to so many letters by an ellipsis in their middle; none is like another."""
    typed = [as_typed(name) for name in names]
    cut = [_cut(name, letters) for name in typed]
    for i, name in enumerate(typed):
        if cut.count(_cut(name, letters)) > 1:
            cut[i] = f"{_cut(name, letters - len(str(i)) - 1)} {i + 1}"
    return [text.replace("$", r"\$") for text in cut]


def fit(name: str, letters: int) -> str:
    """Shorten one name, as `fit_all` does."""
    return fit_all([name], letters)[0]


def _width(text: str) -> int:
    """Count letters; those of East Asia are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _cut(text: str, letters: int) -> str:
    if _width(text) <= letters:
        return text
    head, tail = "", ""
    for a, b in zip(text, reversed(text), strict=True):
        if _width(head + a + tail) < letters:
            head += a
        if _width(head + b + tail) < letters:
            tail = b + tail
    return f"{head.rstrip()}\N{HORIZONTAL ELLIPSIS}{tail.lstrip()}"


def in_use() -> tuple[str, ...]:
    """Return the font families that text is drawn with now, the first one that has a letter wins."""
    return tuple(FontProperties().get_family())


def lacking(text: str, families: Iterable[str]) -> str:
    """Return the letters of a text that none of these fonts has, each once."""
    letters = dict.fromkeys(c for c in text if not c.isspace())
    if all(c.isascii() for c in letters):
        return ""
    known = [_letters(_file(name, tuple(rcParams["font.sans-serif"]))) for name in families]
    return "".join(c for c in letters if not any(ord(c) in has for has in known))


def fonts_for(names: Iterable[str]) -> list[str]:
    """Return installed font families that have the letters of some names which the sheet's font lacks.

    Letters that no installed font has are told in one line.
    """
    text, found = "".join(names), []
    missing = lacking(text, in_use())
    if not missing:
        return []
    for name, file in _installed():
        if missing and len(left := "".join(c for c in missing if ord(c) not in _letters(file))) < len(
            missing
        ):
            found.append(name)
            missing = left
    if missing:
        _tell(missing)
    return found


def _tell(letters: str) -> None:
    """Say once which letters cannot be drawn."""
    fresh = [c for c in letters if c not in _told]
    _told.update(fresh)
    if fresh:
        numbers = ", ".join(f"{c} as U+{ord(c):04X}" for c in fresh[:8]) + ", ..." * (len(fresh) > 8)
        log.warning(f"figures write {numbers}: no font here has them; install e.g. Noto Sans CJK")


@cache
def _file(family: str, sans: tuple[str, ...]) -> str:
    return font_manager.findfont(FontProperties(family=[family]), fallback_to_default=True)


@cache
def _letters(file: str) -> frozenset[int]:
    try:
        return frozenset(font_manager.get_font(file).get_charmap())
    except (OSError, RuntimeError, ValueError):  # a font that cannot be read has none
        return frozenset()


def _installed() -> list[tuple[str, str]]:
    """Return name and file of every installed upright font, those that go with the sheet's own first."""
    upright = [f for f in font_manager.fontManager.ttflist if f.style == "normal"]
    regular = [f for f in upright if str(f.weight) in ("400", "normal", "regular")]
    fonts = [f for f in regular if not f.name.startswith(BOXES)]
    rank = {f.name: next((i for i, n in enumerate(FIRST) if f.name.startswith(n)), len(FIRST)) for f in fonts}
    return sorted({(f.name, f.fname) for f in fonts}, key=lambda f: (rank[f[0]], f))
