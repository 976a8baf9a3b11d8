"""The command `spikewhen demo`: the main job, small enough for a laptop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import DryRun, Set, Threads
from spikewhen.experiments.cli.output import echo, leaving_no_empty
from spikewhen.experiments.figures import figures

if TYPE_CHECKING:
    from spikewhen.experiments.config import Experiment


class Part(NamedTuple):
    """One experiment of the demo."""

    name: str
    config: str
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    rules: tuple[str, ...] = ()  # empty = all

    def experiment(self, more: tuple[str, ...] = ()) -> Experiment:
        """Load it, with further overrides on top."""
        from spikewhen.experiments.config import load_config

        loaded = load_config(self.config, (*self.overrides, *more))
        return loaded.with_rules(list(self.rules)) if self.rules else loaded


FEWER_PROBES = ("paradigm.probes_after=[1, 10, 20, 50, 100]", "paradigm.probe_repeats=4")

NOTE = (
    "The demo probes at 5 points of each block, 4 times each; the full protocol of meet.toml\n"
    "probes at 11 points, 10 times each. Learning is the same: probes leave the run untouched."
)

PARTS = (
    Part(
        "open loop",
        "meet.toml",
        FEWER_PROBES,
        (0, 1, 2),
        ("local", "rls_never_reset", "rls_reset_at_switches"),
    ),
    Part(
        "closed loop",
        "meet.toml",
        (*FEWER_PROBES, "network.feedback_pa=20.0", 'record.spikes="subset"'),
        (0, 1, 2),
        ("local",),
    ),
    Part("calibration", "calibration.toml", ("paradigm.probe_repeats=5",), (0,)),
)
"""The local rule and least squares on the same spikes; the local rule fed back; eleven levels of p."""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("spikewhen demo", "spikewhen demo --out results/demo --dry-run"))(demo)


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write into.")] = Path("results/demo"),
    threads: Threads = None,
    set_: Set = None,
    dry_run: DryRun = False,
) -> None:
    """Run the main job in minutes, with all figures.

    The task is MEET, the network has 1000 neurons and noise, and there are 3 seeds. The
    local rule and least squares, with and without resets, learn from the same spikes.
    Then the local rule learns in a closed loop, and 11 levels of probability calibrate
    it. There are fewer probes than in the full protocol.
    """
    from spikewhen.experiments import batch
    from spikewhen.experiments.jobs import describe, make_jobs, pick_threads

    overrides = tuple(set_ or ())
    by_part = [make_jobs(part.name, part.experiment(overrides), part.seeds, out) for part in PARTS]
    jobs = [job for part in by_part for job in part]
    threads = pick_threads(threads, jobs)
    if dry_run:
        return echo(f"{describe(jobs, threads)}\n{NOTE}")
    with leaving_no_empty(out):
        results = batch.carry_out(jobs, "cpu", threads)
        batch.require_results(results)
    from spikewhen.experiments.results import describe_results, refuse_failures, summarise_results
    from spikewhen.experiments.summary import write_summary

    each = iter(results)
    parts = [
        (part.name, [next(each) for _ in jobs_of], (*part.overrides, *overrides))
        for part, jobs_of in zip(PARTS, by_part, strict=True)
    ]
    write_summary(out, parts)
    entries = [summarise_results(*part) for part in parts]
    echo("\n\n".join(map(describe_results, entries)) + f"\n\n{NOTE}\n\nwritten:")
    paths = [*dict.fromkeys(r.path for r in results), out / "summary.json", *figures(out)]
    echo("\n".join(map(str, paths)))
    refuse_failures(results)
