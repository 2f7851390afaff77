from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasion.core import Face, InputError
from nasion.track import Tracker
from scenes import Person, World, face_at, ids_by_person, step

FPS = 25.0


def times(seconds: float, fps: float = FPS) -> list[float]:
    return [i / fps for i in range(int(seconds * fps))]


def line(x: float, y: float, vx: float = 0.0, vy: float = 0.0) -> Callable[[float], tuple[float, float]]:
    return lambda t: (x + vx * t, y + vy * t)


@settings(max_examples=20, deadline=None)
@given(
    velocities=st.lists(st.tuples(st.floats(-250, 250), st.floats(-30, 30)), min_size=1, max_size=4),
    detect_every=st.integers(1, 30),
    fps=st.sampled_from([12.0, 25.0, 60.0]),
)
def test_people_who_keep_apart_keep_their_ids(
    velocities: list[tuple[float, float]], detect_every: int, fps: float
) -> None:
    world = World([Person(line(1000, 400 * i, vx, vy)) for i, (vx, vy) in enumerate(velocities)])
    tracker = Tracker(detect_every=detect_every)
    assert ids_by_person(tracker, world, times(3, fps)) == {i: [i] for i in range(len(velocities))}


@settings(max_examples=20, deadline=None)
@given(speed=st.floats(120, 400), detect_every=st.integers(1, 20), offset=st.floats(-25, 25), front=st.integers(0, 1))
def test_ids_survive_a_crossing(speed: float, detect_every: int, offset: float, front: int) -> None:
    seconds = 1000 / speed
    world = World(
        [
            Person(line(0, 200, speed), depth=1 + (front == 1), turn=0.8),
            Person(line(1000, 200 + offset, -speed), depth=1 + (front == 0), turn=-0.8),
        ]
    )
    assert ids_by_person(Tracker(detect_every=detect_every), world, times(seconds)) == {0: [0], 1: [1]}


@settings(max_examples=20, deadline=None)
@given(gap=st.floats(0.05, 1.3), begin=st.floats(0.4, 1.0), detect_every=st.integers(1, 30))
def test_an_id_survives_a_short_loss(gap: float, begin: float, detect_every: int) -> None:
    world = World([Person(lambda t: None if begin <= t < begin + gap else (300 + 40 * t, 200))])
    assert ids_by_person(Tracker(detect_every=detect_every, max_gap_s=1.5), world, times(4)) == {0: [0]}


def test_after_a_long_loss_the_id_is_new_and_no_id_comes_back() -> None:
    world = World([Person(lambda t: (300, 200) if int(t / 2) % 2 == 0 else None)])
    tracker = Tracker(max_gap_s=1.0)
    assert ids_by_person(tracker, world, times(10)) == {0: [0, 1, 2]}
    assert tracker.tracks_started == 3


def test_a_newcomer_is_found_at_the_next_detection() -> None:
    world = World([Person(line(100, 100)), Person(lambda t: (600, 100) if t >= 0.2 else None)])
    tracker = Tracker(detect_every=10)
    counts = [len(step(tracker, world, t)) for t in times(1)]
    assert counts == [1] * 10 + [2] * 15


def test_the_detector_rests_while_a_face_is_followed() -> None:
    world = World([Person(line(100, 100))])
    tracker = Tracker(detect_every=10)
    due = []
    for t in times(1):
        due.append(tracker.due())
        step(tracker, world, t)
    assert [i for i, wanted in enumerate(due) if wanted] == [0, 10, 20]


def test_with_nobody_or_somebody_lost_each_frame_is_detected() -> None:
    tracker = Tracker(detect_every=20, max_gap_s=10)
    world = World([Person(lambda t: (100, 100) if 0.2 <= t < 0.4 else None)])
    due = []
    for t in times(1):
        due.append(tracker.due())
        step(tracker, world, t)
    assert due == [True] * 6 + [False] * 4 + [False] + [True] * 14  # found on the sixth, lost on the eleventh


def test_two_tracks_on_one_face_become_one_and_the_older_stays() -> None:
    tracker = Tracker()
    tracker.update(0.0, [face_at(100, 100, 100), face_at(190, 100, 100)])
    both = tracker.candidates(0.04, None)
    drawn_over = [face_at(100, 100, 100), face_at(102, 100, 100)]
    placed = [Face(f.box, f.score, f.landmarks, c.track_id) for f, c in zip(drawn_over, both, strict=True)]
    assert [f.track_id for f in tracker.update(0.04, placed)] == [0]
    assert [f.track_id for f in tracker.candidates(0.08, None)] == [0]


def test_a_doubtful_face_gets_no_id() -> None:
    tracker = Tracker(start=0.5)
    assert tracker.update(0.0, [face_at(100, 100, 100, score=0.4)]) == []
    assert tracker.tracks_started == 0


def test_asking_for_candidates_changes_nothing() -> None:
    tracker = Tracker()
    tracker.update(0.0, [face_at(100, 100, 100)])
    found = [face_at(105, 100, 100), face_at(500, 100, 100)]
    first, second = tracker.candidates(0.04, found), tracker.candidates(0.04, found)
    assert [f.track_id for f in first] == [f.track_id for f in second] == [0, None]


def test_a_detection_corrects_a_face_that_slid_away() -> None:
    tracker = Tracker()
    tracker.update(0.0, [face_at(100, 100, 100)])
    (corrected,) = tracker.candidates(0.04, [face_at(160, 100, 100)])
    assert corrected.track_id == 0
    assert corrected.box.center == (160, 100)


@settings(max_examples=20, deadline=None)
@given(speed=st.floats(-250, 250))
def test_detections_alone_can_be_tracked(speed: float) -> None:
    world = World([Person(line(500, 100, speed)), Person(line(500, 500, -speed))])
    tracker = Tracker(follow=False)
    for t in times(2):
        assert tracker.due()
        faces = tracker.update(t, tracker.candidates(t, world.detect(t)))
        assert world.owners(faces, t) == {0: 0, 1: 1}


@pytest.mark.parametrize("wrong", [{"detect_every": 0}, {"max_gap_s": -1.0}])
def test_options_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Tracker(**wrong)
