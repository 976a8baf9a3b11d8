"""Workers of a real Dask scheduler, killed while they run: every file equals the undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny

from spikewhen.experiments.batch import side_by_side
from spikewhen.experiments.dask import Dask
from spikewhen.reservoir.files.locks import _owner

pytest.importorskip("distributed", reason="pip install 'spikewhen[dask]'")


@contextmanager
def scheduler(workers):
    """A scheduler and workers in processes of their own; yields its address, and what lists the workers."""
    import dask
    from distributed import LocalCluster

    # a worker that is killed is started again, however long that takes, and the scheduler gives no run up
    patient = {
        "distributed.scheduler.allowed-failures": 3,
        "distributed.comm.timeouts.connect": "300s",
        "distributed.deploy.lost-worker-timeout": "300s",
    }
    with (
        dask.config.set(patient),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            memory_limit=0,
            silence_logs=60,
            env=tiny.ENVIRONMENT,
        ) as cluster,
    ):
        yield (
            cluster.scheduler_address,
            lambda: [nanny.process.pid for nanny in list(cluster.workers.values()) if nanny.process],
        )


def alive(pid):
    """Whether a worker's process runs; one that was ended stays a zombie for a moment."""
    import psutil

    try:
        return pid != os.getpid() and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Killer(threading.Thread):
    """Ends workers, as often as it is told: one that is writing a file, or any where none is."""

    def __init__(self, folder, workers, kills, pause_s):
        super().__init__(daemon=True)
        self.folder, self.workers, self.kills, self.pause_s = folder, workers, kills, pause_s
        self.killed: list[str] = []
        self.over = threading.Event()
        self.draw = random.Random(0)

    def run(self):
        looked = time.monotonic()
        while len(self.killed) < self.kills and not self.over.wait(0.002):
            owners = [(_owner(lock), lock.stem) for lock in self.folder.glob("*.lock")]
            found = [(int(owner[1]), run) for owner, run in owners if owner and alive(int(owner[1]))]
            if not found and list(self.folder.glob("*.h5")) and time.monotonic() - looked > 3:
                found = [(pid, "") for pid in self.workers() if pid and alive(pid)]
            if found:
                pid, run = self.draw.choice(found)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(run)
                self.over.wait(self.pause_s * self.draw.random())
                looked = time.monotonic()


def disturbed(tmp_path, runs, kills, workers, pause_s):
    config, seeds = tiny.write(tmp_path), f"0-{runs - 1}"
    assert tiny.run(config, tmp_path / "right", seeds).exit_code == 0
    out = tmp_path / "disturbed"
    with scheduler(workers) as (address, pids):
        killer = Killer(out, pids, kills, pause_s)
        killer.start()
        words = ("run", config, "--seeds", seeds, "--out", out)
        done = tiny.spikewhen(*words, "--engine", "dask", "--engine-set", f"scheduler={address}")
        killer.over.set()
        killer.join()
    assert done.exit_code == 0, done.stderr
    assert len(killer.killed) == kills and any(killer.killed)
    assert tiny.results(out) == tiny.results(tmp_path / "right")
    assert (out / "summary.json").read_bytes() == (tmp_path / "right/summary.json").read_bytes()
    assert tiny.leftovers(out) == []


def test_two_killed_workers_change_no_file(tmp_path):
    disturbed(tmp_path, runs=12, kills=2, workers=2, pause_s=0.0)


@pytest.mark.long
def test_twenty_killed_workers_change_none_of_two_hundred_files(tmp_path):
    disturbed(tmp_path, runs=200, kills=20, workers=3, pause_s=0.5)


@dataclass(frozen=True)
class Task:
    """What `side_by_side` needs of a run."""

    path: Path
    steps: int = 1


def dies_once(backend, place, threads, task, tick):
    """End the process the first time."""
    if not (mark := task.path.with_suffix(".begun")).exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task.path.stem


@pytest.mark.long
def test_workers_that_the_cluster_of_this_machine_gave_up_are_replaced(tmp_path, monkeypatch):
    """As where a killed one takes longer to start again than distributed waits, on a busy machine."""
    import dask

    monkeypatch.setattr("spikewhen.experiments.dask.LONELY_S", 1.0)
    found, failed = [], []
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1ms"}):
        side_by_side(
            [Task(tmp_path / "a.h5"), Task(tmp_path / "b.h5")],
            dies_once,
            "cpu",
            1,
            lambda task, result: found.append(result),
            lambda task, error: failed.append(error),
            engine=Dask(),
        )
    assert sorted(found) == ["a", "b"] and not failed
