"""Fonts inside PDF files: what a page needs of them, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TYPESETTING = ("GSUB", "GPOS", "GDEF", "BASE", "JSTF", "MATH", "kern")
"""Tables that say which glyphs a text takes and where: settled when the page is written."""


@contextmanager
def slim_fonts() -> Iterator[None]:
    """Embed fonts without their tables of typesetting.

    Matplotlib has chosen and placed every glyph by then, and readers of PDF look at
    outlines and widths alone (ISO 32000-1, 9.9). To cut these tables down to the glyphs
    of a page takes most of the time that embedding takes.
    """
    from fontTools import subset  # slow to import, and other formats embed nothing

    whole = subset.load_font

    def slim(*args: Any, **options: Any) -> Any:
        font = whole(*args, **options)
        for tag in TYPESETTING:
            if tag in font:
                del font[tag]
        return font

    subset.load_font = slim  # Matplotlib offers no option for it
    try:
        yield
    finally:
        subset.load_font = whole
