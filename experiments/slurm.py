"""Runs as job arrays of SLURM, through submitit.

Runs are dealt out to the tasks of an array, several to each. A task writes the outcome of each of its runs
into a file, and nothing else is believed: one task that is killed spoils no result of another. Runs that a
task did not come to, since its time was up or it was killed, are submitted again.
"""

from __future__ import annotations

import hashlib
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikewhen.experiments.cli.errors import RunError
from spikewhen.experiments.progress import say
from spikewhen.experiments.provenance import ROOT, software
from spikewhen.experiments.workers import ONE_THREAD, Crew, Tick, Work, portable
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.integrity import write_whole

ATTEMPTS = 3
"""How often a run is begun, before the end of its task is taken for its fault."""

POLL_S = 2.0
PACKAGES = ("analysis", "examples", "experiments", "gpu", "paradigms", "reservoir", "spikewhen", "validation")


def code_hash() -> str:
    """Return a hash of all code of the package, as it is on disk now."""
    root = ROOT if (ROOT / "pyproject.toml").is_file() else ROOT / "spikewhen"
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".cu", ".h", ".toml"):
                digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@dataclass(frozen=True)
class Bundle:
    """What one task of an array does: some runs, one after the other, as far as its time allows.

    Parameters
    ----------
    payload : bytes
        The pickled work and items; unpickled when the path is that of the command.
    numbers : sequence of int
        By which the outcomes of the items are known.
    path : sequence of str
        Where the command found its modules, a user's own rules and tasks among them.
    folder : Path
        Of the outcomes.
    code, commit : str
        Of the package when the task was submitted.
    time_s : float
        That the task may take.
    """

    payload: bytes = field(repr=False)
    numbers: Sequence[int]
    path: Sequence[str]
    folder: Path
    code: str
    commit: str
    time_s: float

    def __call__(self) -> None:
        """Carry out the runs; the outcome of each goes into a file."""
        clock = time.monotonic()
        sys.path += [place for place in self.path if place not in sys.path]
        try:
            if code_hash() != self.code:
                raise RunError(
                    f"the code changed after it was submitted (commit {self.commit} then, "
                    f"{software()['commit']} now); the same command again submits it anew"
                )
            work, items = pickle.loads(self.payload)
        except Exception as error:
            for number in self.numbers:
                write_whole(_outcome(self.folder, number), pickle.dumps(("failed", portable(error), 0)))
            return
        for n, (number, item) in enumerate(zip(self.numbers, items, strict=True)):
            target = _outcome(self.folder, number)
            if target.exists():  # this task was requeued
                continue
            seconds = float(getattr(getattr(item, "estimate", None), "seconds", 0.0))
            if n and time.monotonic() - clock + 2 * seconds > 0.9 * self.time_s:  # estimates: a factor of 2
                return
            _begun(self.folder, number).touch()
            write_whole(target, pickle.dumps(_do(work, item)))

    def checkpoint(self) -> Any:
        """Return what is to be done where SLURM preempts the task: what is not done yet."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _do(work: Any, item: Any) -> tuple[str, Any, int]:
    ticks: list[int] = []
    try:
        return "done", work(item, ticks.append), sum(ticks)
    except Exception as error:
        return "failed", portable(error), sum(ticks)


def _outcome(folder: Path, number: int) -> Path:
    return folder / f"{number}.outcome"


def _begun(folder: Path, number: int) -> Path:
    return folder / f"{number}.begun"


@dataclass
class SlurmCrew:
    """Carries out tasks as arrays of jobs.

    Parameters
    ----------
    folder : Path
        On a disk that all machines see; logs stay in ``slurm/`` in it.
    tasks : int
        How many an array has at most.
    time_s : float
        That a task may take.
    parameters : dict
        As `submitit.AutoExecutor.update_parameters` has them.
    cluster : str
        As submitit names it.
    """

    folder: Path
    tasks: int
    time_s: float
    parameters: dict[str, Any]
    cluster: str = "slurm"
    _jobs: list[Any] = field(default_factory=list)
    _waiting: dict[int, Any] = field(default_factory=dict)

    def each(self, work: Work, items: Sequence[Any], tick: Tick) -> Iterator[tuple[Any, Future]]:
        """Carry out `work(item, tick)` for every item; yield each with its outcome as it ends."""
        place = self.folder / "slurm"
        place.mkdir(parents=True, exist_ok=True)
        exchange = Path(tempfile.mkdtemp(prefix="outcomes-", dir=place))
        self._waiting = dict(enumerate(items))
        attempts: Counter[int] = Counter()
        try:
            while self._waiting:
                before = len(self._waiting)
                self._submit(work, place, exchange)
                yield from self._collect(exchange, tick)
                begun = [n for n in self._waiting if _begun(exchange, n).exists()]
                attempts.update(begun)
                stuck = not begun and len(self._waiting) == before
                for number in [n for n in self._waiting if stuck or attempts[n] >= ATTEMPTS]:
                    what = "before it began" if stuck else f"{ATTEMPTS} times while it ran"
                    why = f"its SLURM job ended {what}, as by its limit of time or memory; logs in {place}"
                    yield self._waiting.pop(number), _failed(RunError(why))
                for number in begun:
                    _begun(exchange, number).unlink(missing_ok=True)
        finally:
            shutil.rmtree(exchange, ignore_errors=True)

    def _submit(self, work: Work, place: Path, exchange: Path) -> None:
        import submitit

        executor = submitit.AutoExecutor(folder=place / "%j", cluster=self.cluster)
        executor.update_parameters(**self.parameters)
        waiting = list(self._waiting.items())
        count = min(self.tasks, len(waiting))
        parts = [waiting[i::count] for i in range(count)]
        shared = tuple(sys.path), exchange.absolute(), code_hash(), software()["commit"], self.time_s
        try:
            with executor.batch():
                jobs = [
                    executor.submit(
                        Bundle(
                            pickle.dumps((work, [item for _, item in part])), [n for n, _ in part], *shared
                        )
                    )
                    for part in parts
                ]
        except submitit.core.utils.FailedJobError as error:
            raise RunError(f"SLURM takes no such job: {error}") from error
        self._jobs = jobs  # which can be asked now
        say(f"submitted {len(waiting)} runs as {count} tasks of job {self._jobs[0].job_id.split('_')[0]}")

    def _collect(self, exchange: Path, tick: Tick) -> Iterator[tuple[Any, Future]]:
        """Yield outcomes as they come, until all are there or the last job has ended."""
        last = False
        while self._waiting:
            there = [n for n in self._waiting if _outcome(exchange, n).exists()]
            for number in there:
                kind, value, ticks = pickle.loads(_outcome(exchange, number).read_bytes())
                tick(ticks)
                yield self._waiting.pop(number), _done(value) if kind == "done" else _failed(value)
            if not there:
                if last:
                    return
                time.sleep(POLL_S)
                last = not self._running()  # then look once more: the files may come late

    def _running(self) -> bool:
        if self.cluster != "slurm":
            return not all(job.done() for job in self._jobs)
        # not sacct, which knows nothing where a cluster keeps no accounts
        array = self._jobs[0].job_id.split("_")[0]
        asked = subprocess.run(["squeue", "-h", "-j", array, "-o", "%i"], capture_output=True, text=True)
        return bool(asked.stdout.strip()) or (asked.returncode != 0 and "Invalid job id" not in asked.stderr)

    def stop(self, grace_s: float | None = None) -> list[Any]:
        """Cancel what is submitted; return the items that have not ended."""
        if self._waiting:
            for job in self._jobs:
                job.cancel(check=False)
        return list(self._waiting.values())


def _done(value: Any) -> Future:
    future: Future = Future()
    future.set_result(value)
    return future


def _failed(error: Exception) -> Future:
    future: Future = Future()
    future.set_exception(error)
    return future


@dataclass(frozen=True)
class Slurm:
    """A cluster that SLURM manages; the command waits until all is done, and may be called again.

    Parameters
    ----------
    time_s : float
        Of one task of an array, which does several runs one after the other.
    memory_bytes : float, optional
        Of one task; by default what the cluster gives.
    tasks : int
        How many an array has at most; sites allow some hundred.
    at_once : int, optional
        How many of them at once.
    partition, account : str, optional

    Raises
    ------
    InputError
        If submitit is not installed, or this machine cannot submit.
    """

    time_s: float = 3600.0
    memory_bytes: float | None = None
    tasks: int = 100
    at_once: int | None = None
    partition: str | None = None
    account: str | None = None

    def __post_init__(self) -> None:
        try:
            import submitit  # noqa: F401
        except ImportError as error:
            raise InputError("--engine", "slurm", "installed: pip install 'spikewhen[slurm]'") from error
        if shutil.which("sbatch") is None:
            raise InputError(
                "--engine", "slurm", "called where sbatch is: no command sbatch on the path here"
            )

    def crew(self, at_once: int, *, shared: bool, folder: Path) -> Crew:
        """Return a crew of job arrays."""
        if shared:
            raise InputError("--backend", "gpu", "cpu with --engine slurm: runs on a GPU share one process")
        parameters = {
            "name": "spikewhen",
            "timeout_min": max(1, round(self.time_s / 60)),
            "cpus_per_task": 1,
            "slurm_setup": [f"export {name}={value}" for name, value in ONE_THREAD.items()],
            "slurm_array_parallelism": self.at_once or self.tasks,
            **({"mem_gb": self.memory_bytes / 1e9} if self.memory_bytes else {}),
            **({"slurm_partition": self.partition} if self.partition else {}),
            **({"slurm_account": self.account} if self.account else {}),
        }
        return SlurmCrew(folder.absolute(), self.tasks, self.time_s, parameters)
