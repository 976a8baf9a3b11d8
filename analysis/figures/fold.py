"""A sheet made narrower or wider: text keeps its size, and panels without room stand below each other.

A drawn figure is cut along the gaps between its panels, as a reader of a page does it (a recursive
XY cut; Nagy & Seth 1984): into rows, and these into blocks, until a block is no wider than the new
sheet. Rows that share the label of the lowest one stay together. Blocks then fill lines from left
to right, and their frames are stretched so that every line ends at the same margin.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from spikewhen.analysis.figures.sheet import Sheet
from spikewhen.reservoir.errors import InputError

MARGIN_MM, GAP_MM, LINE_MM = 1.0, 4.0, 3.0
"""At the edges of the sheet, between blocks of a line, and between lines."""
SQUEEZE, STRETCH = 0.8, 1.6
"""How much narrower frames may become before blocks give way to the next line, and how much wider at most."""
WORD_MM = 2.5
"""Least gap between the entries of a key."""
THIN_MM = 7.0
"""Frames narrower than this, such as colour bars, stay with the panel at their left."""


class Item(NamedTuple):
    """Something with a place on the sheet, in mm from its upper left corner."""

    part: Axes | Text
    left: float
    top: float
    right: float
    bottom: float
    frame: tuple[float, float, float, float] | None  # left, top, right, bottom of axes
    anchor: tuple[float, float]  # of text: where it is placed


class Block(list[Item]):
    """Items that stay where they are to each other."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of everything in it."""
        left, top = (min(getattr(i, side) for i in self) for side in ("left", "top"))
        right, bottom = (max(getattr(i, side) for i in self) for side in ("right", "bottom"))
        return left, top, right, bottom

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of its axes, which stretch; of text its left edge."""
        frames = np.array([i.frame for i in self if i.frame is not None])
        if not frames.size:  # text does not stretch
            left, top, _, bottom = self.box
            return left, top, left, bottom
        return (*frames[:, :2].min(0).tolist(), *frames[:, 2:].max(0).tolist())  # type: ignore[return-value]

    @property
    def has_axes(self) -> bool:
        """Whether there is more in it than text."""
        return any(i.frame is not None for i in self)

    @property
    def width(self) -> float:
        """Return its width in mm."""
        left, _, right, _ = self.box
        return right - left


def fold(sheet: Sheet, width_mm: float) -> None:
    """Give a drawn sheet another width.

    Raises
    ------
    InputError
        If no room is left beside the text of a panel.
    """
    figure = sheet.figure
    if figure.get_layout_engine() is not None:  # it places the axes itself
        figure.set_size_inches(width_mm / 25.4, sheet.height_mm / 25.4)
        sheet.width_mm = width_mm
        return
    room = width_mm - 2 * MARGIN_MM
    items = _items(sheet)
    lines = _lines(_cut(items, room / SQUEEZE), room)
    for line in lines:
        _name_values(line[0], items)
    for stretch in (STRETCH, 1.0):  # again, since text beside a frame may have moved with its size
        _place(sheet, _measured(sheet, lines), width_mm, stretch)
    figure.draw_without_rendering()
    for ax in figure.axes:
        _thin_ticks(ax)


def _measured(sheet: Sheet, lines: list[list[Block]]) -> list[list[Block]]:
    """Return the same lines with the places that their items have now."""
    now = {item.part: item for item in _items(sheet)}
    return [[Block(now[i.part] for i in block if i.part in now) for block in line] for line in lines]


def _place(sheet: Sheet, lines: list[list[Block]], width_mm: float, stretch: float) -> None:
    """Give the sheet its size, and every block its place."""
    margin = max(_before(line[0]) for line in lines)
    places, top = [], MARGIN_MM
    for line in lines:
        above = max(b.frame[1] - b.box[1] for b in line)
        places.append(top + above)
        top += above + max(b.box[3] - b.frame[1] for b in line) + LINE_MM
    sheet.width_mm, sheet.height_mm = width_mm, top - LINE_MM + MARGIN_MM
    sheet.figure.set_size_inches(sheet.width_mm / 25.4, sheet.height_mm / 25.4)
    for line, place in zip(lines, places, strict=True):
        _set_line(sheet, line, place, margin, stretch)


def _items(sheet: Sheet) -> list[Item]:
    figure = sheet.figure
    figure.draw_without_rendering()
    mm, height, found = 25.4 / figure.dpi, sheet.height_mm, []
    parts: list[Any] = [*figure.axes, *figure.texts]
    for part in parts:
        box = part.get_tightbbox() if isinstance(part, Axes) else part.get_window_extent()
        frame = None
        if isinstance(part, Axes):
            x0, y0, x1, y1 = part.get_position().extents
            frame = (x0 * sheet.width_mm, (1 - y1) * height, x1 * sheet.width_mm, (1 - y0) * height)
        if box is not None:
            edges = (box.x0 * mm, height - box.y1 * mm, box.x1 * mm, height - box.y0 * mm)
            at = part.get_position() if isinstance(part, Text) else (0.0, 1.0)
            found.append(Item(part, *edges, frame, (at[0] * sheet.width_mm, (1 - at[1]) * height)))
    return found


def _cut(items: list[Item], room: float) -> list[Block]:
    """Cut items into blocks, in the order in which they are read."""
    block = Block(items)
    if block.width <= (room if block.has_axes else SQUEEZE * room):
        return [block]
    if not block.has_axes:  # a key
        return [Block(part) for part in _parts(items, "left", "right", WORD_MM)]
    for parts in (_rows(items), _columns(items)):
        if len(parts) > 1:
            return [block for part in parts for block in _cut(part, room)]
    return [block]


def _parts(items: list[Item], low: str, high: str, gap: float = 0.0) -> list[list[Item]]:
    """Return items apart where no item bridges a gap."""
    found: list[list[Item]] = []
    end = -np.inf
    for item in sorted(items, key=lambda i: getattr(i, low)):
        if not found or getattr(item, low) > end + gap:
            found.append([])
        found[-1].append(item)
        end = max(end, getattr(item, high))
    return found


def _rows(items: list[Item]) -> list[list[Item]]:
    """Return rows; those above the label that they share are one."""
    found: list[list[Item]] = []
    for row in _parts(items, "top", "bottom"):
        if found and (_unlabelled(found[-1]) or not (Block(found[-1]).has_axes or _is_key(found[-1]))):
            found[-1] += row
        else:
            found.append(row)
    if len(found) > 1 and not Block(found[-1]).has_axes and not _is_key(found[-1]):
        last = found.pop()
        found[-1] += last
    return found


def _is_key(row: list[Item]) -> bool:
    """Whether a row of text says what colours mean: more than a letter and a title."""
    return len(row) > 2


def _unlabelled(row: list[Item]) -> bool:
    """Whether an axis of time or the like has its label further down."""
    frames = [i for i in row if i.frame is not None]
    lowest = [i for i in frames if not any(_above(i, other) for other in frames)]
    return any(isinstance(i.part, Axes) and _needs_label(i.part) for i in lowest)


def _above(item: Item, other: Item) -> bool:
    a, b = item.frame, other.frame
    assert a is not None and b is not None
    return b[1] >= a[3] and min(a[2], b[2]) > max(a[0], b[0])


def _needs_label(ax: Axes) -> bool:
    return ax.axison and ax.xaxis.get_visible() and len(ax.get_xticks()) > 0 and not ax.get_xlabel()


def _columns(items: list[Item]) -> list[list[Item]]:
    """Return columns; text alone goes with the panel at its right, a colour bar with that at its left."""
    found: list[list[Item]] = []
    before: list[Item] = []
    for column in _parts(items, "left", "right"):
        frames = [i.frame for i in column if i.frame is not None]
        if not frames:
            before += column
        elif found and not before and max(f[2] - f[0] for f in frames) < THIN_MM:
            found[-1] += column
        else:
            found.append(before + column)
            before = []
    if before:
        found = [*found[:-1], found[-1] + before] if found else [before]
    return found


def _name_values(block: Block, items: list[Item]) -> None:
    """Give the axes of a block that begins a line the labels that they shared with axes at their left."""
    for item in block:
        ax, mine = item.part, item.frame
        if not isinstance(ax, Axes) or mine is None or ax.get_ylabel() or not _bare(ax):
            continue
        for other in items:
            left, theirs = other.part, other.frame
            if not isinstance(left, Axes) or theirs is None or theirs[2] > mine[0] or not left.get_ylabel():
                continue
            if np.allclose((theirs[1], theirs[3]), (mine[1], mine[3])) and left.get_ylim() == ax.get_ylim():
                labels = [t.get_text() for t in left.get_yticklabels()]
                ax.set_yticks(left.get_yticks(), labels)
                ax.set_ylim(left.get_ylim())
                ax.tick_params(labelleft=True)
                ax.set_ylabel(left.get_ylabel())


def _bare(ax: Axes) -> bool:
    """Whether its y axis is seen and says nothing."""
    shown = [t.get_text() for t in ax.get_yticklabels() if t.get_visible()]
    return ax.axison and ax.yaxis.get_visible() and not any(shown)


def _before(block: Block) -> float:
    return block.frame[0] - block.box[0]


def _after(block: Block) -> float:
    return block.box[2] - block.frame[2]


def _lines(blocks: list[Block], room: float) -> list[list[Block]]:
    """Fill lines with blocks; frames may become narrower by `SQUEEZE`."""
    lines: list[list[Block]] = []
    for block in blocks:
        if lines and _scale([*lines[-1], block], room) >= SQUEEZE:
            lines[-1].append(block)
        else:
            lines.append([block])
    return lines


def _scale(line: list[Block], room: float, margin: float | None = None) -> float:
    """Return by how much frames grow so that a line fills the room."""
    text = sum(_before(b) + _after(b) for b in line) + GAP_MM * (len(line) - 1)
    if margin is not None:
        text += margin - _before(line[0])
    return (room - text) / max(sum(b.frame[2] - b.frame[0] for b in line), 1e-9)


def _set_line(sheet: Sheet, line: list[Block], place: float, margin: float, stretch: float) -> None:
    """Put the blocks of a line, with the tops of their frames at `place`."""
    room = sheet.width_mm - 2 * MARGIN_MM
    left = MARGIN_MM + margin - _before(line[0])
    if not any(b.has_axes for b in line):
        left = MARGIN_MM + max(0.0, min(margin, room - sum(b.width + GAP_MM for b in line) + GAP_MM))
    scale = min(stretch, _scale(line, room, margin))
    if scale < 0.15 and any(b.has_axes for b in line):
        raise InputError("--width", f"{sheet.width_mm:g} mm", "a width with room beside the text of a panel")
    for block in line:
        x0, y0, x1, _ = block.frame
        at = left + _before(block)
        end = at + (x1 - x0) * scale

        def x(old: float, x0: float = x0, x1: float = x1, at: float = at, end: float = end) -> float:
            if old > x1:
                return end + old - x1
            return at + (old - x0) * (scale if old > x0 else 1)

        for item in block:
            if isinstance(item.part, Axes) and item.frame is not None:
                a, t, b, bottom = item.frame
                a, b, t, bottom = x(a), x(b), t - y0 + place, bottom - y0 + place
                w, h = sheet.width_mm, sheet.height_mm
                item.part.set_position((a / w, 1 - bottom / h, (b - a) / w, (bottom - t) / h))
            elif isinstance(item.part, Text):
                item.part.set_position(
                    (x(item.anchor[0]) / sheet.width_mm, 1 - (item.anchor[1] - y0 + place) / sheet.height_mm)
                )
        left = end + _after(block) + GAP_MM


def _thin_ticks(ax: Axes) -> None:
    """Leave out every second label of an axis until no two meet."""
    for axis, side in ((ax.xaxis, 0), (ax.yaxis, 1)):
        while True:
            ticks = [t for t in axis.get_major_ticks() if t.label1.get_visible() and t.label1.get_text()]
            boxes = sorted(t.label1.get_window_extent().get_points()[:, side].tolist() for t in ticks)
            crowded = any(a[1] > b[0] for a, b in pairwise(boxes))
            if not crowded or len(ticks) < 3:
                break
            axis.set_ticks([t.get_loc() for t in ticks[::2]], [t.label1.get_text() for t in ticks[::2]])
