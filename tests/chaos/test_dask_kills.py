"""Workers of a real Dask scheduler, killed while they run: every file equals the undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import contextmanager

import pytest
import tiny

from spikewhen.reservoir.files.locks import _owner

pytest.importorskip("distributed", reason="pip install 'spikewhen[dask]'")


@contextmanager
def scheduler(workers):
    """A scheduler and workers in processes of their own; yields its address."""
    import dask
    from distributed import LocalCluster

    # a worker that is killed is started again, and the scheduler gives no run up
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 3}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            memory_limit=0,
            silence_logs=60,
            env=tiny.ENVIRONMENT,
        ) as cluster,
    ):
        yield cluster.scheduler_address


class Killer(threading.Thread):
    """Ends whoever holds the lock of a run, as often as it is told."""

    def __init__(self, folder, kills, pause_s):
        super().__init__(daemon=True)
        self.folder, self.kills, self.pause_s = folder, kills, pause_s
        self.killed: list[str] = []
        self.over = threading.Event()
        self.draw = random.Random(0)

    def run(self):
        while len(self.killed) < self.kills and not self.over.is_set():
            for lock in self.folder.glob("*.lock"):
                owner = _owner(lock)
                if owner is None or int(owner[1]) == os.getpid():
                    continue
                os.kill(int(owner[1]), signal.SIGKILL)
                self.killed.append(lock.stem)
                self.over.wait(self.pause_s * self.draw.random())
                break
            time.sleep(0.002)


def disturbed(tmp_path, runs, kills, workers, pause_s):
    config, seeds = tiny.write(tmp_path), f"0-{runs - 1}"
    assert tiny.run(config, tmp_path / "right", seeds).exit_code == 0
    out = tmp_path / "disturbed"
    killer = Killer(out, kills, pause_s)
    with scheduler(workers) as address:
        killer.start()
        words = ("run", config, "--seeds", seeds, "--out", out)
        done = tiny.spikewhen(*words, "--engine", "dask", "--engine-set", f"scheduler={address}")
        killer.over.set()
        killer.join()
    assert done.exit_code == 0, done.stderr
    assert len(killer.killed) == kills
    assert tiny.results(out) == tiny.results(tmp_path / "right")
    assert (out / "summary.json").read_bytes() == (tmp_path / "right/summary.json").read_bytes()
    assert tiny.leftovers(out) == []


def test_two_killed_workers_change_no_file(tmp_path):
    disturbed(tmp_path, runs=12, kills=2, workers=2, pause_s=1.0)


@pytest.mark.long
def test_twenty_killed_workers_change_none_of_two_hundred_files(tmp_path):
    disturbed(tmp_path, runs=200, kills=20, workers=3, pause_s=4.0)
