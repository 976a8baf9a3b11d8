"""`spikewhen validate`: run the checks, show how far, one table in the end."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from tqdm import tqdm

from spikewhen.experiments.jobs import cores
from spikewhen.experiments.provenance import software
from spikewhen.experiments.tables import align
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.integrity import write_whole
from spikewhen.validation import (
    convergence,
    held_noise,
    idiomatic,
    noise,
    oracle,
    published,
    step_size,
    strict,
    work_precision,
)
from spikewhen.validation.findings import CheckResult, Context

CHECKS: dict[str, ModuleType] = {
    "strict": strict,
    "idiomatic": idiomatic,
    "published": published,
    "convergence": convergence,
    "work-precision": work_precision,
    "step-size": step_size,
    "noise": noise,
    "held-noise": held_noise,
}


class Report(NamedTuple):
    """What a validation found."""

    quick: bool
    findings: list[CheckResult]
    seconds: dict[str, float]  # by check

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(f.ok is not False for f in self.findings)


def validate(names: Sequence[str] = (), quick: bool = False, out: Path | None = None) -> Report:
    """Run checks; progress goes to stderr.

    Parameters
    ----------
    names : sequence of str
        Of `CHECKS`; none = all.
    quick : bool
        Fewer seeds, smaller networks, shorter runs.
    out : Path, optional
        Folder for figures and ``validation.json``.

    Raises
    ------
    InputError
        For an unknown name, or where Brian2 is needed and not installed.
    """
    for name in names:
        if name not in CHECKS:
            raise InputError("CHECK", name, "any of " + ", ".join(CHECKS))
    chosen = [name for name in CHECKS if not names or name in names]
    if any(CHECKS[name].NEEDS_BRIAN2 for name in chosen):
        oracle.require()
    findings: list[CheckResult] = []
    seconds = {}
    with tqdm(total=len(chosen), unit="check", disable=None, dynamic_ncols=True) as bar:
        for name in chosen:
            bar.set_description(name)
            context = Context(quick, out, bar.set_postfix_str, cores())
            began = time.perf_counter()
            findings += CHECKS[name].run(context)
            seconds[name] = round(time.perf_counter() - began, 1)
            bar.update()
    report = Report(quick, findings, seconds)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "validation.json", json.dumps(as_table(report), indent=2) + "\n")
    return report


def as_table(report: Report) -> dict[str, Any]:
    """Return the report as JSON types."""
    return {
        "ok": report.ok,
        "quick": report.quick,
        "software": software(),
        "seconds": report.seconds,
        "findings": [_plain({**f._asdict(), "verdict": f.verdict}) for f in report.findings],
    }


def _plain(value: Any) -> Any:
    """JSON has no infinity and no NaN: null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def describe(report: Report) -> str:
    """Write the table for a person."""
    rows = [("check", "what", "measured", "bound", "verdict")]
    rows += [(f.check, f.what, f.measured, f.bound, f.verdict) for f in report.findings]
    failed = sum(f.ok is False for f in report.findings)
    last = f"{failed} of {len(report.findings)} failed" if failed else "nothing failed"
    return f"{align(rows)}\n{last}, {sum(report.seconds.values()):.0f} s"
