"""Runs as job arrays of SLURM, through submitit.

Runs are dealt out to the tasks of an array, several to each. A task writes the outcome of each of its runs
into a file, and nothing else is believed: one task that is killed spoils no result of another. Runs that a
task did not come to, since its time was up or it was killed, are submitted again.
"""

from __future__ import annotations

import math
import pickle
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikewhen.experiments.bundle import Bundle, begun_file, outcome_file
from spikewhen.experiments.cli.errors import RunError
from spikewhen.experiments.progress import say
from spikewhen.experiments.remote import POLL_S, Parcel, ended, failed, seconds_of
from spikewhen.experiments.tables import duration
from spikewhen.experiments.workers import ONE_THREAD, Crew, Tick, Work
from spikewhen.reservoir.errors import InputError

ATTEMPTS = 3
"""How often a run is begun, before the end of its task is taken for its fault."""

MOST_LIMITS = 1000
"""How often a task may meet its limit of time where its runs keep checkpoints, and so go on."""

TASKS = 100
"""Of an array, where nothing else is asked for."""

OVER = "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED TIMEOUT".split()
"""States of SLURM in which a task runs no more."""

USUAL = {"None", "Priority", "Resources", "JobArrayTaskLimit", "BeginTime", "Cleaning"}
"""Reasons for which a task waits that will pass by themselves."""


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
    scratch : str
        As `Bundle` has it.
    """

    folder: Path
    tasks: int
    time_s: float
    parameters: dict[str, Any]
    cluster: str = "slurm"
    scratch: str = ""
    _jobs: list[Any] = field(default_factory=list)
    _cancelled: set[int] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _waiting: dict[int, Any] = field(default_factory=dict)

    def each(self, work: Work, items: Sequence[Any], tick: Tick) -> Iterator[tuple[Any, Future]]:
        """Carry out `work(item, tick)` for every item; yield each with its outcome as it ends.

        Raises
        ------
        InputError
            If a run takes longer than a task may.
        RunError
            If SLURM takes no such job, or its machines have other code.
        """
        longest = max(items, key=seconds_of)
        if seconds_of(longest) > 2 * self.time_s and not _goes_on(longest):  # estimates: a factor of 2
            took = duration(seconds_of(longest))
            allowed = f"more, or --checkpoint-every: {longest} takes about {took}"
            raise InputError("--engine-set time", duration(self.time_s), allowed)
        place = self.folder / "slurm"
        place.mkdir(parents=True, exist_ok=True)
        exchange = Path(tempfile.mkdtemp(prefix="outcomes-", dir=place))
        self._waiting = dict(enumerate(items))
        attempts: Counter[int] = Counter()
        try:
            while self._waiting:
                before = len(self._waiting)
                parts = self._submit(work, place, exchange)
                yield from self._collect(exchange, tick)
                begun = [n for n in self._waiting if begun_file(exchange, n).exists()]
                attempts.update(begun)
                cancelled = {n for task in self._cancelled for n in parts[task]}
                stuck = not begun and len(self._waiting) == before
                for number in list(self._waiting):
                    if number in cancelled:
                        why = "was cancelled"
                    elif stuck or attempts[number] >= ATTEMPTS:
                        what = "before it began" if stuck else f"{ATTEMPTS} times while it ran"
                        why = f"ended {what}, as by its limit of time or memory"
                    else:
                        continue
                    error = RunError(f"its SLURM job {why}; logs in {place}")
                    yield self._waiting.pop(number), failed(error)
                for number in begun:
                    begun_file(exchange, number).unlink(missing_ok=True)
        finally:
            shutil.rmtree(exchange, ignore_errors=True)

    def _submit(self, work: Work, place: Path, exchange: Path) -> list[list[int]]:
        """Submit what is waiting; returns which runs each task has."""
        import submitit

        often = MOST_LIMITS if any(map(_goes_on, self._waiting.values())) else ATTEMPTS
        executor = submitit.AutoExecutor(
            folder=place / "%j", cluster=self.cluster, slurm_max_num_timeout=often
        )
        executor.update_parameters(**self.parameters)
        waiting = list(self._waiting)
        count = min(self.tasks, len(waiting))
        parts = [waiting[i::count] for i in range(count)]
        try:
            with executor.batch():
                jobs = [
                    executor.submit(
                        Bundle(
                            Parcel.of(work, [self._waiting[n] for n in part]),
                            part,
                            exchange.absolute(),
                            self.time_s,
                            self.scratch,
                        )
                    )
                    for part in parts
                ]
        except submitit.core.utils.FailedJobError as error:
            raise RunError(f"SLURM takes no such job: {error}") from error
        self._jobs, self._cancelled = jobs, set()  # which can be asked now
        say(f"submitted {len(waiting)} runs as {count} tasks of job {self._jobs[0].job_id.split('_')[0]}")
        return parts

    def _collect(self, exchange: Path, tick: Tick) -> Iterator[tuple[Any, Future]]:
        """Yield outcomes as they come, until all are there or the last job has ended."""
        last = False
        while self._waiting:
            there = [n for n in self._waiting if outcome_file(exchange, n).exists()]
            for number in there:
                outcome = ended(pickle.loads(outcome_file(exchange, number).read_bytes()), tick)
                yield self._waiting.pop(number), outcome
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
        code, text = ask("squeue", "-h", "-r", "-t", "all", "-j", array, "-o", "%K|%T|%r")
        if code:
            return "Invalid job id" not in text  # else the controller does not answer for the moment
        tasks = [line.split("|") for line in text.splitlines() if line.count("|") == 2]
        for number, state, _ in tasks:
            if state == "CANCELLED":
                self._cancelled.add(int(number) if number.isdigit() else 0)  # one task is no array
        odd = Counter(why for _, state, why in tasks if state == "PENDING" and why not in USUAL)
        for why in odd.keys() - self._told:
            self._told.add(why)
            say(f"warning: SLURM has {odd[why]} tasks of job {array} wait, for this reason: {why}")
        return any(state not in OVER for _, state, _ in tasks)

    def stop(self, grace_s: float | None = None) -> list[Any]:
        """Cancel what is submitted; return the items that have not ended."""
        if self._waiting:
            for job in self._jobs:
                job.cancel(check=False)
        return list(self._waiting.values())


def _goes_on(item: Any) -> bool:
    """Whether a run that is stopped goes on inside itself."""
    return getattr(item, "checkpoint_s", None) is not None


def ask(*words: str) -> tuple[int, str]:
    """Ask a command of SLURM; returns its exit code and what it said."""
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode, done.stdout if done.returncode == 0 else " ".join(done.stderr.split())


def largest_array() -> int:
    """Return how many tasks an array of the cluster may have.

    Raises
    ------
    InputError
        If SLURM does not answer.
    """
    code, text = ask("scontrol", "show", "config")
    if code:
        raise InputError("--engine", "slurm", f"called where SLURM answers: {text}")
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else TASKS


@dataclass(frozen=True)
class Slurm:
    """A cluster that SLURM manages; the command waits until all is done, and may be called again.

    Parameters
    ----------
    time_s : float
        Of one task of an array, which does several runs one after the other.
    memory_bytes : float, optional
        Of one task; by default what the cluster gives.
    tasks : int, optional
        How many an array has at most; by default 100, or fewer where the cluster takes fewer.
    at_once_most : int, optional
        How many of them at once.
    partition, account : str, optional
    scratch : str
        Folder of a machine for files while they are written; may name variables, as ``"$TMPDIR"``.

    Raises
    ------
    InputError
        If submitit is not installed, or this machine cannot submit.
    """

    time_s: float = 3600.0
    memory_bytes: float | None = None
    tasks: int | None = None
    at_once_most: int | None = None
    partition: str | None = None
    account: str | None = None
    scratch: str = ""

    def __post_init__(self) -> None:
        try:
            import submitit  # noqa: F401
        except ImportError as error:
            raise InputError("--engine", "slurm", "installed: pip install 'spikewhen[slurm]'") from error
        if shutil.which("sbatch") is None:
            raise InputError(
                "--engine", "slurm", "called where sbatch is: no command sbatch on the path here"
            )
        most = largest_array()
        if self.tasks is not None and self.tasks > most:
            raise InputError("--engine-set tasks", self.tasks, f"at most {most}, the cluster's MaxArraySize")

    def crew(self, at_once: int, *, shared: bool, folder: Path) -> Crew:
        """Return a crew of job arrays."""
        if shared:
            raise InputError("--backend", "gpu", "cpu with --engine slurm: runs on a GPU share one process")
        tasks = self.tasks or min(TASKS, largest_array())
        parameters = self.parameters(tasks)
        return SlurmCrew(folder.absolute(), tasks, self.time_s, parameters, scratch=self.scratch)

    def at_once(self, threads: int, runs: int) -> int:
        """Return how many runs go on at once where the cluster has room for all tasks that may run."""
        tasks = self.tasks or min(TASKS, largest_array())
        return max(1, min(self.at_once_most or tasks, tasks, runs))

    def describe(self, runs: int, folder: Path) -> str:
        """Show the script of the job that would be submitted."""
        if not runs:
            return ""
        import submitit

        tasks = min(self.tasks or min(TASKS, largest_array()), runs)
        executor = submitit.SlurmExecutor(folder.absolute() / "slurm" / "%j")
        given = submitit.AutoExecutor(executor.folder, cluster="slurm")
        given.update_parameters(**self.parameters(tasks))
        executor.update_parameters(**given.parameters)
        if tasks > 1:
            executor.parameters["map_count"] = tasks
        script = executor._make_submission_file_text(executor._submitit_command_str, "dry-run")
        each = -(-runs // tasks)
        return f"{tasks} tasks of a SLURM array, of at most {each} runs each; its script:\n\n{script.strip()}"

    def parameters(self, tasks: int) -> dict[str, Any]:
        """Return what submitit is told of each task."""
        return {
            "name": "spikewhen",
            "timeout_min": max(1, math.ceil(self.time_s / 60)),
            "cpus_per_task": 1,
            "slurm_signal_delay_s": round(min(90.0, self.time_s / 4)),  # before the limit
            "slurm_additional_parameters": {"requeue": True},  # where a machine is lost
            "slurm_setup": [f"export {name}={value}" for name, value in ONE_THREAD.items()],
            "slurm_array_parallelism": self.at_once_most or tasks,
            **({"mem_gb": self.memory_bytes / 1e9} if self.memory_bytes else {}),
            **({"slurm_partition": self.partition} if self.partition else {}),
            **({"slurm_account": self.account} if self.account else {}),
        }
