"""Linear algebra on one thread, wherever it is called from.

Runs go on side by side, one core each: threads of BLAS on top of them fight over the cores,
and scoring took several times the time. A sum also depends on how many threads share it, and
a run must give the same bytes from a script, from a notebook and from the command.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

ENVIRONMENT = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")
"""The same for a process that has not loaded NumPy yet: its libraries then start no threads."""

_lock = threading.Lock()
_inside: list[threadpool_limits] = []


def start_on_one_thread() -> None:
    """Set `ENVIRONMENT` for this process, unless the user chose; call it before NumPy is loaded."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the linear algebra of this process to one thread, in a ``with`` block or a decorated function.

    The number belongs to the whole process: of several threads inside, the last one to leave
    restores what was.
    """
    import scipy.linalg  # noqa: F401  # brings a BLAS of its own, which has to be there to be held

    with _lock:
        if not _inside:
            _inside.append(threadpool_limits(1, user_api="blas"))
        else:
            _inside.append(_inside[0])
    try:
        yield
    finally:
        with _lock:
            last = _inside.pop()
            if not _inside:
                last.restore_original_limits()
