"""Tasks side by side, with progress and an orderly end: in threads, or each in a process of its own.

Runs in threads of one process share Python's lock and HDF5's. Processes share
nothing; they cannot share a GPU's batches either, for which there are threads.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from concurrent.futures import wait as wait_for
from contextlib import contextmanager, suppress
from multiprocessing import connection, resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, Generic, Protocol, TypeVar

from spikewhen.analysis.algebra import ENVIRONMENT

T = TypeVar("T")
R = TypeVar("R")
Tick = Callable[[int], None]
"""Told how many steps of work were just done; ends the task where all are to stop."""
Work = Callable[[T, Tick], R]

ONE_THREAD = ENVIRONMENT | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


class Stopped(BaseException):
    """Ends a task from inside, so that it clears up after itself."""


class _Terminated(BaseException):
    """A signal told this process to end."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that a queue, a system that shuts down or a closed terminal sends."""


class Died(Exception):
    """The process of a task ended before the task did.

    Parameters
    ----------
    code : int or None
        As `multiprocessing` has it: minus the signal's number where a signal ended it.
    started : bool
        Whether it had come as far as to take tasks.
    """

    def __init__(self, code: int | None, started: bool = True):
        super().__init__(code, started)
        self.code, self.started = code, started

    def __str__(self) -> str:
        if not self.started and (self.code is None or self.code >= 0):
            return (
                f"its process could not start (exit code {self.code}); a script that runs several at once "
                'needs if __name__ == "__main__": around what it does; else lower --threads'
            )
        if self.code is None or self.code >= 0:
            return f"its process ended, with exit code {self.code}"
        try:
            name = signal.Signals(-self.code).name
        except ValueError:
            name = f"signal {-self.code}"
        memory = ", as by a system that runs out of memory: lower --threads" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{memory}"


class Crew(Protocol):
    """Carries out tasks, several at once."""

    def each(self, work: Work[T, R], items: Sequence[T], tick: Tick) -> Iterator[tuple[T, Future[R]]]:
        """Carry out `work(item, tick)` for every item; yield each with its outcome as it ends."""

    def stop(self, grace_s: float | None = None) -> list[Any]:
        """End all work, at once or at the next `tick` of each.

        Returns
        -------
        list
            Items that did not end by themselves in time: still in work (threads) or killed.
        """


class Threads:
    """Tasks in threads of this process."""

    def __init__(self, at_once: int):
        self._executor = ThreadPoolExecutor(at_once)
        self._stopped = threading.Event()
        self._items: dict[Future, Any] = {}

    def each(self, work: Work[T, R], items: Sequence[T], tick: Tick) -> Iterator[tuple[T, Future[R]]]:
        """Carry out `work(item, tick)` for every item; yield each with its outcome as it ends."""

        def checked(n: int) -> None:
            if self._stopped.is_set():
                raise Stopped
            tick(n)

        futures = {self._executor.submit(work, item, checked): item for item in items}
        self._items |= futures
        for future in as_completed(futures):
            yield futures[future], future

    def stop(self, grace_s: float | None = None) -> list[Any]:
        """End all work; without a limit to the grace, wait until it has ended."""
        self._stopped.set()
        self._executor.shutdown(wait=False, cancel_futures=True)
        begun = [future for future in self._items if not future.cancelled()]  # the others never end
        with suppress(KeyboardInterrupt):  # pressed again: do not wait
            wait_for(begun, grace_s)
        return [self._items[future] for future in begun if not future.done()]


