"""The command `spikewhen compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import (
    BackendName,
    Config,
    DryRun,
    Out,
    Precision,
    Seed,
    Seeds,
    Set,
    Threads,
    asked_jobs,
    asked_seeds,
    overrides,
)
from spikewhen.experiments.cli.output import leaving_no_empty


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen compare meet.toml --rules local,rls_never_reset --seeds 0-19",
            "spikewhen compare meet.toml --seeds 0-4 --out results/rules",
        )
    )(compare)


def compare(
    config: Config,
    rules: Annotated[
        str,
        typer.Option(metavar="A,B,...", help="Labels of rules; the first is the reference.  [default: all]"),
    ] = "",
    seed: Seed = None,
    seeds: Seeds = None,
    out: Out = None,
    backend: BackendName = "cpu",
    threads: Threads = None,
    precision: Precision = None,
    set_: Set = None,
    dry_run: DryRun = False,
) -> None:
    """Compare rules, seed by seed.

    Every rule meets the same networks, trials and noise, and without feedback the
    very same spikes. Writes compare.csv, one line per value, and compare.md, the
    scores and the paired differences to the first rule, with 95 % intervals.
    """
    from spikewhen.experiments import batch
    from spikewhen.experiments.config import load_config
    from spikewhen.experiments.jobs import describe, pick_threads

    changes = overrides(set_, precision)
    folder = out or Path("results") / f"{Path(config).stem}-compare"
    labels = [label.strip() for label in rules.split(",")] if rules else None
    experiment = load_config(config, changes)
    if labels:
        experiment = experiment.with_rules(labels)
    jobs = asked_jobs(config, experiment, asked_seeds(seed, seeds) or (0,), folder, backend)
    threads = pick_threads(threads, jobs, backend)
    if dry_run:
        return typer.echo(describe(jobs, threads))
    with leaving_no_empty(folder):
        results = batch.carry_out(jobs, backend, threads)
    from spikewhen.experiments.compare import comparison, tidy_csv
    from spikewhen.experiments.provenance import write_whole
    from spikewhen.experiments.results import summarise_results, write_summary

    write_summary(folder, [summarise_results(Path(config).stem, results, changes)])
    labels = labels or list(dict.fromkeys(label for r in results for label in r.labels))
    text = comparison(results, labels)
    write_whole(folder / "compare.csv", tidy_csv(results))
    write_whole(folder / "compare.md", text)
    typer.echo(f"{text}\nwritten to {folder / 'compare.csv'} and {folder / 'compare.md'}")
