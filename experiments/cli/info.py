"""The command `spikewhen info`: what is in a result file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikewhen.experiments.cli.errors import examples
from spikewhen.experiments.cli.options import Json
from spikewhen.experiments.cli.output import echo

if TYPE_CHECKING:
    import numpy as np

    from spikewhen.reservoir.files.recording import Recording


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "spikewhen info results/meet                        its runs, a line per rule",
            "spikewhen info results/meet/0123456789abcdef.h5    what is in a file",
            "spikewhen info results/meet --json",
        )
    )(info)


def info(
    place: Annotated[Path, typer.Argument(metavar="RUN.h5|DIR", help="A result file, or a folder of them.")],
    as_json: Json = False,
) -> None:
    """Say what a result file, or a folder of them, holds.

    Of a file it lists the arrays, their shapes and units. Of a folder it lists every run
    with its seed, its rules, how well they did, and where its config differs from the
    others. Every file is compared with its checksum.
    """
    if place.is_dir():
        rows = list_runs(place)
        return echo(json.dumps(rows) if as_json else describe_runs(rows))
    found = inspect(place)
    echo(json.dumps(found) if as_json else describe(found))


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """Return a row per run and rule of a folder; JSON-able."""
    from spikewhen.analysis.score_names import main_score
    from spikewhen.analysis.settings import of_rule, varied
    from spikewhen.analysis.summary import summarise
    from spikewhen.experiments.finished import read_finished, result_files

    runs = sorted(map(read_finished, result_files(folder)), key=lambda run: (run.seed, run.run_id))
    differing = varied([run.config for run in runs])
    rows = []
    for run, differs in zip(runs, differing, strict=True):
        summary = summarise({run.run_id: run.scores})
        for label in run.labels:
            entry = summary[label]
            name = main_score(run.scores[label])
            last = (entry["blocks"] or [entry["run"]])[-1]
            rows.append(
                {
                    "run_id": run.run_id,
                    "seed": run.seed,
                    "task": run.config["paradigm"]["name"],
                    "rule": label,
                    "score": name,
                    "value": last[name]["mean"] if name else None,
                    "differs": of_rule(differs, label),
                    "warnings": run.warnings,
                }
            )
    return rows


def describe_runs(rows: list[dict[str, Any]]) -> str:
    """Write the runs of a folder for a person."""
    from spikewhen.analysis.score_names import heading
    from spikewhen.experiments.display import count
    from spikewhen.experiments.tables import Table, number

    runs = {row["run_id"]: row for row in rows}
    scores = {row["score"] for row in rows if row["score"]}
    title = heading(scores.pop()) + " at the end" if len(scores) == 1 else "score at the end"
    lines = []
    for row in rows:
        differs = ", ".join(f"{k.removeprefix('rules.')} = {v}" for k, v in row["differs"].items())
        first = (row["run_id"], str(row["seed"]), row["task"])
        lines.append([*first, row["rule"], number(row["value"]), differs])
    warned = sum(bool(row["warnings"]) for row in runs.values())
    text = f"{count(len(runs), 'run')}, {count(len({r['seed'] for r in rows}), 'seed')}"
    text += f", {warned} with warnings" if warned else ""
    return f"{text}\n\n{Table(['run', 'seed', 'task', 'rule', title, 'differs in'], lines).text()}"


def inspect(path: Path) -> dict[str, Any]:
    """Read a result file, checking it whole, and say what it holds; JSON-able."""
    from spikewhen.reservoir.files import schema
    from spikewhen.reservoir.files.recording import read_run

    recording = read_run(path)
    line, warnings = schema.health_messages(recording)
    scores = f"{schema.scores()}/"
    config = recording.config
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "run_id": recording.run_id,
        "schema_version": recording.attrs["/"]["schema_version"],
        "numerics_version": recording.attrs["/"].get("numerics_version"),
        "pruned": recording.attrs["/"].get("pruned", []),
        "seed": config["seed"],
        "seeds": config["seeds"],
        "paradigm": config["paradigm"]["name"],
        "neurons": _rows(recording, schema.CELL_TYPE),
        "cells": _rows(recording, schema.cells("node_ids")),
        "own_arrays": "arrays" in config,
        "rules": {label: config["rules"][label]["rule"] for label in recording.labels},
        "blocks": _blocks(recording),
        "trials": _rows(recording, schema.trial("block")),
        "probes": _rows(recording, schema.probe("block")),
        "software": recording.software,
        "health": [line] if line else [],
        "warnings": warnings,
        "arrays": {
            p: {"shape": list(a.shape), "type": str(a.dtype), "units": recording.attrs[p].get("units", "")}
            for p, a in recording.arrays.items()
            if not p.startswith(scores)
        },
        "scores": {
            p.removeprefix(scores): _plain(a) for p, a in recording.arrays.items() if p.startswith(scores)
        },
    }


def _plain(array: np.ndarray) -> list:
    """Nested lists with None for what is not finite."""
    import numpy as np

    values = array.astype(object)
    values[~np.isfinite(array)] = None
    return values.tolist()


def _blocks(recording: Recording) -> int:
    from spikewhen.reservoir.files import schema

    path = schema.trial("block")
    return int(recording[path].max(initial=-1)) + 1 if path in recording else 0


def _rows(recording: Recording, path: str) -> int:
    return len(recording[path]) if path in recording else 0


def _states(cells: int) -> str:
    return f", states of {cells} kept" if cells else ""


def describe(found: dict[str, Any]) -> str:
    """Write it for a person."""
    from spikewhen.experiments.tables import align, size

    software = found["software"]
    head = [
        ("file", f"{found['file']} ({size(found['bytes'])})"),
        ("run", f"{found['run_id']}, the hash of the config; seed {found['seed']}"),
        ("versions", f"schema {found['schema_version']}, numerics {found['numerics_version']}"),
        ("software", ", ".join(f"{k} {v}" for k, v in software.items() if k != "commit")),
        ("commit", software.get("commit", "unknown")),
        ("task", "{paradigm}: {blocks} blocks, {trials} trials, {probes} probes".format(**found)),
        ("network", f"{found['neurons']} neurons" + _states(found["cells"])),
        ("rules", ", ".join(f"{label} ({rule})" for label, rule in found["rules"].items())),
        *[("pruned of", ", ".join(found["pruned"]))] * bool(found["pruned"]),
        *(("health", line) for line in found["health"]),
        *(("warning", line) for line in found["warnings"]),
    ]
    arrays = [
        (p, " x ".join(map(str, a["shape"])), a["type"], "" if a["units"] == "1" else a["units"])
        for p, a in found["arrays"].items()
    ]
    per_label: dict[str, int] = {}
    for path in found["scores"]:
        label = path.split("/")[0]
        per_label[label] = per_label.get(label, 0) + 1
    scores = [
        (f"/scores/{label}/", f"{n} scores; --json prints them", "", "") for label, n in per_label.items()
    ]
    return align(head) + "\n\n" + align([("array", "shape", "type", "unit"), *arrays, *scores])
