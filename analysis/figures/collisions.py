"""Texts of a figure that cover each other or leave the paper."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import BboxBase


def collisions(figure: Figure) -> list[str]:
    """Name texts that cover each other, as ``"a" on "b"``, and texts beyond the paper, as ``"a" outside``.

    Parameters
    ----------
    figure : Figure
        It is drawn, so that every text has its place.
    """
    figure.draw_without_rendering()
    page, boxes = figure.bbox, text_boxes(figure)
    found = [f'"{a}" outside' for a, x in boxes if x.x0 < 0 or x.y0 < 0 or x.x1 > page.x1 or x.y1 > page.y1]
    for i, (a, x) in enumerate(boxes):
        for b, y in boxes[i + 1 :]:
            w, h = min(x.x1, y.x1) - max(x.x0, y.x0), min(x.y1, y.y1) - max(x.y0, y.y0)
            if w > 0.5 and h > 0.5 and w * h > 0.02 * min(x.width * x.height, y.width * y.height):
                found.append(f'"{a}" on "{b}"')
    return found


def text_boxes(figure: Figure) -> list[tuple[str, BboxBase]]:
    """Return every text that is seen on a drawn figure, and its box in pixels."""
    hidden = set()
    for ax in figure.axes:
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                if not min(limits) - 1e-9 <= tick.get_loc() <= max(limits) + 1e-9:
                    hidden |= {tick.label1, tick.label2}
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in hidden]
    return [(t.get_text(), t.get_window_extent()) for t in texts]
