"""Inst-AP and Blink-AP on tracks whose overlap is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasion.core import InputError
from nasion.metrics import BlinkTrack, blink_score, event_f1, frame_iou, interval_iou, match_intervals, tube_iou

FRAMES = 100


def track(
    x: float, blinks: list[tuple[float, float]], score: float = 0.9, scores: list[float] | None = None
) -> BlinkTrack:
    boxes = np.tile(np.array([x, 0, x + 40, 40.0]), (FRAMES, 1))
    return BlinkTrack(boxes, np.array(blinks, float).reshape(-1, 2), np.array(scores or [0.8] * len(blinks)), score)


TRUTH = [track(0, [(10, 20), (50, 58)]), track(100, [(30, 36)])]


def half(part: slice) -> BlinkTrack:
    boxes = np.full((FRAMES, 4), np.nan)
    boxes[part] = TRUTH[0].boxes[part]
    return replace(TRUTH[0], boxes=boxes)


def test_perfect_predictions_score_one() -> None:
    score = blink_score([TRUTH, TRUTH], [TRUTH, TRUTH])
    assert (score.inst_ap, score.blink_ap, score.inst_ap75, score.blink_ap95) == (1, 1, 1, 1)
    assert (score.people, score.followed, score.blinks, score.found) == (4, 4, 6, 6)


def test_events_shifted_by_half_their_length_overlap_by_a_third_and_count_as_missed() -> None:
    moved = [replace(t, blinks=t.blinks + 0.5 * np.diff(t.blinks, axis=1)) for t in TRUTH]
    assert interval_iou(moved[0].blinks, TRUTH[0].blinks).diagonal() == pytest.approx([1 / 3, 1 / 3])
    score = blink_score([moved], [TRUTH])
    assert score.blink_ap50 == 0 and score.inst_ap == 1


def test_a_track_in_two_halves_is_nobody_at_three_quarters() -> None:
    halves = [half(slice(0, 50)), half(slice(50, None))]
    assert tube_iou(halves[0].boxes, TRUTH[0].boxes) == pytest.approx(0.5)
    assert blink_score([halves], [TRUTH[:1]]).inst_ap75 == 0


def test_the_same_blink_twice_is_one_hit_and_one_false_alarm() -> None:
    twice = track(0, [(10, 20), (11, 20), (50, 58)], scores=[0.9, 0.8, 0.7])
    hit = match_intervals(twice.blinks, twice.blink_scores, TRUTH[0].blinks, 0.5)
    assert list(hit) == [True, False, True]
    assert blink_score([[twice]], [TRUTH[:1]]).blink_ap50 == pytest.approx((1 + 2 / 3) / 2)


def test_a_lost_person_costs_inst_ap_and_not_blink_ap() -> None:
    score = blink_score([TRUTH[:1]], [TRUTH])
    assert score.blink_ap == 1
    assert score.inst_ap50 == pytest.approx(51 / 101)  # recalls 0 to 0.5 of 101


def test_a_box_alone_adds_to_the_union_only() -> None:
    late = half(slice(25, None))
    assert tube_iou(late.boxes, TRUTH[0].boxes) == pytest.approx(0.75)
    assert tube_iou(np.full((FRAMES, 4), np.nan), TRUTH[0].boxes) == 0
    seen = np.isfinite(late.boxes).all(1)
    assert frame_iou(late.boxes, TRUTH[0].boxes) == pytest.approx(seen.astype(float))


@given(st.lists(st.tuples(st.floats(0, 90), st.floats(0.1, 9)), max_size=6))
def test_f1_is_one_exactly_when_events_are_the_truth(parts: list[tuple[float, float]]) -> None:
    events = np.array([(a, a + d) for a, d in parts]).reshape(-1, 2)
    if len(events):
        assert event_f1(events, events) == 1
        assert event_f1(events + 1000, events) == 0
    else:
        assert np.isnan(event_f1(events, events))


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(InputError, match="frames, 4"):
        BlinkTrack(np.zeros((4, 3)), np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(InputError, match="a score each"):
        BlinkTrack(np.zeros((4, 4)), np.zeros((2, 2)), np.zeros(1))
    with pytest.raises(InputError, match="per clip"):
        blink_score([TRUTH], [])
    with pytest.raises(InputError, match="same frames"):
        tube_iou(np.zeros((3, 4)), np.zeros((4, 4)))
