"""Figures of a folder of results, as they come or with a width, fonts, seeds and words of one's own."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikewhen.experiments.tables import format_seeds, parse_seeds
from spikewhen.reservoir.errors import InputError

if TYPE_CHECKING:
    from spikewhen.experiments.result import Result

log = logging.getLogger(__name__)

FORMATS = ("pdf", "png", "svg")


def figures(
    folder: str | Path,
    *,
    only: Sequence[str] = (),
    seeds: str | Sequence[int] | None = None,
    formats: Sequence[str] = ("pdf", "png"),
    width_mm: float | None = None,
    font: str | Sequence[str] = (),
    letters: bool = True,
    words: Mapping[str, str] | str | Path | None = None,
    rc: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
) -> list[Path]:
    """Draw the figures of a folder; nothing is simulated.

    Parameters
    ----------
    folder : path
        With result files, or one that a study wrote.
    only : sequence of str
        Names of the figures to draw; all if empty.
    seeds : str or sequence of int, optional
        Of the runs to show, such as ``"0-4"``; all of the folder if not given.
    formats : sequence of {"pdf", "png", "svg"}
    width_mm : float, optional
        Of each sheet, 60 to 1000 mm; panels that do not fit side by side stand below each other.
    font : str or sequence of str
        Names of fonts; the first one that is installed is used.
    letters : bool
        Whether panels have letters.
    words : mapping of str to str, or path of a TOML file with such a table, optional
        What to write in place of a line of text.
    rc : mapping of str to object, optional
        Settings of Matplotlib that win over the print style, such as ``{"font.size": 8}``.
    out : path, optional
        Folder for the figures; ``figures`` in `folder` if not given.

    Returns
    -------
    list of Path
        Files written: each figure in each format, and its numbers as CSV.

    Raises
    ------
    InputError
        If the folder holds nothing to draw, or an argument is not possible.
    """
    from spikewhen.analysis.figures import draw_all
    from spikewhen.analysis.figures.look import Look
    from spikewhen.experiments.study import FOUND

    folder, out = Path(folder), None if out is None else Path(out)
    table = _read_words(Path(words)) if isinstance(words, str | Path) else words or {}
    fonts = [part.strip() for part in font.split(",")] if isinstance(font, str) else list(font)
    look = Look(width_mm, [name for name in fonts if name], letters, table, rc or {})
    files, judged = sorted(folder.glob("*.h5")), (folder / FOUND).is_file()
    if not files and not judged:
        raise InputError("DIR", str(folder), f"a folder with result files (*.h5) or {FOUND}")
    if seeds is not None and judged:
        raise InputError(
            "--seeds", str(seeds), "a folder without claims.json: a study's figures show the seeds it judged"
        )
    written: list[Path] = []
    if judged:
        from spikewhen.experiments.study.result import StudyResult  # loads Numba, which runs alone do without

        written += StudyResult.read(folder).draw(tuple(formats), only=only, look=look, out=out)
    if files:
        runs = _of_seeds(list(map(_opened, files)), seeds)
        written += draw_all(folder, list(runs), tuple(formats), only=only, look=look, out=out)
    for word in look.unused():
        log.warning(f"--words {word}: no figure that was drawn has this line of text")
    return written


def _read_words(path: Path) -> dict[str, str]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            "--words", str(path), f'lines such as "training trials" = "..." ({reason})'
        ) from error


def _of_seeds(runs: list[Result], seeds: str | Sequence[int] | None) -> list[Result]:
    if seeds is None:
        return runs
    wanted = parse_seeds(seeds) if isinstance(seeds, str) else tuple(seeds)
    there = sorted({run.config["seed"] for run in runs})
    if missing := [seed for seed in wanted if seed not in there]:
        raise InputError(
            "--seeds", format_seeds(missing), f"seeds of runs in the folder: {format_seeds(there)}"
        )
    return [run for run in runs if run.config["seed"] in wanted]


def _opened(path: Path) -> Result:
    from spikewhen.experiments.result import open_run
    from spikewhen.experiments.reuse import check_identity

    result = open_run(path)
    check_identity(result, path)
    return result
