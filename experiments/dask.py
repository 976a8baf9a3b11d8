"""Runs on the workers of a `distributed` scheduler: any scheduler's, or a cluster of this machine's own.

Dask carries work to machines and says when it is done; nothing else is believed. A run that is repeated,
since its worker died or its outcome was lost with one, finds the result file and reads it.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikewhen.experiments.bundle import begun_file
from spikewhen.experiments.cli.errors import RunError
from spikewhen.experiments.display import count
from spikewhen.experiments.progress import say
from spikewhen.experiments.remote import Parcel, do, ended, failed, on_scratch
from spikewhen.experiments.workers import ONE_THREAD, Crew, Stopped, Tick, Work, portable
from spikewhen.reservoir.errors import InputError

ATTEMPTS = 3
"""How often Dask may give a run up that was begun, before the end of its workers is taken for its fault."""

LOST = 10
"""How often it may give up one that had not begun: others on its worker may be to blame, or loading it is."""

LOOK_S = 1.0
"""A running run looks so often whether the command is still there."""

LONELY_S = 30.0
"""The command looks so often whether workers are left; its own that were given up are then replaced."""

CONNECT_S = 10
"""How long a scheduler is waited for."""


@dataclass(frozen=True)
class Errand:
    """A run on its way to a worker.

    Parameters
    ----------
    parcel : Parcel
    number : int
        By which the run is known.
    exchange : Path
        A folder that is there as long as the command wants the run.
    scratch : str
        Folder of the machine for files while they are written, such as ``"$TMPDIR"``.
    """

    parcel: Parcel
    number: int
    exchange: Path
    scratch: str

    def __call__(self) -> tuple[str, Any, int]:
        """Carry out the run on a worker; returns what `do` does."""
        looked = time.monotonic()

        def tick(_: int) -> None:
            nonlocal looked
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                if not self.exchange.exists():
                    raise Stopped

        try:
            work, (item,) = self.parcel.open()
            item = on_scratch(item, self.scratch)
            with suppress(OSError):  # the folder is gone where the command has ended
                begun_file(self.exchange, self.number).touch()
            return do(work, item, tick)
        except Stopped:
            return "failed", RunError("stopped, as the command that wanted it has ended"), 0
        except Exception as error:
            return "failed", portable(error), 0


@dataclass
class DaskCrew:
    """Carries out tasks on workers.

    Parameters
    ----------
    folder : Path
        On a disk that all machines see.
    address : str
        Of a scheduler; without one, a cluster of this machine's own.
    at_once : int
        Workers of the own cluster.
    scratch : str
        As `Errand` has it.
    """

    folder: Path
    address: str
    at_once: int
    scratch: str = ""
    _waiting: dict[int, Any] = field(default_factory=dict)
    _exchange: Path | None = None
    _open: list[Any] = field(default_factory=list)
    _own: Any = None
    _over: threading.Event = field(default_factory=threading.Event)

    def each(self, work: Work, items: Sequence[Any], tick: Tick) -> Iterator[tuple[Any, Future]]:
        """Carry out `work(item, tick)` for every item; yield each with its outcome as it ends.

        Raises
        ------
        InputError
            If no scheduler answers at the address.
        RunError
            If the workers lack the package or have other code, or the scheduler is lost.
        """
        from distributed import CancelledError, as_completed
        from distributed.scheduler import KilledWorker

        self._waiting = dict(enumerate(items))
        client = self._connect()
        self.folder.mkdir(parents=True, exist_ok=True)
        exchange = self._exchange = Path(tempfile.mkdtemp(prefix=".dask-", dir=self.folder)).absolute()
        attempts: Counter[int] = Counter()
        lost: Counter[int] = Counter()

        def submit(number: int) -> Any:
            errand = Errand(Parcel.of(work, [self._waiting[number]]), number, exchange, self.scratch)
            key = f"spikewhen{exchange.name}-{next(keys)}"
            numbers[key] = number
            return client.submit(errand, key=key, pure=False, priority=-attempts[number])

        threading.Thread(target=self._watch, args=(client,), daemon=True).start()
        keys, numbers = itertools.count(), dict[str, int]()
        ending = as_completed([submit(number) for number in self._waiting], loop=client.loop)
        for future in ending:
            number = numbers.pop(future.key)
            error: Exception | None = None
            try:
                outcome = future.result()
            except KilledWorker:
                lost[number] += 1
                attempts[number] += begun_file(exchange, number).exists()
                begun_file(exchange, number).unlink(missing_ok=True)
                if attempts[number] < ATTEMPTS and lost[number] < LOST:  # others may have ended its workers
                    ending.add(submit(number))
                    continue
                when = "while it ran" if attempts[number] else "before it began"
                error = RunError(f"its workers ended {when}, as by a limit of memory; see their logs")
            except CancelledError as gone:
                raise RunError(f"the scheduler {self._name} was lost; the same command goes on") from gone
            except Exception as other:
                if isinstance(other, ModuleNotFoundError) and (other.name or "").startswith("spikewhen"):
                    raise RunError(
                        f"the workers of {self._name} have no spikewhen: install it there"
                    ) from other
                error = other
            item = self._waiting.pop(number)
            yield item, ended(outcome, tick) if error is None else failed(error)

    @property
    def _name(self) -> str:
        return self.address or "of this machine"

    def _connect(self) -> Any:
        from distributed import Client, LocalCluster

        if self.address:
            client = connected(self.address)
            self._open = [client]
            self._tell_workers(client)
            return client
        cluster = LocalCluster(
            n_workers=self.at_once,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,  # what runs need is planned before
            dashboard_address=None,
            silence_logs=logging.ERROR,
            env=ONE_THREAD,
        )
        client = Client(cluster, set_as_default=False)
        self._open, self._own = [client, cluster], cluster
        return client

    def _tell_workers(self, client: Any) -> None:
        threads = client.nthreads()
        if not threads:
            say(f"warning: the scheduler {self.address} has no workers yet; runs wait for the first")
        shared = [worker for worker, n in threads.items() if n > 1]
        if shared:
            what = f"{count(len(shared), 'worker')} of {self.address} have more than one thread"
            say(f"warning: {what}, where runs slow each other down; start workers with --nthreads 1")

    def _watch(self, client: Any) -> None:
        """Say once that no worker is left, as where each ran into its limit of time: runs wait for one.

        A cluster of this machine's own gives up for good a worker that was killed and is not there again
        in 15 seconds, as on a busy machine. So its workers are asked for again.
        """
        told = False
        while not self._over.wait(LONELY_S):
            with suppress(Exception):  # the scheduler is lost, which `each` says
                if self._own is not None:
                    self._own.scale(self.at_once)
                lonely = not client.nthreads()
                if lonely and not told:
                    say(f"warning: the scheduler {self._name} has no worker left; runs wait for the next")
                told = lonely

    def stop(self, grace_s: float | None = None) -> list[Any]:
        """Stop what goes on and leave the scheduler; return the items that have not ended."""
        self._over.set()
        if self._exchange is not None:
            shutil.rmtree(self._exchange, ignore_errors=True)  # runs look for it
        for one in self._open:
            with suppress(Exception):
                one.close()
        self._open = []
        return list(self._waiting.values())


def connected(address: str) -> Any:
    """Return a client of a scheduler.

    Raises
    ------
    InputError
        If none answers.
    """
    from distributed import Client

    try:
        return Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:80] or type(error).__name__
        allowed = f"the address of a running scheduler, such as tcp://host:8786 ({why})"
        raise InputError("--engine-set scheduler", address, allowed) from error


@dataclass(frozen=True)
class Dask:
    """The workers of a scheduler of `distributed`.

    Parameters
    ----------
    scheduler : str
        Its address; without one, a cluster of this machine's own.
    scratch : str
        Folder of a machine for files while they are written; may name variables, as ``"$TMPDIR"``.

    Raises
    ------
    InputError
        If `distributed` is not installed.
    """

    scheduler: str = ""
    scratch: str = ""

    def __post_init__(self) -> None:
        try:
            import distributed  # noqa: F401
        except ImportError as error:
            raise InputError("--engine", "dask", "installed: pip install 'spikewhen[dask]'") from error

    def crew(self, at_once: int, *, shared: bool, folder: Path) -> Crew:
        """Return a crew of workers."""
        if shared:
            raise InputError("--backend", "gpu", "cpu with --engine dask: runs on a GPU share one process")
        return DaskCrew(folder.absolute(), self.scheduler, at_once, self.scratch)

    def at_once(self, threads: int, runs: int) -> int:
        """Return how many workers the scheduler has; at least 1."""
        if not self.scheduler:
            return threads
        with connected(self.scheduler) as client:
            return max(1, min(sum(client.nthreads().values()), runs))

    def describe(self, runs: int, folder: Path) -> str:
        """Say whose workers carry the runs out."""
        return f"on the workers of {self.scheduler}" if self.scheduler else ""
