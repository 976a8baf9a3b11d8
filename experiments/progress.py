"""A bar while something runs: in a terminal or a notebook, nowhere else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from spikewhen.reservoir.errors import printable

Progress = bool | Callable[[int], None] | None
"""Show a bar, or call a function with the number of steps just finished."""


@contextmanager
def bar(total: int, unit: str = "trial", **options: Any) -> Iterator[Any]:
    """Open a bar of tqdm, silent where stderr is neither a terminal nor a notebook's."""
    from tqdm import auto, std

    in_notebook = auto.notebook_tqdm is not std.tqdm  # there stderr is no terminal, yet shows bars
    if sys.stderr is None:  # closed
        options["disable"] = True
    options = {"disable": False if in_notebook else None, "smoothing": 0.1, "dynamic_ncols": True} | options
    with auto.tqdm(total=total, unit=unit, **options) as open_bar:
        yield open_bar


@contextmanager
def shown(progress: Progress, total: int) -> Iterator[Callable[[int], None] | None]:
    """Return what to call with the number of steps just finished."""
    if progress is True:
        with bar(total) as open_bar:
            yield open_bar.update
    else:
        yield progress or None


def say(line: str) -> None:
    """Print a line on stderr, above the bar; whether anybody can read it changes nothing."""
    from tqdm import tqdm

    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            tqdm.write(printable(line), file=sys.stderr)


class Lines(logging.Handler):
    """Prints what the parts of a command log, as lines above the bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        say(record.getMessage())


def say_what_takes_long() -> None:
    """Print from now on that kernels are compiled or a run is scored, in a terminal only, as bars are."""
    if sys.stderr is not None and sys.stderr.isatty():
        log = logging.getLogger("spikewhen")
        log.addHandler(Lines())
        log.setLevel(logging.INFO)
        log.propagate = False