class _Worker(Generic[T, R]):
    """A process, our end of the pipe to it, and what it works on."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()  # so that the pipe ends when the process does
        self.started = False
        self.item: T | None = None
        self.future: Future[R] = Future()

    def give(self, work: Work[T, R], item: T) -> None:
        """Hand over a task."""
        self.item, self.future = item, Future()
        with suppress(OSError):  # it has died, which shows when it is listened to
            self.pipe.send((work, item))

    def listen(self, tick: Tick) -> bool:
        """Take one message; whether the task has ended."""
        try:
            kind, value = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            kind, value = "failed", Died(self.process.exitcode, self.started)
        self.started = True
        if kind == "tick":
            tick(value)
            return False
        if kind == "done":
            self.future.set_result(value)
        else:
            self.future.set_exception(value)
        return True


class Processes:
    """Tasks in processes; work, items and what becomes of them have to be picklable.

    The processes ignore Ctrl-C: it is for this one to `stop` them. Where this one
    is killed, they stop at their next tick. One that is terminated clears up its own task.
    """

    def __init__(self, at_once: int):
        self._at_once = at_once
        self._workers: list[_Worker] = []

    def each(self, work: Work[T, R], items: Sequence[T], tick: Tick) -> Iterator[tuple[T, Future[R]]]:
        """Carry out `work(item, tick)` for every item; yield each with its outcome as it ends."""
        waiting = deque(items)
        busy: dict[Any, _Worker] = {}

        def give(worker: _Worker) -> None:
            worker.give(work, waiting.popleft())
            busy[worker.pipe] = worker

        for worker in self._start(min(self._at_once, len(waiting))):
            give(worker)
        while busy:
            for pipe in connection.wait(list(busy)):
                worker = busy[pipe]
                if not worker.listen(tick):
                    continue
                del busy[pipe]
                yield worker.item, worker.future  # type: ignore[misc]
                if waiting:
                    give(worker if worker.process.is_alive() else self._start(1)[0])

    def _start(self, count: int) -> list[_Worker]:
        """Start so many processes; Ctrl-C waits until they stand, and passes them by."""
        resource_tracker.ensure_running()  # which would let signals through again, were it started below
        started: list[_Worker] = []
        with _no_interrupt(), _environment(ONE_THREAD):
            for _ in range(count):
                started.append(_Worker())
                self._workers.append(started[-1])
        return started

    def stop(self, grace_s: float | None = None) -> list[Any]:
        """End all work; what has not ended by itself in time is killed."""
        for worker in self._workers:
            worker.pipe.close()  # the next tick of each finds its end
        until = None if grace_s is None else time.monotonic() + grace_s
        with suppress(KeyboardInterrupt):  # pressed again: do not wait
            for worker in self._workers:
                worker.process.join(None if until is None else max(0.0, until - time.monotonic()))
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
        return [w.item for w in self._workers if w.item is not None and w.process.exitcode != 0]


@contextmanager
def _no_interrupt() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # processes inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(defaults: dict[str, str]) -> Iterator[None]:
    """Set what the user has not set, for processes that start meanwhile: libraries read it when loaded."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _serve(pipe: Any) -> None:
    """Work on what comes through a pipe until it ends."""
    told: list[int] = []  # to end, by which signal

    def heed() -> None:
        if told:
            raise _Terminated(told[0])

    def tick(n: int) -> None:
        heed()
        if pipe.poll():  # nothing is sent during work: it is the end
            raise Stopped
        pipe.send(("tick", n))

    def terminated(number: int, _: Any) -> None:
        for other in ENDING:
            signal.signal(other, signal.SIG_IGN)  # the first is enough: the task is clearing up
        told.append(number)
        if not working:  # else at the next tick: HDF5 would swallow what is raised while it writes
            heed()

    working: list[Any] = []

    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:  # else nohup, say, had it ignored
            signal.signal(number, terminated)
    try:
        _work(pipe, tick, working, heed)
    except _Terminated as error:
        signal.signal(error.number, signal.SIG_DFL)
        os.kill(os.getpid(), error.number)  # so that its end tells what ended it


def _work(pipe: Any, tick: Tick, working: list[Any], heed: Callable[[], None]) -> None:
    with suppress(EOFError, OSError, Stopped):
        pipe.send(("tick", 0))  # it has started
        while True:
            work, item = pipe.recv()
            working.append(item)
            try:
                message = "done", work(item, tick)
            except Exception as error:
                message = "failed", portable(error)
            working.clear()
            heed()
            pipe.send(message)


def portable(error: Exception) -> Exception:
    """Make an error fit for a pipe, with the place where it was raised as a note."""
    error.add_note("in a process of its own:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def make_crew(at_once: int, *, shared: bool = False) -> Crew:
    """Return who carries out tasks: a process each, or threads where they share memory or are alone."""
    return Threads(at_once) if shared or at_once == 1 else Processes(at_once)
