"""Finished runs in a folder: reading them, and finding out which belong to one experiment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.analysis.score_names import stored
from spikewhen.experiments.config import Experiment, nearest
from spikewhen.experiments.progress import say
from spikewhen.experiments.results import RunSummary
from spikewhen.experiments.reuse import check_identity
from spikewhen.experiments.tables import format_seeds
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording, read_run

PARTS = (schema.CONFIG, schema.WARNINGS, f"{schema.scores()}/")
"""What tables need of a result file."""

IGNORED = ("rules", "health")
"""Sections of a config that say nothing about networks, trials and noise."""


def result_files(folder: Path) -> list[Path]:
    """Return the result files of a folder.

    Raises
    ------
    InputError
        If there is none.
    """
    files = sorted(folder.glob("*.h5")) if folder.is_dir() else []
    if not files:
        raise InputError(str(folder), "no result file", "a folder with result files (*.h5)")
    return files


def read_finished(source: str | Path | Recording, path: Path | None = None) -> RunSummary:
    """Take what tables need from a finished run, of which `source` is the file or what was read of `path`.

    Raises
    ------
    InputError
    """
    if isinstance(source, str | Path):
        path = Path(source)
        recording = read_run(path, PARTS)
    else:
        recording = source
    if path is not None:
        check_identity(recording, path)
    path = path or Path(getattr(recording, "path", None) or "")
    try:
        scores = {label: stored(recording, label) for label in recording.labels}
    except InputError as error:
        raise InputError(str(path), error.value, error.allowed) from error
    return RunSummary(
        path.parent.name,
        recording.run_id,
        recording.config["seed"],
        path,
        recording.config,
        list(scores),
        scores,
        schema.health(recording),
        *schema.health_messages(recording),
        skipped=True,
        main=schema.main_score(recording),
        scoring_failed=schema.scoring_failure(recording),
        events=tuple(schema.names(recording, "events")),
        conditions=tuple(schema.names(recording, "conditions")),
    )


def of_one_experiment(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Check that runs agree in all but their rules and seeds, so that their rules can be compared.

    Raises
    ------
    InputError
        Naming the first value in which two of them differ.
    """
    first = runs[0]
    rules: dict[str, tuple[RunSummary, Any]] = {}
    for run in runs:
        ours, theirs = (_apart_from(r.config, "seed", "seeds") for r in (run, first))
        _refuse(_difference(ours, theirs), run, first)
        for label in run.labels:
            other, rule = rules.setdefault(label, (run, run.config["rules"][label]))
            _refuse(_difference(run.config["rules"][label], rule, f"rules.{label}"), run, other)
    for name in first.config["seeds"]:  # each follows the run's seed, or is the same everywhere
        drawn = {run.config["seeds"][name] for run in runs}
        if len(drawn) > 1:
            for run in runs:
                if run.config["seeds"][name] != run.seed:
                    _refuse((f"seeds.{name}", run.config["seeds"][name], run.seed), run, run)
    return list(runs)


def _refuse(found: tuple[str, Any, Any] | None, run: RunSummary, other: RunSummary) -> None:
    if found is None:
        return
    where, ours, theirs = found
    raise InputError(
        f"{_name(run)}: {where}",
        ours,
        f"{theirs!r}, as {_name(other)} has it: what is compared agrees in all but rules and seed. "
        "Name the files to compare, or give their config and --out",
    )


def _name(run: RunSummary) -> str:
    return run.path.name or run.run_id


def _apart_from(config: dict, *names: str) -> dict:
    """Return what networks, trials and noise depend on, and the times at which readouts are scored."""
    kept = {name: part for name, part in config.items() if name not in (*IGNORED, *names)}
    return kept | {"record": {"readouts_every_ms": config["record"]["readouts_every_ms"]}}


def _difference(a: Any, b: Any, where: str = "") -> tuple[str, Any, Any] | None:
    """Return the first value in which two configs differ: its path, and both values."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in {**a, **b}:
            inside = f"{where}.{name}" if where else name
            if found := _difference(a.get(name), b.get(name), inside):
                return found
        return None
    return None if a == b else (where, a, b)


def choose(
    runs: Sequence[RunSummary], labels: Sequence[str] | None, seeds: Iterable[int] | None
) -> list[RunSummary]:
    """Return runs of some seeds with some of their rules; a rule that two runs of a seed hold is taken once.

    Raises
    ------
    InputError
        If a label or a seed is in none of them.
    """
    there = list(dict.fromkeys(label for run in runs for label in run.labels))
    for label in labels or ():
        if label not in there:
            raise InputError(
                "--rules", label, f"labels of these runs: {', '.join(there)}{nearest(label, there)}"
            )
    wanted = set(seeds) if seeds is not None else {run.seed for run in runs}
    if missing := sorted(wanted - {run.seed for run in runs}):
        known = format_seeds(sorted({run.seed for run in runs}))
        raise InputError("--seeds", format_seeds(missing), f"seeds of these runs: {known}")
    taken: set[tuple[int, str]] = set()
    chosen = []
    for run in sorted(runs, key=lambda run: run.seed):
        mine = [x for x in run.labels if x in (labels or there) and (run.seed, x) not in taken]
        if run.seed in wanted and mine:
            taken |= {(run.seed, label) for label in mine}
            chosen.append(only(run, mine))
    return chosen


def only(run: RunSummary, labels: Sequence[str]) -> RunSummary:
    """Return a run with some of its rules."""
    from dataclasses import replace

    return replace(run, labels=list(labels), scores={label: run.scores[label] for label in labels})


class Found(NamedTuple):
    """What a folder holds of one seed of an experiment."""

    rules: dict[str, Path]  # the file of each rule
    spikes: Path | None  # a file that keeps all spikes


def find_runs(experiment: Experiment, seeds: Iterable[int], folder: Path) -> dict[int, Found]:
    """Look in a folder for finished runs of an experiment, whatever other rules they hold.

    A file that cannot be read is passed over, with a line on stderr.
    """
    wanted = {seed: json.loads(json.dumps(experiment.resolved(seed))) for seed in seeds}
    found = {seed: Found({}, None) for seed in wanted}
    for path, config, whole in _configs(folder):
        ours = wanted.get(config["seed"])
        if ours is None or _difference(_apart_from(config), _apart_from(ours)):
            continue
        place = found[config["seed"]]
        for label, rule in ours["rules"].items():
            if config["rules"].get(label) == rule:
                place.rules.setdefault(label, path)
        if whole and place.spikes is None:
            found[config["seed"]] = place._replace(spikes=path)
    return found


def _configs(folder: Path) -> Iterator[tuple[Path, dict, bool]]:
    """Yield path and config of every run of a folder, and whether it holds all spikes."""
    for path in sorted(folder.glob("*.h5")):
        try:
            recording = read_run(path, (schema.CONFIG,))
            check_identity(recording, path)
            yield path, recording.config, recording.holds_all_spikes
        except InputError as error:
            say(f"warning: {error}; passed over")
