"""Clips without ids joined into people, and MPEblink's files."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from nasion.core import InputError
from nasion.eyes import ClipTrack, clip_starts, cut_clips, link_clips, score_runs
from nasion.eyes.mpeblink import read_mpeblink, write_mpeblink
from nasion.metrics import BlinkTrack, blink_score

FRAMES, PEOPLE = 300, 10


def crossing(noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """(10, 300, 4) boxes that cross the picture both ways in rows that overlap, and (10, 300) blink scores."""
    rng, t = np.random.default_rng(2), np.arange(FRAMES) / FRAMES
    boxes, blink = np.empty((PEOPLE, FRAMES, 4)), np.zeros((PEOPLE, FRAMES))
    for p in range(PEOPLE):
        start, end = (0.05, 0.85) if p % 2 else (0.85, 0.05)
        x = start + (end - start) * t + 0.02 * np.sin(7 * t + p)
        y = 0.06 + 0.08 * p + 0.02 * np.cos(5 * t + p)
        boxes[p] = np.stack([x, y, x + 0.1, y + 0.12], 1) + rng.normal(0, noise, (FRAMES, 1))
        for at in rng.choice(np.arange(10, 280, 25), 5, replace=False):
            blink[p, at : at + 8] = 0.9
    return boxes, blink


def tracks(boxes: np.ndarray, blink: np.ndarray) -> list[BlinkTrack]:
    return [BlinkTrack(own, *score_runs(score), 0.9) for own, score in zip(boxes, blink, strict=True)]


def shuffled(clips: list[list[ClipTrack]]) -> list[list[ClipTrack]]:
    rng = np.random.default_rng(0)
    return [[clip[i] for i in rng.permutation(len(clip))] for clip in clips]


def test_people_who_cross_keep_their_ids_from_clip_to_clip() -> None:
    boxes, blink = crossing(0.001)
    found, scores = link_clips(shuffled(cut_clips(boxes, blink)), FRAMES)
    assert len(found) == len(scores) == PEOPLE
    owner = [int(np.argmin([np.nanmax(np.abs(track.boxes - own)) for own in boxes])) for track in found]
    assert sorted(owner) == list(range(PEOPLE))
    off = [np.abs(track.boxes - boxes[p]).max() for p, track in zip(owner, found, strict=True)]
    assert max(off) < 1e-9  # no frame of anybody's went to somebody else


def test_clips_and_the_whole_video_score_alike() -> None:
    boxes, blink = crossing()
    found, _ = link_clips(shuffled(cut_clips(boxes, blink)), FRAMES)
    score = blink_score([found], [tracks(boxes, blink)])
    assert score.inst_ap == 1 and score.blink_ap > 0.99


def test_clips_that_share_no_frame_cannot_be_joined() -> None:
    boxes, blink = crossing()
    apart = cut_clips(boxes, blink, length=36, stride=36)
    assert len(link_clips(apart[:3], FRAMES)[0]) == 3 * PEOPLE


def test_who_leaves_is_not_the_one_who_comes() -> None:
    boxes, blink = crossing()
    boxes, blink = boxes[:2], blink[:2]
    boxes[0, 150:], boxes[1, :150] = np.nan, np.nan
    found, _ = link_clips(cut_clips(boxes, blink), FRAMES)
    assert len(found) == 2
    assert np.isnan(found[0].boxes[160:]).all() and np.isnan(found[1].boxes[:140]).all()


def test_clips_cover_a_video() -> None:
    assert clip_starts(20) == [0]
    assert clip_starts(36) == [0]
    starts = clip_starts(100)
    assert starts[0] == 0 and starts[-1] == 64
    assert all(b - a <= 18 for a, b in pairwise(starts))


def test_scores_above_the_threshold_are_blinks() -> None:
    frames, means = score_runs(np.array([0.9, 0.5, 0.1, 0.3, 0.2, 0.8]))
    assert frames.tolist() == [[0, 2], [3, 4], [5, 6]]
    assert means == pytest.approx([0.7, 0.3, 0.8])
    assert len(score_runs(np.zeros(5))[0]) == 0


def test_a_clip_whose_parts_differ_in_length_is_refused() -> None:
    with pytest.raises(InputError, match="one row a frame"):
        ClipTrack(0, np.zeros((4, 4)), np.zeros(4), np.zeros(3))


def test_results_read_back_and_annotations_are_read(tmp_path) -> None:
    boxes, blink = crossing()
    boxes[0, :50] = np.nan
    ours = tracks(100 * boxes[:3], blink[:3])
    write_mpeblink(tmp_path / "ours.json", {7: ours})
    again = read_mpeblink(tmp_path / "ours.json")[7]
    for a, b in zip(ours, again, strict=True):
        np.testing.assert_allclose(a.boxes, b.boxes, atol=1e-9)
        np.testing.assert_array_equal(a.blinks, b.blinks)
        np.testing.assert_allclose(a.blink_scores, b.blink_scores)
    truth = {
        "videos": [{"id": 1}, {"id": 2}],
        "annotations": [{"id": 1, "video_id": 1, "bboxes": [[1, 2, 3, 4], None], "blinks": [[0, 1]]}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    read = read_mpeblink(tmp_path / "truth.json")
    assert read[2] == [] and read[1][0].boxes[0].tolist() == [1, 2, 4, 6] and np.isnan(read[1][0].boxes[1]).all()
    assert read[1][0].blinks.tolist() == [[0, 2]]
    (tmp_path / "bad.json").write_text("[1]")
    with pytest.raises(InputError, match="no MPEblink file"):
        read_mpeblink(tmp_path / "bad.json")


def test_the_released_evaluation_counts_a_frame_less() -> None:
    boxes, blink = crossing()
    truth = tracks(boxes[:1], blink[:1])
    longer = [replace(truth[0], blinks=np.add(truth[0].blinks, (0, 2)))]  # 8 of 10 frames shared, or 7 of 9
    ours, theirs = (blink_score([longer], [truth], inclusive=way) for way in (False, True))
    assert ours.blink_ap75 == theirs.blink_ap75 == 1
    assert ours.blink_ap == pytest.approx(0.7) and theirs.blink_ap == pytest.approx(0.6)
