"""The command `spikewhen`.

Imports stand where they are needed: `--help` does not wait for Numba, nor a run
for SciPy, which only scores and tables need.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli import common
from spikewhen.experiments.cli.config import config_app
from spikewhen.experiments.cli.errors import Commands, examples
from spikewhen.experiments.cli.options import (
    BackendName,
    Checks,
    Config,
    DryRun,
    Formats,
    Json,
    Kept,
    Out,
    Precision,
    Quick,
    Record,
    Rules,
    Seed,
    Seeds,
    Set,
    Threads,
)
from spikewhen.experiments.cli.study import claims

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "spikewhen demo                            the main job and all figures, in minutes",
        "spikewhen run meet.toml --seeds 0-2       a shipped config; or the path of your own",
        "spikewhen compare meet.toml --rules local,rls_never_reset --seeds 0-19",
        "spikewhen claims --quick                  the article's claims, tested",
        "spikewhen figures results/meet            draw again, from the files",
        "spikewhen COMMAND --help                  more about a command",
    ),
)
app.add_typer(config_app, name="config")


def _version(wanted: bool) -> None:
    if wanted:
        from spikewhen.experiments.run import software

        typer.echo(f"spikewhen {software()['spikewhen']}")
        raise typer.Exit()


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; works anywhere on the line.")
    ] = False,
) -> None:
    """Spiking networks that learn to predict what comes, when, and how likely.

    A run is one network, one sequence of trials and one seed; it ends as one file
    named by the hash of everything that decides it, so a finished run is never
    repeated and any other setting has another name.
    """


@app.command(
    epilog=examples(
        "spikewhen run meet.toml --seeds 0-2 --dry-run",
        "spikewhen run meet.toml --seed 3 --set network.n_neurons=500 --out results/small",
        "spikewhen run my.toml --set 'paradigm.probes_after=[10, 100]' --json > summary.json",
    )
)
def run(
    config: Config,
    seed: Seed = None,
    seeds: Seeds = None,
    out: Out = None,
    backend: BackendName = "cpu",
    threads: Threads = None,
    precision: Precision = None,
    record: Record = None,
    set_: Set = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Simulate, learn, score.

    Writes one HDF5 file per run, RUN_ID.h5, with facts about this machine beside it
    in RUN_ID.json, and summary.json over all runs of the command. Without feedback
    all rules of a config learn from one simulation; with feedback (network.feedback_pa
    above 0) each needs a run of its own. Finished runs are skipped; after Ctrl-C the
    same command goes on where it stopped. The very first run compiles for some
    seconds.
    """
    from spikewhen.experiments import batch
    from spikewhen.experiments import jobs as plan

    overrides = common.overrides(set_, precision, record)
    folder = out or Path("results") / Path(config).stem
    jobs = common.jobs(config, overrides, seed, seeds, folder, backend)
    threads = plan.pick_threads(threads, jobs, backend)
    if dry_run:
        return typer.echo(
            json.dumps(plan.estimates(jobs, threads)) if as_json else plan.describe(jobs, threads)
        )
    with common.leaving_no_empty(folder):
        results = batch.carry_out(jobs, backend, threads)
    from spikewhen.experiments import results as report

    entry = report.summarise_results(Path(config).stem, results, overrides)
    text = common.write_summary(folder, [entry])
    typer.echo(text if as_json else f"{report.describe_results(entry)}\nwritten to {folder}", nl=not as_json)


