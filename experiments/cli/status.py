"""The command `spikewhen status`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import Json, Precision, Record, Seeds, Set, asked_seeds, overrides
from spikewhen.experiments.cli.output import echo
from spikewhen.reservoir.errors import InputError


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen status results/weight",
            "spikewhen status results/weight weight.toml --seeds 0-9",
            "spikewhen status results/my my.toml --seeds 0-99 --json",
        )
    )(status)


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that runs are written into.")],
    plan: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="The config or sweep file whose runs are to be there.  [default: DIR/sweep.json]",
        ),
    ] = None,
    seeds: Seeds = None,
    precision: Precision = None,
    record: Record = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Say how far the runs of a folder are: done, running, missing or failed, and the time left.

    A sweep writes its plan into the folder when it begins. Of "spikewhen run", name the
    config too, with the same --seeds and --set. A run is running while some process holds
    its lock, on whichever machine; failures are those that a sweep or a command with
    --shard has noted.

    The exit code is 0 only where every run is done; 3 where some are missing or running;
    4 where nothing is missing or running but runs failed; 2 where the question is wrong.
    So one rule of Snakemake or Make can ask whether a folder is complete.
    """
    from spikewhen.experiments import status as module

    changes = overrides(set_, precision, record)
    if plan is None:
        if changes or seeds is not None:
            option = "--seeds" if seeds is not None else "--set"
            raise InputError(option, seeds or changes[0], "only with the config or the sweep file")
        names = module.planned(folder)
    else:
        names = _planned_by(plan, seeds, changes, folder)
    found = module.status(folder, names)
    echo(json.dumps(found.facts()) if as_json else found.text())
    raise typer.Exit(found.code)


def _planned_by(plan: str, seeds: str | None, changes: tuple[str, ...], folder: Path) -> dict[str, str]:
    """Return the name of the point, or of the config, by run id."""
    from spikewhen.experiments.axes import SWEEPS, find_sweep, load_sweep
    from spikewhen.experiments.cli.options import naming_config
    from spikewhen.experiments.config import find_config, load_config
    from spikewhen.experiments.jobs import make_jobs
    from spikewhen.experiments.limits import BOUNDLESS
    from spikewhen.experiments.parse import read_toml
    from spikewhen.experiments.sweep import plan_sweep

    chosen = asked_seeds(None, seeds)
    shipped = Path(plan).parent == Path(".") and (SWEEPS / Path(plan).with_suffix(".toml").name).is_file()
    path = find_sweep(plan) if shipped and not Path(plan).is_file() else find_config(plan)
    if isinstance(read_toml(path).get("config"), str):
        if changes:
            raise InputError("--set", changes[0], "only with a config: a sweep file has a section [set]")
        spec = load_sweep(path)
        if chosen:
            spec = spec.model_copy(update={"seeds": list(chosen)})
        swept = plan_sweep(path.stem, spec, folder, path.parent, BOUNDLESS)
        pairs = zip(swept.points, swept.of_point, strict=True)
        return {job.run_id: point.name for point, jobs in pairs for job in jobs}
    with naming_config(plan):
        jobs = make_jobs(path.stem, load_config(plan, changes), chosen or (0,), folder, BOUNDLESS)
    return {job.run_id: path.stem for job in jobs}
