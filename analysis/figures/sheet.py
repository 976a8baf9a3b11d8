"""A sheet of paper: axes placed in mm, and a table of every number drawn on it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.style
import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from spikewhen.analysis.bands import csv_text
from spikewhen.analysis.figures.names import as_typed, fonts_for
from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording

STYLE = Path(__file__).resolve().parent.parent / "paper.mplstyle"
SINGLE_MM, DOUBLE_MM = 89.0, 183.0
"""Width of one and of two columns of a journal page."""

NO_LOOKS: tuple[str, ...] = (
    "backend",
    "interactive",
    "toolbar",
    "timezone",
    "date.epoch",
    "tk.",
    "webagg.",
    "macosx.",
)
NO_LOOKS += ("figure.max_open", "figure.raise", "savefig.directory", "docstring", "keymap.")
"""Beginnings of settings of Matplotlib that are of a session, not of a figure."""

COLUMNS = ("panel", "series", "run", "x", "y", "low", "high", "value")


@contextmanager
def paper(names: Iterable[str] = (), rc: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw in print style; settings outside are neither used nor changed.

    Parameters
    ----------
    names : iterable of str
        Names that will be written; fonts that have their letters are used beside the sheet's own.
    rc : mapping of str to object, optional
        Settings of Matplotlib that win over the print style. ``paper(rc=plt.rcParams)`` takes your own.
    """
    with matplotlib.style.context(STYLE, after_reset=True):
        mine: Any = {name: value for name, value in (rc or {}).items() if not name.startswith(NO_LOOKS)}
        rcParams.update(mine)
        rcParams["font.family"] = [*rcParams["font.family"], *fonts_for(names)]
        yield


def points(size: float) -> float:
    """Return a font size in points: `size` where text has 7, else in proportion to ``font.size``."""
    return size * rcParams["font.size"] / 7


def strokes(style: dict[str, Any]) -> dict[str, Any]:
    """Return a line's style in proportion to matplotlib's settings: 1 is a line, 3 a mark of theirs."""
    line, mark = rcParams["lines.linewidth"], rcParams["lines.markersize"] / 3
    scale = {"lw": line, "mew": line, "ms": mark}
    return {k: v * scale[k] if k in scale else v for k, v in style.items()}


class Drawing:
    """What is drawn on some axes: the artists, and a table of every number.

    Sizes follow matplotlib's current settings, so that panels suit the axes of
    anybody's figure as well as a `Sheet` in `paper` style.

    Attributes
    ----------
    rows : list of dict
        One per drawn point, with the keys `COLUMNS`.
    artists : list of matplotlib artists
    """

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.artists: list[Artist] = []

    def record(self, panel: str, series: str, x, y, run: str = "", low=None, high=None, value=None) -> str:
        """Enter points into the table; returns the id that the artist carries."""
        x, y = np.broadcast_arrays(np.atleast_1d(x), np.atleast_1d(y))
        others = [
            np.full(x.shape, np.nan) if a is None else np.broadcast_to(a, x.shape) for a in (low, high, value)
        ]
        typed = as_typed(series)
        columns = (np.asarray(a, float).ravel().tolist() for a in (x, y, *others))
        self.rows += [
            dict(zip(COLUMNS, (panel, typed, run, *values), strict=True))
            for values in zip(*columns, strict=True)
        ]
        return f"{panel}/{typed}/{run}"

    def line(
        self, ax: Axes, panel: str, series: str, x, y, run: str = "", low=None, high=None, shade=0.18, **style
    ) -> None:
        """Draw a line, with a band between `low` and `high` where both are known."""
        gid = self.record(panel, series, x, y, run, low, high)
        (line,) = ax.plot(x, y, **strokes(style))
        line.set_gid(gid)
        self.artists.append(line)
        if low is not None and high is not None and shade and np.any(np.isfinite(low)):
            band = ax.fill_between(x, low, high, color=line.get_color(), alpha=shade, lw=0, zorder=1)
            self.artists.append(band)

    def level(self, ax: Axes, panel: str, series: str, y: float, **style) -> None:
        """Draw a horizontal line across the axes."""
        self.record(panel, series, np.nan, y)
        self.artists.append(ax.axhline(y, **strokes(style)))

    def bar(self, ax: Axes, panel: str, series: str, start, length, y: float, height: float, **style) -> None:
        """Draw a horizontal bar."""
        self.record(panel, series, start, y, low=start, high=start + length)
        bar = ax.broken_barh([(start, length)], (y - height / 2, height), **strokes(style))
        self.artists.append(bar)

    def image(self, ax: Axes, panel: str, series: str, x, y, values: np.ndarray, run: str = "", **style):
        """Draw ``values[i, j]`` at ``(x[j], y[i])``, both evenly spaced."""
        grid_x, grid_y = np.meshgrid(x, y)
        gid = self.record(panel, series, grid_x, grid_y, run, value=values)
        dx, dy = (0.5 * (a[1] - a[0]) if len(a) > 1 else 0.5 for a in (x, y))
        extent = (x[0] - dx, x[-1] + dx, y[0] - dy, y[-1] + dy)
        style = {"interpolation": "nearest", **style}
        image = ax.imshow(values, origin="lower", aspect="auto", extent=extent, **style)
        image.set_gid(gid)
        self.artists.append(image)
        return image

    def end_labels(self, ax: Axes, labels: Sequence[tuple[float, str, str]], gap_mm: float = 2.7) -> None:
        """Write each (y, text, colour) right of the axes at the height y, apart from each other."""
        known = sorted((label for label in labels if math.isfinite(label[0])), key=lambda label: label[0])
        if not known:
            return
        low, high = ax.get_ylim()
        width_mm, height_mm = (25.4 * pixels / ax.figure.dpi for pixels in ax.bbox.size)
        wanted = np.clip([y for y, _, _ in known], low, high)
        placed = spread(wanted, points(gap_mm) * (high - low) / height_mm, low)
        axis = ax.get_yaxis_transform()
        one = 1 / width_mm
        for (_, text, colour), y, at in zip(known, wanted, placed, strict=True):
            self.artists += ax.plot(
                [1 + 0.5 * one, 1 + 1.8 * one, 1 + 2.8 * one],
                [y, at, at],
                transform=axis,
                clip_on=False,
                lw=strokes({"lw": 0.4})["lw"],
                color=colour,
            )
            self.write(ax, 1 + 3.2 * one, at, text, 6.5, transform=axis, va="center", color=colour)

    def write(self, ax: Axes, x: float, y: float, text: str, size: float = 7, **style) -> None:
        """Write on axes, in points of `paper` style."""
        self.artists.append(ax.text(x, y, text, fontsize=points(size), **style))


