"""Tuning rules fairly: the same budget, sampler, seeds and objective for each."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spikewhen.experiments.batch import Left, carry_out, side_by_side
from spikewhen.experiments.cli.errors import Interrupted, RunError, RunErrors, explain
from spikewhen.experiments.engines import LOCAL, Engine
from spikewhen.experiments.progress import say
from spikewhen.experiments.results import refuse_failures
from spikewhen.experiments.tuning.plan import TuningPlan, plan_tuning
from spikewhen.experiments.tuning.result import TuningResult
from spikewhen.experiments.tuning.spec import is_tuning, load_tuning
from spikewhen.experiments.tuning.winners import FILE
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.integrity import write_whole


def tune(
    source: str | Path | Mapping[str, Any],
    *,
    rules: Sequence[str] = (),
    space: Mapping[str, Mapping[str, Any]] | None = None,
    set: Mapping[str, Any] | None = None,
    candidates: int | None = None,
    seeds: str | Iterable[int] | None = None,
    report_seeds: str | Iterable[int] | None = None,
    score: str | None = None,
    out: str | Path | None = None,
    threads: int | None = 1,
    **more: Any,
) -> TuningResult:
    """Tune rules with the same budget, sampler, seeds and objective for each.

    >>> import spikewhen as sw
    >>> found = sw.tune(
    ...     "meet.toml",
    ...     rules=["local", "rls_never_reset"],
    ...     space={"local": {"eta": {"low": 0.004, "high": 0.1, "log": True}}},
    ...     candidates=20,
    ... )
    >>> found.winners

    Parameters
    ----------
    source : str, path or mapping
        A tuning file or its content (docs/how_to/tune.md); or a config or its name.
    rules : sequence of str
        Labels of the config's rules, or dotted paths; all of the config's by default.
    space : mapping, optional
        Label, dotted path in the rule, and a range or a list of values; by default what the rule declares.
    set : mapping, optional
        Changes to the config: dotted path and value.
    candidates : int, optional
        Of every rule; 30 by default.
    seeds, report_seeds : str or iterable of int, optional
        Seeds of the search, by default 1000 to 1003, and those kept for the report, by default 0 to 19.
    score : str, optional
        What candidates are judged by; by default what the task is judged by.
    out : path, optional
        By default ``results/`` and the name of the file.
    threads : int, optional
        Processes at once, by default 1; then a script needs no guard. None: one for each rule.
    **more
        Other keys of a tuning file: ``better``, ``at``, ``prune``, ``sampler``, ``sampler_seed``.

    Returns
    -------
    TuningResult

    Raises
    ------
    InputError
    RunError
        If a recording failed, or no candidate of a rule got a value.
    """
    given = {
        "rules": list(rules) or None,
        "space": space and {label: dict(axes) for label, axes in space.items()},
        "set": dict(set) if set else None,
        "candidates": candidates,
        "seeds": seeds if seeds is None or isinstance(seeds, str) else list(seeds),
        "report_seeds": report_seeds
        if report_seeds is None or isinstance(report_seeds, str)
        else list(report_seeds),
        "score": score,
        **more,
    }
    beside = None
    if isinstance(source, Mapping):
        name, spec = "tuned", load_tuning(source, **given)
    elif not is_tuning(source):
        name, spec = f"{Path(source).stem}_tuned", load_tuning({"config": str(source)}, **given)
    else:
        name, spec, beside = Path(source).stem, load_tuning(source, **given), Path(source).parent
    plan = plan_tuning(name, spec, Path(out or Path("results") / name), beside)
    return carry_out_tuning(plan, plan.workers(threads))


def carry_out_tuning(
    plan: TuningPlan,
    workers: int = 1,
    backend: str = "cpu",
    *,
    take_over: bool = False,
    engine: Engine = LOCAL,
) -> TuningResult:
    """Record the search seeds, judge candidates, and write what was found.

    Parameters
    ----------
    plan : TuningPlan
    workers : int
        Processes at once. Up to one for each rule the result is the same; beyond, the order in
        which candidates end decides what is drawn next.
    backend : {"cpu", "gpu"}
        Where the search seeds are simulated; rules train on the CPU.
    take_over : bool
        Give up candidates that processes of other machines have begun and will not finish.
    engine : Engine
        Who carries out the recordings and the search of each rule.
    """
    from spikewhen.experiments.tuning.search import SearchTask, search

    if backend != "cpu" and not plan.open_loop:
        raise InputError("--backend", backend, "cpu, where the loop is closed")
    refuse_failures([run for run in carry_out(plan.jobs, backend, workers, engine=engine) if run.error])
    per_rule = -(-workers // len(plan.rules))
    slots = [(rule.label, worker) for worker in range(per_rule) for rule in plan.rules]
    command, alone = secrets.token_hex(8), per_rule == 1
    tasks = [
        SearchTask(plan, label, worker, take_over, command, alone)
        for label, worker in slots[: max(workers, len(plan.rules))]
    ]
    failed: list[str] = []
    done = 0

    def report(task: SearchTask, n: int) -> None:
        nonlocal done
        done += n

    def fail(task: SearchTask, error: Exception) -> None:
        failed.append(f"{task}: {explain(error)[0]}")

    try:
        side_by_side(tasks, search, "cpu", workers, report, fail, "training", engine=engine)  # type: ignore[type-var]
    except KeyboardInterrupt as error:
        raise Interrupted(done, plan.spec.candidates * len(plan.rules), isinstance(error, Left)) from None
    if failed:
        raise RunErrors(failed) if len(failed) > 1 else RunError(failed[0])
    found = TuningResult.read_journal(plan)
    if found.elsewhere:
        say(
            f"{plan.name}: not finished, {', '.join(found.elsewhere)} still at work; "
            "the last to end writes what was found, and --take-over goes on without them"
        )
        return found
    found.refuse_empty()
    texts = found.texts()
    for file, text in texts.items():
        write_whole(plan.folder / file, text)
    write_whole(
        plan.folder / FILE, json.dumps(plan.facts() | found.facts(), indent=1, allow_nan=False) + "\n"
    )
    return found
