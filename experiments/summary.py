"""`summary.json`: every experiment that commands ran into a folder, over all its runs there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikewhen.experiments.finished import choose, read_finished
from spikewhen.experiments.progress import say
from spikewhen.experiments.results import RunSummary, summarise_results, summary_text
from spikewhen.experiments.reuse import check_identity
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.locks import waiting_lock
from spikewhen.reservoir.files.recording import read_run

FILE = "summary.json"

Part = tuple[str, Sequence[RunSummary], Sequence[str]]
"""Name, runs and overrides of one experiment of a command."""


def write_summary(folder: Path, parts: Sequence[Part]) -> str:
    """Write ``summary.json`` whole, and return the text of what belongs to this command alone.

    The file has an entry for each experiment of the command, over these runs and all others of the
    same experiment that are finished in the folder; and the entries of other experiments that earlier
    commands wrote. Several commands that end at a time take turns.

    Raises
    ------
    OSError
    InputError
        If another command has been writing the file for a minute.
    """
    from spikewhen.reservoir.files.integrity import write_whole

    path = folder / FILE
    with waiting_lock(folder / ".summary.lock", path):
        ours = [summarise_results(name, _with_others(runs, folder), changes) for name, runs, changes in parts]
        write_whole(path, summary_text(_merged(_read(path), ours, folder)))
    return summary_text([summarise_results(*part) for part in parts])


def _with_others(runs: Sequence[RunSummary], folder: Path) -> list[RunSummary]:
    """Add the finished runs of the same experiment that other commands left in the folder."""
    known = {run.run_id for run in runs}
    others = []
    for path in sorted(folder.glob("*.h5")):
        if path.stem in known:
            continue
        try:
            recording = read_run(path, (schema.CONFIG,))
            check_identity(recording, path)
            if any(_same_experiment(recording.config, run.config) for run in runs):
                others.append(read_finished(path))
        except InputError as error:
            say(f"warning: {error}; left out of {FILE}")
    if not others:
        return list(runs)
    lost = [run for run in runs if not run.labels]
    return sorted([*lost, *choose([*runs, *others], None, None)], key=lambda run: (run.seed, run.run_id))


def _same_experiment(a: dict, b: dict) -> bool:
    """Whether two runs differ in nothing but their seed, and which of the rules they hold."""
    rules, others = a["rules"], b["rules"]
    same_rules = all(rules[label] == others[label] for label in rules.keys() & others.keys())
    left = ("seed", "seeds", "rules")
    return same_rules and _without(a, left) == _without(b, left)


def _without(config: dict, names: Sequence[str]) -> dict:
    return json.loads(json.dumps({name: part for name, part in config.items() if name not in names}))


def _read(path: Path) -> list[dict[str, Any]]:
    """Read the entries of a summary; one that is damaged is written anew."""
    try:
        entries = json.loads(path.read_bytes())["experiments"]
        return [entry for entry in entries if _run_ids(entry)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _run_ids(entry: dict[str, Any]) -> set[str]:
    return {str(run["run_id"]) for run in entry["runs"]}


def _merged(before: list[dict], ours: list[dict], folder: Path) -> list[dict]:
    """Put our entries in place of those whose runs they cover; others stay while their runs are there."""
    there = {path.stem for path in folder.glob("*.h5")}
    covered = [_run_ids(entry) for entry in ours]
    kept = [
        entry
        for entry in before
        if not any(_run_ids(entry) & runs for runs in covered) and _run_ids(entry) & there
    ]
    return [*kept, *ours]
