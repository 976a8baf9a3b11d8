"""Code that is not ours: finding it by name, and a hash that changes when it does.

A name is a shipped one, an entry point of an installed package, or a dotted path such as
``"my_rules:SignRule"``. A module is looked for beside the file that names it, then on the
Python path. Its folder is added at the END of ``sys.path``: worker processes, which get a
copy of the path, unpickle its classes by name, and no file in it can hide a module of
spikewhen, of Python or of an installed package. Where a module of that name is already
there from another file, it is refused instead of mixed up.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import site
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from spikewhen.reservoir.errors import InputError, nearest

GROUPS = {
    "rule": "spikewhen.rules",
    "paradigm": "spikewhen.paradigms",
    "score": "spikewhen.scores",
    "figure": "spikewhen.figures",
    "claim": "spikewhen.claims",
}
"""Entry-point group of each kind of thing that a package can offer."""

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def find(
    kind: str, name: str, shipped: Mapping[str, Any], beside: str | Path | None = None, where: str = ""
) -> Any:
    """Return what a name stands for.

    Parameters
    ----------
    kind : {"rule", "paradigm", "score", "figure", "claim"}
    name : str
        A shipped name, the name of an entry point, or ``"module:attribute"``.
    shipped : mapping of str to object
        What the project itself offers.
    beside : path, optional
        Folder in which a module of one's own is looked for first.
    where : str, optional
        The field or option that is named in an error; by default the kind.

    Raises
    ------
    InputError
        If nothing has that name, or its module cannot be imported.
    """
    where = where or kind
    if name in shipped:
        return shipped[name]
    if not isinstance(name, str):
        raise InputError(where, name, "a name")
    if ":" in name:
        return load(name, beside, where)
    offered = {entry.name: entry for entry in metadata.entry_points(group=GROUPS[kind])}
    if name not in offered:
        known = [*shipped, *offered]
        own = f'"module:{"Class" if kind in ("rule", "paradigm") else "name"}" of a file of your own'
        raise InputError(where, name, f"one of {', '.join(known)}, or {own}" + nearest(name, known))
    try:
        return offered[name].load()
    except Exception as error:
        origin = offered[name].dist
        package = offered[name].value if origin is None else origin.name
        raise InputError(where, name, f"to be importable from {package}: {reason_of(error)}") from error


def load(path: str, beside: str | Path | None = None, where: str = "name") -> Any:
    """Import ``"module:attribute"``.

    Parameters
    ----------
    path : str
        Dotted names of the module and of what it holds; without a colon, the module.
    beside : path, optional
        Folder in which the module is looked for first.
    where : str
        The field or option that is named in an error.

    Raises
    ------
    InputError
        If the module or the attribute is not there, or the import fails.
    """
    if not _DOTTED.fullmatch(path if ":" in path else f"{path}:x"):
        raise InputError(where, path, '"module:name", such as "my_rules:SignRule"')
    name, _, attribute = path.partition(":")
    folder = Path(beside).resolve() if beside is not None else None
    if folder is not None and in_folder(folder, name.partition(".")[0]):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
            importlib.invalidate_caches()
        _refuse_other(where, path, name.partition(".")[0], folder)
    try:
        value = module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise InputError(where, path, f"a module that imports; {reason_of(error)}") from error
        near = [p.stem for p in folder.glob("*.py")] if folder else []
        at = f"in {folder} or " if folder else ""
        raise InputError(
            where, path, f"a module {at}on the Python path: no module {error.name}" + nearest(name, near)
        ) from error
    except (Exception, SystemExit) as error:
        raise InputError(where, path, f"a module that imports; {reason_of(error)}") from error
    file = getattr(module, "__file__", None)
    if folder is not None and file and folder in Path(file).resolve().parents:
        files = {module.__name__: Path(file), **own_imports(module.__name__, Path(file))}
        for top in sorted({i.partition(".")[0] for n, f in files.items() for i in _imported(n, f)}):
            _refuse_other(where, path, top, folder)
    for part in attribute.split(".") if attribute else ():
        names = [n for n in vars(value) if not n.startswith("_")]
        if not hasattr(value, part):
            allowed = f"something that {file or name} holds" + nearest(part, names)
            raise InputError(where, path, allowed)
        value = getattr(value, part)
    return value


def in_folder(folder: Path, top: str) -> Path | None:
    """The file, or folder of a package, by which a module of that name would be found there."""
    for place in (folder / top / "__init__.py", folder / f"{top}.py", folder / top):
        if place.exists():
            return place
    return None


def _refuse_other(where: str, path: str, top: str, folder: Path) -> None:
    """Refuse a module of the folder whose name another file answers to."""
    mine = in_folder(folder, top)
    if mine is None or top == "spikewhen":
        return
    found = module_file(top)
    if found is not None and found != mine and mine not in found.parents:
        raise InputError(
            where, path, f"a name of its own for {mine}: module {top} is {found} here; rename one of the two"
        )


def module_file(name: str) -> Path | None:
    """Return the file that a module is, or would be, loaded from; None without one."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if module is None:
        try:
            spec = importlib.util.find_spec(name)
        except Exception:  # it imports the packages above, and what they raise is theirs
            return None
        file = spec.origin if spec is not None and spec.has_location else None
    return Path(file).resolve() if file else None


