"""Work ahead in another thread, a bounded number of steps."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


def prefetch(items: Iterable[T], ahead: int = 4) -> Generator[T]:
    """The same items, made in another thread at most ``ahead`` items before they are asked for.

    Pays where making and using an item wait for different things or leave Python (decoding, inference, encoding). An
    error in ``items`` is raised here, after the items before it. When the caller stops early, so does the thread.
    """
    queue: Queue[_Item[T] | _End] = Queue(ahead)
    stop = Event()
    thread = Thread(target=_fill, args=(items, queue, stop), name="nasion-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            entry = queue.get()
            if isinstance(entry, _End):
                if entry.error is not None:
                    raise entry.error
                return
            yield entry.value
    finally:
        stop.set()
        thread.join()


def _fill(items: Iterable[T], queue: Queue[_Item[T] | _End], stop: Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not _put(_Item(item), queue, stop):
                break
    except BaseException as caught:  # noqa: BLE001  it belongs to the thread that asked
        error = caught
    finally:
        close = getattr(items, "close", None)
        if close is not None and stop.is_set():
            close()
    _put(_End(error), queue, stop)


def _put(entry: _Item[T] | _End, queue: Queue[_Item[T] | _End], stop: Event) -> bool:
    """Whether there was room before ``stop`` was set."""
    while not stop.is_set():
        try:
            queue.put(entry, timeout=_POLL_S)
        except Full:
            continue
        return True
    return False
