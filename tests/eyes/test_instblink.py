"""The network's answers over a video: frames thinned, padded, looked at in clips of 36, linked, brought back to px."""

import numpy as np
import pytest

from nasion.core import ImageArray
from nasion.eyes.instblink import BlinkNetwork, people_in

FPS, LOOKS = 15.0, "looks"


class Painted(BlinkNetwork):
    """Knows people by their colour; four queries, two of them for the red one."""

    def __init__(self) -> None:
        self.size, self.fps, self.threshold, self.face = (192, 128), FPS, 0.4, 0.5
        self.looked: list[int] = []
        self._session = self  # type: ignore[assignment]  # a stand-in

    def run(self, inputs: dict[str, ImageArray]) -> dict[str, np.ndarray]:
        frames = inputs["frames"]
        self.looked.append(len(frames))
        boxes = np.zeros((len(frames), 4, 4), np.float32)
        face = np.full((len(frames), 4), 0.02, np.float32)
        blink = np.zeros((len(frames), 4), np.float32)
        for t, image in enumerate(frames):
            for query, channel in enumerate((0, 0, 2)):
                rows, columns = np.nonzero((image[..., channel] > 180) & (image[..., 1] < 80))
                if len(rows):
                    boxes[t, query] = (
                        columns.min() / 192,
                        rows.min() / 128,
                        (columns.max() + 1) / 192,
                        (rows.max() + 1) / 128,
                    )
                    face[t, query] = 0.9 - 0.1 * query
                    blink[t, query] = 0.8 * (np.median(image[rows, columns, channel]) < 225)
        return {"boxes": boxes, "face": face, "blink": blink}


def video(count: int, fps: float, size: tuple[int, int] = (300, 300)):
    """A red square that goes right and blinks (darkens) at 2.0 to 2.4 s, a blue one that comes at 3 s."""
    for i in range(count):
        now = i / fps
        image = np.zeros((size[1], size[0], 3), np.uint8)
        x = round(20 + 25 * now)
        image[60:120, x : x + 50] = (200 if 2.0 <= now < 2.4 else 250, 0, 0)
        if now >= 3:
            image[200:260, 200:250] = (0, 0, 250)
        yield image, now


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
def test_people_and_blinks_come_back_in_px_and_seconds(fps: float) -> None:
    network = Painted()
    clip = network(video(round(6 * fps), fps))
    assert abs(len(clip.time_s) - 90) <= 1 and np.diff(clip.time_s).min() > 0.06
    assert network.looked == [36] * 4
    red, blue = sorted(clip.people, key=lambda person: np.isnan(person.boxes).sum())
    frame = 45
    assert red.boxes[frame] == pytest.approx(
        [20 + 25 * clip.time_s[frame], 60, 70 + 25 * clip.time_s[frame], 120], abs=4
    )
    assert np.isnan(blue.boxes[:40]).all() and blue.boxes[80] == pytest.approx([200, 200, 250, 260], abs=4)
    assert len(red.blinks) == 1 and len(blue.blinks) == 0
    first, end = (clip.time_s[int(f)] for f in red.blinks[0])
    assert (first, end) == (pytest.approx(2.0, abs=0.1), pytest.approx(2.4, abs=0.1))


def test_a_short_video_is_one_clip_and_an_empty_one_nobody() -> None:
    network = Painted()
    assert len(network(video(20, FPS)).people) == 1 and network.looked == [20]
    assert Painted()([]).people == ()


def test_clips_overlap_by_half_and_the_last_ends_with_the_video() -> None:
    network, starts = Painted(), []
    look = network.look

    def watched(frames: ImageArray, start: int = 0):
        starts.append(start)
        return look(frames, start)

    network.look = watched  # type: ignore[method-assign]
    network(video(100, FPS))
    assert starts == [0, 18, 36, 54, 64]


def test_two_queries_on_one_person_share_its_frames() -> None:
    """One query follows a person throughout, the other jumps onto it halfway: it keeps the frames before."""
    frames, stays, aside = 20, np.array([0.1, 0.1, 0.3, 0.4]), np.array([0.5, 0, 0.5, 0])
    boxes = np.stack([np.tile(stays, (frames, 1)), np.tile(stays + aside, (frames, 1))], 1)
    boxes[12:, 1] = stays + 0.01
    said = {"boxes": boxes, "face": np.tile([0.9, 0.6], (frames, 1)), "blink": np.full((frames, 2), 0.7)}
    whole, part = people_in(said, 5)
    assert np.isfinite(whole.boxes).all() and whole.start == part.start == 5
    assert np.isfinite(part.boxes).all(1).tolist() == [t < 12 for t in range(frames)]
    assert part.blink[:12].min() == 0.7 and part.blink[12:].max() == 0
    assert len(people_in(said, least=0.8)) == 1 and people_in(said, least=0.95) == []