@app.command(
    epilog=examples(
        "spikewhen train results/meet/*.h5 --rule local --set rules.local.eta=0.05 --out o",
        "spikewhen train RUN.h5 --config mine.toml --rule a --rule b --out results/mine",
        "spikewhen train RUN.h5 --rule local --set trace.decay_ms=60.0 --dry-run",
    )
)
def train(
    files: Annotated[list[Path], typer.Argument(metavar="RUN.h5...", help="Result files with all spikes.")],
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="A rule to train; may be repeated.  [default: all]"),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="CONFIG", help="Take the rules from here.  [default: those of the file]"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=VALUE", help="Change a rule, or trace, record, health."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write into.  [default: that of the file]")
    ] = None,
    threads: Threads = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Train rules on recorded spikes.

    Simulates nothing: what a rule would have seen is recomputed from the spikes of a
    finished run, exactly. The result is a file of its own, the same, bit for bit and
    name for name, as `spikewhen run` with that rule would have written. The recording
    must hold all spikes (spikewhen run --record spikes) of an open loop
    (network.feedback_pa = 0); with feedback the rule itself shaped the spikes.
    Several files are trained at once.
    """
    from spikewhen.experiments import batch
    from spikewhen.experiments import jobs as plan
    from spikewhen.experiments import results as report
    from spikewhen.experiments.train import training_jobs

    overrides = tuple(set_ or ())
    jobs = training_jobs(files, rule, config, overrides, out)
    for folder in dict.fromkeys(job.path.parent for job in jobs):
        common.check_folder(folder)
    threads = plan.pick_threads(threads, jobs)
    if dry_run:
        return typer.echo(
            json.dumps(plan.estimates(jobs, threads)) if as_json else plan.describe(jobs, threads)
        )
    with common.leaving_no_empty(jobs[0].path.parent):
        results = batch.carry_out(jobs, "recorded", threads)
    entry = report.summarise_results("train", results, overrides)
    if as_json:
        return typer.echo(report.summary_text([entry]), nl=False)
    typer.echo(report.describe_results(entry) + "\n\nwritten:")
    typer.echo("\n".join(dict.fromkeys(str(job.path) for job in jobs)))


@app.command(
    epilog=examples(
        "spikewhen compare meet.toml --rules local,rls_never_reset --seeds 0-19",
        "spikewhen compare meet.toml --seeds 0-4 --out results/rules",
    )
)
def compare(
    config: Config,
    rules: Rules = "",
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
    from spikewhen.experiments import jobs as plan

    overrides = common.overrides(set_, precision)
    folder = out or Path("results") / f"{Path(config).stem}-compare"
    labels = [label.strip() for label in rules.split(",")] if rules else None
    jobs = common.jobs(config, overrides, seed, seeds, folder, backend, labels)
    threads = plan.pick_threads(threads, jobs, backend)
    if dry_run:
        return typer.echo(plan.describe(jobs, threads))
    with common.leaving_no_empty(folder):
        results = batch.carry_out(jobs, backend, threads)
    from spikewhen.experiments import results as report
    from spikewhen.experiments.compare import comparison, tidy_csv
    from spikewhen.experiments.provenance import write_whole

    common.write_summary(folder, [report.summarise_results(Path(config).stem, results, overrides)])
    labels = labels or list(dict.fromkeys(label for r in results for label in r.labels))
    text = comparison(results, labels)
    write_whole(folder / "compare.csv", tidy_csv(results))
    write_whole(folder / "compare.md", text)
    typer.echo(f"{text}\nwritten to {folder / 'compare.csv'} and {folder / 'compare.md'}")


@app.command(
    epilog=examples("spikewhen figures results/demo --format pdf,svg", "spikewhen figures results/claims")
)
def figures(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="With result files, or of claims.")],
    formats: Formats = "pdf,png",
) -> None:
    """Draw all figures from the files in a folder; simulates nothing.

    From a folder that `spikewhen claims --out DIR` wrote: figures 1 to 8 of a paper.
    """
    for path in common.draw(folder, common.formats(formats)):
        typer.echo(path)


@app.command(epilog=examples("spikewhen info results/meet/0123456789abcdef.h5", "spikewhen info FILE --json"))
def info(file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: Json = False) -> None:
    """Say what is in a result file, and check that it is whole."""
    from spikewhen.experiments.cli.info import describe, inspect

    found = inspect(file)
    typer.echo(json.dumps(found) if as_json else describe(found))


@app.command(epilog=examples("spikewhen doctor", "spikewhen doctor --json"))
def doctor(as_json: Json = False) -> None:
    """Look at this machine: versions, cores, caches, GPU; how to mend what is missing."""
    from spikewhen.experiments.cli.doctor import describe, examine

    found = examine()
    typer.echo(json.dumps([f._asdict() for f in found]) if as_json else describe(found))
    if not all(f.ok or not f.needed for f in found):
        raise typer.Exit(1)


@app.command(epilog=examples("spikewhen demo", "spikewhen demo --out results/demo --dry-run"))
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write into.")] = Path("results/demo"),
    threads: Threads = None,
    set_: Set = None,
    dry_run: DryRun = False,
) -> None:
    """Run the main job on the CPU, with all figures.

    MEET with 1000 neurons and noise, 3 seeds: the local rule and least squares with
    and without resets on the same spikes; the local rule in the closed loop; a
    calibration over 11 levels of probability. Fewer probes than in the full protocol.
    """
    from spikewhen.experiments import batch
    from spikewhen.experiments import jobs as plan
    from spikewhen.experiments.cli.demo import NOTE, PARTS

    overrides = tuple(set_ or ())
    by_part = [plan.make_jobs(part.name, part.experiment(overrides), part.seeds, out) for part in PARTS]
    jobs = [job for part in by_part for job in part]
    threads = plan.pick_threads(threads, jobs)
    if dry_run:
        return typer.echo(f"{plan.describe(jobs, threads)}\n{NOTE}")
    with common.leaving_no_empty(out):
        results = iter(batch.carry_out(jobs, "cpu", threads))
    from spikewhen.experiments import results as report

    entries = [
        report.summarise_results(part.name, [next(results) for _ in jobs_of], (*part.overrides, *overrides))
        for part, jobs_of in zip(PARTS, by_part, strict=True)
    ]
    common.write_summary(out, entries)
    typer.echo("\n\n".join(map(report.describe_results, entries)) + f"\n\n{NOTE}\n\nwritten:")
    paths = [
        *dict.fromkeys(job.path for job in jobs),
        out / "summary.json",
        *common.draw(out, ("pdf", "png")),
    ]
    typer.echo("\n".join(map(str, paths)))


@app.command(
    epilog=examples(
        "spikewhen validate --quick",
        "spikewhen validate --out results/validation",
        "spikewhen validate strict convergence --json",
    )
)
def validate(checks: Checks = None, quick: Quick = False, out: Kept = None, as_json: Json = False) -> None:
    """Check the simulator against Brian2, SciPy and published figures.

    Checks: strict and idiomatic (Brian2, which has to be installed), published
    (FORCE on a sine), convergence, work-precision, step-size, noise and held-noise.
    Ends with 0 if every one keeps its bounds, else with 1. All of them take ten
    minutes of CPU time, --quick one and a half; docs/validation.md says how they
    work and what they found.
    """
    from spikewhen.validation.run import as_table, describe
    from spikewhen.validation.run import validate as run_checks

    report = run_checks(checks or (), quick, out)
    typer.echo(json.dumps(as_table(report)) if as_json else describe(report))
    if not report.ok:
        raise typer.Exit(1)


app.command(
    epilog=examples(
        "spikewhen claims --dry-run                what it costs, claim by claim",
        "spikewhen claims --quick                  3 seeds",
        "spikewhen claims C1 C5 --seeds 0-19 --out results/claims",
    )
)(claims)


def main() -> None:
    """Entry point."""
    common.keep_algebra_on_one_thread()
    app(prog_name="spikewhen", args=sys.argv[1:])


if __name__ == "__main__":
    main()
