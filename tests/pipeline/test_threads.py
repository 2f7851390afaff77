import threading
import time
from collections.abc import Iterator

import pytest

from nasion.pipeline import prefetch


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "nasion-prefetch"]


def test_all_items_come_in_order() -> None:
    assert list(prefetch(range(1000))) == list(range(1000))
    assert not ours()


def test_no_more_than_asked_is_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            yield i

    ahead = prefetch(items(), ahead=3)
    next(ahead)
    time.sleep(0.1)
    assert len(made) <= 5  # one used, three waiting, one in the maker's hands
    ahead.close()


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("the third")

    got = []
    with pytest.raises(ValueError, match="the third"):
        got.extend(prefetch(items()))  # what came before the error counts
    assert got == [1, 2]


def test_stopping_early_stops_the_thread_and_closes_the_source() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    ahead = prefetch(items())
    next(ahead)
    ahead.close()
    assert closed.is_set()
    assert not ours()
