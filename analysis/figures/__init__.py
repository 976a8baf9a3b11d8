"""Figures from result files, one figure in one file; nothing here simulates.

A figure is a module with ``draw(source) -> Sheet``, which raises `InputError` where
the source does not hold what it shows, and ``caption(source) -> str``. The source is
the recordings of a folder, or anything else that the module knows how to read, such as
what a study found (`spikewhen.experiments.study.result`).
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from spikewhen.analysis.figures import (
    calibration,
    event_times,
    free_run,
    geometry,
    learning,
    local_global,
    omission,
    production,
    recalibration,
    schematic,
    sequence,
    target,
    trial,
)
from spikewhen.analysis.figures.fonts import slim_fonts
from spikewhen.analysis.figures.look import Look
from spikewhen.analysis.figures.names import as_typed
from spikewhen.analysis.figures.runs import Runs
from spikewhen.analysis.figures.sheet import Sheet, paper, write_table
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.integrity import write_whole
from spikewhen.reservoir.files.recording import Recording
from spikewhen.reservoir.own_code import find, in_folder, load, module_file

FIGURES: dict[str, ModuleType] = {
    "schematic": schematic,
    "trial": trial,
    "target": target,
    "event_times": event_times,
    "sequence": sequence,
    "production": production,
    "omission": omission,
    "local_global": local_global,
    "learning": learning,
    "recalibration": recalibration,
    "calibration": calibration,
    "geometry": geometry,
    "free_run": free_run,
}

FORMATS = ("pdf", "png", "svg")
CREATOR = "spikewhen"

log = logging.getLogger(__name__)


def draw_all(
    folder: Path,
    recordings: list[Recording],
    formats: tuple[str, ...] = ("pdf", "png"),
    beside: Sequence[Path] | None = None,
    *,
    only: Sequence[str] = (),
    look: Look | None = None,
    out: Path | None = None,
) -> list[Path]:
    """Draw the figures that the recordings' tasks declare.

    A figure that cannot be drawn is left out; the reason is logged.

    Parameters
    ----------
    folder : Path
        Files go to ``folder/figures/<name>.<format>`` and ``<name>.csv``.
    recordings : list of Recording
        All runs of the folder; those that differ only in their seed are averaged.
    formats : tuple of {"pdf", "png", "svg"}
    beside : sequence of Path, optional
        Where modules of one's own are looked for before the Python path; by default the
        current folder, then `folder` and those it lies in.
    only : sequence of str
        Names of the figures to draw, declared or not; all that are declared if empty.
    look : Look, optional
        What is to differ from the figures as they come.
    out : Path, optional
        Where files go instead.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If no figure is declared or none can be drawn, or a name or format is not known.
    """
    if unknown := [f for f in formats if f not in FORMATS]:
        raise InputError("formats", unknown[0], "any of " + ", ".join(FORMATS))
    if not recordings:
        raise InputError("recordings", 0, "at least one run")
    folders = [Path.cwd(), folder.resolve(), *folder.resolve().parents] if beside is None else beside
    declared = dict.fromkeys(name for r in recordings for name in schema.names(r, "figures"))
    if only:
        declared = {_full_name(name, declared): None for name in only}
    if not declared:
        task = recordings[0].config["paradigm"]["name"]
        raise InputError("figures", task, "a task that declares figures (docs/own_tasks.md)")
    written: list[Path] = []
    sources: dict[tuple[int, ...], Runs] = {}
    for name in declared:
        mine = [r for r in recordings if name in schema.names(r, "figures")] or recordings
        runs = sources.setdefault(tuple(map(id, mine)), Runs(mine))
        try:
            module = find_figure(name, folders)
        except InputError as error:
            if only:
                raise
            log.warning(f"no figure {name}: {error.allowed}")
            continue
        try:
            place = Path(folder) / "figures" if out is None else out
            written += draw_one(place, _file_name(name), module, runs, formats, look=look)
        except InputError as error:
            if only:
                raise
            log.warning(f"no figure {name}: {error}")
    if not written:
        raise InputError(str(folder), ", ".join(declared), "runs that a declared figure can show")
    return written


def _full_name(name: str, declared: Iterable[str]) -> str:
    """Return the declared figure whose file has this name, else the name."""
    return next((full for full in declared if name in (full, _file_name(full))), name)


def find_figure(name: str, folders: Sequence[Path] = ()) -> Any:
    """Return what draws a figure, with ``draw(recordings)`` and ``caption(recordings)``.

    Parameters
    ----------
    name : str
        A shipped name, an entry point, a module such as ``"my_figures"``, or
        ``"module:name"`` of something in it: an object, or a function that draws.
    folders : sequence of Path
        Where a module is looked for before the Python path.

    Raises
    ------
    InputError
    """
    top = name.partition(":")[0].partition(".")[0]
    beside = next((f for f in folders if in_folder(f, top)), None)
    own_module = name not in FIGURES and ":" not in name and (beside is not None or module_file(top))
    found = load(name, beside, "figure") if own_module else find("figure", name, FIGURES, beside)
    if not hasattr(found, "draw") and callable(found):
        words = " ".join((found.__doc__ or name).split())
        return SimpleNamespace(draw=found, caption=lambda source: words)
    if not (callable(getattr(found, "draw", None)) and callable(getattr(found, "caption", None))):
        raise InputError("figure", name, "functions draw(recordings) and caption(recordings)")
    return found


def _file_name(name: str) -> str:
    return re.split(r"[:.]", name)[-1]


def draw_one(
    folder: Path,
    name: str,
    module: Any,
    source: Any,
    formats: tuple[str, ...],
    origin: Mapping[str, str] | None = None,
    look: Look | None = None,
) -> list[Path]:
    """Draw one figure into a folder.

    Parameters
    ----------
    folder : Path
    name : str
        Of the files, without their suffix.
    module
        With ``draw(source)``, which returns a `Sheet` or a Matplotlib figure, and ``caption(source)``.
    source
        What the module reads.
    formats : tuple of {"pdf", "png", "svg"}
    origin : mapping, optional
        What the metadata say of the source, as `provenance`; used where the sheet names no runs.
    look : Look, optional
        What is to differ from the figure as it comes.

    Returns
    -------
    list of Path
        The files written; the table of numbers is the last one.
    """
    look = look or Look()
    with paper(_names_in(source), look.settings):
        sheet = Sheet.of(module.draw(source))
        look.apply(sheet, name)
        if sheet.sources or origin is None:
            origin = provenance(sheet.sources)
        facts = {"Title": name, "Caption": as_typed(module.caption(source)), **origin}
        files = {f: render(sheet, f, facts) for f in formats}
    lines = (facts["Caption"], *(f"{k}: {facts[k]}" for k in ("Runs", "Commit", "Config hash")))
    files["csv"] = write_table(sheet.rows, lines).encode()
    return [write_whole(folder / f"{name}.{suffix}", data) for suffix, data in files.items()]


def _names_in(source: Any) -> list[str]:
    """Return the names that runs give to their events, cues, conditions and rules."""
    runs = [r for r in source if isinstance(r, Recording)] if isinstance(source, list | tuple) else []
    named = [schema.names(r, what) for r in runs for what in ("events", "cues", "conditions")]
    return [name for names in (*named, *(r.labels for r in runs)) for name in names]


def provenance(recordings: list[Recording]) -> dict[str, str]:
    """Return what the metadata of a file says of its sources: runs, commit, config hash."""
    runs = Runs.of(recordings)
    commits = sorted({r.software.get("commit", "unknown") for r in runs if schema.SOFTWARE in r})
    return {
        "Runs": " ".join(sorted(r.run_id for r in runs)),
        "Commit": " ".join(commits) or "unknown",
        "Config hash": " ".join(sorted(g.config_hash for g in runs.groups)),
    }


def render(sheet: Sheet, form: str, facts: dict[str, str]) -> bytes:
    """Return a file's bytes, the same for the same sheet."""
    keys = "; ".join(f"{k}: {facts[k]}" for k in ("Runs", "Commit", "Config hash"))
    title, caption = facts["Title"], facts["Caption"]
    by_format: dict[str, dict] = {
        "pdf": {
            "Title": title,
            "Subject": caption,
            "Keywords": keys,
            "Creator": CREATOR,
            "Producer": CREATOR,
            "CreationDate": None,
        },
        "png": {"Software": CREATOR, **facts},
        "svg": {"Title": title, "Description": caption, "Keywords": [keys], "Creator": CREATOR, "Date": None},
    }
    out = io.BytesIO()
    with slim_fonts() if form == "pdf" else nullcontext():
        sheet.figure.savefig(out, format=form, metadata=by_format[form])
    return out.getvalue()
