"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[str, typer.Argument(metavar="CONFIG", help="A TOML file, or a shipped one by name.")]
Seed = Annotated[int | None, typer.Option(metavar="S", help="One seed; the same as --seeds S.  [default: 0]")]
Seeds = Annotated[str | None, typer.Option(metavar="LIST", help="Several: 0-19, or 0,3,7-9.")]
Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder to write into.  [default: results/NAME]")
]
BackendName = Annotated[
    str, typer.Option(metavar="cpu|gpu", help="Where to simulate; never replaced silently.")
]
Threads = Annotated[
    int | None,
    typer.Option(metavar="N", help="Runs at once; changes no result.  [default: the cores; 256 on a GPU]"),
]
Precision = Annotated[
    str | None, typer.Option(metavar="float32|float64", help="The same as --set simulation.precision=...")
]
Record = Annotated[
    str | None,
    typer.Option(
        metavar="none|subset|all", help="Cells whose spikes to keep: record.spikes.  (spikes = all)"
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Change one value of the config; may be repeated."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done and what it costs; write nothing.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]
Rules = Annotated[
    str,
    typer.Option(metavar="A,B,...", help="Labels of the config; the first is the reference.  [default: all]"),
]
Formats = Annotated[str, typer.Option("--format", metavar="LIST", help="Any of pdf,png,svg.")]
Checks = Annotated[
    list[str] | None, typer.Argument(metavar="CHECK", help="Some of the checks.  [default: all]")
]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer seeds, shorter runs: minutes less.")]
Kept = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for validation.json and the figure.")
]
