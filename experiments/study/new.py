"""A new study: the copy of a shipped one, under a name of its own."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from spikewhen.experiments.study.study import SHIPPED, check_name, load_study, shipped
from spikewhen.reservoir.errors import InputError


def copy_study(source: str, folder: Path) -> list[Path]:
    """Copy a shipped study; its modules import each other under the name of the new folder.

    Parameters
    ----------
    source : str
        Name of the shipped study.
    folder : Path
        Where the copy goes; its last part is the new name.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    InputError
        If the folder is there already, or its name is not that of a module, or is taken.
    """
    if source not in shipped():
        raise InputError("--from", source, "one of " + ", ".join(shipped()))
    if folder.exists():
        raise InputError("NAME", str(folder), "a folder that is not there yet")
    name = folder.resolve().name
    check_name(name, "NAME")
    if importlib.util.find_spec(name) is not None:
        raise InputError("NAME", name, "a name that no other Python module has")
    place = load_study(source).folder
    assert place is not None
    files = [p for p in sorted(place.rglob("*")) if p.suffix in (".py", ".toml", ".md") and p.is_file()]
    for file in files:
        target = folder / file.relative_to(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_renamed(file.read_text(encoding="utf-8"), source, name), encoding="utf-8")
    return [folder / file.relative_to(place) for file in files]


def _renamed(text: str, old: str, new: str) -> str:
    """Put a new name in place of the package's, and of the study's where it stands as a word."""
    text = text.replace(f"{SHIPPED}.{old}", new)
    return re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w-])", new, text)
