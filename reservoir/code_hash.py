"""A hash of the code of a user's rule or task: a changed one is another run.

Of the module in which the class stands, what the class uses counts: its own functions,
base classes, field defaults, and whatever they call or refer to. A module of one's own
that any of this reaches counts whole, with the modules of one's own that it imports.
Comments and docstrings count nowhere.
"""

from __future__ import annotations

import ast
import dataclasses
import dis
import hashlib
import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from spikewhen.reservoir.own_code import module_file, own_file, own_imports


def describe_class(cls: type) -> str:
    """Hash the code of a class and of what it calls.

    Parameters
    ----------
    cls : type
        A rule or task of a user's.

    Returns
    -------
    str
        16 hex digits that change with the code, in whatever file it stands.
    """
    reader = _Reader(cls.__module__)
    text = repr(reader.describe(cls))
    files = sorted((name, _source(path)) for name, path in reader.files.items())
    return hashlib.sha256((text + repr(files)).encode()).hexdigest()[:16]


def _source(path: Path) -> str:
    """The code of a file without comments and docstrings."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


class _Reader:
    """Follows a class through the module it stands in, and notes the other modules it reaches."""

    def __init__(self, home: str):
        self.home = home
        self.file = module_file(home)
        self.files: dict[str, Path] = {}
        self._seen: set[int] = set()

    def _note(self, name: str) -> bool:
        """Take in a module of the user's; whether it is one (not the home, which is followed)."""
        origin = own_file(name, self.home, self.file or Path(self.home))
        if origin is None or name == self.home or origin == self.file:
            return False
        if name not in self.files:
            self.files[name] = origin
            self.files |= {k: p for k, p in own_imports(name, origin).items() if p != self.file}
        return True

    def _followed(self, module: str | None) -> bool:
        """Whether code of that module is described here: the home's, and what has no file."""
        if module is None or module == self.home:
            return True
        if self._note(module):
            return False
        return module_file(module) in (None, self.file) and module not in sys.stdlib_module_names

    def describe(self, value: Any, names: tuple[str, ...] = ()) -> Any:
        """Describe a value: code, data and what they refer to."""
        value = getattr(value, "__func__", value)  # of a method
        value = getattr(value, "py_func", value)  # of a Numba dispatcher, also inside a static method
        if isinstance(value, (FunctionType, type)):
            name = f"{value.__module__}.{value.__qualname__}"
            if value.__module__ == self.home:
                name = value.__qualname__
            if id(value) in self._seen or not self._followed(value.__module__):
                return name
            self._seen.add(id(value))
            return name, self._function(value) if isinstance(value, FunctionType) else self._class(value)
        if isinstance(value, ModuleType):
            self._note(value.__name__)
            for name in names:  # a module of a package, reached as package.module
                self._note(f"{value.__name__}.{name}")
            return value.__name__
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        if isinstance(value, dict):
            return [(self.describe(k), self.describe(v)) for k, v in value.items()]
        if isinstance(value, (list, tuple)):
            return [self.describe(v) for v in value]
        if isinstance(value, (set, frozenset)):
            return sorted(repr(self.describe(v)) for v in value)
        if isinstance(value, (bool, int, float, complex, str, bytes, np.generic, type(None))):
            return repr(value)
        if isinstance(value, property):
            return [self.describe(f) for f in (value.fget, value.fset)]
        if isinstance(value, partial):
            return [self.describe(v) for v in (value.func, value.args, value.keywords)]
        if id(value) in self._seen:
            return type(value).__qualname__
        self._seen.add(id(value))
        kind = self.describe(type(value))
        own = type(value).__module__ == self.home
        return (kind, self.describe(vars(value))) if own and hasattr(value, "__dict__") else kind

    def _class(self, cls: type) -> Any:
        parts: list[Any] = [self.describe(base) for base in cls.__bases__ if base is not object]
        for name, value in sorted(vars(cls).items()):
            function = getattr(value, "__func__", value)
            written = isinstance(function, FunctionType) and function.__code__.co_filename != "<string>"
            if not name.startswith("__") or written:
                parts.append((name, self.describe(value)))
        if dataclasses.is_dataclass(cls):
            for f in dataclasses.fields(cls):
                given = [v for v in (f.default, f.default_factory) if v is not dataclasses.MISSING]
                parts.append((f.name, self.describe(given), self.describe(dict(f.metadata))))
        return parts

    def _function(self, function: FunctionType) -> Any:
        cells = []
        for cell in function.__closure__ or ():
            try:
                cells.append(self.describe(cell.cell_contents))
            except ValueError:  # not yet filled
                cells.append(None)
        code = self._code(function.__code__, function.__globals__)
        return code, self.describe(function.__defaults__), self.describe(function.__kwdefaults__), cells

    def _code(self, code: CodeType, scope: dict[str, Any]) -> Any:
        nested = [self._code(c, scope) for c in code.co_consts if isinstance(c, CodeType)]
        names = [(n, self.describe(scope[n], code.co_names)) for n in code.co_names if n in scope]
        self._imports(code, scope.get("__package__") or "")
        # What an instruction takes, not the place where it stands among the constants: a docstring has one.
        steps = [
            (i.opname, _constant(i.argval) if i.opcode in dis.hasconst else i.argrepr)
            for i in dis.get_instructions(code)
        ]
        return steps, code.co_varnames, nested, names

    def _imports(self, code: CodeType, package: str) -> None:
        steps = list(dis.get_instructions(code))
        for i, step in enumerate(steps):
            if step.opname != "IMPORT_NAME":
                continue
            level, wanted = steps[i - 2].argval, steps[i - 1].argval
            name = str(step.argval)
            if isinstance(level, int) and level and package:
                name = importlib.util.resolve_name("." * level + name, package)
            parts = name.split(".")
            for n in range(len(parts)):
                self._note(".".join(parts[: n + 1]))
            for item in wanted or ():
                self._note(f"{name}.{item}")


def _constant(value: Any) -> str:
    """Write a constant the same in every process: no addresses, no order of a set."""
    if isinstance(value, CodeType):
        return f"code {value.co_name}"
    if isinstance(value, frozenset):
        return repr(sorted(map(_constant, value)))
    return f"({', '.join(map(_constant, value))})" if isinstance(value, tuple) else repr(value)
