"""The command `spikewhen prune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.output import echo
from spikewhen.reservoir.errors import InputError


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen prune results/meet --dry-run            what it would save",
            "spikewhen prune results/meet",
            "spikewhen prune results/meet --drop spikes        keep what readouts said in trials",
        )
    )(prune)


def prune(
    places: Annotated[
        list[Path], typer.Argument(metavar="RUN.h5|DIR...", help="Result files, or folders of them.")
    ],
    drop: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="What to drop: spikes, trials and probes (of readouts), cells (states).",
        ),
    ] = "spikes,trials,cells",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would save; write nothing.")
    ] = False,
) -> None:
    """Drop from finished runs what the same config would compute again, to save disk.

    Scores, weights, the network and the config stay, and probes if they are not named. So
    tables, comparisons and most figures are as before. Geometry, features and further
    training need spikes; time courses need probes. A file keeps its name and says what was
    dropped; to have that again, remove the file and run the config.
    """
    from spikewhen.experiments.display import count
    from spikewhen.experiments.finished import result_files
    from spikewhen.experiments.prune import prune as prune_file
    from spikewhen.experiments.tables import align, size

    parts = [part.strip() for part in drop.split(",") if part.strip()]
    files = [f for place in places for f in (result_files(place) if place.is_dir() else [place])]
    done, wrong = [], []
    for path in files:
        try:
            done.append(prune_file(path, parts, write=not dry_run))
        except InputError as error:
            wrong.append(error)
    rows = [
        (str(d.path), size(d.before), size(d.after), ", ".join(d.dropped) or "nothing to drop") for d in done
    ]
    before, after = (sum(getattr(d, name) for d in done) for name in ("before", "after"))
    rows.append((count(len(done), "file"), size(before), size(after), ""))
    echo(align([("file", "before", "would be" if dry_run else "now", "dropped"), *rows]))
    if wrong:
        raise wrong[0]
