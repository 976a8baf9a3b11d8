"""``spikewhen compare --tasks``: rules on several tasks, tuned alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from spikewhen.experiments.cli.output import check_folder, echo, leaving_no_empty
from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.engines import Engine
    from spikewhen.experiments.limits import Limits


def compare_tasks(
    tasks: str,
    labels: list[str] | None,
    tuning: Path | None,
    changes: tuple[str, ...],
    seeds: tuple[int, ...] | None,
    folder: Path,
    limits: Limits,
    threads: int | None,
    engine: Engine,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Tune every rule on every task, compare the winners, and draw the figure.

    Raises
    ------
    InputError
    RunError
        If a run failed, after everything else is written.
    """
    from spikewhen.experiments.axes import flat
    from spikewhen.experiments.parse import override
    from spikewhen.experiments.task_grid import plan_grid
    from spikewhen.experiments.tuning.spec import load_tuning

    configs = [part.strip() for part in tasks.split(",") if part.strip()]
    if not labels:
        raise InputError("--rules", "nothing", "labels that the configs of all tasks have, with --tasks")
    spec = load_tuning(tuning or {}, config=configs[0], rules=labels, report_seeds=seeds and list(seeds))
    spec = spec.model_copy(update={"set": {**spec.set, **flat(override({}, changes))}})
    check_folder(folder)
    plan = plan_grid(configs, labels, spec, folder, limits)
    if dry_run:
        return echo(json.dumps(plan.estimates(threads)) if as_json else plan.describe(threads))
    with leaving_no_empty(folder):
        found = plan.carry_out(threads, engine=engine)
    written = ", ".join(str(path.relative_to(folder)) for path in found.save())
    echo(found.json() if as_json else f"{found.text()}\n\nwritten to {folder}: {written}", nl=not as_json)
    found.refuse_failures()
