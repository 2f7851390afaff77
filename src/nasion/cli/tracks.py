"""The tracks of a clip, for the terminal; memory grows with people, not with frames."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from nasion.cli.screen import MAX_ROWS
from nasion.media import FrameResult
from nasion.report.words import count


@dataclass(slots=True)
class _Track:
    begin_s: float
    end_s: float = 0.0
    frames: int = 0
    score: float = 0.0  # summed over the frames
    width: float = 0.0


class TrackTable:
    """Counts frames and faces and keeps a line per track.

    Attributes:
        frames: how many came.
        last_s: time of the last one, s.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.last_s = 0.0
        self._with_face = 0
        self._tracks: dict[int, _Track] = {}

    def add(self, result: FrameResult) -> None:
        """One frame."""
        self.frames += 1
        self.last_s = result.time_s or 0.0
        self._with_face += bool(result.faces)
        for face in result.faces:
            if face.track_id is None:
                continue
            track = self._tracks.setdefault(face.track_id, _Track(self.last_s))
            track.end_s, track.frames = self.last_s, track.frames + 1
            track.score, track.width = track.score + face.score, track.width + face.box.width

    def show(self, console: Console) -> None:
        """Print a line per track; nothing when there are none."""
        if not self._tracks:
            return
        table = Table(box=None, header_style="bold")
        for heading in ("track", "from (s)", "to (s)", "frames", "mean score", "mean width (px)"):
            table.add_column(heading, justify="right")
        for number, track in list(self._tracks.items())[:MAX_ROWS]:
            mean_score, mean_width = track.score / track.frames, track.width / track.frames
            span = f"{track.begin_s:.2f}", f"{track.end_s:.2f}"
            table.add_row(str(number), *span, str(track.frames), f"{mean_score:.2f}", f"{mean_width:.0f}")
        console.print(table)
        if len(self._tracks) > MAX_ROWS:
            console.print(
                f"... and {len(self._tracks) - MAX_ROWS} more tracks; --out FILE writes them all", style="dim"
            )

    def summary(self, seconds: float) -> str:
        """What was done, in ``seconds`` of work, in one line."""
        rate = f", {self.frames / seconds:.0f} frames/s" if self.frames > 1 and seconds > 0 else ""
        without = self.frames - self._with_face
        tracks = count(len(self._tracks), "track")
        return f"{count(self.frames, 'frame')}, {self._with_face} with a face and {without} without, {tracks}{rate}"
