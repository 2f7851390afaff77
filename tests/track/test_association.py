import numpy as np

from nasion.track import faces_coincide, match_faces
from scenes import face_at


def test_the_cheapest_pairing_is_found_not_the_greediest() -> None:
    known = [face_at(100, 100, 100), face_at(150, 100, 100)]
    found = [face_at(140, 100, 100), face_at(200, 100, 100)]
    # greedily, 150 would take 140 and leave 100 with 200
    assert match_faces(known, found, np.full(2, 2.0)) == [(0, 0), (1, 1)]


def test_nobody_is_paired_beyond_reach() -> None:
    assert match_faces([face_at(0, 0, 100)], [face_at(120, 0, 100)], np.array([1.0])) == []
    assert match_faces([face_at(0, 0, 100)], [face_at(120, 0, 100)], np.array([1.5])) == [(0, 0)]


def test_nobody_is_paired_with_a_face_of_another_size() -> None:
    assert match_faces([face_at(0, 0, 100)], [face_at(0, 0, 210)], np.array([1.0])) == []


def test_the_way_a_head_is_turned_decides_between_two_equally_near() -> None:
    known = [face_at(100, 100, 100, turn=1), face_at(100, 100, 100, turn=-1)]
    found = [face_at(100, 100, 100, turn=-0.9), face_at(100, 100, 100, turn=0.9)]
    assert match_faces(known, found, np.ones(2)) == [(0, 1), (1, 0)]


def test_nobody_to_pair() -> None:
    assert match_faces([], [face_at(0, 0, 10)], np.zeros(0)) == []
    assert match_faces([face_at(0, 0, 10)], [], np.ones(1)) == []


def test_faces_coincide_by_their_points() -> None:
    assert faces_coincide(face_at(0, 0, 100), face_at(10, 0, 100))
    assert not faces_coincide(face_at(0, 0, 100), face_at(30, 0, 100))
    assert not faces_coincide(face_at(0, 0, 100), face_at(0, 0, 300))  # a small face in front of a large one