def reason_of(error: BaseException) -> str:
    """One line: what was raised and in which line of which file."""
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    if isinstance(error, SyntaxError):
        return text
    last = next(
        (f for f in reversed(traceback.extract_tb(error.__traceback__)) if "importlib" not in f.filename),
        None,
    )
    own = last is not None and Path(last.filename) != Path(__file__)
    return f"{last.filename}, line {last.lineno}: {text}" if last is not None and own else text


def own_imports(name: str, file: Path) -> dict[str, Path]:
    """Return the modules of one's own that a file imports, directly or through each other.

    Parameters
    ----------
    name : str
        Of the module in `file`.
    file : Path

    Returns
    -------
    dict of str to Path
        Files outside Python, its installed packages and spikewhen, but those of the
        same package; imports inside functions count. Not the file itself.
    """
    found: dict[str, Path] = {}
    waiting = [(name, file.resolve())]
    while waiting:
        module, path = waiting.pop()
        for imported in _imported(module, path):
            origin = own_file(imported, name, file)
            if origin and imported not in found and origin != file.resolve():
                found[imported] = origin
                waiting.append((imported, origin))
    return found


def own_file(name: str, home: str, file: Path) -> Path | None:
    """Return the file of a module if it is the user's own, seen from the module `home` in `file`."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return None
    above = module_file(top)  # of a package first: to find a module inside one, Python imports the package
    if above is not None and not _is_own(above, home, file):
        return None
    origin = module_file(name)
    return origin if origin is not None and _is_own(origin, home, file) else None


def _is_own(origin: Path, name: str, file: Path) -> bool:
    """Whether a source file is a user's: neither Python's, an installed package's, nor ours."""
    if origin.suffix != ".py":
        return False
    top, levels = name.partition(".")[0], name.count(".") + (file.name == "__init__.py")
    if levels and file.resolve().parents[levels - 1] in origin.parents:
        return top != "spikewhen"
    return not any(place in origin.parents for place in installed())


@cache
def installed() -> set[Path]:
    """Return the folders of Python, of installed packages and of spikewhen itself."""
    paths = sysconfig.get_paths()
    places = {paths[k] for k in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {*site.getsitepackages(), site.getusersitepackages()}
    places |= {p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")}  # of a .pth, say
    ours = Path(__file__).resolve().parent.parent
    packages = ("reservoir", "paradigms", "analysis", "experiments", "gpu", "examples", "validation")
    return {Path(p).resolve() for p in places} | {ours / name for name in packages}


def _imported(module: str, path: Path) -> Iterator[str]:
    """Absolute names of all modules that a source file may import."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            if node.level:
                try:
                    base = importlib.util.resolve_name(base, package)
                except ImportError:
                    continue
            yield from _with_parents(base)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[: i + 1]) for i in range(len(parts)))
