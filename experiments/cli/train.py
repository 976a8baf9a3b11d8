"""The command `spikewhen train`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import (
    CheckpointEvery,
    DryRun,
    FailFast,
    Json,
    LimitDisk,
    LimitMemory,
    LimitTime,
    asked_limits,
    with_checkpoints,
)
from spikewhen.experiments.cli.output import check_folder, echo, leaving_no_empty
from spikewhen.reservoir.errors import InputError


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen train results/meet --rule local --set rules.local.eta=0.05",
            "spikewhen train RUN.h5 --config mine.toml --rule a --rule b --out results/mine",
            "spikewhen train RUN.h5 --rule local --set trace.decay_ms=60.0 --dry-run",
        )
    )(train)


def train(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="RUN.h5|DIR", help="Result files that hold all spikes, or folders of them."),
    ],
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="A rule to train; may be given several times.  [default: all]"),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="CONFIG", help="A config to take the rules from.  [default: those of the file]"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=VALUE", help="Change a value of rules, trace, record or health."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write into.  [default: that of the file]")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many files are trained at once.  [default: one per core]"),
    ] = None,
    limit_memory: LimitMemory = None,
    limit_disk: LimitDisk = None,
    limit_time: LimitTime = None,
    checkpoint_every: CheckpointEvery = None,
    fail_fast: FailFast = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Train rules on the spikes of finished runs.

    Nothing is simulated: what a rule would have seen is computed from the spikes of a
    finished run, exactly. The result is a file of its own. It is the same, bit for bit
    and in its name, as `spikewhen run` with that rule would have written.

    The run must hold all spikes (spikewhen run --record all) of an open loop
    (network.feedback_pa = 0): in a closed loop the rule itself shaped the spikes.
    """
    from spikewhen.experiments import batch
    from spikewhen.experiments.jobs import describe, estimates, pick_threads
    from spikewhen.experiments.train import training_jobs

    overrides = tuple(set_ or ())
    limits = asked_limits(out or files[0], limit_memory, limit_disk, limit_time)
    chosen, damaged = _recordings(files, () if config else rule or ())
    if damaged and fail_fast:
        raise damaged[0]
    jobs = training_jobs(chosen, rule, config, overrides, out, limits)
    jobs = with_checkpoints(jobs, checkpoint_every)
    for folder in dict.fromkeys(job.path.parent for job in jobs):
        check_folder(folder)
    threads = pick_threads(threads, jobs, limits=limits)
    if dry_run:
        return echo(json.dumps(estimates(jobs, threads)) if as_json else describe(jobs, threads))
    with leaving_no_empty(jobs[0].path.parent):
        results = batch.carry_out(jobs, "recorded", threads, fail_fast=fail_fast)
        batch.require_results(results)
    from spikewhen.experiments.results import (
        describe_results,
        refuse_failures,
        summarise_results,
        summary_text,
    )

    entry = summarise_results("train", results, overrides)
    if as_json:
        echo(summary_text([entry]), nl=False)
    else:
        echo(describe_results(entry) + "\n\nwritten:")
        echo("\n".join(dict.fromkeys(str(r.path) for r in results if r.labels)))
    refuse_failures(results, list(map(str, damaged)))


def _recordings(places: Sequence[Path], labels: Sequence[str]) -> tuple[list[Path], list[InputError]]:
    """Return the files, and of each folder those that rules can be trained on: open loops with all spikes.

    Returns
    -------
    found : list of Path
    damaged : list of InputError
        One for each file that is none of ours, or damaged.

    Raises
    ------
    InputError
        If a folder holds none with these rules, or every file is damaged.
    """
    from spikewhen.experiments.finished import result_files
    from spikewhen.experiments.reuse import check_identity
    from spikewhen.reservoir.files import schema
    from spikewhen.reservoir.files.recording import read_run

    found: list[Path] = []
    damaged: list[InputError] = []
    for place in places:
        fit = []
        before = len(damaged)
        for path in result_files(place) if place.is_dir() else [place]:
            try:
                recording = read_run(path, (schema.CONFIG,))
                check_identity(recording, path)
            except InputError as error:
                damaged.append(error)
                continue
            config = recording.config
            if not place.is_dir() or (
                recording.holds_all_spikes
                and config["network"]["feedback_pa"] == 0
                and set(labels) <= set(config["rules"])
            ):
                fit.append(path)
        if not fit and len(damaged) == before:
            of = f" and the rules {', '.join(labels)}" if labels else ""
            raise InputError(str(place), "no such run", f"a run of an open loop with all spikes{of}")
        found += fit
    if not found:
        raise damaged[0]
    return found, damaged
