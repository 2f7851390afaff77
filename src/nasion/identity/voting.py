"""From single frames to a person who was followed: a name counts once three of the last five frames agree."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

WINDOW, NEEDED = 5, 3  # frames
FORGET_S = 5.0  # after which the votes of a track that is gone are dropped


@dataclass(slots=True)
class Votes:
    """Votes of each track. It holds names, never vectors, and forgets who is gone.

    Args:
        window: how many of the last frames count.
        needed: how many of them must agree.
    """

    window: int = WINDOW
    needed: int = NEEDED
    _cast: dict[int, deque[str]] = field(default_factory=dict)
    _seen: dict[int, float] = field(default_factory=dict)

    def add(self, track: int, name: str, time_s: float) -> str | None:
        """One frame's vote.

        Args:
            track: id.
            name: of the person; empty for unknown.
            time_s: seconds; votes of tracks unseen for some seconds are dropped.

        Returns:
            The name that enough frames agree on, empty when they agree on unknown; None while they do not agree.
        """
        for gone in [other for other, last in self._seen.items() if time_s - last > FORGET_S]:
            del self._seen[gone], self._cast[gone]
        self._seen[track] = time_s
        cast = self._cast.setdefault(track, deque(maxlen=self.window))
        cast.append(name)
        leader, count = Counter(cast).most_common(1)[0]
        return leader if count >= self.needed else None
