"""The command `spikewhen score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.output import echo


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("spikewhen score results/meet/0123456789abcdef.h5"))(score)


def score(
    files: Annotated[list[Path], typer.Argument(metavar="RUN.h5...", help="Files of finished runs.")],
) -> None:
    """Score finished runs again, and keep the scores in their files.

    Use it where scoring failed, or after a change of a score of your own. Nothing is
    simulated. A file is replaced as a whole, and left alone where its scores are the same.
    """
    from spikewhen.experiments.progress import say
    from spikewhen.experiments.score import score_file
    from spikewhen.reservoir.files import schema
    from spikewhen.reservoir.files.recording import read_run

    for path in files:
        changed = score_file(path)
        _, warnings = schema.health_messages(read_run(path, (schema.WARNINGS,)))
        for warning in warnings:
            say(f"warning: {path}: {warning}")
        echo(f"{path}: {'scored' if changed else 'the scores are the same'}")
