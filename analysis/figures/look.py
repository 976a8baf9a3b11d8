"""What a user may change about every figure: width, fonts, panel letters, words, Matplotlib's settings."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib import RcParams, font_manager, rcParamsDefault
from matplotlib.figure import Figure
from matplotlib.text import Text

from spikewhen.analysis.figures.collisions import collisions, shrink
from spikewhen.analysis.figures.fold import fold
from spikewhen.analysis.figures.sheet import NO_LOOKS, Sheet
from spikewhen.reservoir.errors import InputError

log = logging.getLogger(__name__)

NARROWEST_MM, WIDEST_MM = 60.0, 1000.0


@dataclass(frozen=True)
class Look:
    """How figures are to look, where it is not as they come.

    Attributes
    ----------
    width_mm : float, optional
        Of the sheet: 89 is one column of many journals and 183 two. Panels that do not fit side by side
        stand below each other; text keeps its size, or shrinks to no less than 5 points where it would meet
        other text. Each figure's own width if not given.
    font : sequence of str
        Names of fonts; the first one that is installed is used. The print style's own if empty.
    letters : bool
        Whether panels have letters.
    words : mapping of str to str
        What to write in place of a line of text, for labels in another language or of your own.
    rc : mapping of str to object
        Settings of Matplotlib, such as ``{"font.size": 8}``, that win over the print style.

    Raises
    ------
    InputError
        If the width is out of range, no such font is installed, or Matplotlib has no such setting.
    """

    width_mm: float | None = None
    font: Sequence[str] = ()
    letters: bool = True
    words: Mapping[str, str] = field(default_factory=dict)
    rc: Mapping[str, Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.width_mm is not None and not NARROWEST_MM <= self.width_mm <= WIDEST_MM:
            raise InputError("--width", self.width_mm, f"{NARROWEST_MM:g} to {WIDEST_MM:g} mm")
        for name, words in self.words.items():
            if not isinstance(words, str):
                raise InputError(f"--words {name}", words, "a text")
        chosen = _font(self.font) if self.font else None
        object.__setattr__(self, "_settings", _fonts(chosen) | _checked(self.rc))

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of Matplotlib that fonts and `rc` come to."""
        return self._settings  # type: ignore[attr-defined, no-any-return]

    def apply(self, sheet: Sheet, name: str) -> None:
        """Change a drawn figure; what does not fit into the width is told in one line."""
        if not self.letters:
            for letter in sheet.letters:
                letter.remove()
            sheet.letters.clear()
        if self.words:
            self._translate(sheet.figure)
        if self.width_mm is not None and abs(self.width_mm - sheet.width_mm) > 0.05:
            known = collisions(sheet.figure)
            fold(sheet, self.width_mm)
            shrink(sheet.figure, known)
            if fresh := [found for found in collisions(sheet.figure) if found not in known]:
                log.warning(
                    f"figure {name} at {self.width_mm:g} mm: text meets other text or the edge "
                    f"({fresh[0]}); a greater width or a smaller font.size has room for it"
                )

    def unused(self) -> list[str]:
        """Return words to be replaced that stood in no figure so far."""
        return [word for word in self.words if word not in self.used]

    def _translate(self, figure: Figure) -> None:
        for text in figure.findobj(Text):
            text.set_text(self._line(text.get_text()))
        for ax in figure.axes:
            for axis in (ax.xaxis, ax.yaxis):
                at, limits = axis.get_majorticklocs(), axis.get_view_interval()
                labels = axis.get_major_formatter().format_ticks(list(map(float, at)))
                if (written := [self._line(text) for text in labels]) != labels:
                    axis.set_ticks(at, written)
                    axis.set_view_interval(*limits, ignore=True)

    def _line(self, text: str) -> str:
        lines = text.split("\n")
        self.used.update(line for line in (text, *lines) if line in self.words)
        return self.words.get(text) or "\n".join(self.words.get(line, line) for line in lines)


def _font(names: Sequence[str]) -> str:
    """Return the first of some fonts that is installed, as it is spelled there."""
    installed = {name.casefold(): name for name in font_manager.get_font_names()}
    for name in names:
        if name.strip().casefold() in installed:
            return installed[name.strip().casefold()]
    near = difflib.get_close_matches(names[0].casefold(), installed, n=3, cutoff=0.4) or list(installed)[:3]
    allowed = "an installed font, such as " + ", ".join(installed[name] for name in near)
    raise InputError("--font", ", ".join(names), allowed)


def _fonts(name: str | None) -> dict[str, Any]:
    """Return settings for text and mathematics in a font; letters that it lacks come from DejaVu Sans."""
    if name is None:
        return {}
    mathematics = {f"mathtext.{kind}": name for kind in ("rm", "sf", "cal", "tt")}
    slanted = {"mathtext.it": f"{name}:italic", "mathtext.bf": f"{name}:bold"}
    return {
        "font.family": [name, "DejaVu Sans"],
        "mathtext.fontset": "custom",
        "mathtext.fallback": "stixsans",
        **mathematics,
        **slanted,
    }


def _checked(rc: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as Matplotlib takes them."""
    found: dict[str, Any] = {}
    for name, value in rc.items():
        if name.startswith(NO_LOOKS):
            continue
        if name not in rcParamsDefault:
            near = difflib.get_close_matches(name, list(rcParamsDefault), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError("--rc", name, f"a setting of Matplotlib, such as font.size{hint}")
        try:
            found |= {str(key): setting for key, setting in RcParams({name: value}).items()}
        except ValueError as error:
            raise InputError(f"--rc {name}", value, " ".join(str(error).split())[:200]) from error
    return found