class Sheet(Drawing):
    """One figure with axes placed in mm, and its numbers.

    Parameters
    ----------
    width_mm, height_mm : float

    Attributes
    ----------
    figure : Figure
    sources : list of Recording
        The runs it shows.
    letters : list of Text
        Of its panels.
    """

    def __init__(self, width_mm: float, height_mm: float, sources: Sequence[Recording] = ()):
        super().__init__()
        self.sources = list(sources)
        self.letters: list[Text] = []
        self.width_mm, self.height_mm = width_mm, height_mm
        self.figure = Figure(figsize=(width_mm / 25.4, height_mm / 25.4))
        FigureCanvasAgg(self.figure)

    @classmethod
    def of(cls, drawn: Sheet | Figure) -> Sheet:
        """Return a sheet as it is, and a Matplotlib figure as a sheet without a table of numbers.

        Raises
        ------
        InputError
            If it is neither.
        """
        if isinstance(drawn, Sheet):
            return drawn
        if not isinstance(drawn, Figure):
            raise InputError("draw", type(drawn).__name__, "a Sheet or a Matplotlib figure")
        width, height = drawn.get_size_inches() * 25.4
        sheet = cls(width, height)
        sheet.figure = drawn
        return sheet

    def axes(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        letter: str = "",
        letter_left: float = 9.0,
        **kw,
    ) -> Axes:
        """Add axes whose frame lies so many mm from the left and the top edge."""
        w, h = self.width_mm, self.height_mm
        ax = self.figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h), **kw)
        if letter:
            self.letter(letter, left - letter_left, top - 1.5)
        return ax

    def letter(self, letter: str, left: float, top: float) -> None:
        """Write a bold panel letter with its baseline `top` mm below the upper edge."""
        style = {"fontsize": points(8), "fontweight": "bold", "va": "baseline"}
        self.letters.append(self.text(left, top, letter, **style))

    def text(self, left: float, top: float, text: str, **kw) -> Text:
        """Write on the sheet, in mm."""
        return self.figure.text(left / self.width_mm, 1 - top / self.height_mm, text, **kw)


def spread(values: Sequence[float] | np.ndarray, gap: float, low: float) -> np.ndarray:
    """Move ascending values apart to at least `gap`, as little as possible, none below `low`."""
    at = np.array(values, float)
    groups = [[i] for i in range(at.size)]

    def centre(group):
        mean = np.mean([values[i] for i in group])
        return max(mean, low + gap * (len(group) - 1) / 2)

    merged = True
    while merged:
        merged = False
        for g in range(len(groups) - 1):
            a, b = groups[g], groups[g + 1]
            if centre(b) - centre(a) < gap * (len(a) + len(b)) / 2 - 1e-12:
                groups[g : g + 2] = [a + b]
                merged = True
                break
    for group in groups:
        for j, i in enumerate(group):
            at[i] = centre(group) + gap * (j - (len(group) - 1) / 2)
    return at


def write_table(rows: list[dict], header: Sequence[str]) -> str:
    """Return the table as CSV text; header lines begin with ``# ``."""
    out = io.StringIO()
    for line in header:
        out.write(f"# {line}\n")
    out.write(",".join(COLUMNS) + "\n")
    known: dict[str, str] = {}
    texts, numbers = itemgetter(*COLUMNS[:3]), itemgetter(*COLUMNS[3:])
    form = ",".join(["%.9g"] * (len(COLUMNS) - 3))
    for row in rows:
        for text in texts(row):
            out.write(_quoted(text, known) + ",")
        out.write((form % numbers(row)).replace("nan", "") + "\n")
    return out.getvalue()


def _quoted(text: str, known: dict[str, str]) -> str:
    """Return a text as a cell of CSV, in quotes where it needs them; a table repeats its few texts."""
    if text not in known:
        cells = io.StringIO()
        csv.writer(cells, lineterminator="\n").writerow([csv_text(text), ""])
        known[text] = cells.getvalue()[:-2]  # without the empty cell, which keeps an empty text bare
    return known[text]
