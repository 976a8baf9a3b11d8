"""Rules side by side on the same networks, trials and noise: from runs that are there, or still to do."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.experiments.batch import carry_out, require_results
from spikewhen.experiments.comparison import Comparison
from spikewhen.experiments.config import Experiment, folder_of, load_config
from spikewhen.experiments.display import count
from spikewhen.experiments.engines import LOCAL, Engine
from spikewhen.experiments.finished import (
    Found,
    choose,
    find_runs,
    of_one_experiment,
    only,
    read_finished,
    result_files,
)
from spikewhen.experiments.jobs import Job, describe, estimates, make_job
from spikewhen.experiments.limits import Limits
from spikewhen.experiments.progress import say
from spikewhen.experiments.setup import prepare
from spikewhen.experiments.shards import Shard
from spikewhen.experiments.tables import format_seeds, parse_seeds
from spikewhen.experiments.unscored import unscored
from spikewhen.reservoir.errors import InputError


def compare(
    source: Any,
    rules: Sequence[str] | str | None = None,
    seeds: Iterable[int] | int | str | None = None,
    *,
    out: str | Path | None = None,
    reference: str | None = None,
    backend: str = "cpu",
    threads: int = 1,
) -> Comparison:
    """Compare learning rules, paired by seed.

    Every rule meets the same networks, trials and noise, and in an open loop the very same
    spikes. From a config or an experiment, only what `out` does not hold yet is simulated;
    from finished runs, nothing is.

    Parameters
    ----------
    source : Experiment, str, path, or sequence of these
        An experiment or the name of a config; a folder of finished runs; or result files or
        what `run` and `open_run` return.
    rules : sequence of str, optional
        Labels of rules; all by default.
    seeds : int, iterable of int or str, optional
        E.g. ``range(20)`` or ``"0-19"``. By default seed 0 of an experiment, and all seeds of
        finished runs.
    out : path, optional
        Folder of the result files of an experiment; without it they are not kept.
    reference : str, optional
        The rule that the others are compared with; the first by default.
    backend : {"cpu", "gpu", "reference"}
        Where to simulate.
    threads : int
        Runs at once. More than 1 starts processes: then a script needs
        ``if __name__ == "__main__":`` around what it does.

    Returns
    -------
    Comparison
        A rule that diverged, or whose run failed, is left out of it, and named in ``failures``.

    Raises
    ------
    InputError
        If finished runs differ in more than rules and seed, or have no score to compare.
    RunError
        If no run has a result: each failed, or every rule of it diverged.
    """
    labels = split_labels(rules, reference)
    numbers = parse_seeds(seeds) if isinstance(seeds, str) else (seeds,) if isinstance(seeds, int) else seeds
    if isinstance(source, Experiment) or _is_config(source):
        name = "experiment" if isinstance(source, Experiment) else Path(source).stem
        experiment = source if isinstance(source, Experiment) else load_config(source)
        with ExitStack() as stack:
            folder = Path(out or stack.enter_context(tempfile.TemporaryDirectory()))
            asked = (0,) if numbers is None else tuple(numbers)
            beside = None if isinstance(source, Experiment | dict) else folder_of(source)
            plan = plan_comparison(name, experiment, labels, asked, folder, beside)
            return plan.carry_out(backend, threads, reference)
    return compare_finished(source, labels, numbers, reference)


def compare_finished(
    source: Any, labels: Sequence[str] | None, seeds: Iterable[int] | None, reference: str | None = None
) -> Comparison:
    """Compare the rules that finished runs hold; simulates nothing. Parameters and errors as in `compare`."""
    sources = [source] if isinstance(source, str | Path) or not isinstance(source, Sequence) else source
    places = [Path(s) if isinstance(s, str) else s for s in sources]
    every = [
        item
        for place in places
        for item in (result_files(place) if isinstance(place, Path) and place.suffix != ".h5" else [place])
    ]
    if not every:
        raise InputError("source", source, "at least one finished run")
    runs = choose(of_one_experiment([read_finished(item) for item in every]), labels, seeds)
    folders = [place for place in places if isinstance(place, Path)]
    name = (folders[0].parent if folders[0].suffix == ".h5" else folders[0]).name if folders else "runs"
    origin = f"Runs: {len(runs)} taken from finished runs."
    return Comparison(name or "runs", runs, labels, reference, origin)


def split_labels(rules: Sequence[str] | str | None, reference: str | None = None) -> list[str] | None:
    """Read labels of rules, of which there are none where all are wanted.

    Raises
    ------
    InputError
        If a label stands twice, or the reference is not among them.
    """
    labels = [part.strip() for part in rules.split(",")] if isinstance(rules, str) else list(rules or ())
    labels = [label for label in labels if label]
    if len(set(labels)) < len(labels):
        raise InputError("--rules", ",".join(labels), "each label once")
    if labels and reference is not None and reference not in labels:
        raise InputError("reference", reference, f"one of {', '.join(labels)}")
    return labels or None


def _is_config(source: Any) -> bool:
    return isinstance(source, dict) or (isinstance(source, str | Path) and not is_finished(source))


def is_finished(source: str | Path) -> bool:
    """Whether a word means finished runs, a folder or a result file, and not a config."""
    return Path(source).is_dir() or Path(source).suffix == ".h5"


class Plan(NamedTuple):
    """What a comparison needs: runs that are there, and runs that are to be done."""

    name: str
    labels: list[str]
    folder: Path
    found: dict[int, Found]
    jobs: list[Job]
    shard: Shard | None = None

    @property
    def files(self) -> dict[Path, tuple[int, list[str]]]:
        """The files that are there, each with its seed and the rules that are taken from it."""
        files: dict[Path, tuple[int, list[str]]] = {}
        for seed, found in self.found.items():
            for label in self.labels:
                if label in found.rules:
                    files.setdefault(found.rules[label], (seed, []))[1].append(label)
        return files

    def describe(self, threads: int) -> str:
        """Say what would be done, for a person."""
        lines = [
            f"{path.stem}  finished             seed {seed} ({', '.join(labels)})"
            for path, (seed, labels) in self.files.items()
        ]
        if self.jobs:
            lines.append(describe(self.jobs, threads))
            if trained := sum(job.recording is not None for job in self.jobs):
                lines.append(f"{count(trained, 'run')} of them learn from spikes that are there")
        elif self.shard is not None:
            lines.append(f"nothing to simulate in part {self.shard}")
        else:
            lines.append(f"nothing to simulate: {self.folder} holds every rule of every seed")
        return "\n".join(lines)

    def estimates(self, threads: int) -> dict[str, Any]:
        """Say what would be done, for a program."""
        found = [
            {"run_id": path.stem, "seed": seed, "rules": labels}
            for path, (seed, labels) in self.files.items()
        ]
        return {"found": found, **estimates(self.jobs, threads)}

    def carry_out(
        self,
        backend: str,
        threads: int,
        reference: str | None = None,
        *,
        fail_fast: bool = False,
        engine: Engine = LOCAL,
    ) -> Comparison:
        """Do what is to be done, and compare."""
        for label in self.labels:
            if seeds := [seed for seed, found in self.found.items() if label in found.rules]:
                say(f"{label}: found in {self.folder} for seeds {format_seeds(seeds)}, not simulated again")
        there = [only(read_finished(path), labels) for path, (_, labels) in self.files.items()]
        new = carry_out(self.jobs, backend, threads, fail_fast=fail_fast, engine=engine)
        require_results([*there, *new])
        how = [
            "" if not run.labels else "found" if run.skipped else "trained" if job.recording else "simulated"
            for job, run in zip(self.jobs, new, strict=True)
        ]
        parts = (
            (len(there) + how.count("found"), "taken from finished runs"),
            (how.count("trained"), "trained on recorded spikes"),
            (how.count("simulated"), "simulated"),
        )
        origin = "Runs: " + ", ".join(f"{n} {what}" for n, what in parts if n) + "."
        runs = sorted([*there, *new], key=lambda run: run.seed)
        return Comparison(self.name, runs, self.labels, reference, origin)


def plan_comparison(
    name: str,
    experiment: Experiment,
    labels: list[str] | None,
    seeds: Iterable[int],
    folder: Path,
    beside: Path | None = None,
    limits: Limits | None = None,
    shard: Shard | None = None,
) -> Plan:
    """Find out what of a comparison is there, and list the runs that are missing.

    A rule is there if a run of the same experiment and seed holds it, whatever other rules
    that run holds. Labels may name rules of other files (`Experiment.with_rules`), looked for
    in the folder `beside` first. Where such a run keeps all spikes of an open loop, missing rules learn
    from these instead of a new simulation. Of a part, the list has what is missing of its own seeds, or,
    where the loop is closed, of its own pairs of seed and rule; which ones does not depend on what is there.

    Raises
    ------
    InputError
    """
    if labels:
        experiment = experiment.with_rules(labels, beside=beside)
    found = find_runs(experiment, seeds, folder)
    closed = experiment.network.feedback_pa != 0  # then every rule is a run of its own
    units = [(seed, label) for seed in found for label in (list(experiment.rules) if closed else [""])]
    mine = set(units if shard is None else shard.deal(units))
    jobs: list[Job] = []
    for seed, there in found.items():
        missing = [label for label in experiment.rules if label not in there.rules]
        if missing:
            part = experiment.with_rules(missing)
            spikes = None if closed else there.spikes
            setups = [prepare(single, seed, limits=limits) for single in part.split()]
            if why := unscored(setups[0]):
                raise InputError("paradigm", experiment.paradigm.name, f"a task to compare rules on: {why}")
            jobs += [
                make_job(name, setup, folder, spikes)
                for setup in setups
                if (seed, next(iter(setup.experiment.rules)) if closed else "") in mine
            ]
    return Plan(name, list(experiment.rules), folder, found, jobs, shard)
