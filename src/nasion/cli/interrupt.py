"""Ctrl-C as a wish, not an accident: the step at hand is finished and everything so far is on disk."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether somebody asked to stop.

    Attributes:
        signal: number of the signal that asked; 0 while none did.
    """

    signal: int = 0

    def __bool__(self) -> bool:
        return self.signal != 0

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that a signal ended: 130 after Ctrl-C, 143 after a termination."""
        return 128 + self.signal


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Note SIGINT and SIGTERM instead of stopping at once; a second one stops at once.

    Only in a program's main thread, as signals are.
    """
    asked = Interruption()

    def note(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.signal = number

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
