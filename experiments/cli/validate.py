"""The command `spikewhen validate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import Json
from spikewhen.experiments.cli.output import echo


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen validate --quick",
            "spikewhen validate --out results/validation",
            "spikewhen validate strict convergence --json",
        )
    )(validate)


def validate(
    checks: Annotated[
        list[str] | None, typer.Argument(metavar="CHECK", help="Names of checks.  [default: all]")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Take fewer seeds and shorter runs.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for validation.json and the figure.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the simulator against Brian2, SciPy and published figures.

    The checks are strict and idiomatic (against Brian2, which has to be installed),
    published (FORCE on a sine), convergence, work-precision, step-size, noise and
    held-noise. The exit code is 0 if every check keeps its bounds, else 1.

    All of them take ten minutes of CPU time, with --quick one and a half.
    docs/validation.md says how they work and what they found.
    """
    from spikewhen.validation.run import as_table, describe
    from spikewhen.validation.run import validate as run_checks

    report = run_checks(checks or (), quick, out)
    echo(json.dumps(as_table(report)) if as_json else describe(report))
    if not report.ok:
        raise typer.Exit(1)
