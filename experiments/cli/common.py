"""Steps that several commands share. Imports stay inside: `--help` should not wait for Numba."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.jobs import Job


ALGEBRA = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")


def keep_algebra_on_one_thread() -> None:
    """Ask NumPy's libraries for one thread, before NumPy is loaded, unless the user chose.

    Runs go on side by side, one core each. Threads of BLAS on top of them fight over
    the cores: scoring took eight times the CPU time. And sums would depend on their number.
    """
    for name, value in ALGEBRA.items():
        os.environ.setdefault(name, value)


def overrides(set_: list[str] | None, precision: str | None, record: str | None = None) -> tuple[str, ...]:
    """Changes to the config, in the order in which they apply."""
    given = [*(set_ or ())]
    if precision:
        given.append(f'simulation.precision="{precision}"')
    if record:
        given.append(f'record.spikes="{"all" if record == "spikes" else record}"')
    return tuple(given)


def jobs(
    config: str,
    overrides: tuple[str, ...],
    seed: int | None,
    seeds: str | None,
    folder: Path,
    backend: str,
    labels: list[str] | None = None,
) -> list[Job]:
    """Check everything that can be checked before anything is written."""
    from spikewhen.experiments.config import find_config, load_config
    from spikewhen.experiments.jobs import make_jobs, parse_seeds
    from spikewhen.reservoir.backends import get_backend

    if seeds is not None and seed is not None:
        raise InputError("--seeds", seeds, "either --seed or --seeds")
    chosen = parse_seeds(seeds) if seeds is not None else (seed or 0,)
    for s in chosen:
        if not 0 <= s < 2**63:
            raise InputError("--seed" if seeds is None else "--seeds", s, "numbers from 0 to 2^63 - 1")
    check_folder(folder)
    experiment = load_config(config, overrides)
    if labels:
        experiment = experiment.with_rules(labels)
    get_backend(backend)
    try:
        return make_jobs(Path(config).stem, experiment, chosen, folder)
    except InputError as error:
        raise InputError(f"{find_config(config)}: {error.where}", error.value, error.allowed) from error


def check_folder(folder: Path) -> None:
    """Refuse a place where no result file can be written, before anything runs."""
    parent = folder
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
        raise InputError("--out", str(folder), "a writable folder")


@contextmanager
def leaving_no_empty(folder: Path) -> Iterator[None]:
    """Take away a folder that was made for nothing."""
    made = not folder.exists()
    try:
        yield
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


def write_summary(folder: Path, entries: Sequence[dict]) -> str:
    """Write `summary.json` whole; returns its text."""
    from spikewhen.experiments.provenance import write_whole
    from spikewhen.experiments.results import summary_text

    text = summary_text(entries)
    write_whole(folder / "summary.json", text)
    return text


def formats(text: str) -> tuple[str, ...]:
    """Read a list of figure formats."""
    formats = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not set(formats) <= {"pdf", "png", "svg"}:
        raise InputError("--format", text, "any of pdf,png,svg, separated by commas")
    return formats


def draw(folder: Path, formats: tuple[str, ...]) -> list[Path]:
    """Draw every figure of a folder: of its result files, and of the claims that were run into it."""
    from spikewhen.analysis.figures import draw_all
    from spikewhen.examples.yamada_chao_2026.figures import FIGURES
    from spikewhen.experiments.study.result import FILE, Report, draw_report
    from spikewhen.reservoir.files.recording import read_run

    files, judged = sorted(folder.glob("*.h5")), (folder / FILE).is_file()
    if not files and not judged:
        raise InputError("DIR", str(folder), f"a folder with result files (*.h5) or {FILE}")
    written = draw_report(folder, Report.read(folder), FIGURES, formats) if judged else []
    return written + (draw_all(folder, [read_run(path) for path in files], formats) if files else [])
