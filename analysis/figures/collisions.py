"""Texts of a figure that cover each other or leave the paper."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

LEAST_PT = 5.0
"""The smallest type that journals print."""


def collisions(figure: Figure) -> list[str]:
    """Name texts that cover each other, as ``"a" on "b"``, and texts beyond the paper, as ``"a" outside``.

    Parameters
    ----------
    figure : Figure
        It is drawn, so that every text has its place.
    """
    return [_said(a, b) for a, b in meetings(figure)]


def meetings(figure: Figure) -> list[tuple[Text, Text | None]]:
    """Return pairs of texts that cover each other, and texts beyond the paper with None; draws the figure."""
    figure.draw_without_rendering()
    page, boxes = figure.bbox, text_boxes(figure)
    found: list[tuple[Text, Text | None]] = [
        (a, None) for a, x in boxes if x.x0 < 0 or x.y0 < 0 or x.x1 > page.x1 or x.y1 > page.y1
    ]
    for i, (a, x) in enumerate(boxes):
        for b, y in boxes[i + 1 :]:
            w, h = min(x.x1, y.x1) - max(x.x0, y.x0), min(x.y1, y.y1) - max(x.y0, y.y0)
            if w > 0.5 and h > 0.5 and w * h > 0.02 * min(x.width * x.height, y.width * y.height):
                found.append((a, b))
    return found


def shrink(figure: Figure, known: list[str]) -> None:
    """Make texts smaller that cover each other or leave the paper, and those like them, down to 5 points.

    Labels of ticks keep their size; meetings that are known are left as they are.
    """
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    ticks = {t for axis in axes for t in axis.get_ticklabels(which="both")}
    while True:
        meeting = [pair for pair in meetings(figure) if _said(*pair) not in known]
        crowded = {text for pair in meeting for text in pair if text is not None} - ticks
        like = {(t.axes, t.get_fontsize()) for t in crowded if float(t.get_fontsize()) > LEAST_PT}
        if not like:
            return
        for text in figure.findobj(Text):
            if (text.axes, text.get_fontsize()) in like and text not in ticks:
                text.set_fontsize(max(LEAST_PT, float(text.get_fontsize()) - 0.5))


def _said(a: Text, b: Text | None) -> str:
    return f'"{a.get_text()}" outside' if b is None else f'"{a.get_text()}" on "{b.get_text()}"'


def text_boxes(figure: Figure) -> list[tuple[Text, BboxBase]]:
    """Return every text that is seen on a drawn figure, and its box in pixels."""
    hidden = set()
    for ax in figure.axes:
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                if not min(limits) - 1e-9 <= tick.get_loc() <= max(limits) + 1e-9:
                    hidden |= {tick.label1, tick.label2}
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in hidden]
    return [(t, t.get_window_extent()) for t in texts]
