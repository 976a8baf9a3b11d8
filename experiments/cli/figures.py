"""The command `spikewhen figures`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.output import echo
from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.result import Result

FORMATS = ("pdf", "png", "svg")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen figures results/demo --format pdf,svg",
            "spikewhen figures results/claims",
        )
    )(figures)


def figures(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of result files, or one that a study wrote.")
    ],
    formats: Annotated[
        str, typer.Option("--format", metavar="LIST", help="Some of pdf, png and svg, with commas between.")
    ] = "pdf,png",
) -> None:
    """Draw the figures of a folder of results.

    Nothing is simulated. Beside each figure stand its numbers, as CSV. From a folder
    that `spikewhen study` or `spikewhen claims` wrote, the figures of that study are drawn.
    """
    for path in draw(folder, parse_formats(formats)):
        echo(path)


def parse_formats(text: str) -> tuple[str, ...]:
    """Read a list of figure formats.

    Raises
    ------
    InputError
    """
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not set(found) <= set(FORMATS):
        raise InputError("--format", text, "any of pdf,png,svg, separated by commas")
    return found


def draw(folder: Path, formats: tuple[str, ...]) -> list[Path]:
    """Draw every figure of a folder: of its result files, and of the claims that were run into it.

    Raises
    ------
    InputError
    """
    from spikewhen.analysis.figures import draw_all
    from spikewhen.experiments.study.result import FILE, StudyResult

    files, judged = sorted(folder.glob("*.h5")), (folder / FILE).is_file()
    if not files and not judged:
        raise InputError("DIR", str(folder), f"a folder with result files (*.h5) or {FILE}")
    written = StudyResult.read(folder).draw(formats) if judged else []
    return written + (draw_all(folder, list(map(_opened, files)), formats) if files else [])


def _opened(path: Path) -> Result:
    from spikewhen.experiments.result import open_run
    from spikewhen.experiments.reuse import check_identity

    result = open_run(path)
    check_identity(result, path)
    return result
