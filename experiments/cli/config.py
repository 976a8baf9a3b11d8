"""The commands `spikewhen config`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import typer

from spikewhen.experiments.cli import common
from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import Config, Json, Set

config_app = typer.Typer(
    rich_markup_mode=None,
    help="Look at configs: every value with unit and meaning.",
    epilog=examples(
        "spikewhen config list",
        "spikewhen config show meet.toml > my.txt",
        "spikewhen config validate my.toml",
    ),
)


@config_app.command("list")
def config_list() -> None:
    """Names of the configs that come with the package."""
    from spikewhen.experiments.cli.show import shipped
    from spikewhen.experiments.tables import align

    typer.echo(align(shipped()))


@config_app.command("show", epilog=examples("spikewhen config show meet.toml --set network.feedback_pa=20"))
def config_show(config: Config, set_: Set = None, as_json: Json = False) -> None:
    """Print every value, resolved, with its unit, meaning and range."""
    from spikewhen.experiments.cli.show import describe, values
    from spikewhen.experiments.config import load_config

    experiment = load_config(config, tuple(set_ or ()))
    if as_json:
        return typer.echo(json.dumps([v._asdict() for v in values(experiment)]))
    typer.echo(describe(experiment, shutil.get_terminal_size().columns))


@config_app.command("validate")
def config_validate(config: Config, set_: Set = None) -> None:
    """Check a config as a run would, without running it."""
    jobs = common.jobs(config, tuple(set_ or ()), 0, None, Path(), "cpu")
    rules = [label for job in jobs for label in job.experiment.rules]
    ids = ", ".join(job.run_id for job in jobs)
    typer.echo(f"{config}: valid")
    typer.echo(f"{len(rules)} rules ({', '.join(rules)}), {jobs[0].steps} trials and probes; seed 0 is {ids}")
