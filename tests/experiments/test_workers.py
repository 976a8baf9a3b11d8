"""Tasks side by side: order, progress, errors, and an orderly end, in threads and in processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial

import pytest

from spikewhen.experiments.workers import ONE_THREAD, Died, Processes, Threads, make_crew
from spikewhen.reservoir.errors import InputError

BOTH = pytest.mark.parametrize("crew", [Threads, Processes])


def twice(item, tick):
    tick(item)
    return 2 * item


def first_waits_for_second(folder, item, tick):
    while item == 0 and not (folder / "second").exists():
        time.sleep(0.01)
    if item == 0:
        time.sleep(0.5)  # on a busy machine both messages would else arrive together
    (folder / "second").touch()
    return item


def refuses_zero(item, tick):
    if item == 0:
        raise InputError("item", item, "> 0")
    return item


def ticks_until_stopped(folder, item, tick):
    if item == 0:
        while not (folder / "1").exists():
            time.sleep(0.01)
        raise OSError("no space")
    (folder / str(item)).touch()
    try:
        while True:
            time.sleep(0.01)
            tick(1)
    finally:
        (folder / f"{item} cleared up").touch()


def never_ticks(folder, item, tick):
    (folder / "at work").touch()
    time.sleep(60)


def kills_itself(item, tick):
    os.kill(os.getpid(), signal.SIGKILL)


def environment(item, tick):
    return {name: os.environ.get(name) for name in ONE_THREAD}, signal.SIGINT in signal.pthread_sigmask(
        signal.SIG_BLOCK, ()
    )


def all_of(crew, work, items, tick=lambda n: None):
    found = [(item, future.result()) for item, future in crew.each(work, items, tick)]
    crew.stop()
    return found


@BOTH
def test_every_item_is_done_once_and_progress_adds_up(crew):
    ticks = []
    found = all_of(crew(2), twice, [1, 2, 3, 4, 5], ticks.append)
    assert sorted(found) == [(i, 2 * i) for i in (1, 2, 3, 4, 5)]
    assert sum(ticks) == 15


@BOTH
def test_outcomes_come_in_the_order_in_which_tasks_end(crew, tmp_path):
    found = all_of(crew(2), partial(first_waits_for_second, tmp_path), [0, 1])
    assert found == [(1, 1), (0, 0)]


@BOTH
def test_an_error_arrives_as_it_was_raised_and_the_others_go_on(crew):
    workers = crew(2)
    outcomes = dict(workers.each(refuses_zero, [0, 1, 2], lambda n: None))
    workers.stop()
    error = outcomes[0].exception()
    assert isinstance(error, InputError) and str(error) == "item = 0: > 0"
    assert outcomes[1].result() == 1 and outcomes[2].result() == 2


def test_an_error_says_where_it_was_raised_in_the_other_process():
    workers = Processes(2)
    ((_, future),) = workers.each(refuses_zero, [0], lambda n: None)
    workers.stop()
    assert "in refuses_zero" in future.exception().__notes__[0]


@BOTH
def test_stopped_tasks_clear_up(crew, tmp_path):
    workers = crew(2)
    with pytest.raises(OSError, match="no space"):
        for _, future in workers.each(partial(ticks_until_stopped, tmp_path), [0, 1], lambda n: None):
            future.result()
    assert workers.stop() == []
    assert (tmp_path / "1 cleared up").exists()


def test_what_does_not_stop_in_time_is_killed_and_named(tmp_path):
    workers = Processes(2)
    each = workers.each(partial(never_ticks, tmp_path), ["a", "b"], lambda n: None)
    waiting = threading.Thread(target=lambda: next(each, None), daemon=True)
    waiting.start()
    while not (tmp_path / "at work").exists():
        time.sleep(0.01)
    start = time.monotonic()
    assert workers.stop(0.1) == ["a", "b"]
    assert time.monotonic() - start < 30


def test_a_killed_process_is_told_from_an_error():
    workers = Processes(2)
    outcomes = dict(workers.each(kills_itself, [0, 1], lambda n: None))
    assert all(isinstance(f.exception(), Died) and "SIGKILL" in str(f.exception()) for f in outcomes.values())
    assert workers.stop() == [0, 1]


def test_processes_use_one_thread_and_ignore_ctrl_c_and_leave_ours_alone(monkeypatch):
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    before = dict(os.environ)
    ((_, (found, ignored)),) = all_of(Processes(2), environment, [0])
    assert found == {**ONE_THREAD, "MKL_NUM_THREADS": "3"} and ignored
    assert dict(os.environ) == before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_one_task_at_once_stays_here_and_so_does_what_shares_memory():
    assert isinstance(make_crew(1), Threads) and isinstance(make_crew(4, shared=True), Threads)
    assert isinstance(make_crew(2), Processes)
