"""Work ahead in another thread, a bounded number of steps."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


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
    made: SimpleQueue[_Item[T] | _End] = SimpleQueue()
    room: SimpleQueue[None] = SimpleQueue()  # an entry for each item that may still be put; both queues are plain C
    for _ in range(ahead):
        room.put(None)
    stop = Event()
    thread = Thread(target=_fill, args=(items, made, room, stop), name="nasion-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            entry = made.get()
            if isinstance(entry, _End):
                if entry.error is not None:
                    raise entry.error
                return
            room.put(None)
            yield entry.value
    finally:
        stop.set()
        room.put(None)
        thread.join()


def _fill(items: Iterable[T], made: SimpleQueue[_Item[T] | _End], room: SimpleQueue[None], stop: Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            room.get()
            if stop.is_set():
                break
            made.put(_Item(item))
    except BaseException as caught:  # noqa: BLE001  it belongs to the thread that asked
        error = caught
    finally:
        close = getattr(items, "close", None)
        if close is not None and stop.is_set():
            close()
    made.put(_End(error))
