"""The command `spikewhen`: the top of it, and its commands in the order in which they are listed.

Imports stand where they are needed: `--help` does not wait for Numba, nor a run
for SciPy, which only scores and tables need.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

from spikewhen.analysis.algebra import start_on_one_thread
from spikewhen.experiments.cli import (
    budget,
    compare,
    config,
    demo,
    doctor,
    figures,
    info,
    prune,
    run,
    score,
    status,
    study,
    sweep,
    train,
    tune,
    validate,
)
from spikewhen.experiments.cli.ending import Streams
from spikewhen.experiments.cli.errors import WRONG, Commands, examples
from spikewhen.experiments.cli.output import echo
from spikewhen.experiments.progress import say_what_takes_long

app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "spikewhen demo                         the main job and its figures",
        "spikewhen run meet.toml --seeds 0-2    a shipped config, or one of your own",
        "spikewhen compare results/meet         the rules that these runs hold",
        "spikewhen config new my.toml           a config to begin with",
        "spikewhen figures results/meet         draw the figures again",
        "spikewhen COMMAND --help               more about a command",
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        from spikewhen.experiments.provenance import software

        echo(f"spikewhen {software()['spikewhen']}")
        raise typer.Exit()


@app.callback()
def top(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show where an error was raised; may stand anywhere on the line."),
    ] = False,
) -> None:
    """Spiking networks that learn to predict what comes, when, and how likely.

    A run is one network, one sequence of trials and one seed. It ends as one file,
    named by the hash of everything that decides its result. So a finished run is
    never repeated, and any other setting has another name.
    """


for part in (run, sweep, status, train, tune, compare, figures, score, budget, info, prune):
    part.add_to(app)
app.add_typer(config.config_app, name="config")
for part in (demo, study, validate, doctor):
    part.add_to(app)


def main() -> None:
    """Entry point."""
    start_on_one_thread()
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    os.environ["MPLBACKEND"] = "agg"  # figures go into files, whatever the user's windows are made by
    say_what_takes_long()
    streams = Streams()
    try:
        app(prog_name="spikewhen", args=sys.argv[1:])
    finally:
        if failure := streams.failure:
            print(
                f"error: standard output: {failure.strerror}; files are as the command says", file=sys.stderr
            )
            sys.exit(WRONG)


if __name__ == "__main__":
    main()
