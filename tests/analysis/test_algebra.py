"""Linear algebra is held to one thread, for as long as somebody needs it."""

from __future__ import annotations

import os
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from spikewhen.analysis import algebra
from spikewhen.analysis.algebra import one_thread


def threads() -> set[int]:
    """How many each BLAS of this process uses."""
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def set_to(n: int) -> None:
    """Set the number from a thread that ends, so that anybody may change it after."""
    setter = threading.Thread(target=lambda: threadpool_limits(n, user_api="blas"))
    setter.start()
    setter.join()


@pytest.fixture(autouse=True)
def two_threads():
    import scipy.linalg  # noqa: F401

    before = max(threads(), default=1)
    set_to(2)
    if threads() != {2}:
        pytest.skip("no BLAS here whose threads can be set")
    yield
    set_to(before)


def test_every_library_is_held_and_let_go():
    with one_thread():
        assert threads() == {1}
        with one_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}


def test_it_is_let_go_after_an_error():
    with pytest.raises(ZeroDivisionError), one_thread():
        1 / 0  # noqa: B018
    assert threads() == {2}


def test_the_last_of_several_threads_lets_go():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with one_thread():
            inside.set()
            leave.wait(10)

    with one_thread():
        worker = threading.Thread(target=other)
        worker.start()
        inside.wait(10)
    assert threads() == {1}, "another thread is still inside"
    leave.set()
    worker.join()
    assert threads() == {2}


def test_it_holds_in_threads_after_the_main_one_used_it():
    with one_thread():
        pass
    found = []
    for _ in range(2):
        worker = threading.Thread(target=lambda: found.append(one_thread()(threads)()))
        worker.start()
        worker.join()
    assert found == [{1}, {1}] and threads() == {2}


def test_a_function_can_be_decorated():
    assert one_thread()(threads)() == {1}
    assert threads() == {2}


def test_what_the_user_chose_for_the_process_stays(monkeypatch):
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    algebra.start_on_one_thread()
    assert os.environ["MKL_NUM_THREADS"] == "3" and os.environ["OPENBLAS_NUM_THREADS"] == "1"
