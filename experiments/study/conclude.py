"""From measures to verdicts and reports."""

from __future__ import annotations

from collections.abc import Sequence

from spikewhen.experiments.cli.errors import RunErrors
from spikewhen.experiments.progress import say
from spikewhen.experiments.study import FOUND
from spikewhen.experiments.study.claim import Judged
from spikewhen.experiments.study.html import to_html
from spikewhen.experiments.study.markdown import to_markdown
from spikewhen.experiments.study.report import build, to_text
from spikewhen.experiments.study.result import StudyResult
from spikewhen.experiments.study.run import Plan
from spikewhen.reservoir.files.integrity import write_whole


def judge(plan: Plan) -> tuple[dict[str, Judged], list[str]]:
    """Judge the claims that are measured in full; what cannot be judged, one line each."""
    judged, failed = {}, []
    for claim in plan.claims:
        if plan.is_measured(claim.id):
            try:
                judged[claim.id] = claim.judge(plan.measured(claim.id))
            except Exception as error:
                failed.append(f"claim {claim.id} cannot be judged: {type(error).__name__}: {error}")
    return judged, failed


def report(plan: Plan) -> tuple[StudyResult | None, list[str]]:
    """Judge and write claims.json, claims.md and claims.html.

    Returns
    -------
    result : StudyResult or None
        None if no claim could be judged; then nothing is written.
    failed : list of str
        Claims that could not be judged, one line each.
    """
    judged, failed = judge(plan)
    for line in failed:
        say(f"warning: {line}")
    if not judged:
        return None, failed
    table = build(plan, judged)
    for name, text in (
        (FOUND, to_text(table)),
        ("claims.md", to_markdown(table)),
        ("claims.html", to_html(table)),
    ):
        write_whole(plan.out / name, text)
    return StudyResult.read(plan.out), failed


def complain(failed: Sequence[str]) -> None:
    """Say what failed, a line for each, if anything did.

    Raises
    ------
    RunError
    """
    if failed:
        head = [f"{len(failed)} failures; what else was found is kept"] if len(failed) > 1 else []
        raise RunErrors([*head, *failed])


def conclude(plan: Plan, failed: Sequence[str]) -> StudyResult:
    """Judge and report; raises for what failed when the rest has been written.

    Raises
    ------
    RunError
    """
    result, more = report(plan)
    complain([*failed, *more])
    assert result is not None  # a plan has claims, and each was judged or has failed
    return result
