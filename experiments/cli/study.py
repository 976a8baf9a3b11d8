"""The command `spikewhen claims`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import BackendName, DryRun, Json, Seeds, Threads
from spikewhen.experiments.cli.output import check_folder, leaving_no_empty


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen claims --dry-run                what it costs, claim by claim",
            "spikewhen claims --quick                  3 seeds",
            "spikewhen claims C1 C5 --seeds 0-19 --out results/claims",
        )
    )(claims)


def claims(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="CLAIM", help="Some, e.g. C1 C5.  [default: all]")
    ] = None,
    seeds: Seeds = None,
    quick: Annotated[bool, typer.Option("--quick", help="The same as --seeds 0-2.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write into.")] = Path("results/claims"),
    backend: BackendName = "cpu",
    threads: Threads = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Test the claims of the article, each on many seeds.

    Writes claims.json, claims.md and claims.html: every claim with the published value,
    ours with a 95 % interval over seeds, what was required, and a verdict on the
    interval's bound. Without --seeds it takes seeds 0-19. Claims share runs; a finished
    run is never repeated, nor is a measure of it unless its code has changed, so
    after Ctrl-C or an edit the same command goes on. A claim that fails is a
    result: the exit code is 0.
    """
    from spikewhen.experiments.jobs import at_once
    from spikewhen.experiments.study import estimate
    from spikewhen.experiments.study.command import choose, conclude, seeds_of
    from spikewhen.experiments.study.run import carry_out, make_plan
    from spikewhen.reservoir.backends import get_backend

    chosen = choose(names)
    numbers = seeds_of(seeds, quick)
    check_folder(out)
    get_backend(backend)
    plan = make_plan(chosen, numbers, out)
    threads = at_once(threads, len(plan.tasks), backend)
    if dry_run:
        found = estimate.table(chosen, plan, threads)
        return typer.echo(json.dumps(found) if as_json else estimate.describe(found))
    with leaving_no_empty(out):
        failed = carry_out(plan, backend, threads)
        conclude(chosen, plan, numbers, out, failed, as_json)
