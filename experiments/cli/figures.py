"""The command `spikewhen figures`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.output import echo
from spikewhen.experiments.figures import FORMATS
from spikewhen.reservoir.errors import InputError


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen figures results/demo --format pdf,svg",
            "spikewhen figures results/meet --only learning --width 89 --font Arial,Helvetica",
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
    only: Annotated[
        str, typer.Option(metavar="LIST", help="Names of the figures to draw, with commas between.")
    ] = "",
    seeds: Annotated[
        str | None, typer.Option(metavar="LIST", help="Seeds of the runs to show, such as 0-4 or 0,3.")
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            metavar="MM",
            help="Width of each figure, such as 89 or 183; text keeps its size where it has room.",
        ),
    ] = None,
    font: Annotated[
        str, typer.Option(metavar="LIST", help="Fonts; the first one that is installed is used.")
    ] = "",
    letters: Annotated[bool, typer.Option(help="Whether panels have letters.")] = True,
    words: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='TOML with lines such as "training trials" = "essais".'),
    ] = None,
    rc: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A setting of Matplotlib, such as font.size=8; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the figures.", show_default="DIR/figures")
    ] = None,
) -> None:
    """Draw the figures of a folder of results.

    Nothing is simulated. Beside each figure stand its numbers, as CSV. From a folder
    that `spikewhen study` or `spikewhen claims` wrote, the figures of that study are drawn.
    """
    from spikewhen.experiments.figures import figures as draw

    written = draw(
        folder,
        only=_listed(only),
        seeds=seeds,
        formats=parse_formats(formats),
        width_mm=width,
        font=font,
        letters=letters,
        words=words,
        rc=_settings(rc or []),
        out=out,
    )
    for path in written:
        echo(path)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _settings(lines: list[str]) -> dict[str, str]:
    for line in lines:
        if "=" not in line:
            raise InputError("--rc", line, "KEY=VALUE, such as font.size=8")
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}


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
