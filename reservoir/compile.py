"""Compiling kernels so that a changed source never runs a stale one.

Numba's own disk cache looks only at the file a kernel stands in, and cannot
key a kernel on a function passed into it. Here the key also holds a hash of
every source file of the engine, and of the learning rule as it was loaded: its
code, the functions it calls, in whatever file, and the values it refers to.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numba as nb
import numpy as np
from numba.core.bytecode import FunctionIdentity

from spikewhen.reservoir.kernel_cache import KernelCache, tell_once

# Numba numbers the functions it compiles from 1 in every process and names their machine code by it.
# Two kernels on disk, each with its own version of a rule's step inside, could so hold two functions
# of one name, and the linker takes whichever was loaded first. Numbers that no other process uses
# rule that out.
FunctionIdentity._unique_ids = itertools.count(int.from_bytes(os.urandom(7), "little"))


@cache
def _engine_hash() -> str:
    digest = hashlib.sha256(nb.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _describe(value: Any, names: tuple[str, ...], seen: set[int]) -> Any:
    """Describe what a compiled function sees of a value: code, data, and what they refer to."""
    value = getattr(value, "py_func", value)
    if isinstance(value, FunctionType):
        if id(value) in seen:
            return value.__qualname__
        seen.add(id(value))
        return _describe_code(value.__code__, value.__globals__, seen), value.__defaults__
    if isinstance(value, ModuleType):
        if value.__name__.partition(".")[0] in ("math", "numba", "numpy"):
            return value.__name__
        return [(n, _describe(getattr(value, n), names, seen)) for n in names if hasattr(value, n)]
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, (bool, int, float, complex, str, bytes, tuple, np.generic)):
        return repr(value)
    return type(value).__qualname__


def _describe_code(code: CodeType, scope: dict[str, Any], seen: set[int]) -> Any:
    constants = [
        _describe_code(c, scope, seen) if isinstance(c, CodeType) else repr(c) for c in code.co_consts
    ]
    globals_ = [(n, _describe(scope[n], code.co_names, seen)) for n in code.co_names if n in scope]
    return code.co_code, code.co_names, code.co_varnames, constants, globals_


def compile_kernel(function: Callable, step: Any = None, variant: tuple = (), nrt: bool = True) -> Any:
    """Compile a kernel, from disk if nothing it depends on has changed.

    Parameters
    ----------
    function : callable
        The kernel; may close over the `step` of a learning rule.
    step : Numba dispatcher, optional
        That step. One typed at a prompt or closing over values is compiled anew.
    variant : tuple
        What else `function` closes over that decides its code, by name or number.
    nrt : bool
        Whether it may allocate; without, it does not count references of arrays,
        which cost more than a small network's step.

    Returns
    -------
    Numba dispatcher
        Releases the GIL; divides as NumPy does; no fastmath, so no
        contraction and no flush to zero.
    """
    dispatcher = nb.njit(nogil=True, error_model="numpy", _nrt=nrt)(function)
    if nb.config.DISABLE_JIT:  # a plain function, which no run gets as far as to call
        return dispatcher
    key = hashlib.sha256(f"{_engine_hash()}|{variant!r}".encode()).hexdigest()
    if step is not None:
        source_file = inspect.getsourcefile(step.py_func)
        if step.py_func.__closure__ or not source_file or not Path(source_file).is_file():
            return dispatcher
        name = f"{step.py_func.__module__}.{step.py_func.__qualname__}"
        key = hashlib.sha256(f"{key}|{name}|{_describe(step, (), set())!r}".encode()).hexdigest()
    try:
        _keep_on_disk(dispatcher, KernelCache(function, key))
    except RuntimeError:
        tell_once(
            "kernel cache: no folder can be written; every command compiles anew (NUMBA_CACHE_DIR names one)"
        )
    return dispatcher


def _keep_on_disk(dispatcher: Any, kernels: KernelCache) -> None:
    compile_ = dispatcher._compiler.compile

    def compile_in_turn(args: Any, return_type: Any) -> Any:
        try:
            return compile_(args, return_type)
        except BaseException:  # nothing will be saved, for which others wait
            kernels.end_turns()
            raise

    dispatcher._compiler.compile = compile_in_turn
    dispatcher._cache = kernels
