"""The code behind a measure, as one hash: its own file and all that its imports lead to.

Followed is what can be edited: modules of the study, of this package, and any other
module that lies outside the folders of installed packages. Of installed packages the
version counts. The standard library does not count.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from spikewhen.reservoir.errors import InputError

OURS = __name__.partition(".")[0]

_seen: WeakKeyDictionary[ModuleType, str] = WeakKeyDictionary()
"""Hash of the file of each loaded module: Python goes on with that code, whatever the file says later."""


class Imported(NamedTuple):
    """One imported module, as it is written."""

    module: str
    level: int = 0  # dots before it
    names: tuple[str, ...] = ()  # taken from it, or looked up in it


class Module(NamedTuple):
    """One module whose file can be edited."""

    digest: str
    leads_to: frozenset[str]  # names of modules


class Sources:
    """Hashes of code, each file read once: make a new one after files may have changed."""

    def __init__(self) -> None:
        self._known: dict[str, Module | str | None] = {}

    def hash(self, function: Callable) -> str:
        """Hash the modules that a function stands in and leads to, imports inside functions included.

        Parameters
        ----------
        function : callable
            Defined at the top level of a module.

        Returns
        -------
        str
            16 hex digits. They do not depend on where the files lie.

        Raises
        ------
        InputError
            If the function has no name of its own in a module, as a lambda, or if a file was
            edited after its module was loaded and hashed.
        """
        name = getattr(function, "__qualname__", type(function).__name__)
        if not name.isidentifier() or getattr(function, "__module__", None) is None:
            raise InputError("measure", name, "a function at the top level of a module")
        modules, installed = self.reached(function.__module__)
        lines = [f"{module} {modules[module].digest}" for module in sorted(modules)]
        lines += [f"{package} {_version(package)}" for package in sorted(installed)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def reached(self, first: str) -> tuple[dict[str, Module], set[str]]:
        """Follow the imports of a module.

        Parameters
        ----------
        first : str
            Name of the module.

        Returns
        -------
        modules : dict of str to Module
            Those that can be edited, by name.
        installed : set of str
            Names of the installed packages among the rest.
        """
        modules: dict[str, Module] = {}
        installed: set[str] = set()
        todo, seen = [*_with_packages(first)], set(_with_packages(first))
        while todo:
            name = todo.pop()
            if name not in self._known:
                self._known[name] = _read(name)
            found = self._known[name]
            if isinstance(found, Module):
                modules[name] = found
                todo.extend(found.leads_to - seen)
                seen |= found.leads_to
            elif found is not None:
                installed.add(found)
        return modules, installed


def _read(name: str) -> Module | str | None:
    """Read a module; the name of the package where it is an installed one, None where there is none."""
    top = name.partition(".")[0]
    path = None if top in sys.stdlib_module_names else _file(name)
    if path is None:
        return None
    if top != OURS and _is_installed(path):
        return top
    source = path.read_bytes()
    leads_to = frozenset(m for found in _leads_to(name, path, source) for m in _with_packages(found))
    digest = hashlib.sha256(source).hexdigest()
    if name in sys.modules and _seen.setdefault(sys.modules[name], digest) != digest:
        raise InputError(name, "edited since it was loaded", "the code that runs here: start Python anew")
    return Module(digest, leads_to)


def _with_packages(name: str) -> list[str]:
    """Return a, a.b and a.b.c: importing the last one executes them all."""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _leads_to(name: str, path: Path, source: bytes) -> Iterator[str]:
    """Yield the names of modules that a file imports."""
    if path.suffix != ".py":
        return
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for entry in _imports(source):
        module = entry.module
        if entry.level:
            base = package.split(".")
            module = ".".join([*base[: len(base) - entry.level + 1], *([module] if module else [])])
        yield module
        if module.partition(".")[0] not in sys.stdlib_module_names:
            yield from _behind(module, entry.names)


def _behind(module: str, names: tuple[str, ...]) -> Iterator[str]:
    """Yield what names of a module stand for: its submodules, or the modules they are really from."""
    loaded, path = sys.modules.get(module), _file(module) if names else None
    if path is None:
        return
    folders = getattr(loaded, "__path__", [path.parent]) if path.name == "__init__.py" else []
    for name in names:
        if any(Path(f, f"{name}.py").is_file() or Path(f, name, "__init__.py").is_file() for f in folders):
            yield f"{module}.{name}"
        elif loaded is not None and "__getattr__" in vars(loaded):  # names that are loaded on first use
            origin = getattr(getattr(loaded, name, None), "__module__", None)
            if isinstance(origin, str):
                yield origin


@cache
def _imports(source: bytes) -> tuple[Imported, ...]:
    """Collect the imports of a file, and which names are looked up in imported modules."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _for_type_checkers(node)]
    found: dict[Imported, None] = {}
    bound: dict[str, str] = {}
    looked_up: dict[tuple[str, str], None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[Imported(alias.name)] = None
                top = alias.name.partition(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            found[Imported(node.module or "", node.level, tuple(a.name for a in node.names))] = None
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            looked_up[node.value.id, node.attr] = None
    for name, attribute in looked_up:
        if name in bound:
            found[Imported(bound[name], 0, (attribute,))] = None
    return tuple(found)


def _for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _file(name: str) -> Path | None:
    """Return the file of a module, or None where it has none or is not there."""
    if name in sys.modules:
        file = getattr(sys.modules[name], "__file__", None)
    else:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        file = spec.origin if spec is not None and spec.has_location else None
    return Path(file) if file else None


@cache
def _installation() -> tuple[Path, ...]:
    return tuple({Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")})


def _is_installed(path: Path) -> bool:
    """Whether a file lies in a folder of installed packages."""
    path = path.resolve()
    inside = any(path.is_relative_to(folder) for folder in _installation())
    return inside or bool({"site-packages", "dist-packages"} & set(path.parts))


@cache
def _version(package: str) -> str:
    """Return the version of an installed package by the name it is imported by."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        names = importlib.metadata.packages_distributions().get(package, [])
        return " ".join(f"{n} {importlib.metadata.version(n)}" for n in sorted(set(names))) or "unknown"
