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
"""Environment of a process that has not loaded NumPy yet: its libraries then start no threads."""


def start_on_one_thread() -> None:
    """Set `ENVIRONMENT` for this process, unless the user chose; call it before NumPy is loaded."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


class _Holder:
    """Holds the process's number of threads from a thread of its own.

    Whoever sets the number has to restore it (threadpoolctl lets no other thread do it), but of
    several threads that score at a time the first to begin is not the last to end.
    """

    def __init__(self) -> None:
        self._held, self._free = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, daemon=True)
        self._thread.start()
        self._held.wait()

    def _hold(self) -> None:
        try:
            with threadpool_limits(1, user_api="blas"):
                self._held.set()
                self._free.wait()
        finally:
            self._held.set()

    def release(self) -> None:
        """Restore what was."""
        self._free.set()
        self._thread.join()


_lock = threading.Lock()
_holders: list[_Holder] = []
"""One for each caller inside, all the same."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the linear algebra of this process to one thread, in a ``with`` block or a decorated function."""
    import scipy.linalg  # noqa: F401  # brings a BLAS of its own, which has to be there to be held

    with _lock:
        _holders.append(_holders[0] if _holders else _Holder())
    try:
        # Where BLAS stands on OpenMP, each thread has a number of its own.
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        with _lock:
            holder = _holders.pop()
            if not _holders:
                holder.release()
