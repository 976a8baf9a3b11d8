"""The command `spikewhen tune`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import (
    BackendName,
    DryRun,
    EngineName,
    EngineSet,
    Json,
    LimitDisk,
    LimitMemory,
    LimitTime,
    asked_engine,
    asked_limits,
)
from spikewhen.experiments.cli.output import check_folder, echo, leaving_no_empty


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen tune mine.toml --dry-run             candidates, time, memory, disk",
            "spikewhen tune mine.toml --candidates 60       a later call goes on where one ended",
            "spikewhen compare --tuned results/mine         the winners on the report's seeds",
        )
    )(tune)


def tune(
    source: Annotated[
        Path,
        typer.Argument(metavar="TUNE", help="A TOML file that says what is tuned, and from where to where."),
    ],
    candidates: Annotated[
        int | None, typer.Option(metavar="N", help="Of every rule.  [default: those of the file, or 30]")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="On which candidates are judged.  [default: those of the file]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write into.  [default: results/ and the file's name]"),
    ] = None,
    backend: BackendName = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Processes at once; up to one for each rule changes no result.  [default: one each]",
        ),
    ] = None,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over", help="Give up candidates that other machines have begun and will not finish."
        ),
    ] = False,
    limit_memory: LimitMemory = None,
    limit_disk: LimitDisk = None,
    limit_time: LimitTime = None,
    engine: EngineName = "local",
    engine_set: EngineSet = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Tune learning rules: the same budget, sampler, seeds and objective for each.

    The file names a config, its rules, and what is tuned of each ([space.LABEL]). The first
    candidate of a rule has the values of the config, and Optuna draws the others. Where the
    loop is open, each search seed is simulated once and all candidates train on its spikes.
    Seeds of the search and seeds of the report have to be apart.

    Several calls, also on several machines, may share a folder. A later call goes on where
    one ended, and a larger --candidates adds to what is there. Writes candidates.csv, the
    winners as tuned.toml (a config), methods.md and tune.json. Needs Optuna
    (pip install 'spikewhen[tune]').
    """
    from spikewhen.experiments.tuning.plan import plan_tuning
    from spikewhen.experiments.tuning.spec import load_tuning
    from spikewhen.experiments.tuning.tune import carry_out_tuning
    from spikewhen.reservoir.backends import get_backend

    spec = load_tuning(source, candidates=candidates, seeds=seeds)
    folder = out or Path("results") / source.stem
    check_folder(folder)
    get_backend(backend)
    limits = asked_limits(folder, limit_memory, limit_disk, limit_time)
    plan = plan_tuning(source.stem, spec, folder, source.parent, limits)
    by, asked = asked_engine(engine, engine_set, threads, backend)
    workers = plan.workers(asked, limits)
    if dry_run:
        return echo(json.dumps(plan.estimates(workers)) if as_json else plan.describe(workers))
    with leaving_no_empty(folder):
        found = carry_out_tuning(plan, workers, backend, take_over=take_over, engine=by)
    if found.elsewhere:
        return
    if as_json:
        return echo(json.dumps(plan.facts() | found.facts()))
    echo(f"{found.overview().text()}\n\nwritten to {folder}")
    echo(f"on the report's seeds: spikewhen compare --tuned {folder}")
