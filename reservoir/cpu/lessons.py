"""Readouts that learn beside the network, in the open loop: it fills chunks of features ahead of them.

A readout takes its chunks in their order, whichever thread it learns on, so the bits are those of
readouts that learn after each chunk. Where the network has to wait, its thread learns too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Condition

CHUNKS_AHEAD = 4
"""Chunks of features that are held: trials, which teach, take longer than the silences between them."""

Lesson = Callable[[], None]


class Lessons:
    """The lessons of one segment.

    Parameters
    ----------
    n_readouts : int
    helpers : ThreadPoolExecutor
        Threads that learn beside the one that calls.
    n_helpers : int
    """

    def __init__(self, n_readouts: int, helpers: ThreadPoolExecutor, n_helpers: int):
        self._waiting: list[deque[tuple[int, Lesson]]] = [deque() for _ in range(n_readouts)]
        self._busy = [False] * n_readouts
        self._left: list[int] = []  # lessons of each chunk that have not ended
        self._changed = Condition()
        self._over = n_readouts == 0
        self._failed: BaseException | None = None
        self._helping: list[Future] = [helpers.submit(self._help) for _ in range(min(n_helpers, n_readouts))]

    def make_room(self) -> int:
        """Learn until one of `CHUNKS_AHEAD` places is free; return which."""
        self._learn_to(len(self._left) - CHUNKS_AHEAD)
        return len(self._left) % CHUNKS_AHEAD

    def add(self, lessons: Sequence[Lesson]) -> None:
        """Have each readout learn from the next chunk."""
        with self._changed:
            for waiting, lesson in zip(self._waiting, lessons, strict=True):
                waiting.append((len(self._left), lesson))
            self._left.append(len(lessons))
            self._changed.notify_all()

    def finish(self) -> None:
        """Learn until all is learned; raises what a lesson raised."""
        self._learn_to(len(self._left) - 1)
        self.stop()

    def stop(self) -> None:
        """Begin no lesson any more, and wait for those that have begun."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        wait(self._helping)

    def _learn_to(self, chunk: int) -> None:
        """Learn, here too, until the lessons of a chunk and of those before it have ended."""
        while True:
            with self._changed:
                while not (self._failed or self._ended(chunk)) and self._next() is None:
                    self._changed.wait()
                if self._failed:
                    raise self._failed
                if self._ended(chunk):
                    return
                taken = self._take()
            self._carry_out(*taken)

    def _ended(self, chunk: int) -> bool:
        """Whether all has been learned of a chunk and those before it, of which few are still held."""
        return not any(self._left[max(0, chunk + 1 - CHUNKS_AHEAD) : max(0, chunk + 1)])

    def _help(self) -> None:
        while True:
            with self._changed:
                while not self._over and self._next() is None:
                    self._changed.wait()
                if self._over:
                    return
                taken = self._take()
            self._carry_out(*taken)

    def _next(self) -> int | None:
        """Return the readout, not learning now, whose lesson is of the earliest chunk."""
        free = [i for i, queue in enumerate(self._waiting) if queue and not self._busy[i]]
        return min(free, key=lambda i: self._waiting[i][0][0], default=None)

    def _take(self) -> tuple[int, int, Lesson]:
        readout = self._next()
        assert readout is not None
        self._busy[readout] = True
        return (readout, *self._waiting[readout].popleft())

    def _carry_out(self, readout: int, chunk: int, lesson: Lesson) -> None:
        failed: BaseException | None = None
        try:
            lesson()
        except BaseException as error:
            failed = error
        with self._changed:
            self._busy[readout] = False
            self._left[chunk] -= 1
            self._failed = self._failed or failed
            self._over = self._over or failed is not None
            self._changed.notify_all()
